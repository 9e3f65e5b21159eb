/**
 * How much of the journal each tenant's undelivered logs take. It is an estimate: a commit holds requests of many tenants,
 * compressed together, and says nothing of them. So it is counted how many bytes a tenant has appended up to which ordinal,
 * times what the journal makes of a byte on average; they count until the journal has given that ordinal's segment back.
 *
 * It is kept in a file beside the journal, written every few seconds and at a stop, so that a restart is no way to a second
 * part: what a crash takes of it is what came in those seconds. The file is a hint and no record: written without a sync,
 * and where it can't be read or written, what lies in the journal is nobody's.
 */
import { readFileSync, renameSync, writeFileSync } from "node:fs";

/** Bytes on disk, and the ordinal below which they lie. */
interface Piece {
  end: bigint;
  bytes: number;
}

/** In how many pieces a part is counted, and in how many it is written down. */
const PIECES = 256;
const PIECES_KEPT = 32;

/** Of the file. */
const TENANTS_KEPT_MAX = 1_024;

/** One tenant's. */
export class JournalPart {
  readonly #pieces: Piece[];
  #bytes: number;

  constructor(pieces: readonly Readonly<Piece>[] = []) {
    this.#pieces = pieces.map((piece) => ({ ...piece }));
    this.#bytes = sumOf(pieces);
  }

  /** Bytes on disk that are not delivered yet. */
  get bytes(): number {
    return this.#bytes;
  }

  get isEmpty(): boolean {
    return this.#pieces.length === 0;
  }

  /** `bytes` more lie on disk, below `end`. As coarse as a 256th of `bytesMax`. */
  add(end: bigint, bytes: number, bytesMax: number): void {
    this.#bytes += bytes;
    const last = this.#pieces.at(-1);
    if (last !== undefined && last.bytes + bytes <= bytesMax / PIECES) {
      last.bytes += bytes;
      if (end > last.end) last.end = end;
    } else this.#pieces.push({ end, bytes });
  }

  /** What lies below `tail` is gone. */
  forget(tail: bigint): void {
    for (let first = this.#pieces[0]; first !== undefined && first.end <= tail; first = this.#pieces[0]) {
      this.#pieces.shift();
      this.#bytes -= first.bytes;
    }
    if (this.#pieces.length === 0) this.#bytes = 0;
  }

  /** In fewer pieces: each ends where the last of those in it does. */
  summary(): Piece[] {
    const each = Math.ceil(this.#pieces.length / PIECES_KEPT);
    const pieces: Piece[] = [];
    for (let at = 0; at < this.#pieces.length; at += each) {
      const some = this.#pieces.slice(at, at + each);
      pieces.push({ end: (some.at(-1) as Piece).end, bytes: Math.round(sumOf(some)) });
    }
    return pieces;
  }
}

/** What was written down by an earlier run, by tenant. */
export function readParts(path: string): Map<string, JournalPart> {
  try {
    const found: unknown = JSON.parse(readFileSync(path, "utf8"));
    if (typeof found !== "object" || found === null) return new Map();
    return new Map(
      Object.entries(found)
        .slice(0, TENANTS_KEPT_MAX)
        .map(([tenant, pieces]) => [tenant, new JournalPart(toPieces(pieces))]),
    );
  } catch {
    return new Map();
  }
}

/** Writes down the largest. */
export function writeParts(path: string, parts: ReadonlyMap<string, JournalPart>): void {
  const largest = [...parts]
    .filter(([, part]) => !part.isEmpty)
    .sort(([, a], [, b]) => b.bytes - a.bytes)
    .slice(0, TENANTS_KEPT_MAX)
    .map(([tenant, part]) => [tenant, part.summary().map(({ end, bytes }) => [String(end), bytes])]);
  try {
    writeFileSync(`${path}.new`, JSON.stringify(Object.fromEntries(largest)));
    renameSync(`${path}.new`, path);
  } catch {
    // A full disk, for one, of which others tell.
  }
}

/** Throws for what is none. */
function toPieces(found: unknown): Piece[] {
  return (found as [string, number][]).slice(0, PIECES_KEPT).map(([end, bytes]) => {
    if (!Number.isSafeInteger(bytes) || bytes < 0) throw new Error("this is no number of bytes");
    return { end: BigInt(end), bytes };
  });
}

function sumOf(pieces: readonly Readonly<Piece>[]): number {
  return pieces.reduce((sum, { bytes }) => sum + bytes, 0);
}
