/**
 * Bytes of protobuf, written front to back into one growing array: what the agent makes of lines is never an object.
 *
 * A message is opened before its length is known: `open` leaves one byte, `close` fills it in, and moves the message up
 * where the length takes more than one. Nearly every message here is shorter than 128 bytes or a log record of two bytes'
 * length, for which `open(2)` leaves room; lengths are always as short as they can be.
 */

const CAPACITY_BYTES = 64 * 1024;

export class Writer {
  bytes: Uint8Array<ArrayBuffer>;
  /** Where the next byte goes. */
  at = 0;
  #view: DataView;

  constructor(capacityBytes = CAPACITY_BYTES) {
    this.bytes = new Uint8Array(capacityBytes);
    this.#view = new DataView(this.bytes.buffer);
  }

  /** Makes sure that `count` more bytes fit. To be called before anything is written. */
  reserve(count: number): void {
    if (this.at + count <= this.bytes.length) return;
    const larger = new Uint8Array(Math.max(this.bytes.length * 2, this.at + count));
    larger.set(this.bytes.subarray(0, this.at));
    this.bytes = larger;
    this.#view = new DataView(larger.buffer);
  }

  /** Begins anew; an array beyond `keptBytesMax` is let go. */
  reset(keptBytesMax: number): void {
    this.at = 0;
    if (this.bytes.length <= keptBytesMax) return;
    this.bytes = new Uint8Array(CAPACITY_BYTES);
    this.#view = new DataView(this.bytes.buffer);
  }

  byte(value: number): void {
    this.bytes[this.at++] = value;
  }

  /** A whole number from 0 up to 2^53. */
  varint(value: number): void {
    let rest = value;
    while (rest >= 0x80) {
      this.bytes[this.at++] = (rest & 0x7f) | 0x80;
      rest = rest < 0x80000000 ? rest >>> 7 : Math.floor(rest / 128);
    }
    this.bytes[this.at++] = rest;
  }

  /** An int64, which takes ten bytes where it is negative. */
  int64(value: bigint): void {
    let rest = BigInt.asUintN(64, value);
    while (rest >= 0x80n) {
      this.bytes[this.at++] = Number(rest & 0x7fn) | 0x80;
      rest >>= 7n;
    }
    this.bytes[this.at++] = Number(rest);
  }

  double(value: number): void {
    this.#view.setFloat64(this.at, value, true);
    this.at += 8;
  }

  /** A fixed64 of nanoseconds since 1970, from whole seconds (not negative) and nanoseconds beyond. */
  nanos(seconds: number, nanoseconds: number): void {
    const view = this.#view;
    view.setUint32(this.at, 0, true);
    this.at += 8;
    this.setNanos(this.at - 8, seconds, nanoseconds);
  }

  /** The same, at a place that was written before. */
  setNanos(position: number, seconds: number, nanoseconds: number): void {
    // seconds * 10^9 does not fit 2^53: halves of 16 bits do.
    const upper = Math.floor(seconds / 0x10000) * 1e9;
    const lower = (upper % 0x10000) * 0x10000 + (seconds % 0x10000) * 1e9 + nanoseconds;
    this.#view.setUint32(position, lower % 0x100000000, true);
    this.#view.setUint32(position + 4, Math.floor(upper / 0x10000) + Math.floor(lower / 0x100000000), true);
  }

  /** Bytes of another array. */
  copy(source: Uint8Array, start: number, end: number): void {
    const count = end - start;
    this.reserve(count);
    if (count < 32) {
      const { bytes } = this;
      let at = this.at;
      for (let index = start; index < end; index++) bytes[at++] = source[index] as number;
    } else this.bytes.set(source.subarray(start, end), this.at);
    this.at += count;
  }

  /** Leaves room for a length of `width` bytes; give what it returns to `close`. */
  open(width: number): number {
    this.reserve(width + 16);
    this.at += width;
    return this.at;
  }

  /** Ends the message that begins at `start`, for whose length `width` bytes were left. */
  close(start: number, width: number): void {
    const length = this.at - start;
    const needed = lengthOfVarint(length);
    if (needed !== width) {
      this.reserve(needed);
      this.bytes.copyWithin(start - width + needed, start, this.at);
    }
    this.at = start - width;
    this.varint(length);
    this.at += length;
  }

  /** A length and a text. */
  text(value: string): void {
    this.reserve(value.length * 3 + 16);
    const start = this.open(1);
    this.at += encoder.encodeInto(value, this.bytes.subarray(this.at)).written;
    this.close(start, 1);
  }
}

const encoder = new TextEncoder();

export function lengthOfVarint(value: number): number {
  if (value < 0x80) return 1;
  if (value < 0x4000) return 2;
  if (value < 0x200000) return 3;
  return value < 0x10000000 ? 4 : 5;
}
