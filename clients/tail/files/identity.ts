/**
 * Which file is which, whatever it is called. Device and inode name a file while it exists; an inode is given to another file
 * later, and a copy has one of its own, so the first bytes and those just before the position are remembered too. Together
 * they tell:
 *
 *   the same inode, head and tail match      the same file: go on
 *   the same inode, head or tail differ      another file, or one that was truncated and has grown again
 *   another inode, head and tail match       the copy that copy-and-truncate made: go on there
 */
import { type BigIntStats, closeSync, fstatSync, openSync, readSync, statSync } from "node:fs";

/** First bytes that are hashed. Logs with long headers differ after that. */
export const HEAD_BYTES = 1024;
/** Bytes before the position that are hashed. */
export const TAIL_BYTES = 64;

/** Part of a file, by length and hash; an empty one matches everything. */
export interface Fingerprint {
  readonly bytes: number;
  readonly hash: string;
}

export const NO_FINGERPRINT: Fingerprint = { bytes: 0, hash: "" };

export interface FileFacts {
  /** `device:inode`, as text: both may be beyond 2^53. */
  readonly id: string;
  readonly size: number;
  readonly modifiedMs: number;
  /** How many names it has; 0 when it was deleted. */
  readonly links: number;
}

/** Undefined when there is no such file, or it can't be looked at. */
export function factsOf(path: string): FileFacts | undefined {
  try {
    const stats = statSync(path, { bigint: true, throwIfNoEntry: false });
    return stats?.isFile() === true ? toFacts(stats) : undefined;
  } catch {
    return undefined;
  }
}

/** Whether `path` is still the name of that file: else, what was read by the name may have been another's. */
export function isStillAt(path: string, { id }: FileFacts): boolean {
  return factsOf(path)?.id === id;
}

export function factsOfOpen(file: number): FileFacts {
  return toFacts(fstatSync(file, { bigint: true }));
}

function toFacts({ dev, ino, size, mtimeMs, nlink }: BigIntStats): FileFacts {
  return { id: `${dev}:${ino}`, size: Number(size), modifiedMs: Number(mtimeMs), links: Number(nlink) };
}

const scratch = Buffer.alloc(HEAD_BYTES);

/** Reads again what `known` was made of. An unreadable or shorter file does not match. */
export function matchesAt(file: number, start: number, known: Fingerprint): boolean {
  if (known.bytes === 0) return true;
  const read = readSync(file, scratch, 0, known.bytes, start);
  return read === known.bytes && fingerprint(scratch, 0, read).hash === known.hash;
}

/** Of the first bytes, as far as the file has been read. */
export function headOf(file: number, readBytes: number): Fingerprint {
  const bytes = Math.min(HEAD_BYTES, readBytes);
  return fingerprint(scratch, 0, readSync(file, scratch, 0, bytes, 0));
}

/** Of the bytes just before a position. */
export function tailOf(file: number, position: number): Fingerprint {
  const bytes = Math.min(TAIL_BYTES, position);
  return fingerprint(scratch, 0, readSync(file, scratch, 0, bytes, position - bytes));
}

/**
 * Of the last bytes of `chunk`, which was read at `start`, where `before` ended. Where it is short, with what stands before
 * it in the file, if that is still the same file.
 */
export function tailWithin(file: number, before: Fingerprint, chunk: Uint8Array, start: number): Fingerprint {
  if (chunk.length === 0) return before;
  const end = start + chunk.length;
  const own = fingerprint(chunk, Math.max(0, chunk.length - TAIL_BYTES), chunk.length);
  if (start === 0 || chunk.length >= TAIL_BYTES) return own;
  try {
    const longer = tailOf(file, end);
    return matchesAt(file, start - before.bytes, before) && matchesAt(file, start, own) ? longer : own;
  } catch {
    return own;
  }
}

/** `head` with what of `chunk`, which was read at `start`, belongs to it; as it was where the file is another by now. */
export function grownHead(file: number, head: Fingerprint, chunk: Uint8Array, start: number): Fingerprint {
  if (head.bytes >= HEAD_BYTES || chunk.length === 0) return head;
  if (start === 0) return fingerprint(chunk, 0, Math.min(HEAD_BYTES, chunk.length));
  try {
    const grown = headOf(file, start + chunk.length);
    const own = fingerprint(chunk, 0, Math.min(chunk.length, HEAD_BYTES));
    return matchesAt(file, 0, head) && matchesAt(file, start, own) ? grown : head;
  } catch {
    return head;
  }
}

/** Both of a file as if it had been read up to `position`; none where it can't be read. */
export function fingerprintsOf(path: string, position: number): { head: Fingerprint; tail: Fingerprint } {
  try {
    const file = openSync(path, "r");
    try {
      return { head: headOf(file, position), tail: tailOf(file, position) };
    } finally {
      closeSync(file);
    }
  } catch {
    return { head: NO_FINGERPRINT, tail: NO_FINGERPRINT };
  }
}

/** xxHash64, which stays the same from one Bun to the next. */
export function fingerprint(bytes: Uint8Array, start: number, end: number): Fingerprint {
  if (start === end) return NO_FINGERPRINT;
  return { bytes: end - start, hash: Bun.hash.xxHash64(bytes.subarray(start, end)).toString(16) };
}
