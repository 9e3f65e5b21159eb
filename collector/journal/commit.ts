/**
 * Group commit: requests that arrive while a write is under way wait together and become the next one. Two serialised
 * requests laid end to end are one valid request (repeated fields merge), so a group is simply their bytes in a row.
 *
 * One write at a time, since LevelDB gives no order between parallel ones; no timer, since the write itself is the wait.
 */

/** One request of a group, and who waits for it. */
interface Waiting {
  readonly request: Uint8Array;
  readonly records: number;
  readonly onlyRoute: number;
  readonly resolve: (ordinal: bigint) => void;
  readonly reject: (reason: unknown) => void;
}

/** Makes one synced write and resolves with the ordinal of its first record. `onlyRoute`: see `EntryFacts`. */
export type CommitWrite = (request: Uint8Array, records: number, onlyRoute: number) => Promise<bigint>;

export class CommitQueue {
  readonly #commitBytesMax: number;
  readonly #write: CommitWrite;
  #waiting: Waiting[] = [];
  #writing: Promise<void> | undefined;
  #pendingBytes = 0;
  #row: Uint8Array | undefined;

  /** `commitBytesMax` bounds a group; a single request larger than that goes alone. */
  constructor(commitBytesMax: number, write: CommitWrite) {
    this.#commitBytesMax = commitBytesMax;
    this.#write = write;
  }

  /** Bytes waiting or being written. */
  get pendingBytes(): number {
    return this.#pendingBytes;
  }

  /** Resolves with the ordinal of the request's first record, after its write; rejects as that did. */
  append(request: Uint8Array, records: number, onlyRoute = 0): Promise<bigint> {
    return new Promise((resolve, reject) => {
      this.#pendingBytes += request.byteLength;
      this.#waiting.push({ request, records, onlyRoute, resolve, reject });
      this.#writing ??= this.#run();
    });
  }

  /** Resolves when nothing waits any more. */
  async drain(): Promise<void> {
    while (this.#writing !== undefined) await this.#writing;
  }

  async #run(): Promise<void> {
    // Whoever called in the same turn of the event loop is let in first.
    await Promise.resolve();
    while (this.#waiting.length > 0) {
      const group = this.#takeGroup();
      const records = group.reduce((sum, each) => sum + each.records, 0);
      const request = this.#together(group);
      try {
        let ordinal = await this.#write(request, records, group[0]?.onlyRoute ?? 0);
        for (const each of group) {
          each.resolve(ordinal);
          ordinal += BigInt(each.records);
        }
      } catch (reason) {
        for (const each of group) each.reject(reason);
      }
      for (const each of group) this.#pendingBytes -= each.request.byteLength;
    }
    // In the same turn as the last look at the queue: whoever appends from now on starts the writer again.
    this.#writing = undefined;
  }

  /** The group's bytes in a row, in memory that the next group is laid into again: there is one write at a time. */
  #together(group: readonly Waiting[]): Uint8Array {
    const [only] = group;
    if (group.length === 1 && only !== undefined) return only.request;
    this.#row ??= new Uint8Array(this.#commitBytesMax);
    let bytes = 0;
    for (const { request } of group) {
      this.#row.set(request, bytes);
      bytes += request.byteLength;
    }
    return this.#row.subarray(0, bytes);
  }

  #takeGroup(): Waiting[] {
    let bytes = 0;
    let length = 0;
    const [first] = this.#waiting;
    for (const { request, onlyRoute } of this.#waiting) {
      const isFull = bytes + request.byteLength > this.#commitBytesMax;
      if (length > 0 && (isFull || onlyRoute !== first?.onlyRoute)) break;
      bytes += request.byteLength;
      length++;
    }
    return this.#waiting.splice(0, length);
  }
}
