/**
 * The names that rotation gives: `app.log` becomes app.log.1, app.log-20251122, app.log.20251122-082640 (the kubelet),
 * app.log.2025-11-22.gz and the like: the name, a point or dash, and something that begins with a digit.
 */
import { closeSync, openSync, readdirSync, readSync, realpathSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { constants, gunzipSync } from "node:zlib";
import {
  type FileFacts,
  type Fingerprint,
  factsOf,
  factsOfOpen,
  fingerprint,
  HEAD_BYTES,
  isStillAt,
  matchesAt,
} from "./identity.ts";

export interface RotatedFile {
  readonly path: string;
  /** The path of the file that it was, links resolved. */
  readonly of: string;
  readonly isCompressed: boolean;
  readonly facts: FileFacts;
}

const ROTATED = /^(.+?)[.-]\d[\dTZ._:+-]*?(\.gz)?$/;

/** Links resolved: rotation happens where the file really is. The path itself where that can't be told. */
export function realPath(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path;
  }
}

/** All that rotation has made of `paths` (links resolved) and that still lies beside them, oldest first. */
export function findRotated(paths: Iterable<string>): RotatedFile[] {
  const names = new Map<string, Set<string>>();
  for (const path of paths) {
    const folder = dirname(path);
    let known = names.get(folder);
    if (known === undefined) {
      known = new Set();
      names.set(folder, known);
    }
    known.add(basename(path));
  }
  const found: RotatedFile[] = [];
  for (const [folder, known] of names) {
    for (const name of entriesOf(folder)) {
      const base = baseOf(name, known);
      if (base === undefined || known.has(name)) continue;
      const path = join(folder, name);
      const facts = factsOf(path);
      if (facts === undefined) continue;
      found.push({ path, of: join(folder, base), isCompressed: name.endsWith(".gz"), facts });
    }
  }
  return found.sort((a, b) => a.facts.modifiedMs - b.facts.modifiedMs);
}

/** Whose rotated file this name is; the longest name that fits. */
export function baseOf(name: string, known: ReadonlySet<string>): string | undefined {
  const plain = name.replace(/\.gz$/, "");
  for (let at = plain.length - 1; at > 0; at--) {
    const separator = plain[at];
    if ((separator === "." || separator === "-") && known.has(plain.slice(0, at)) && ROTATED.test(name)) {
      return /\d/.test(plain[at + 1] ?? "") ? plain.slice(0, at) : undefined;
    }
  }
  return known.has(plain) && plain !== name ? plain : undefined;
}

function entriesOf(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

/** Whether the file at `path` begins as `head` says and has `tail` just before `offset`. */
export function isCopyOf(path: string, head: Fingerprint, tail: Fingerprint, offset: number): boolean {
  let file: number;
  try {
    file = openSync(path, "r");
  } catch {
    return false;
  }
  try {
    return head.bytes > 0 && matchesAt(file, 0, head) && matchesAt(file, offset - tail.bytes, tail);
  } catch {
    return false;
  } finally {
    closeSync(file);
  }
}

/** How often it is looked again where rotated files are being renamed meanwhile. */
const LOOKS_MAX = 10;

/**
 * What copy and truncate, or a compression (where those are looked at), made of a file that was read up to `offset`. Those
 * that `isTaken` are followed as something else.
 */
export function findCopy(
  original: { readonly path: string; readonly head: Fingerprint; readonly tail: Fingerprint; readonly offset: number },
  hasCompressed: boolean,
  isTaken: (id: string) => boolean,
): RotatedFile | undefined {
  const { path: of, head, tail, offset } = original;
  for (let looks = 0, hasMoved = true; hasMoved && looks < LOOKS_MAX; looks++) {
    hasMoved = false;
    for (const rotated of findRotated([of])) {
      const { path, facts, isCompressed } = rotated;
      if (isTaken(facts.id)) continue;
      const isCopy = isCompressed
        ? hasCompressed && beginsAs(compressedHead(path), head)
        : facts.size >= offset && isCopyOf(path, head, tail, offset);
      if (!isStillAt(path, facts)) hasMoved = true;
      else if (isCopy) return rotated;
    }
  }
  return undefined;
}

/**
 * Whether the file at `path` is what the one at `of` begins with, by its first and its last bytes: two files may have a long
 * heading in common. False where one of them can't be read.
 */
export function isBeginningOf(path: string, of: string): boolean {
  try {
    const file = openSync(path, "r");
    try {
      const { size } = factsOfOpen(file);
      const whole = openSync(of, "r");
      try {
        const bytes = Math.min(HEAD_BYTES, size);
        const isAlikeAt = (at: number): boolean => bytesAt(file, at, bytes).equals(bytesAt(whole, at, bytes));
        return size <= factsOfOpen(whole).size && isAlikeAt(0) && isAlikeAt(size - bytes);
      } finally {
        closeSync(whole);
      }
    } finally {
      closeSync(file);
    }
  } catch {
    return false;
  }
}

function bytesAt(file: number, at: number, bytes: number): Buffer {
  const found = Buffer.alloc(bytes);
  return found.subarray(0, readSync(file, found, 0, bytes, at));
}

const COMPRESSED_HEAD_BYTES = 64 * 1024;

/** The first bytes that come out of a compressed file; empty where it is none. */
export function compressedHead(path: string): Uint8Array {
  try {
    const file = openSync(path, "r");
    try {
      const raw = Buffer.alloc(COMPRESSED_HEAD_BYTES);
      const bytes = readSync(file, raw, 0, raw.length, 0);
      const options = { finishFlush: constants.Z_SYNC_FLUSH };
      return gunzipSync(raw.subarray(0, bytes), options).subarray(0, HEAD_BYTES);
    } finally {
      closeSync(file);
    }
  } catch {
    return new Uint8Array(0);
  }
}

/** Whether what comes out of a compressed file begins as `head` says. */
export function beginsAs(bytes: Uint8Array, head: Fingerprint): boolean {
  return head.bytes > 0 && bytes.length >= head.bytes && fingerprint(bytes, 0, head.bytes).hash === head.hash;
}
