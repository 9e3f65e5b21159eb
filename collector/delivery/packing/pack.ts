/**
 * Lines into Firehose records, records into calls: how much goes where. Pure: no time, no I/O.
 *
 * - A record holds whole lines only and covers one contiguous range of ordinals, with a line for each that the route's
 *   filter let through. (One that holds a part of an oversize line holds nothing else: see oversize.ts.)
 * - A record is at most a share of a second at the current rate (so that the pacer can let whole calls through without
 *   a burst), rounded down to a multiple of the 5,120 bytes that AWS bills, and never above Firehose's own limit. Only a
 *   single line that is longer than that share may exceed it.
 * - Where records are compressed (press.ts) the lines of one are as many as will come to that size.
 * - A line above Firehose's limit fits no record: it is told to the caller.
 */
import { assert } from "../../errors.ts";
import { FIREHOSE_BILLING_UNIT_BYTES } from "../../limits.ts";
import { RecycledMemory } from "../../memory/recycled-memory.ts";
import type { Lines } from "../../otlp/transcode.ts";
import { type Codec, compressNow, decompressNow } from "./compress.ts";
import type { Part } from "./parted-line.ts";

/** One Firehose record on its way, with bytes of its own. */
export interface PackedRecord {
  /** Its lines end to end, or what they were compressed to. */
  readonly bytes: Uint8Array;
  /** All of [first, end) is settled with it: what has a line here, and what was filtered out around those. */
  readonly first: bigint;
  readonly end: bigint;
  /** For each line, before compression, the offset just past it. */
  readonly ends: Uint32Array;
  /** For each line its ordinal less `first`; undefined where every ordinal of the range has a line. */
  readonly offsets?: Uint32Array;
  /** Set when the lines are compressed: how, and how many bytes they had. */
  readonly pressed?: { readonly codec: Codec; readonly lineBytes: number };
  /** Set when the record is one part of a single line. */
  readonly part?: Part;
  /**
   * Set once the record was part of a call refused as invalid: how many records the stream had taken by then. When it
   * has taken more since, the fault lies in this record and not in the stream.
   */
  readonly refusedAtTaken?: number;
}

/** What `Packer.add` comes to: a full record, a line (by its index in `lines`) that fits no record, or a range without lines. */
export type Packed =
  | { readonly kind: "record"; readonly record: PackedRecord }
  | { readonly kind: "too_large"; readonly line: number; readonly ordinal: bigint; readonly bytes: number }
  | { readonly kind: "filtered"; readonly first: bigint; readonly end: bigint };

/** Bytes that a record aims at: `shareMs` of `bytesPerSecond` in whole billing units, at most `recordBytesMax`. */
export function recordBytesTarget(bytesPerSecond: number, shareMs: number, recordBytesMax: number): number {
  const wanted = Math.min(recordBytesMax, Math.floor((bytesPerSecond * shareMs) / 1000));
  const units = Math.max(1, Math.floor(wanted / FIREHOSE_BILLING_UNIT_BYTES));
  return Math.min(recordBytesMax, units * FIREHOSE_BILLING_UNIT_BYTES);
}

/** What a record of `bytes` is billed as: Direct PUT rounds each one up. */
export function billedBytes(bytes: number): number {
  return Math.ceil(bytes / FIREHOSE_BILLING_UNIT_BYTES) * FIREHOSE_BILLING_UNIT_BYTES;
}

/** Bytes that a call may hold: `shareMs` of `bytesPerSecond`, at most `callBytesMax`. One record always fits. */
export function callBytesTarget(bytesPerSecond: number, shareMs: number, callBytesMax: number): number {
  return Math.min(callBytesMax, Math.floor((bytesPerSecond * shareMs) / 1000));
}

export interface PackerOptions {
  /** Bytes of the lines of one record. */
  readonly recordBytesMax: number;
  /** Bytes of a line; a longer one is told as too large. Alone in its record, it may exceed `recordBytesMax`. */
  readonly lineBytesMax: number;
  readonly linesMax: number;
  /** For the bytes of records: whoever is done with one gives them back. @default fresh memory */
  readonly memory?: RecycledMemory;
}

const SCRATCH_BYTES = 64 * 1024;
/** The share of its memory from which a record keeps it; a smaller one is copied, and does not hold on to so much. */
const KEPT_SHARE = 0.75;

