/**
 * A set of ordinals that is nearly whole: what arrived of a number line. Whole stretches cost nothing, others one bit per
 * ordinal, so memory is bounded by the line's length / 8 bytes in the worst case and next to nothing in the usual one.
 *
 * The line is cut into chunks of 65,536 ordinals. A chunk is absent (none of it), FULL (all of it), or a bitmap of 8 KiB.
 */
export interface Range {
  readonly first: bigint;
  /** Just past the last. */
  readonly end: bigint;
}

const CHUNK_BITS = 16n;
const CHUNK_SIZE = 65_536;
const CHUNK_BYTES = CHUNK_SIZE / 8;
const FULL = "full";

interface Partial {
  readonly bits: Uint8Array;
  count: number;
}

type Chunk = Partial | typeof FULL;

export class OrdinalSet {
  readonly #chunks = new Map<bigint, Chunk>();
  #size = 0n;

  /** How many there are. */
  get size(): bigint {
    return this.#size;
  }

  /** Puts an ordinal (0 or more) in. Returns whether it was not there before. */
  add(ordinal: bigint): boolean {
    const number = ordinal >> CHUNK_BITS;
    let chunk = this.#chunks.get(number);
    if (chunk === FULL) return false;
    if (chunk === undefined) {
      chunk = { bits: new Uint8Array(CHUNK_BYTES), count: 0 };
      this.#chunks.set(number, chunk);
    }
    const at = Number(ordinal & 0xffffn);
    const mask = 1 << (at & 7);
    const byte = chunk.bits[at >> 3] as number;
    if ((byte & mask) !== 0) return false;
    chunk.bits[at >> 3] = byte | mask;
    chunk.count += 1;
    this.#size += 1n;
    if (chunk.count === CHUNK_SIZE) this.#chunks.set(number, FULL);
    return true;
  }

  has(ordinal: bigint): boolean {
    const chunk = this.#chunks.get(ordinal >> CHUNK_BITS);
    if (chunk === undefined || chunk === FULL) return chunk === FULL;
    return isSet(chunk.bits, Number(ordinal & 0xffffn));
  }

  /** The stretches that are there, in order, those that touch as one. */
  *ranges(): Generator<Range> {
    let open: { first: bigint; end: bigint } | undefined;
    for (const number of [...this.#chunks.keys()].sort(compare)) {
      for (const [from, to] of stretches(this.#chunks.get(number) as Chunk)) {
        const first = (number << CHUNK_BITS) + BigInt(from);
        const end = (number << CHUNK_BITS) + BigInt(to);
        if (open !== undefined && open.end === first) open.end = end;
        else {
          if (open !== undefined) yield open;
          open = { first, end };
        }
      }
    }
    if (open !== undefined) yield open;
  }

  /** What of [first, end) is not there, in order. */
  *missing(first: bigint, end: bigint): Generator<Range> {
    let position = first;
    for (const range of this.ranges()) {
      if (range.end <= position) continue;
      if (range.first >= end) break;
      if (range.first > position) yield { first: position, end: range.first };
      position = range.end;
    }
    if (position < end) yield { first: position, end };
  }

  /** For a file: each chunk's number, and its bits in base64, empty where it is whole. */
  encode(): [string, string][] {
    return [...this.#chunks].map(([number, chunk]) => [
      String(number),
      chunk === FULL ? "" : Buffer.from(chunk.bits).toString("base64"),
    ]);
  }

  /** Throws where it is no such text. */
  static decode(encoded: readonly (readonly [string, string])[]): OrdinalSet {
    const set = new OrdinalSet();
    for (const [number, text] of encoded) {
      const bits = new Uint8Array(Buffer.from(text, "base64"));
      if (text !== "" && bits.length !== CHUNK_BYTES) throw new Error("a chunk has not the length of a chunk");
      const count = text === "" ? CHUNK_SIZE : bits.reduce((sum, byte) => sum + bitsIn(byte), 0);
      set.#chunks.set(BigInt(number), text === "" ? FULL : { bits, count });
      set.#size += BigInt(count);
    }
    return set;
  }
}

/** [from, to) within a chunk. */
function* stretches(chunk: Chunk): Generator<[number, number]> {
  if (chunk === FULL) {
    yield [0, CHUNK_SIZE];
    return;
  }
  let from = -1;
  for (let at = 0; at < CHUNK_SIZE; at++) {
    // Whole bytes of the same kind are passed over at once.
    if ((at & 7) === 0 && chunk.bits[at >> 3] === (from === -1 ? 0 : 0xff)) {
      at += 7;
      continue;
    }
    if (isSet(chunk.bits, at)) {
      if (from === -1) from = at;
    } else if (from !== -1) {
      yield [from, at];
      from = -1;
    }
  }
  if (from !== -1) yield [from, CHUNK_SIZE];
}

function isSet(bits: Uint8Array, at: number): boolean {
  return ((bits[at >> 3] as number) & (1 << (at & 7))) !== 0;
}

function bitsIn(byte: number): number {
  let count = 0;
  for (let left = byte; left !== 0; left &= left - 1) count += 1;
  return count;
}

function compare(one: bigint, other: bigint): number {
  return one < other ? -1 : one > other ? 1 : 0;
}
