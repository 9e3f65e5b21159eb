/**
 * A sealed segment as it lies on disk: LevelDB's log, read without LevelDB, which on opening would write all of it once
 * more as a table and delete the log. So a backlog is written once, read without more memory than an index, and can be read
 * on a full disk.
 *
 * The log (https://github.com/google/leveldb/blob/main/doc/log_format.md) is blocks of 32 KiB with fragments in them:
 * checksum (4 bytes), length (2), type (1), data; a record is one fragment (FULL) or several (FIRST, MIDDLE…, LAST). A record
 * is a batch (db/write_batch.cc): sequence (8), count (4), then for each write a tag, and key and value with their lengths
 * as varints. A segment is written one entry a batch.
 *
 * Whatever is not exactly so is left to LevelDB and its repair: `openLog` gives undefined. The checksums are not looked at,
 * since each entry has one of its own over key and value (entry.ts).
 */
import { constants } from "node:fs";
import { access, type FileHandle, open, readdir } from "node:fs/promises";
import { join } from "node:path";
import { fromKey, toKey } from "./ordinal.ts";
import { type Store, type StoreEntry, StoreError } from "./store.ts";

const BLOCK_BYTES = 32_768;
const HEADER_BYTES = 7;
const [FULL, FIRST, MIDDLE, LAST] = [1, 2, 3, 4];

/** Sequence, count, tag, two lengths and a key of eight bytes take less than this. */
const HEAD_BYTES_MAX = 64;
const TAG_VALUE = 1;
const KEY_BYTES = 8;

/** How much of the log is read at once to find where its entries lie. A whole number of blocks. */
const SCAN_BYTES = 16 * BLOCK_BYTES;

/** Where values lie is kept in 32 bits. */
const LOG_BYTES_MAX = 2 ** 32;

/**
 * The entries of the log in `directory`, for reading. Undefined when there is anything but one log of single writes in
 * ascending order, the last of which may be torn off. Rejects with StoreError when the system refuses to read.
 */
export async function openLog(directory: string): Promise<Store | undefined> {
  try {
    const path = await findLog(directory);
    if (path === undefined) return undefined;
    const file = await open(path, constants.O_RDONLY);
    try {
      const index = await scan(file);
      if (index !== undefined) return new LogStore(file, index);
    } catch (reason) {
      await file.close();
      throw reason;
    }
    await file.close();
    return undefined;
  } catch (reason) {
    throw new StoreError("io", `can't read the log in ${directory}: ${String(reason)}`, reason);
  }
}

/** The one log, where LevelDB has made nothing of it yet. */
async function findLog(directory: string): Promise<string | undefined> {
  const names = await readdir(directory);
  const logs = names.filter((name) => name.endsWith(".log"));
  const [log] = logs;
  if (log === undefined || logs.length > 1 || names.some((name) => /\.(ldb|sst)$/.test(name))) return undefined;
  const isWhole = await access(join(directory, "CURRENT")).then(
    () => true,
    () => false,
  );
  return isWhole ? join(directory, log) : undefined;
}

/**
 * Where the entries lie, in as little memory as can be: a segment of single log records has tens of thousands. From where
 * its value begins it goes on to the end of the block, then behind the header of the next one.
 */
class LogIndex {
  count = 0;
  #keys = new BigUint64Array(256);
  #starts = new Uint32Array(256);
  #lengths = new Uint32Array(256);

