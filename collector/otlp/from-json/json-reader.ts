/**
 * Reads JSON token by token from UTF-8 bytes (RFC 8259): no objects are made, and numbers keep all their digits, which
 * JSON.parse would round beyond 2^53. What is not JSON throws CollectorError `invalid_request` that says where.
 */
import { CollectorError } from "../../errors.ts";

/** How deep anything may nest: far more than OTLP needs, and far from the end of the stack. */
export const JSON_DEPTH_MAX = 2_000;

/** Up to this length a loop copies faster than a call does. */
const SHORT_BYTES = 64;

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const COLON = 0x3a;

/** What a value begins with. */
export type JsonKind = "object" | "array" | "string" | "number" | "true" | "false" | "null";

/** By what follows a backslash. */
const ESCAPES = new Map([...'"\\/\b\f\n\r\t'].map((character, index) => ['"\\/bfnrt'.charCodeAt(index), character]));

const NUMBER = /^-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?$/;

/** Keys that were read before, by a number made of the first and last byte and the length. */
const KEYS = 256;
const KEY_BYTES_MAX = 32;
const keys: ({ readonly bytes: Uint8Array; readonly text: string } | undefined)[] = new Array(KEYS);

function isAt(key: Uint8Array, bytes: Uint8Array, start: number, end: number): boolean {
  if (key.length !== end - start) return false;
  for (let index = 0; index < key.length; index++) if (key[index] !== bytes[start + index]) return false;
  return true;
}