/** Gathers lines, of one transcoded commit after the other, until a record is full. Copies what it keeps. */
export class Packer {
  readonly #options: PackerOptions;
  readonly #memory: RecycledMemory;
  #scratch: Buffer;
  #bytes = 0;
  #ends = new Uint32Array(1024);
  #offsets = new Uint32Array(1024);
  #lines = 0;
  /** What the open record covers so far; nothing, where they are the same. */
  #first = 0n;
  #end = 0n;

  constructor(options: PackerOptions) {
    this.#options = options;
    this.#memory = options.memory ?? new RecycledMemory(0);
    this.#scratch = this.#memory.lend(SCRATCH_BYTES);
  }

  /** Bytes in the record that is still open; 0 when none is. */
  get openBytes(): number {
    return this.#bytes;
  }

  /** The ordinal that the open record can go on with; undefined when none is open. */
  get openEnd(): bigint | undefined {
    return this.#bytes === 0 ? undefined : this.#end;
  }

  /**
   * Takes all of `lines`, of a commit that begins at ordinal `first`, and yields what comes of them in order. A record is
   * closed when the next line would carry it past `target()` bytes, asked anew for every record, or when it has as many
   * lines as it may. The last one stays open. Lines that do not follow on the open record close it.
   */
  *add(lines: Lines, first: bigint, target: () => number): Generator<Packed, void, undefined> {
    const { recordBytesMax, lineBytesMax, linesMax } = this.#options;
    const from = first + BigInt(lines.from);
    if (this.#end !== from) {
      yield* this.#closed();
      this.#first = from;
      this.#end = from;
    }
    let line = 0;
    while (line < lines.count) {
      const start = startOf(lines, line);
      const length = (lines.ends[line] ?? 0) - start;
      if (length > lineBytesMax) {
        const ordinal = first + BigInt(lines.indexes[line] ?? 0);
        this.#end = ordinal;
        yield* this.#closed();
        yield { kind: "too_large", line, ordinal, bytes: length };
        this.#first = ordinal + 1n;
        this.#end = this.#first;
        line += 1;
        continue;
      }
      const room = Math.min(target(), recordBytesMax) - this.#bytes;
      let stop = Math.min(line + linesMax - this.#lines, linesWithin(lines, line, start + room));
      // Where records are compressed, a line that is too large alone may be small among all lines of a record.
      if (room > lineBytesMax) stop = beforeLarge(lines, line, stop, lineBytesMax);
      if (stop === line) {
        if (this.#bytes > 0) {
          yield* this.#closed();
          continue;
        }
        stop = line + 1;
      }
      this.#append(lines, line, stop, first);
      line = stop;
    }
    this.#end = first + BigInt(lines.to);
    // Nothing to wait with for more lines.
    if (this.#bytes === 0) yield* this.#closed();
  }

  /** Closes the open record, if there is one. */
  close(): PackedRecord | undefined {
    if (this.#bytes === 0) return undefined;
    const isGapless = this.#end - this.#first === BigInt(this.#lines);
    const record: PackedRecord = {
      bytes: this.#takeBytes(),
      first: this.#first,
      end: this.#end,
      ends: this.#ends.slice(0, this.#lines),
      ...(isGapless ? {} : { offsets: this.#offsets.slice(0, this.#lines) }),
    };
    this.#bytes = 0;
    this.#lines = 0;
    this.#first = this.#end;
    return record;
  }

  /** The bytes of the open record, which are its own from now on. */
  #takeBytes(): Uint8Array {
    const scratch = this.#scratch;
    if (this.#bytes < scratch.length * KEPT_SHARE) {
      const own = this.#memory.lend(this.#bytes);
      own.set(scratch.subarray(0, this.#bytes));
      return own;
    }
    this.#scratch = this.#memory.lend(scratch.length);
    return this.#memory.shorten(scratch, this.#bytes);
  }

  *#closed(): Generator<Packed, void, undefined> {
    const { record, first, end } = { first: this.#first, end: this.#end, record: this.close() };
    if (record !== undefined) yield { kind: "record", record };
    else if (first < end) {
      this.#first = end;
      yield { kind: "filtered", first, end };
    }
  }

  /** Lines [line, stop) of a commit that begins at ordinal `first`. */
  #append(lines: Lines, line: number, stop: number, first: bigint): void {
    const start = startOf(lines, line);
    const bytes = lines.bytes.subarray(start, lines.ends[stop - 1] ?? 0);
    const needed = this.#bytes + bytes.length;
    const bytesMax = Math.max(this.#options.recordBytesMax, this.#options.lineBytesMax);
    assert(needed <= bytesMax, "a record outgrew its limit");
    if (needed > this.#scratch.length) {
      const capacity = Math.min(bytesMax, Math.max(needed, this.#scratch.length * 2));
      const larger = enlarged(this.#scratch, this.#memory.lend(capacity), this.#bytes);
      this.#memory.handBack(this.#scratch);
      this.#scratch = larger;
    }
    const count = this.#lines + stop - line;
    if (count > this.#ends.length) {
      const capacity = Math.max(count, this.#ends.length * 2);
      this.#ends = enlarged(this.#ends, new Uint32Array(capacity), this.#lines);
      this.#offsets = enlarged(this.#offsets, new Uint32Array(capacity), this.#lines);
    }
    const shift = this.#bytes - start;
    const before = Number(first - this.#first);
    for (let index = line, at = this.#lines; index < stop; index++, at++) {
      this.#ends[at] = (lines.ends[index] ?? 0) + shift;
      this.#offsets[at] = before + (lines.indexes[index] ?? 0);
    }
    this.#scratch.set(bytes, this.#bytes);
    this.#bytes = needed;
    this.#lines = count;
    this.#end = first + BigInt((lines.indexes[stop - 1] ?? 0) + 1);
  }
}

function startOf(lines: Lines, line: number): number {
  return line === 0 ? 0 : (lines.ends[line - 1] ?? 0);
}

/** `larger` with the first `used` elements of `array`. */
function enlarged<T extends Uint8Array | Uint32Array>(array: T, larger: T, used: number): T {
  larger.set(array.subarray(0, used));
  return larger;
}

/** The index after the last line, from `line` on, that ends at or before `offset`. */
function linesWithin(lines: Lines, line: number, offset: number): number {
  let low = line;
  let high = lines.count;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((lines.ends[middle] ?? 0) <= offset) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** The index of the first line in [line, stop) that has more than `bytesMax` bytes; `stop` when none has. */
function beforeLarge(lines: Lines, line: number, stop: number, bytesMax: number): number {
  let start = startOf(lines, line);
  for (let index = line; index < stop; index++) {
    const end = lines.ends[index] ?? 0;
    if (end - start > bytesMax) return index;
    start = end;
  }
  return stop;
}

/** The ordinal of a record's line, by its index. */
export function ordinalOf(record: PackedRecord, line: number): bigint {
  return record.first + BigInt(record.offsets?.[line] ?? line);
}

/**
 * Two halves of a record, cut between two lines, for finding the one that Firehose refuses; undefined when it is a
 * single line. The halves have bytes of their own, compressed anew if the record was.
 */
export function halveRecord(record: PackedRecord): readonly [PackedRecord, PackedRecord] | undefined {
  const { pressed, offsets, ...plain } = record;
  const half = record.ends.length >>> 1;
  if (half === 0) return undefined;
  const bytes = pressed === undefined ? record.bytes : decompressNow(pressed.codec, record.bytes);
  const cut = record.ends[half - 1] ?? 0;
  const middle = ordinalOf(record, half);
  const shift = offsets?.[half] ?? 0;
  const halves = [
    {
      ...plain,
      bytes: new Uint8Array(bytes.subarray(0, cut)),
      end: middle,
      ends: record.ends.subarray(0, half),
      ...(offsets === undefined ? {} : { offsets: offsets.subarray(0, half) }),
    },
    {
      ...plain,
      bytes: new Uint8Array(bytes.subarray(cut)),
      first: middle,
      ends: record.ends.subarray(half).map((end) => end - cut),
      ...(offsets === undefined ? {} : { offsets: offsets.subarray(half).map((offset) => offset - shift) }),
    },
  ] as const;
  return pressed === undefined ? halves : [pressNow(halves[0], pressed.codec), pressNow(halves[1], pressed.codec)];
}

function pressNow(record: PackedRecord, codec: Codec): PackedRecord {
  return { ...record, bytes: compressNow(codec, record.bytes), pressed: { codec, lineBytes: record.bytes.length } };
}
