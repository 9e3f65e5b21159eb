/**
 * Group commit: requests that arrive while a write is under way wait together and become the next one. Two serialised
 * requests laid end to end are one valid request (repeated fields merge), so a group is simply their bytes in a row.
 *
 *    append ──> waiting ──> prepared (compressed) ──> written (synced) ──> acknowledged
 *
 * One write at a time, since LevelDB gives no order between parallel ones; no timer, since the write itself is the wait.
 * Where much waits, the next group is prepared while the one before is written; where little does, it is left to gather.
 */
import type { Origin } from "./port.ts";

/** The requests of one write. */
export interface CommitGroup {
  /** Laid end to end, in memory that the next group is laid into as soon as `CommitWriter.write` has been called. */
  readonly request: Uint8Array;
  readonly records: number;
  /** See `EntryFacts`. */
  readonly onlyRoute: number;
  /** See `EntryFacts`. Who has one is alone in its group. */
  readonly origin?: Origin | undefined;
}

export interface CommitWriter<Prepared> {
  /** Does what can be done beside the write before. */
  prepare(group: CommitGroup): Promise<Prepared>;
  /** Makes one synced write and resolves with the ordinal of its first record. Copies what it needs of `group` at once. */
  write(prepared: Prepared, group: CommitGroup): Promise<bigint>;
}

/** One request of a group, and who waits for it. */
interface Waiting {
  readonly request: Uint8Array;
  readonly records: number;
  readonly onlyRoute: number;
  readonly origin: Origin | undefined;
  readonly resolve: (ordinal: bigint) => void;
  readonly reject: (reason: unknown) => void;
}

/** The part of a full group that is worth preparing while a write is under way. */
const GATHERED_PART = 1 / 4;

export class CommitQueue<Prepared> {
  readonly #commitBytesMax: number;
  readonly #writer: CommitWriter<Prepared>;
  #waiting: Waiting[] = [];
  #waitingBytes = 0;
  #running: Promise<void> | undefined;
  #pendingBytes = 0;
  #between: (() => void)[] = [];
  #row: Uint8Array | undefined;
  #onGathered: (() => void) | undefined;

  /** `commitBytesMax` bounds a group; a single request larger than that goes alone. */
  constructor(commitBytesMax: number, writer: CommitWriter<Prepared>) {
    this.#commitBytesMax = commitBytesMax;
    this.#writer = writer;
  }

  /** Bytes waiting or being written. */
  get pendingBytes(): number {
    return this.#pendingBytes;
  }

  /** Resolves with the ordinal of the request's first record, after its write; rejects as that did. */
  append(request: Uint8Array, records: number, onlyRoute = 0, origin?: Origin): Promise<bigint> {
    return new Promise((resolve, reject) => {
      this.#pendingBytes += request.byteLength;
      this.#waitingBytes += request.byteLength;
      this.#waiting.push({ request, records, onlyRoute, origin, resolve, reject });
      if (this.#isGathered()) this.#onGathered?.();
      this.#running ??= this.#run();
    });
  }

  /** Calls `action` when no write is under way: now, or before the next one. Resolves when it has been called. */
  async between(action: () => void): Promise<void> {
    if (this.#running === undefined) action();
    else await new Promise<void>((resolve) => this.#between.push(() => resolve(action())));
  }

  /** Resolves when nothing waits any more. */
  async drain(): Promise<void> {
    while (this.#running !== undefined) await this.#running;
  }

  async #run(): Promise<void> {
    // Whoever called in the same turn of the event loop is let in first.
    await Promise.resolve();
    let writing = Promise.resolve();
    while (this.#waiting.length > 0) {
      // Under load there is no end to wait for.
      if (this.#between.length > 0) {
        await writing;
        this.#actBetween();
      }
      const waiting = this.#takeGroup();
      const group = this.#together(waiting);
      try {
        const prepared = await this.#writer.prepare(group);
        await writing;
        writing = this.#write(waiting, prepared, group);
      } catch (reason) {
        this.#settle(waiting, (each) => each.reject(reason));
      }
      await Promise.race([writing, this.#gathered()]);
      if (this.#waiting.length === 0) await writing;
    }
    // In the same turn as the last look at the queue: whoever appends from now on starts the writer again.
    this.#running = undefined;
    this.#actBetween();
  }

  #actBetween(): void {
    for (const action of this.#between.splice(0)) action();
  }

  /** Never rejects. */
  async #write(waiting: readonly Waiting[], prepared: Prepared, group: CommitGroup): Promise<void> {
    try {
      let ordinal = await this.#writer.write(prepared, group);
      this.#settle(waiting, (each) => {
        each.resolve(ordinal);
        ordinal += BigInt(each.records);
      });
    } catch (reason) {
      this.#settle(waiting, (each) => each.reject(reason));
    }
    this.#actBetween();
  }

  #settle(waiting: readonly Waiting[], tell: (each: Waiting) => void): void {
    for (const each of waiting) {
      // Before anybody is told, who may then change the bytes.
      this.#pendingBytes -= each.request.byteLength;
      tell(each);
    }
  }

  #isGathered(): boolean {
    return this.#waitingBytes >= this.#commitBytesMax * GATHERED_PART;
  }

  #gathered(): Promise<void> {
    return new Promise((resolve) => {
      this.#onGathered = resolve;
      if (this.#isGathered()) resolve();
    });
  }

  /** The group's bytes in a row, in memory that the next group is laid into again: one is prepared at a time. */
  #together(group: readonly Waiting[]): CommitGroup {
    const [first] = group;
    const onlyRoute = first?.onlyRoute ?? 0;
    if (group.length === 1 && first !== undefined) return { ...first };
    this.#row ??= new Uint8Array(this.#commitBytesMax);
    let bytes = 0;
    let records = 0;
    for (const { request, records: more } of group) {
      this.#row.set(request, bytes);
      bytes += request.byteLength;
      records += more;
    }
    return { request: this.#row.subarray(0, bytes), records, onlyRoute };
  }

  #takeGroup(): Waiting[] {
    let bytes = 0;
    let length = 0;
    const [first] = this.#waiting;
    for (const { request, onlyRoute, origin } of this.#waiting) {
      const isFull = bytes + request.byteLength > this.#commitBytesMax;
      const isAlone = origin !== undefined || first?.origin !== undefined;
      if (length > 0 && (isFull || isAlone || onlyRoute !== first?.onlyRoute)) break;
      bytes += request.byteLength;
      length++;
    }
    this.#waitingBytes -= bytes;
    return this.#waiting.splice(0, length);
  }
}
