/**
 * JSON objects (RFC 8259) straight from bytes to protobuf: each byte is looked at once, and no object is made.
 *
 * Strict: what JSON.parse would refuse is no line of this format. Integers that fit int64 are integers, numbers with a point or
 * an exponent are doubles, and longer integers stay as the text that they are, since a double would change them. Keys
 * given twice stay twice. A lone surrogate becomes U+FFFD: OTLP's texts are UTF-8.
 */
import {
  ANY_ARRAY,
  ANY_BOOL,
  ANY_DOUBLE,
  ANY_INT,
  ANY_MAP,
  ANY_STRING,
  KEY_TAG,
  VALUE_TAG,
  VALUES_TAG,
} from "../wire/request.ts";
import type { Writer } from "../wire/writer.ts";
import type { FieldWatcher, Parser } from "./fields.ts";

/** Collectors bound how deep a body may be nested (Standpipe: 64). */
const NESTING_MAX = 60;

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const COLON = 0x3a;
const ZERO = 0x30;
const NINE = 0x39;
const MINUS = 0x2d;
/** More than any scalar's tags and lengths. */
const ROOM_BYTES = 32;

export class JsonParser implements Parser {
  #bytes: Uint8Array = new Uint8Array(0);
  #at = 0;
  #end = 0;
  #watcher: FieldWatcher | undefined;
  /** Where the text that was read last lies in the writer. */
  #textStart = 0;

  parse(bytes: Uint8Array, start: number, end: number, writer: Writer, watcher: FieldWatcher): boolean {
    this.#bytes = bytes;
    this.#at = start;
    this.#end = end;
    this.#watcher = watcher;
    this.#blank();
    if (!this.#members(writer, 1)) return false;
    this.#blank();
    return this.#at === end;
  }

  #blank(): void {
    const bytes = this.#bytes;
    const end = this.#end;
    let at = this.#at;
    for (; at < end; at++) {
      const code = bytes[at] as number;
      if (code !== 0x20 && code !== 0x09 && code !== 0x0d && code !== 0x0a) break;
    }
    this.#at = at;
  }

