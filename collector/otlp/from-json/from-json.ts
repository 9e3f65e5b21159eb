/**
 * An ExportLogsServiceRequest in JSON, as bytes of protobuf: read token by token, written field by field, without
 * objects between. What is written is never longer than what was read, so one buffer of that size does.
 *
 * Taken as the OTLP specification has it ("JSON Protobuf Encoding"): ids in hex, enumerations as numbers, 64-bit numbers
 * as texts or numbers, unknown fields passed over; and, as protobuf's own JSON reader does, null for a field that is not
 * set, names of severities, base64 of both alphabets, "NaN" and "Infinity". A value of another type is refused, since
 * passing over it would lose what it says.
 */

import { JsonReader } from "./json-reader.ts";
import { type Field, REQUEST, type Shape } from "./message-shapes.ts";

const UINT64_END = 1n << 64n;
const INT64_END = 1n << 63n;
const UINT32_MAX = 2 ** 32 - 1;

const SEVERITIES = ["TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"];

/**
 * Throws CollectorError `invalid_request` for what is no JSON or no logs request, and `request_too_large` for what is
 * nested beyond all measure. The result is a view of memory of its own.
 */
export function fromJson(json: Uint8Array): Uint8Array {
  const writer = new Writer(new JsonReader(json), json.length);
  return writer.request();
}

class Writer {
  readonly #reader: JsonReader;
  readonly #out: Buffer;
  #at = 0;

  constructor(reader: JsonReader, bytesMax: number) {
    this.#reader = reader;
    // The length of a message is written when its end is known, and its fields are moved then.
    this.#out = Buffer.allocUnsafeSlow(bytesMax + 16);
  }

  request(): Uint8Array {
    this.#fields(REQUEST);
    this.#reader.end();
    return this.#out.subarray(0, this.#at);
  }

  #fields(shape: Shape): void {
    const reader = this.#reader;
    reader.object((key) => {
      const field = shape.get(key);
      if (field === undefined) reader.skip();
      else if (reader.peek() === "null") reader.word("null");
      else if (!field.isRepeated) this.#field(key, field);
      else reader.array(() => this.#field(key, field));
    });
  }

