/**
 * Reads single values out of OTLP messages on the wire, for filters, shapes and redaction: where an attribute's value
 * lies, and what is in it. Each message is expected in one part; one that is not throws IRREGULAR (render.ts), and is
 * read again from its canonical form.
 */
import { IRREGULAR } from "./render.ts";
import {
  highBits,
  KNOWN_IN_ANY,
  KNOWN_IN_KEY_VALUE,
  KNOWN_IN_LIST,
  lowBits,
  payloadEnd,
  payloadStart,
  skipFixed,
  skipPayload,
  skipUnknown,
  skipVarint,
} from "./wire.ts";

export const STRING = 0x0a;
export const BOOL = 0x10;
export const INT = 0x18;
export const DOUBLE = 0x21;
export const ARRAY = 0x2a;
export const MAP = 0x32;
export const BYTES = 0x3a;

const double = new DataView(new ArrayBuffer(8));

/** A cursor over one value at a time: `read`, then ask. It keeps no state beyond that. */
export class AnyValue {
  /** The tag of the member that is set; 0: none. */
  tag = 0;
  /** Just past the tag: where the value begins, or for what has a length its length. */
  value = 0;
  /** Where the value begins, and for what has a length its payload. */
  start = 0;
  end = 0;
  bytes: Uint8Array = new Uint8Array(0);

  /** An AnyValue whose length begins at `position`; -1: there is none. Says whether a member is set. */
  read(bytes: Uint8Array, position: number, end: number): boolean {
    this.tag = 0;
    this.bytes = bytes;
    if (position < 0) return false;
    const start = payloadStart(bytes, position, end);
    const stop = payloadEnd(bytes, position, start, end);
    return this.readPayload(bytes, start, stop);
  }

  /** The same, of the AnyValue that is [position, end). */
  readPayload(bytes: Uint8Array, position: number, end: number): boolean {
    this.tag = 0;
    this.bytes = bytes;
    while (position < end) {
      const tag = bytes[position] as number;
      const next = position + 1;
      switch (tag) {
        case STRING:
        case BYTES:
          position = skipPayload(bytes, next, end);
          break;
        case BOOL:
        case INT:
          position = skipVarint(bytes, next, end);
          break;
        case DOUBLE:
          position = skipFixed(next, 8, end);
          break;
        case ARRAY:
        case MAP:
          if (this.tag === tag) throw IRREGULAR;
          position = skipPayload(bytes, next, end);
          break;
        default:
          position = skipUnknown(bytes, position, end, KNOWN_IN_ANY);
          continue;
      }
      this.tag = tag;
      this.value = next;
      this.end = position;
    }
    if (this.tag === 0) return false;
    const hasLength = this.tag !== BOOL && this.tag !== INT && this.tag !== DOUBLE;
    this.start = hasLength ? payloadStart(bytes, this.value, end) : this.value;
    return true;
  }

  /** Moves on to the entry `key` of the map that this value is: the last of them. Says whether it is there and set. */
  enter(key: Uint8Array): boolean {
    if (this.tag !== MAP) return false;
    const { bytes, end } = this;
    let value = -1;
    let valueEnd = 0;
    for (let position = this.start; position < end; ) {
      if (bytes[position] !== 0x0a /* values */) {
        position = skipUnknown(bytes, position, end, KNOWN_IN_LIST);
        continue;
      }
      const start = payloadStart(bytes, position + 1, end);
      position = payloadEnd(bytes, position + 1, start, end);
      entry.read(bytes, start, position);
      if (!entry.isKey(key)) continue;
      value = entry.value;
      valueEnd = position;
    }
    return this.read(bytes, value, valueEnd);
  }

  /** The number that it is; undefined where it is none. Integers beyond what a number holds come as bigint. */
  toNumber(): number | bigint | undefined {
    const { bytes, start, end } = this;
    if (this.tag === DOUBLE) {
      for (let index = 0; index < 8; index++) double.setUint8(index, bytes[start + index] as number);
      return double.getFloat64(0, true);
    }
    if (this.tag !== INT) return undefined;
    const high = highBits(bytes, start, end) | 0;
    const low = lowBits(bytes, start, end);
    if (high >= -0x200000 && high < 0x200000) return high * 0x1_0000_0000 + low;
    return (BigInt(high) << 32n) | BigInt(low);
  }

  toBoolean(): boolean | undefined {
    if (this.tag !== BOOL) return undefined;
    return (lowBits(this.bytes, this.start, this.end) | highBits(this.bytes, this.start, this.end)) !== 0;
  }
}

/** Where the key and the value of one KeyValue lie. */
export class KeyValue {
  #bytes: Uint8Array = new Uint8Array(0);
  /** The key is [keyStart, keyEnd). */
  keyStart = 0;
  keyEnd = 0;
  /** Where the length of its AnyValue begins; -1: it has none. */
  value = -1;

  /** The KeyValue that is [position, end). */
  read(bytes: Uint8Array, position: number, end: number): void {
    this.#bytes = bytes;
    this.keyStart = 0;
    this.keyEnd = 0;
    this.value = -1;
    while (position < end) {
      const tag = bytes[position];
      if (tag === 0x0a /* key */) {
        this.keyStart = payloadStart(bytes, position + 1, end);
        this.keyEnd = payloadEnd(bytes, position + 1, this.keyStart, end);
        position = this.keyEnd;
      } else if (tag === 0x12 /* value */) {
        if (this.value >= 0) throw IRREGULAR;
        this.value = position + 1;
        position = skipPayload(bytes, this.value, end);
      } else position = skipUnknown(bytes, position, end, KNOWN_IN_KEY_VALUE);
    }
  }

  get key(): Uint8Array {
    return this.#bytes.subarray(this.keyStart, this.keyEnd);
  }

  isKey(key: Uint8Array): boolean {
    return isEqual(this.#bytes, this.keyStart, this.keyEnd, key);
  }
}

const entry = new KeyValue();

/** Whether [position, end) holds just what `other` does. */
export function isEqual(bytes: Uint8Array, position: number, end: number, other: Uint8Array): boolean {
  const { length } = other;
  if (end - position !== length) return false;
  for (let index = 0; index < length; index++) if (bytes[position + index] !== other[index]) return false;
  return true;
}

/** Makes texts of bytes; one after the other of the same bytes is cheap, since it keeps its view of them. */
export class Texts {
  #bytes: Uint8Array = new Uint8Array(0);
  #view: Buffer = Buffer.alloc(0);

  /** [position, end) as text; what is not UTF-8 becomes U+FFFD, as in a line. */
  read(bytes: Uint8Array, position: number, end: number): string {
    if (bytes !== this.#bytes) {
      this.#bytes = bytes;
      this.#view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
    }
    return this.#view.toString("utf8", position, end);
  }
}