export class JsonReader {
  readonly #bytes: Uint8Array;
  readonly #text: Buffer;
  #position = 0;
  #depth = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
    // A byte order mark is no part of the text (RFC 8259, section 8.1).
    if (bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf) this.#position = 3;
  }

  /** What comes next; it is not consumed. */
  peek(): JsonKind {
    switch (this.#next()) {
      case 0x7b:
        return "object";
      case 0x5b:
        return "array";
      case QUOTE:
        return "string";
      case 0x74:
        return "true";
      case 0x66:
        return "false";
      case 0x6e:
        return "null";
      case 0x2d:
      case 0x30:
      case 0x31:
      case 0x32:
      case 0x33:
      case 0x34:
      case 0x35:
      case 0x36:
      case 0x37:
      case 0x38:
      case 0x39:
        return "number";
      default:
        throw this.invalid("no JSON value");
    }
  }

  /** Goes through an object: `onField` gets each key, and must consume its value. */
  object(onField: (key: string) => void): void {
    this.#enclosed(0x7b, 0x7d, () => {
      if (this.#next() !== QUOTE) throw this.invalid("no key");
      const key = this.#key();
      if (this.#next() !== COLON) throw this.invalid("no colon behind a key");
      this.#position++;
      onField(key);
    });
  }

  /** Goes through an array: `onElement` must consume one value. */
  array(onElement: () => void): void {
    this.#enclosed(0x5b, 0x5d, onElement);
  }

  string(): string {
    const start = this.#position + 1;
    const end = this.#stringEnd();
    const text = this.#text.toString("utf8", start, end);
    return this.#hasEscapes ? this.#unescaped(text) : text;
  }

  /** The same few keys come again and again, so they are compared rather than made anew. */
  #key(): string {
    const bytes = this.#bytes;
    const start = this.#position + 1;
    const end = this.#stringEnd();
    if (this.#hasEscapes) return this.#unescaped(this.#text.toString("utf8", start, end));
    if (end - start < 1 || end - start > KEY_BYTES_MAX) return this.#text.toString("utf8", start, end);
    const slot = ((bytes[start] as number) * 31 + (bytes[end - 1] as number) * 7 + end - start) % KEYS;
    const seen = keys[slot];
    if (seen !== undefined && isAt(seen.bytes, bytes, start, end)) return seen.text;
    const text = this.#text.toString("utf8", start, end);
    keys[slot] = { bytes: bytes.slice(start, end), text };
    return text;
  }

  /** Copies a string as UTF-8 to `target` at `at`. Returns the position after it. Never more bytes than it takes as JSON. */
  copyString(target: Uint8Array, at: number): number {
    const start = this.#position + 1;
    const end = this.#stringEnd();
    if (!this.#hasEscapes) {
      const bytes = this.#bytes;
      if (end - start > SHORT_BYTES) target.set(bytes.subarray(start, end), at);
      else for (let index = start; index < end; index++) target[at + index - start] = bytes[index] as number;
      return at + end - start;
    }
    // What is no character alone becomes U+FFFD.
    const { written } = new TextEncoder().encodeInto(
      this.#unescaped(this.#text.toString("utf8", start, end)),
      target.subarray(at),
    );
    return at + written;
  }

  /** The digits of a number as they stand there. */
  number(): string {
    this.#next();
    const start = this.#position;
    let end = start;
    for (; end < this.#bytes.length; end++) {
      const byte = this.#bytes[end] as number;
      const isDigit = byte >= 0x30 && byte <= 0x39;
      if (!isDigit && byte !== 0x2d && byte !== 0x2b && byte !== 0x2e && byte !== 0x65 && byte !== 0x45) break;
    }
    const text = this.#text.toString("latin1", start, end);
    if (!NUMBER.test(text)) throw this.invalid("no number");
    this.#position = end;
    return text;
  }

  /** `true`, `false` or `null`. */
  word(word: "true" | "false" | "null"): void {
    this.#next();
    const end = this.#position + word.length;
    if (this.#text.toString("latin1", this.#position, end) !== word) throw this.invalid("no JSON value");
    this.#position = end;
  }

  /** Passes over a value, whatever it is. */
  skip(): void {
    const kind = this.peek();
    if (kind === "object") this.object(() => this.skip());
    else if (kind === "array") this.array(() => this.skip());
    else if (kind === "string") this.#stringEnd();
    else if (kind === "number") this.number();
    else this.word(kind);
  }

  /** Nothing but space may follow. */
  end(): void {
    if (this.#next() !== -1) throw this.invalid("something behind the end");
  }

  invalid(what: string): CollectorError {
    return new CollectorError("invalid_request", `not OTLP in JSON: ${what} at byte ${this.#position}`);
  }

  #hasEscapes = false;

  /** Passes over a string and says where its last quote is. */
  #stringEnd(): number {
    const bytes = this.#bytes;
    this.#hasEscapes = false;
    if (this.#next() !== QUOTE) throw this.invalid("no string");
    for (let position = this.#position + 1; position < bytes.length; position++) {
      const byte = bytes[position] as number;
      if (byte === QUOTE) {
        this.#position = position + 1;
        return position;
      }
      if (byte === BACKSLASH) {
        this.#hasEscapes = true;
        position++;
      } else if (byte < 0x20) {
        this.#position = position;
        throw this.invalid("a control character in a string");
      }
    }
    this.#position = bytes.length;
    throw this.invalid("the text ends inside a string");
  }

  #unescaped(text: string): string {
    return text.replace(/\\(?:u([0-9a-fA-F]{4})|([\s\S]))/g, (_, code: string | undefined, character: string) => {
      if (code !== undefined) return String.fromCharCode(Number.parseInt(code, 16));
      const escaped = ESCAPES.get(character.charCodeAt(0));
      if (escaped === undefined) throw this.invalid(`an escape that is none (\\${character}) in the string that ends`);
      return escaped;
    });
  }

  #enclosed(open: number, close: number, onItem: () => void): void {
    if (this.#next() !== open) throw this.invalid(open === 0x7b ? "no object" : "no array");
    if (++this.#depth > JSON_DEPTH_MAX) {
      throw new CollectorError("request_too_large", `JSON that is nested deeper than ${JSON_DEPTH_MAX} levels`);
    }
    this.#position++;
    if (this.#next() !== close) {
      for (;;) {
        onItem();
        const byte = this.#next();
        if (byte === close) break;
        if (byte !== COMMA) throw this.invalid("neither a comma nor an end");
        this.#position++;
      }
    }
    this.#position++;
    this.#depth--;
  }

  /** Passes over space. The byte that is next; -1 at the end. */
  #next(): number {
    const bytes = this.#bytes;
    for (; this.#position < bytes.length; this.#position++) {
      const byte = bytes[this.#position] as number;
      if (byte !== 0x20 && byte !== 0x0a && byte !== 0x0d && byte !== 0x09) return byte;
    }
    return -1;
  }
}