  /** False where the key is not above the last one. */
  add(key: bigint, start: number, length: number): boolean {
    const { count } = this;
    if (count > 0 && key <= (this.#keys[count - 1] as bigint)) return false;
    if (count === this.#keys.length) this.#resize(2 * count);
    this.#keys[count] = key;
    this.#starts[count] = start;
    this.#lengths[count] = length;
    this.count++;
    return true;
  }

  /** Nothing more is added. */
  trim(): void {
    this.#resize(this.count);
  }

  keyAt(index: number): bigint {
    return this.#keys[index] as bigint;
  }

  placeAt(index: number): { start: number; length: number } {
    return { start: this.#starts[index] as number, length: this.#lengths[index] as number };
  }

  /** The first entry whose key is not below `key`. */
  indexOf(key: bigint): number {
    let [low, high] = [0, this.count];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#keys[middle] as bigint) < key) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #resize(capacity: number): void {
    const [keys, starts, lengths] = [this.#keys, this.#starts, this.#lengths];
    this.#keys = new BigUint64Array(capacity);
    this.#starts = new Uint32Array(capacity);
    this.#lengths = new Uint32Array(capacity);
    this.#keys.set(keys.subarray(0, this.count));
    this.#starts.set(starts.subarray(0, this.count));
    this.#lengths.set(lengths.subarray(0, this.count));
  }
}

class LogStore implements Store {
  readonly #file: FileHandle;
  readonly #index: LogIndex;
  #closing: Promise<void> | undefined;

  constructor(file: FileHandle, index: LogIndex) {
    this.#file = file;
    this.#index = index;
  }

  write(): Promise<void> {
    return Promise.reject(new StoreError("io", "a sealed segment takes no more writes", undefined));
  }

  async read(range: { from?: Uint8Array; to?: Uint8Array; reverse?: boolean; limit?: number }): Promise<StoreEntry[]> {
    const index = this.#index;
    let start = range.from === undefined ? 0 : index.indexOf(fromKey(range.from));
    let end = range.to === undefined ? index.count : index.indexOf(fromKey(range.to));
    const limit = range.limit ?? 1;
    const isReverse = range.reverse === true;
    if (isReverse) start = Math.max(start, end - limit);
    else end = Math.min(end, start + limit);
    const entries: StoreEntry[] = [];
    for (let at = start; at < end; at++) {
      const found = isReverse ? end - 1 - (at - start) : at;
      entries.push({ key: toKey(index.keyAt(found)), value: await this.#valueAt(found) });
    }
    return entries;
  }

  close(): Promise<void> {
    this.#closing ??= this.#file.close();
    return this.#closing;
  }

  /** The headers between the pieces are read with them, and thrown away: one call for the whole value. */
  async #valueAt(index: number): Promise<Uint8Array> {
    const { start, length } = this.#index.placeAt(index);
    const value = new Uint8Array(length);
    const between = new Uint8Array(HEADER_BYTES);
    const into: Uint8Array[] = [];
    let offset = start;
    for (let at = 0; at < length; ) {
      if (at > 0) {
        into.push(between);
        offset += HEADER_BYTES;
      }
      const bytes = Math.min(length - at, BLOCK_BYTES - (offset % BLOCK_BYTES));
      into.push(value.subarray(at, at + bytes));
      at += bytes;
      offset += bytes;
    }
    const { bytesRead } = await this.#file.readv(into, start);
    if (bytesRead !== offset - start) throw new StoreError("damaged", "the log is shorter than it was", undefined);
    return value;
  }
}

/** Where all entries lie; undefined when the log is not what a segment's should be. */
async function scan(file: FileHandle): Promise<LogIndex | undefined> {
  if ((await file.stat()).size > LOG_BYTES_MAX) return undefined;
  const index = new LogIndex();
  const chunk = Buffer.allocUnsafeSlow(SCAN_BYTES);
  const record = new RecordBuilder();
  for (let offset = 0; ; offset += SCAN_BYTES) {
    const { bytesRead } = await file.read(chunk, 0, SCAN_BYTES, offset);
    for (let at = 0; at + HEADER_BYTES <= bytesRead; ) {
      const left = BLOCK_BYTES - (at % BLOCK_BYTES);
      if (left < HEADER_BYTES) {
        at += left;
        continue;
      }
      const bytes = chunk.readUInt16LE(at + 4);
      const type = chunk[at + 6];
      if (HEADER_BYTES + bytes > left) return undefined;
      at += HEADER_BYTES;
      // Torn off: it was never synced, so nobody was told that it is there. Its segment must end before it.
      if (at + bytes > bytesRead) return trimmed(index);
      const isBegin = type === FULL || type === FIRST;
      if (isBegin === record.isBegun || (!isBegin && type !== MIDDLE && type !== LAST)) return undefined;
      record.add(chunk, at, bytes, offset + at);
      at += bytes;
      if (type === MIDDLE || type === FIRST) {
        // What goes on fills its block.
        if (at % BLOCK_BYTES !== 0) return undefined;
        continue;
      }
      if (!record.finish(index)) return undefined;
    }
    if (bytesRead < SCAN_BYTES) return trimmed(index);
  }
}

function trimmed(index: LogIndex): LogIndex {
  index.trim();
  return index;
}

/** Puts a record's fragments together, but for its value, of which it only notes where it begins. Used for one after the other. */
class RecordBuilder {
  isBegun = false;
  readonly #head = Buffer.alloc(HEAD_BYTES_MAX);
  #headBytes = 0;
  #bytes = 0;
  /** Of the fragments that the head lies in: offset, and bytes, by turns. */
  readonly #fragments: number[] = [];

  /** A fragment: `bytes` of `chunk` from `at` on, which lie at `offset` of the file. */
  add(chunk: Buffer, at: number, bytes: number, offset: number): void {
    this.isBegun = true;
    if (this.#headBytes < HEAD_BYTES_MAX) {
      this.#headBytes += chunk.copy(this.#head, this.#headBytes, at, at + bytes);
      this.#fragments.push(offset, bytes);
    }
    this.#bytes += bytes;
  }

  /** Adds the record to the index. False when it is not one value under a key of eight bytes, above the last one. */
  finish(index: LogIndex): boolean {
    const head = this.#head.subarray(0, this.#headBytes);
    const bytes = this.#bytes;
    const fragments = this.#fragments.splice(0);
    this.isBegun = false;
    this.#headBytes = 0;
    this.#bytes = 0;
    if (head.length < 14 + KEY_BYTES || head.readUInt32LE(8) !== 1 || head[12] !== TAG_VALUE) return false;
    if (head[13] !== KEY_BYTES) return false;
    const length = readVarint(head, 14 + KEY_BYTES);
    if (length === undefined || length.end + length.value !== bytes) return false;
    let skip = length.end;
    let at = 0;
    // Where the head ends with a block, the value begins in the next one.
    while (skip >= (fragments[at + 1] ?? 0) && at + 2 < fragments.length) {
      skip -= fragments[at + 1] as number;
      at += 2;
    }
    return index.add(fromKey(head.subarray(14, 14 + KEY_BYTES)), (fragments[at] as number) + skip, length.value);
  }
}

/** A varint of 32 bits, and the offset just past it. */
function readVarint(bytes: Uint8Array, at: number): { value: number; end: number } | undefined {
  let value = 0;
  for (let index = 0; index < 5; index++) {
    const byte = bytes[at + index];
    if (byte === undefined) return undefined;
    value += (byte & 0x7f) * 2 ** (7 * index);
    if (byte < 0x80) return { value, end: at + index + 1 };
  }
  return undefined;
}
