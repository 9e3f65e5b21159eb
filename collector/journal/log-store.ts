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

/** Where an entry's value lies: the pieces of the file that make it up, in order. */
interface Place {
  readonly key: Uint8Array;
  readonly bytes: number;
  readonly pieces: readonly { readonly offset: number; readonly bytes: number }[];
}

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
      const places = await scan(file);
      if (places !== undefined) return new LogStore(file, places);
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

class LogStore implements Store {
  readonly #file: FileHandle;
  readonly #places: readonly Place[];
  #closing: Promise<void> | undefined;

  constructor(file: FileHandle, places: readonly Place[]) {
    this.#file = file;
    this.#places = places;
  }

  write(): Promise<void> {
    return Promise.reject(new StoreError("io", "a sealed segment takes no more writes", undefined));
  }

  async read(range: { from?: Uint8Array; to?: Uint8Array; reverse?: boolean; limit?: number }): Promise<StoreEntry[]> {
    const start = range.from === undefined ? 0 : this.#indexOf(range.from);
    const end = range.to === undefined ? this.#places.length : this.#indexOf(range.to);
    const limit = range.limit ?? 1;
    const found =
      range.reverse === true
        ? this.#places.slice(Math.max(start, end - limit), end).toReversed()
        : this.#places.slice(start, Math.min(end, start + limit));
    const entries: StoreEntry[] = [];
    for (const place of found) entries.push({ key: place.key.slice(), value: await this.#valueAt(place) });
    return entries;
  }

  close(): Promise<void> {
    this.#closing ??= this.#file.close();
    return this.#closing;
  }

  /** The index of the first entry whose key is not below `key`. */
  #indexOf(key: Uint8Array): number {
    let [low, high] = [0, this.#places.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (Buffer.compare((this.#places[middle] as Place).key, key) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** The headers between the pieces are read with them, and thrown away: one call for the whole value. */
  async #valueAt({ bytes, pieces }: Place): Promise<Uint8Array> {
    const value = new Uint8Array(bytes);
    const between = new Uint8Array(HEADER_BYTES);
    const into: Uint8Array[] = [];
    const [first] = pieces;
    let offset = first?.offset ?? 0;
    let at = 0;
    for (const piece of pieces) {
      if (piece.offset > offset) into.push(between.subarray(0, piece.offset - offset));
      into.push(value.subarray(at, at + piece.bytes));
      offset = piece.offset + piece.bytes;
      at += piece.bytes;
    }
    const wanted = offset - (first?.offset ?? 0);
    const { bytesRead } = await this.#file.readv(into, first?.offset ?? 0);
    if (bytesRead !== wanted) throw new StoreError("damaged", "the log is shorter than it was", undefined);
    return value;
  }
}

/** Where all entries lie; undefined when the log is not what a segment's should be. */
async function scan(file: FileHandle): Promise<Place[] | undefined> {
  const places: Place[] = [];
  const chunk = Buffer.allocUnsafeSlow(SCAN_BYTES);
  let record: RecordBuilder | undefined;
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
      if (at + bytes > bytesRead) return places;
      const isBegin = type === FULL || type === FIRST;
      if (isBegin === (record !== undefined) || (!isBegin && type !== MIDDLE && type !== LAST)) return undefined;
      record ??= new RecordBuilder();
      record.add(chunk.subarray(at, at + bytes), offset + at);
      at += bytes;
      if (type === MIDDLE || type === FIRST) continue;
      const place = record.finish();
      record = undefined;
      const last = places.at(-1);
      if (place === undefined || (last !== undefined && Buffer.compare(last.key, place.key) >= 0)) return undefined;
      places.push(place);
    }
    if (bytesRead < SCAN_BYTES) return places;
  }
}

/** Puts a record's fragments together, but for its value, of which it only notes where it lies. */
class RecordBuilder {
  readonly #head = Buffer.alloc(HEAD_BYTES_MAX);
  #headBytes = 0;
  #bytes = 0;
  readonly #fragments: { offset: number; bytes: number }[] = [];

  add(fragment: Buffer, offset: number): void {
    if (this.#headBytes < HEAD_BYTES_MAX) this.#headBytes += fragment.copy(this.#head, this.#headBytes);
    this.#bytes += fragment.length;
    this.#fragments.push({ offset, bytes: fragment.length });
  }

  /** Undefined when it is not one value under a key of eight bytes. */
  finish(): Place | undefined {
    const head = this.#head.subarray(0, this.#headBytes);
    if (head.length < 14 + KEY_BYTES || head.readUInt32LE(8) !== 1 || head[12] !== TAG_VALUE) return undefined;
    if (head[13] !== KEY_BYTES) return undefined;
    const length = readVarint(head, 14 + KEY_BYTES);
    if (length === undefined || length.end + length.value !== this.#bytes) return undefined;
    const pieces: { offset: number; bytes: number }[] = [];
    let skip = length.end;
    for (const { offset, bytes } of this.#fragments) {
      const skipped = Math.min(skip, bytes);
      skip -= skipped;
      if (bytes > skipped) pieces.push({ offset: offset + skipped, bytes: bytes - skipped });
    }
    return { key: Uint8Array.prototype.slice.call(head, 14, 14 + KEY_BYTES), bytes: length.value, pieces };
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