  #field(key: string, { tag, type }: Field): void {
    this.#out[this.#at++] = tag;
    if (typeof type !== "string") {
      this.#message(type());
      return;
    }
    switch (type) {
      case "string":
        this.#lengthBefore(() => {
          this.#at = this.#reader.copyString(this.#out, this.#at);
        });
        break;
      case "hex":
        this.#bytes(this.#hex(key));
        break;
      case "base64":
        this.#bytes(this.#base64(key));
        break;
      case "bool":
        this.#out[this.#at++] = this.#boolean(key) ? 1 : 0;
        break;
      case "double":
        this.#at = this.#out.writeDoubleLE(this.#double(key), this.#at);
        break;
      case "int64":
        this.#varint(BigInt.asUintN(64, this.#integer(key, -INT64_END, INT64_END - 1n)));
        break;
      case "uint32":
        this.#varint(this.#integer(key, 0n, BigInt(UINT32_MAX)));
        break;
      case "severity":
        this.#varint(BigInt.asUintN(64, this.#severity(key)));
        break;
      case "fixed32":
        this.#at = this.#out.writeUInt32LE(Number(this.#integer(key, 0n, BigInt(UINT32_MAX))), this.#at);
        break;
      case "fixed64":
        this.#at = this.#out.writeBigUInt64LE(this.#integer(key, 0n, UINT64_END - 1n), this.#at);
        break;
    }
  }

  #message(shape: Shape): void {
    this.#lengthBefore(() => this.#fields(shape));
  }

  /** Writes what `write` writes, with its length before it: mostly one byte, for which room is left. */
  #lengthBefore(write: () => void): void {
    const start = this.#at + 1;
    this.#at = start;
    write();
    let length = this.#at - start;
    let lengthBytes = 1;
    for (let rest = length; rest >= 0x80; rest >>>= 7) lengthBytes++;
    if (lengthBytes > 1) this.#out.copyWithin(start + lengthBytes - 1, start, this.#at);
    this.#at += lengthBytes - 1;
    let at = start - 1;
    for (; length >= 0x80; length >>>= 7) this.#out[at++] = (length & 0x7f) | 0x80;
    this.#out[at] = length;
  }

  #bytes(value: Uint8Array): void {
    this.#lengthBefore(() => {
      this.#out.set(value, this.#at);
      this.#at += value.length;
    });
  }

  #varint(value: bigint): void {
    if (value < 0x80n) {
      this.#out[this.#at++] = Number(value);
      return;
    }
    let rest = value;
    for (; rest >= 0x80n; rest >>= 7n) this.#out[this.#at++] = Number(rest & 0x7fn) | 0x80;
    this.#out[this.#at++] = Number(rest);
  }

  /** A number, or a text that holds one. */
  #integer(key: string, min: bigint, max: bigint): bigint {
    const kind = this.#reader.peek();
    if (kind !== "number" && kind !== "string") throw this.#reader.invalid(`no whole number for ${key}`);
    const text = kind === "number" ? this.#reader.number() : this.#reader.string();
    const value = toInteger(text);
    if (value === undefined || value < min || value > max) {
      throw this.#reader.invalid(`no whole number from ${min} to ${max} for ${key}`);
    }
    return value;
  }

  #severity(key: string): bigint {
    if (this.#reader.peek() !== "string") return this.#integer(key, -(2n ** 31n), 2n ** 31n - 1n);
    const text = this.#reader.string();
    const [, name = "", step = "1"] = /^SEVERITY_NUMBER_([A-Z]+)([234]?)$/.exec(text) ?? [];
    const index = SEVERITIES.indexOf(name);
    if (index >= 0) return BigInt(index * 4 + Number(step === "" ? 1 : step));
    const value = text === "SEVERITY_NUMBER_UNSPECIFIED" ? 0n : toInteger(text);
    if (value === undefined || value < -(2n ** 31n) || value >= 2n ** 31n) {
      throw this.#reader.invalid(`no severity for ${key}`);
    }
    return value;
  }

  #double(key: string): number {
    const kind = this.#reader.peek();
    if (kind === "number") return Number(this.#reader.number());
    const text = kind === "string" ? this.#reader.string() : "";
    if (text === "NaN") return Number.NaN;
    if (text === "Infinity" || text === "-Infinity") return Number(text);
    if (text.trim() === "" || !Number.isFinite(Number(text))) throw this.#reader.invalid(`no number for ${key}`);
    return Number(text);
  }

  #boolean(key: string): boolean {
    const kind = this.#reader.peek();
    if (kind !== "true" && kind !== "false") throw this.#reader.invalid(`neither true nor false for ${key}`);
    this.#reader.word(kind);
    return kind === "true";
  }

  #hex(key: string): Buffer {
    const text = this.#text(key);
    if (text.length % 2 !== 0 || !/^[0-9a-fA-F]*$/.test(text)) throw this.#reader.invalid(`no hex for ${key}`);
    return Buffer.from(text, "hex");
  }

  #base64(key: string): Buffer {
    const text = this.#text(key);
    if (!/^[A-Za-z0-9+/_-]*={0,2}$/.test(text)) throw this.#reader.invalid(`no base64 for ${key}`);
    return Buffer.from(text, "base64");
  }

  #text(key: string): string {
    if (this.#reader.peek() !== "string") throw this.#reader.invalid(`no text for ${key}`);
    return this.#reader.string();
  }
}

/** Undefined for what is no whole number. 1e3 and 5.0 are. */
function toInteger(text: string): bigint | undefined {
  if (/^-?\d{1,20}$/.test(text)) return BigInt(text);
  if (!/^-?\d+(\.\d+)?([eE][+-]?\d+)?$/.test(text)) return undefined;
  const value = Number(text);
  return Number.isSafeInteger(value) ? BigInt(value) : undefined;
}
