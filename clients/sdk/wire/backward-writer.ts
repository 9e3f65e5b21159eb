/**
 * Writes protobuf from the end to the beginning, so that the length of a nested message is known when it is written and
 * nothing is measured beforehand or moved afterwards. Fields are therefore written in reverse: the last one first.
 *
 * Wire format: https://protobuf.dev/programming-guides/encoding/
 */
const VARINT = 0;
const FIXED64 = 1;
const PAYLOAD = 2;
const FIXED32 = 5;

/** Texts up to this length are looked at character by character: cheaper than a call into native code when ASCII. */
const SHORT_TEXT_CHARACTERS_MAX = 48;

const START_BYTES = 16 * 1024;

/** What a writer keeps between uses; one that had to grow beyond it lets the rest go. */
const KEPT_BYTES_MAX = 1024 * 1024;

export class BackwardWriter {
  #buffer = Buffer.allocUnsafeSlow(START_BYTES);
  /** Where the written bytes begin; they end with the buffer. */
  #start = this.#buffer.length;

  /** Bytes written. */
  get length(): number {
    return this.#buffer.length - this.#start;
  }

  /** A copy of what was written; the writer is empty again. */
  finish(): Buffer {
    const bytes = Buffer.allocUnsafe(this.length);
    this.#buffer.copy(bytes, 0, this.#start);
    this.reset();
    return bytes;
  }

  /** A copy of the `length` bytes that were written first, which stand at the end; nothing is forgotten. */
  copyFirst(length: number): Buffer {
    const bytes = Buffer.allocUnsafe(length);
    this.#buffer.copy(bytes, 0, this.#buffer.length - length);
    return bytes;
  }

  /** Keeps only the `length` bytes that were written last. */
  keepLast(length: number): void {
    const end = this.#buffer.length;
    this.#buffer.copyWithin(end - length, this.#start, this.#start + length);
    this.#start = end - length;
  }

  /** Forgets what was written, or what was written beyond the first `keptLength` bytes. */
  reset(keptLength = 0): void {
    if (keptLength === 0 && this.#buffer.length > KEPT_BYTES_MAX) this.#buffer = Buffer.allocUnsafeSlow(START_BYTES);
    this.#start = this.#buffer.length - keptLength;
  }

  /** Ends a nested message whose content was written since the writer was `lengthBefore` long. */
  message(field: number, lengthBefore: number): void {
    this.varint(this.length - lengthBefore);
    this.varint(field * 8 + PAYLOAD);
  }

  text(field: number, text: string): void {
    const bytes = this.#utf8(text);
    this.varint(bytes);
    this.varint(field * 8 + PAYLOAD);
  }

  bytes(field: number, bytes: Uint8Array): void {
    this.#reserve(bytes.length);
    this.#start -= bytes.length;
    this.#buffer.set(bytes, this.#start);
    this.varint(bytes.length);
    this.varint(field * 8 + PAYLOAD);
  }

  /** Bytes that are fields already. */
  raw(bytes: Uint8Array): void {
    this.#reserve(bytes.length);
    this.#start -= bytes.length;
    this.#buffer.set(bytes, this.#start);
  }

  /** An integer from 0 to 2^53 - 1. */
  integer(field: number, value: number): void {
    this.varint(value);
    this.varint(field * 8 + VARINT);
  }

  /** An int64, negative ones as protobuf has them: ten bytes of two's complement. */
  int64(field: number, value: number | bigint): void {
    if (typeof value === "number" && value >= 0) this.varint(value);
    else {
      let rest = BigInt.asUintN(64, BigInt(value));
      const groups: number[] = [];
      for (; rest >= 0x80n; rest >>= 7n) groups.push(Number(rest & 0x7fn) | 0x80);
      groups.push(Number(rest));
      this.#reserve(groups.length);
      this.#start -= groups.length;
      this.#buffer.set(groups, this.#start);
    }
    this.varint(field * 8 + VARINT);
  }

  double(field: number, value: number): void {
    this.#reserve(8);
    this.#start -= 8;
    this.#buffer.writeDoubleLE(value, this.#start);
    this.varint(field * 8 + FIXED64);
  }

  fixed32(field: number, value: number): void {
    this.#reserve(4);
    this.#start -= 4;
    this.#buffer.writeUInt32LE(value >>> 0, this.#start);
    this.varint(field * 8 + FIXED32);
  }

  /** A 64-bit number given as its upper and lower 32 bits. */
  fixed64(field: number, high: number, low: number): void {
    this.#reserve(8);
    this.#start -= 8;
    this.#buffer.writeUInt32LE(low, this.#start);
    this.#buffer.writeUInt32LE(high, this.#start + 4);
    this.varint(field * 8 + FIXED64);
  }

  /** An integer from 0 to 2^53 - 1, without a tag. */
  varint(value: number): void {
    this.#reserve(8);
    const buffer = this.#buffer;
    if (value < 0x80) {
      buffer[--this.#start] = value;
      return;
    }
    const bytes = varintBytes(value);
    let at = this.#start - bytes;
    this.#start = at;
    let rest = value;
    while (rest >= 0x80) {
      buffer[at++] = (rest % 0x80) | 0x80;
      rest = Math.floor(rest / 0x80);
    }
    buffer[at] = rest;
  }

  /** Returns how many bytes the text took. A lone surrogate becomes U+FFFD: protobuf texts are well-formed UTF-8. */
  #utf8(text: string): number {
    const { length } = text;
    if (length <= SHORT_TEXT_CHARACTERS_MAX) {
      this.#reserve(length);
      const buffer = this.#buffer;
      let at = this.#start;
      let index = length;
      for (; index > 0; index--) {
        const code = text.charCodeAt(index - 1);
        if (code >= 0x80) break;
        buffer[--at] = code;
      }
      if (index === 0) {
        this.#start = at;
        return length;
      }
    }
    const bytes = Buffer.byteLength(text);
    this.#reserve(bytes);
    this.#start -= bytes;
    this.#buffer.write(text, this.#start, bytes, "utf8");
    return bytes;
  }

  #reserve(bytes: number): void {
    if (this.#start >= bytes) return;
    const written = this.length;
    const grown = Buffer.allocUnsafeSlow(Math.max(this.#buffer.length * 2, written + bytes));
    this.#buffer.copy(grown, grown.length - written, this.#start);
    this.#buffer = grown;
    this.#start = grown.length - written;
  }
}

/** How many bytes an integer from 0 to 2^53 - 1 takes as a varint. */
export function varintBytes(value: number): number {
  let bytes = 1;
  for (let rest = value; rest >= 0x80; rest = Math.floor(rest / 0x80)) bytes++;
  return bytes;
}