  /** An object at the position: its members. */
  #members(writer: Writer, depth: number): boolean {
    const bytes = this.#bytes;
    if (this.#at >= this.#end || bytes[this.#at] !== 0x7b) return false;
    this.#at++;
    this.#blank();
    if (this.#at < this.#end && bytes[this.#at] === 0x7d) {
      this.#at++;
      return true;
    }
    for (;;) {
      const memberAt = writer.at;
      writer.reserve(ROOM_BYTES);
      writer.byte(VALUES_TAG);
      const member = writer.open(1);
      writer.byte(KEY_TAG);
      if (!this.#text(writer)) return false;
      const index =
        depth === 1 ? (this.#watcher as FieldWatcher).indexOf(writer.bytes, this.#textStart, writer.at) : -1;
      this.#blank();
      if (this.#at >= this.#end || bytes[this.#at] !== COLON) return false;
      this.#at++;
      this.#blank();
      writer.reserve(ROOM_BYTES);
      writer.byte(VALUE_TAG);
      const valueAt = this.#at;
      if (!this.#any(writer, depth)) return false;
      const isKept = index < 0 || this.#hand(writer, index, valueAt);
      writer.close(member, 1);
      if (!isKept) writer.at = memberAt;
      this.#blank();
      if (this.#at >= this.#end) return false;
      const code = bytes[this.#at++];
      if (code === 0x7d) return true;
      if (code !== COMMA) return false;
      this.#blank();
    }
  }

  /** Gives the value that was just read to whoever waits for it. */
  #hand(writer: Writer, index: number, valueAt: number): boolean {
    const watcher = this.#watcher as FieldWatcher;
    // The text as written ends where the writer stands. Types are JSON's own.
    return this.#bytes[valueAt] === QUOTE
      ? watcher.take(index, writer.bytes, this.#textStart, writer.at) !== "leave_out"
      : watcher.take(index, this.#bytes, valueAt, this.#at) !== "leave_out";
  }

  /** An AnyValue with its length; its tag is written already. */
  #any(writer: Writer, depth: number): boolean {
    if (this.#at >= this.#end) return false;
    const code = this.#bytes[this.#at] as number;
    const any = writer.open(1);
    if (code === QUOTE) {
      writer.byte(ANY_STRING);
      if (!this.#text(writer)) return false;
      const before = writer.at;
      writer.close(any, 1);
      // A length of two bytes has moved the text.
      this.#textStart += writer.at - before;
      return true;
    }
    if (code === 0x7b || code === 0x5b) {
      if (depth >= NESTING_MAX) return false;
      writer.byte(code === 0x7b ? ANY_MAP : ANY_ARRAY);
      const inner = writer.open(1);
      if (!(code === 0x7b ? this.#members(writer, depth + 1) : this.#values(writer, depth + 1))) return false;
      writer.close(inner, 1);
    } else if (code === 0x74) {
      if (!this.#word("true")) return false;
      writer.byte(ANY_BOOL);
      writer.byte(1);
    } else if (code === 0x66) {
      if (!this.#word("false")) return false;
      writer.byte(ANY_BOOL);
      writer.byte(0);
    } else if (code === 0x6e) {
      // null is an AnyValue that holds nothing.
      if (!this.#word("null")) return false;
    } else if (!this.#number(writer)) return false;
    writer.close(any, 1);
    return true;
  }

  #values(writer: Writer, depth: number): boolean {
    this.#at++;
    this.#blank();
    if (this.#at < this.#end && this.#bytes[this.#at] === 0x5d) {
      this.#at++;
      return true;
    }
    for (;;) {
      writer.reserve(ROOM_BYTES);
      writer.byte(VALUES_TAG);
      if (!this.#any(writer, depth)) return false;
      this.#blank();
      if (this.#at >= this.#end) return false;
      const code = this.#bytes[this.#at++];
      if (code === 0x5d) return true;
      if (code !== COMMA) return false;
      this.#blank();
    }
  }

  #word(word: string): boolean {
    for (let index = 0; index < word.length; index++)
      if (this.#at + index >= this.#end || this.#bytes[this.#at + index] !== word.charCodeAt(index)) return false;
    this.#at += word.length;
    return true;
  }

  /** A length and a text: found and copied in one pass, up to the first escape. */
  #text(writer: Writer): boolean {
    const bytes = this.#bytes;
    const end = this.#end;
    if (this.#at >= end || bytes[this.#at] !== QUOTE) return false;
    let at = this.#at + 1;
    const first = at;
    for (; at < end; at++) {
      const code = bytes[at] as number;
      if (code === QUOTE || code === BACKSLASH || code < 0x20) break;
    }
    if (at >= end) return false;
    if (bytes[at] === QUOTE) {
      writer.reserve(at - first + ROOM_BYTES);
      writer.varint(at - first);
      this.#textStart = writer.at;
      writer.copy(bytes, first, at);
      this.#at = at + 1;
      return true;
    }
    return this.#escapedText(writer, first, at);
  }

  #escapedText(writer: Writer, first: number, firstEscape: number): boolean {
    const bytes = this.#bytes;
    const end = this.#end;
    let at = firstEscape;
    let plain = first;
    // What is escaped never takes more bytes than its escape.
    writer.reserve(end - first + ROOM_BYTES);
    const start = writer.open(1);
    for (; at < end; at++) {
      const code = bytes[at] as number;
      if (code < 0x20) return false;
      if (code !== QUOTE && code !== BACKSLASH) continue;
      writer.copy(bytes, plain, at);
      if (code === QUOTE) {
        this.#at = at + 1;
        const before = writer.at;
        writer.close(start, 1);
        this.#textStart = start + writer.at - before;
        return true;
      }
      at++;
      if (at >= end) return false;
      const letter = bytes[at] as number;
      if (letter === 0x75) {
        const unit = hexUnit(bytes, at + 1, end);
        if (unit < 0) return false;
        at += 4;
        let point = unit;
        if (unit >= 0xd800 && unit <= 0xdfff) {
          const low = bytes[at + 1] === BACKSLASH && bytes[at + 2] === 0x75 ? hexUnit(bytes, at + 3, end) : -1;
          if (unit < 0xdc00 && low >= 0xdc00 && low <= 0xdfff) {
            point = 0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00);
            at += 6;
          } else point = 0xfffd;
        }
        writeCodePoint(writer, point);
      } else {
        const plainCode = ESCAPES[letter] ?? 0;
        if (plainCode === 0) return false;
        writer.byte(plainCode);
      }
      plain = at + 1;
    }
    return false;
  }

  #number(writer: Writer): boolean {
    const bytes = this.#bytes;
    const end = this.#end;
    const start = this.#at;
    let at = start;
    const isNegative = bytes[at] === MINUS;
    if (isNegative) at++;
    const digitsAt = at;
    let value = 0;
    for (; at < end; at++) {
      const code = bytes[at] as number;
      if (code < ZERO || code > NINE) break;
      value = value * 10 + (code - ZERO);
    }
    const digits = at - digitsAt;
    if (digits === 0 || (digits > 1 && bytes[digitsAt] === ZERO)) return false;
    const next = at < end ? (bytes[at] as number) : 0;
    if (next !== 0x2e && next !== 0x65 && next !== 0x45) {
      this.#at = at;
      if (digits <= 15 && (!isNegative || value === 0)) {
        writer.byte(isNegative ? ANY_DOUBLE : ANY_INT);
        if (isNegative) writer.double(-0);
        else writer.varint(value);
        return true;
      }
      return this.#longInteger(writer, start, at);
    }
    if (next === 0x2e) {
      const fractionAt = ++at;
      while (at < end && (bytes[at] as number) >= ZERO && (bytes[at] as number) <= NINE) at++;
      if (at === fractionAt) return false;
    }
    if (at < end && (bytes[at] === 0x65 || bytes[at] === 0x45)) {
      at++;
      if (at < end && (bytes[at] === 0x2b || bytes[at] === MINUS)) at++;
      const exponentAt = at;
      while (at < end && (bytes[at] as number) >= ZERO && (bytes[at] as number) <= NINE) at++;
      if (at === exponentAt) return false;
    }
    this.#at = at;
    const double = Number(asciiOf(bytes, start, at));
    if (!Number.isFinite(double)) return writeAsText(writer, bytes, start, at);
    writer.byte(ANY_DOUBLE);
    writer.double(double);
    return true;
  }

  #longInteger(writer: Writer, start: number, end: number): boolean {
    if (end - start > 20) return writeAsText(writer, this.#bytes, start, end);
    const value = BigInt(asciiOf(this.#bytes, start, end));
    if (BigInt.asIntN(64, value) !== value) return writeAsText(writer, this.#bytes, start, end);
    writer.byte(ANY_INT);
    writer.int64(value);
    return true;
  }
}

/** A number that no number of OTLP's can hold. */
function writeAsText(writer: Writer, bytes: Uint8Array, start: number, end: number): boolean {
  writer.reserve(end - start + ROOM_BYTES);
  writer.byte(ANY_STRING);
  writer.varint(end - start);
  writer.copy(bytes, start, end);
  return true;
}

function asciiOf(bytes: Uint8Array, start: number, end: number): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString("latin1");
}

/** Four hex digits; -1 where they are none. */
function hexUnit(bytes: Uint8Array, start: number, end: number): number {
  if (start + 4 > end) return -1;
  let value = 0;
  for (let at = start; at < start + 4; at++) {
    const code = bytes[at] as number;
    const lower = code | 0x20;
    if (code >= ZERO && code <= NINE) value = value * 16 + code - ZERO;
    else if (lower >= 0x61 && lower <= 0x66) value = value * 16 + lower - 0x57;
    else return -1;
  }
  return value;
}

function writeCodePoint(writer: Writer, point: number): void {
  if (point < 0x80) {
    writer.byte(point);
    return;
  }
  if (point < 0x800) writer.byte(0xc0 | (point >> 6));
  else {
    if (point < 0x10000) writer.byte(0xe0 | (point >> 12));
    else {
      writer.byte(0xf0 | (point >> 18));
      writer.byte(0x80 | ((point >> 12) & 0x3f));
    }
    writer.byte(0x80 | ((point >> 6) & 0x3f));
  }
  writer.byte(0x80 | (point & 0x3f));
}

/** What stands for itself or for a control character after a backslash; 0: nothing does. */
const ESCAPES = new Uint8Array(256);
for (const [letter, code] of Object.entries({ '"': 0x22, "\\": 0x5c, "/": 0x2f, b: 8, f: 12, n: 10, r: 13, t: 9 }))
  ESCAPES[letter.charCodeAt(0)] = code;
