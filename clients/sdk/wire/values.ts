/**
 * Any value as OTLP's AnyValue (proto/opentelemetry/proto/common/v1/common.proto), written backwards.
 *
 * Nothing in a log may break logging: a getter that throws, a ring of references, a nesting that has no end become a text
 * that says so. Depth and bytes are bounded, since the collector's are (64 levels, 1,024,000 bytes of a record).
 */
import type { BackwardWriter } from "./backward-writer.ts";

/** Levels of objects and arrays. A level is up to three messages, and common protobuf decoders end at a depth of 100. */
const DEPTH_MAX = 24;

const INT64_MIN = -(2n ** 63n);
const INT64_MAX = 2n ** 63n - 1n;

/** A record that grew beyond what is allowed while it was written. */
export class TooLarge extends Error {}

export class ValueWriter {
  readonly #writer: BackwardWriter;
  /** Objects around the value that is being written: a ring comes back to one of them. */
  readonly #around: object[] = [];
  /** Length of the writer beyond which writing ends with `TooLarge`. */
  lengthMax = Number.POSITIVE_INFINITY;

  constructor(writer: BackwardWriter) {
    this.#writer = writer;
  }

  /** `KeyValue key = 1, value = 2` as a field of the message around it. Throws nothing but TooLarge. */
  pair(field: number, key: string, value: unknown): void {
    const writer = this.#writer;
    const before = writer.length;
    this.value(2, value);
    writer.text(1, key);
    writer.message(field, before);
  }

  /** An AnyValue as a field of the message around it. Throws nothing but TooLarge. */
  value(field: number, value: unknown): void {
    const writer = this.#writer;
    const before = writer.length;
    const depth = this.#around.length;
    try {
      this.#any(value);
    } catch (error) {
      if (error instanceof TooLarge) throw error;
      this.#around.length = depth;
      writer.reset(before);
      writer.text(1, "[unreadable]");
    }
    if (writer.length > this.lengthMax) {
      this.#around.length = 0;
      throw new TooLarge();
    }
    writer.message(field, before);
  }

  #any(value: unknown): void {
    const writer = this.#writer;
    switch (typeof value) {
      case "string":
        if (value.length > this.lengthMax) throw new TooLarge();
        writer.text(1, value);
        return;
      case "boolean":
        writer.integer(2, value ? 1 : 0);
        return;
      case "number":
        if (Number.isSafeInteger(value) && !Object.is(value, -0)) writer.int64(3, value);
        else writer.double(4, value);
        return;
      case "bigint":
        if (value >= INT64_MIN && value <= INT64_MAX) writer.int64(3, value);
        else writer.text(1, String(value));
        return;
      case "undefined":
        return;
      case "object":
        if (value !== null) this.#object(value);
        return;
      default:
        writer.text(1, String(value));
    }
  }

  #object(value: object): void {
    const writer = this.#writer;
    if (value instanceof Uint8Array) {
      if (value.length > this.lengthMax) throw new TooLarge();
      writer.bytes(7, value);
      return;
    }
    if (value instanceof Date) {
      writer.text(1, Number.isNaN(value.getTime()) ? "Invalid Date" : value.toISOString());
      return;
    }
    if (value instanceof RegExp || value instanceof URL) {
      writer.text(1, String(value));
      return;
    }
    if (this.#around.includes(value)) {
      writer.text(1, "[circular]");
      return;
    }
    if (this.#around.length >= DEPTH_MAX) {
      writer.text(1, "[nested too deep]");
      return;
    }
    this.#around.push(value);
    this.#content(value);
    this.#around.pop();
  }

  #content(value: object): void {
    const writer = this.#writer;
    const before = writer.length;
    if (Array.isArray(value) || value instanceof Set) {
      const items: readonly unknown[] = Array.isArray(value) ? value : [...value];
      for (let index = items.length - 1; index >= 0; index--) this.value(1, items[index]);
      writer.message(5, before);
      return;
    }
    const plain = "toJSON" in value && typeof value.toJSON === "function" ? (value.toJSON as () => unknown)() : value;
    if (plain !== value) {
      this.#any(plain);
      return;
    }
    const entries = entriesOf(value);
    for (let index = entries.length - 1; index >= 0; index--) {
      const [key, each] = entries[index] as [string, unknown];
      if (each !== undefined && typeof each !== "function") this.pair(1, key, each);
    }
    writer.message(6, before);
  }
}

function entriesOf(value: object): [string, unknown][] {
  if (value instanceof Map) return [...value].map(([key, each]) => [String(key), each]);
  if (value instanceof Error) {
    const own = Object.entries(value);
    return [["type", value.name], ["message", value.message], ["stack", value.stack], ...own];
  }
  return Object.entries(value);
}
