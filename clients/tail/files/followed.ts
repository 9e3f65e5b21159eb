/**
 * One file that is followed: what is open, how far it was read, and whether it is still what it was.
 *
 *   named     its path names it; at its end it waits for more
 *   gone      renamed or deleted: read to its end, and a while longer, since its writer may not have noticed
 *   finished  a gone one at its end; the last line is taken although it has no end
 *
 * Nothing of a file is kept in memory between looks but what stands here.
 */
import { closeSync, createReadStream, openSync, type ReadStream, readSync } from "node:fs";
import { dirname } from "node:path";
import { createGunzip, type Gunzip } from "node:zlib";
import {
  type FileFacts,
  type Fingerprint,
  factsOf,
  factsOfOpen,
  grownHead,
  headOf,
  matchesAt,
  NO_FINGERPRINT,
  tailOf,
  tailWithin,
} from "./identity.ts";
import type { Ledger } from "./ledger.ts";
import type { Rest } from "./lines.ts";

const LF = 0x0a;
const NOTHING = new Uint8Array(0);

/** What a look at a file finds. `truncated`: what was read of it is there no more. */
export type Look = "data" | "end" | "truncated" | "unreadable";

/** The least and the most time between two looks at a file that has nothing new. */
export const LOOK_MS_MIN = 100;
export const LOOK_MS_MAX = 2_000;

export class FollowedFile {
  path: string;
  /** With links resolved, where rotation happens. */
  realPath: string;
  ledger: Ledger;
  readonly isCompressed: boolean;
  readonly owner: unknown;
  /** The next byte to be read. */
  offset: number;
  /** Of the bytes before `offset`, as they were read. */
  tail: Fingerprint;
  rest: Rest;
  isGone = false;
  isFinished = false;
  /** Has no name any more. */
  isDeleted = false;
  /** When it was found gone, or last had something new; monotonic. */
  quietSinceMs = 0;
  nextLookMs = 0;
  size = 0;
  /** Whether its path, rather than its descriptor, was lost: nothing more can be read. */
  isLost = false;
  #file: number | undefined;
  #lookMs = LOOK_MS_MIN;
  #modifiedMs = 0;
  #decompressor: Decompressor | undefined;
  /** What was read last, and where it begins. The file may be truncated, and hold something else there, a moment later. */
  #chunk: Uint8Array = NOTHING;
  #chunkAt = 0;
  /** Of the bytes before that. */
  #chunkTail: Fingerprint = NO_FINGERPRINT;

  /** `owner` tells whose it is. */
  constructor(path: string, realPath: string, ledger: Ledger, isCompressed: boolean, owner: unknown) {
    this.owner = owner;
    this.path = path;
    this.realPath = realPath;
    this.ledger = ledger;
    this.isCompressed = isCompressed;
    this.offset = ledger.offset;
    this.tail = ledger.tail;
    this.rest = ledger.rest;
  }

  get isOpen(): boolean {
    return this.#file !== undefined;
  }

  get folder(): string {
    return dirname(this.realPath);
  }

  get unreadBytes(): number {
    return this.isCompressed ? 0 : Math.max(0, this.size - this.offset);
  }

  /** Of a file without a name: what is not read of it, and nobody can read once it is closed. */
  get unreachableBytes(): number {
    const file = this.#file;
    const facts = file === undefined ? undefined : orUndefined(() => factsOfOpen(file));
    return facts === undefined || facts.links > 0 ? 0 : Math.max(0, facts.size - this.offset);
  }

