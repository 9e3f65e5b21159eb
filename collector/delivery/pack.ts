/**
 * Lines into Firehose records, records into calls: how much goes where. Pure: no time, no I/O.
 *
 * - A record holds whole lines only and covers one contiguous range of ordinals, a line for each. (One that holds a part
 *   of an oversize line holds nothing else: see oversize.ts.)
 * - A record is at most a share of a second at the current rate (so that the pacer can let whole calls through without
 *   a burst), rounded down to a multiple of the 5,120 bytes that AWS bills, and never above Firehose's own limit. Only a
 *   single line that is longer than that share may exceed it.
 * - Where records are compressed (press.ts) the lines of one are as many as will come to that size.
 * - A line above Firehose's limit fits no record: it is told to the caller.
 */
import { assert } from "../errors.ts";
import { FIREHOSE_BILLING_UNIT_BYTES } from "../limits.ts";
import type { Lines } from "../otlp/transcode.ts";
import { type Codec, compressNow, decompressNow } from "./compress.ts";

/** One Firehose record on its way, with bytes of its own. */
export interface PackedRecord {
  /** Whole lines, each ended by "\n", as many as the range is long; or what they were compressed to. */
  readonly bytes: Uint8Array;
  readonly first: bigint;
  readonly end: bigint;
  /** Set when the lines are compressed: how, and how many bytes they had. */
  readonly pressed?: { readonly codec: Codec; readonly lineBytes: number };
  /** Set when the record is one part of a single line: what it has in common with the other parts. */
  readonly whole?: PartedLine;
  /**
   * Set once the record was part of a call refused as invalid: how many records the stream had taken by then. When it
   * has taken more since, the fault lies in this record and not in the stream.
   */
  readonly refusedAtTaken?: number;
}

/** A line on its way in parts. Its ordinal is settled once, when the last of them is, or when one must be put aside. */
export interface PartedLine {
  /** Parts that Firehose has not taken yet. */
  partsLeft: number;
  /** Whether one of them was refused for good, and the whole log record went into quarantine. */
  isQuarantined: boolean;
}

/** What `Packer.add` comes to: a record that is full, or a line (by its index in `lines`) that fits no record. */
export type Packed =
  | { readonly kind: "record"; readonly record: PackedRecord }
  | { readonly kind: "too_large"; readonly line: number; readonly ordinal: bigint; readonly bytes: number };

const NEWLINE = 0x0a;

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
}

/** Gathers lines, of one transcoded commit after the other, until a record is full. Copies what it keeps. */
export class Packer {
  readonly #options: PackerOptions;
  #scratch = new Uint8Array(64 * 1024);
  #bytes = 0;
  #first = 0n;
  #end = 0n;

  constructor(options: PackerOptions) {
    this.#options = options;
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
   * Takes all of `lines`, the first of which has ordinal `first`, and yields what comes of them in order. A record is
   * closed when the next line would carry it past `target()` bytes, asked anew for every record, or when it has as many
   * lines as it may. The last one stays open.
   * Lines that do not follow on the open record close it.
   */
  *add(lines: Lines, first: bigint, target: () => number): Generator<Packed, void, undefined> {
    const { recordBytesMax, lineBytesMax, linesMax } = this.#options;
    if (this.#bytes > 0 && this.#end !== first) yield* this.#closed();
    let line = 0;
    while (line < lines.count) {
      const start = line === 0 ? 0 : (lines.ends[line - 1] ?? 0);
      const length = (lines.ends[line] ?? 0) - start;
      const ordinal = first + BigInt(line);
      if (length > lineBytesMax) {
        yield* this.#closed();
        yield { kind: "too_large", line, ordinal, bytes: length };
        line += 1;
        continue;
      }
      const room = Math.min(target(), recordBytesMax) - this.#bytes;
      const linesLeft = linesMax - (this.#bytes === 0 ? 0 : Number(this.#end - this.#first));
      let stop = Math.min(line + linesLeft, linesWithin(lines, line, start + room));
      if (stop === line) {
        if (this.#bytes > 0) {
          yield* this.#closed();
          continue;
        }
        stop = line + 1;
      }
      this.#append(lines.bytes.subarray(start, lines.ends[stop - 1] ?? 0), ordinal, first + BigInt(stop));
      line = stop;
    }
  }

  /** Closes the open record, if there is one. */
  close(): PackedRecord | undefined {
    if (this.#bytes === 0) return undefined;
    const record: PackedRecord = {
      bytes: this.#scratch.slice(0, this.#bytes),
      first: this.#first,
      end: this.#end,
    };
    this.#bytes = 0;
    return record;
  }

  *#closed(): Generator<Packed, void, undefined> {
    const record = this.close();
    if (record !== undefined) yield { kind: "record", record };
  }

  #append(bytes: Uint8Array, first: bigint, end: bigint): void {
    const needed = this.#bytes + bytes.length;
    const bytesMax = Math.max(this.#options.recordBytesMax, this.#options.lineBytesMax);
    assert(needed <= bytesMax, "a record outgrew its limit");
    if (needed > this.#scratch.length) {
      const larger = new Uint8Array(Math.min(bytesMax, Math.max(needed, this.#scratch.length * 2)));
      larger.set(this.#scratch.subarray(0, this.#bytes));
      this.#scratch = larger;
    }
    this.#scratch.set(bytes, this.#bytes);
    if (this.#bytes === 0) this.#first = first;
    this.#bytes = needed;
    this.#end = end;
  }
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

/**
 * Two halves of a record, cut between two lines, for finding the one that Firehose refuses; undefined when it is a
 * single line. The halves are views of the record's bytes, or compressed anew as the record was.
 */
export function halveRecord(record: PackedRecord): readonly [PackedRecord, PackedRecord] | undefined {
  const lines = record.end - record.first;
  if (lines < 2n) return undefined;
  if (record.pressed !== undefined) {
    const { pressed, ...plain } = record;
    const halves = halveRecord({ ...plain, bytes: decompressNow(pressed.codec, record.bytes) });
    return halves && [pressNow(halves[0], pressed.codec), pressNow(halves[1], pressed.codec)];
  }
  const half = lines / 2n;
  let offset = 0;
  for (let line = 0n; line < half; line++) {
    const newline = record.bytes.indexOf(NEWLINE, offset);
    assert(newline >= 0, "a record holds fewer lines than its range");
    offset = newline + 1;
  }
  const middle = record.first + half;
  return [
    { ...record, bytes: record.bytes.subarray(0, offset), end: middle },
    { ...record, bytes: record.bytes.subarray(offset), first: middle },
  ];
}

function pressNow(record: PackedRecord, codec: Codec): PackedRecord {
  return { ...record, bytes: compressNow(codec, record.bytes), pressed: { codec, lineBytes: record.bytes.length } };
}