  /** Opens it where it is not. False where that is not possible, or another file has its name. */
  open(): boolean {
    if (this.#file !== undefined) return true;
    try {
      const file = openSync(this.isGone ? this.realPath : this.path, "r");
      if (factsOfOpen(file).id === this.ledger.id) {
        this.#file = file;
        return true;
      }
      closeSync(file);
    } catch {
      // Told by who asked: it may be gone, or not be readable.
    }
    return false;
  }

  /** Begins anew: what was read of it is there no more. */
  restart(ledger: Ledger): void {
    this.#chunk = NOTHING;
    this.ledger = ledger;
    this.offset = 0;
    this.tail = NO_FINGERPRINT;
    this.rest = "none";
    this.nextLookMs = 0;
  }

  /** Passes over the rest of a line whose beginning nobody reads. */
  skipToLine(): void {
    if (!this.open()) return;
    const before = new Uint8Array(1);
    const read = orUndefined(() => readSync(this.#file as number, before, 0, 1, this.offset - 1));
    if (read === 1 && before[0] !== LF) this.rest = "skip";
    const file = this.#file as number;
    // That these bytes can't be read only makes the file harder to know again.
    this.tail = orUndefined(() => tailOf(file, this.offset)) ?? NO_FINGERPRINT;
    this.ledger.head = orUndefined(() => headOf(file, this.offset)) ?? NO_FINGERPRINT;
  }

  close(): void {
    const file = this.#file;
    this.#file = undefined;
    if (file !== undefined) orUndefined(() => closeSync(file));
    this.#decompressor?.close();
    this.#decompressor = undefined;
  }

  /** Whether there is something new, and whether it is still the file that it was. */
  look(nowMs: number): Look {
    // The buffer has been other files' since.
    this.#chunk = NOTHING;
    const facts = this.#facts();
    if (facts === undefined) {
      this.#setGone(nowMs);
      return "unreadable";
    }
    const hasChanged = facts.modifiedMs !== this.#modifiedMs || facts.size !== this.size;
    this.size = facts.size;
    this.isDeleted = facts.links === 0;
    this.#modifiedMs = facts.modifiedMs;
    if (facts.size < this.offset) return "truncated";
    const hasMore = facts.size > this.offset;
    // Half a line may be there for good: who writes no more may have lost the name.
    if (!this.isGone && (!hasMore || !hasChanged) && (facts.links === 0 || factsOf(this.path)?.id !== this.ledger.id))
      this.#setGone(nowMs);
    // Who reads on asks whether it is the same after that.
    if (hasMore) return "data";
    if (hasChanged && this.open() && !this.isSame()) return "truncated";
    return "end";
  }

  #facts(): FileFacts | undefined {
    if (this.#file !== undefined) return factsOfOpen(this.#file);
    const facts = factsOf(this.isGone ? this.realPath : this.path);
    if (facts?.id === this.ledger.id) return facts;
    this.isLost = true;
    return undefined;
  }

  #setGone(nowMs: number): void {
    if (this.isGone) return;
    this.isGone = true;
    this.quietSinceMs = nowMs;
  }

  /** Reads its beginning and what was before `offset` once more. */
  isSame(): boolean {
    const file = this.#file;
    if (file === undefined) return false;
    return matchesAt(file, 0, this.ledger.head) && matchesAt(file, this.offset - this.tail.bytes, this.tail);
  }

  /**
   * Bytes from `offset` on into `buffer`. Returns how many. The caller says by `advance` how many of them were whole lines,
   * with the buffer as it is. A file that is truncated meanwhile is found out by `isSame` afterwards: what was read is
   * discarded then. One that is truncated after that is found out by the next look, since what is remembered of it are the
   * bytes that were read, and not those that it has by then.
   */
  read(buffer: Uint8Array): number {
    const bytes = this.#file === undefined ? 0 : readSync(this.#file, buffer, 0, buffer.length, this.offset);
    this.#chunk = buffer.subarray(0, bytes);
    this.#chunkAt = this.offset;
    this.#chunkTail = this.tail;
    return bytes;
  }

  /** What comes out of a compressed file from `offset` on; an empty array at its end. Rejects where it is damaged. */
  async readCompressed(bytesMax: number): Promise<Buffer> {
    this.#decompressor ??= new Decompressor(this.realPath, this.offset);
    return await this.#decompressor.next(bytesMax);
  }

  /** `unread` of what `readCompressed` gave are to be given again. */
  unread(bytes: Buffer): void {
    this.#decompressor?.unread(bytes);
  }

  advance(bytes: number): void {
    this.offset += bytes;
    const file = this.#file;
    if (file === undefined || this.isCompressed) return;
    const taken = this.#chunk.subarray(0, bytes);
    this.tail = tailWithin(file, this.#chunkTail, taken, this.#chunkAt);
    this.ledger.head = grownHead(file, this.ledger.head, taken, this.#chunkAt);
  }

  /** Of the bytes before a place that was read. */
  tailAt(position: number): Fingerprint {
    const file = this.#file;
    if (position === this.offset || file === undefined) return this.tail;
    if (position > this.#chunkAt && this.#chunk.length > 0)
      return tailWithin(file, this.#chunkTail, this.#chunk.subarray(0, position - this.#chunkAt), this.#chunkAt);
    const found = orUndefined(() => tailOf(file, position));
    return found !== undefined && orUndefined(() => this.isSame()) === true ? found : NO_FINGERPRINT;
  }

  /** The next look comes soon after something new, and later each time there is nothing. */
  schedule(nowMs: number, hadData: boolean): void {
    this.#lookMs = hadData ? LOOK_MS_MIN : Math.min(this.#lookMs * 2, LOOK_MS_MAX);
    this.nextLookMs = nowMs + this.#lookMs;
    if (hadData) this.quietSinceMs = nowMs;
  }
}

/** What the system may refuse. */
function orUndefined<T>(action: () => T): T | undefined {
  try {
    return action();
  } catch {
    return undefined;
  }
}

/** Decompresses a file from front to back, at the reader's pace. */
class Decompressor {
  readonly #source: ReadStream;
  readonly #gunzip: Gunzip;
  readonly #chunks: AsyncIterator<Buffer>;
  #skip: number;
  #rest: Buffer = Buffer.alloc(0);
  #failure: unknown;

  constructor(path: string, skipBytes: number) {
    this.#skip = skipBytes;
    this.#source = createReadStream(path);
    this.#gunzip = createGunzip();
    this.#source.on("error", (reason) => {
      this.#failure = reason;
      this.#gunzip.destroy();
    });
    this.#chunks = this.#source.pipe(this.#gunzip)[Symbol.asyncIterator]();
  }

  async next(bytesMax: number): Promise<Buffer> {
    const parts = [this.#rest];
    let bytes = this.#rest.length;
    this.#rest = Buffer.alloc(0);
    while (bytes < bytesMax) {
      const { value, done } = await this.#chunks.next();
      if (this.#failure !== undefined) throw this.#failure;
      if (done === true) break;
      const chunk = this.#skip > 0 ? value.subarray(Math.min(this.#skip, value.length)) : value;
      this.#skip -= value.length - chunk.length;
      parts.push(chunk);
      bytes += chunk.length;
    }
    return parts.length === 1 ? (parts[0] as Buffer) : Buffer.concat(parts);
  }

  unread(bytes: Buffer): void {
    this.#rest = Buffer.from(bytes);
  }

  close(): void {
    this.#source.destroy();
    this.#gunzip.destroy();
  }
}
