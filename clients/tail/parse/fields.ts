/**
 * What a parser is and whom it tells of the fields that it finds.
 *
 * A parser writes the members of a map (KeyValueList.values) into the writer while it reads, and hands those whose names
 * somebody waits for (time, severity, filters) over as they pass. Nothing is kept between lines.
 */
import { ANY_BOOL, ANY_DOUBLE, ANY_INT, ANY_STRING, KEY_TAG, VALUE_TAG, VALUES_TAG } from "../wire/request.ts";
import { lengthOfVarint, type Writer } from "../wire/writer.ts";

/** Whoever waits for fields. Its names are compared as bytes. */
export interface FieldWatcher {
  /** Which of the awaited names this key is; -1 for any other. */
  indexOf(bytes: Uint8Array, start: number, end: number): number;
  /** Gets a value as text (without its quotes, escapes resolved), which is good until it returns. */
  take(index: number, bytes: Uint8Array, start: number, end: number): Fate;
}

/** What becomes of a field: it is left out, stays as it is, or, where it is a text that can be, becomes another type. */
export type Fate = "leave_out" | "keep" | FieldType;
export type FieldType = "integer" | "float" | "bool";

export interface Parser {
  /**
   * Reads the line [start, end) and writes its fields. False when it is no line of this format; what was written until
   * then is to be discarded.
   */
  parse(bytes: Uint8Array, start: number, end: number, writer: Writer, watcher: FieldWatcher): boolean;
}

/** A member whose value is the text [start, end). `key` is in UTF-8. */
export function writeTextMember(
  writer: Writer,
  watcher: FieldWatcher,
  key: Uint8Array,
  bytes: Uint8Array,
  start: number,
  end: number,
): void {
  const index = watcher.indexOf(key, 0, key.length);
  if (index >= 0) {
    const fate = watcher.take(index, bytes, start, end);
    if (fate === "leave_out") return;
    if (fate !== "keep" && writeTyped(writer, key, fate, Buffer.from(bytes.subarray(start, end)).toString("latin1")))
      return;
  }
  const textBytes = end - start;
  const anyBytes = 1 + lengthOfVarint(textBytes) + textBytes;
  const memberBytes = 1 + lengthOfVarint(key.length) + key.length + 1 + lengthOfVarint(anyBytes) + anyBytes;
  writer.reserve(memberBytes + 8);
  writer.byte(VALUES_TAG);
  writer.varint(memberBytes);
  writer.byte(KEY_TAG);
  writer.varint(key.length);
  writer.copy(key, 0, key.length);
  writer.byte(VALUE_TAG);
  writer.varint(anyBytes);
  writer.byte(ANY_STRING);
  writer.varint(textBytes);
  writer.copy(bytes, start, end);
}

/** False, and nothing written, for a text that is no such value. */
function writeTyped(writer: Writer, key: Uint8Array, type: FieldType, text: string): boolean {
  const isOne =
    type === "bool" ? /^(true|false)$/i : type === "integer" ? /^-?\d{1,15}$/ : /^-?\d+(\.\d+)?([eE][+-]?\d+)?$/;
  if (!isOne.test(text)) return false;
  const open = writer.at;
  writer.reserve(key.length + 64);
  writer.byte(VALUES_TAG);
  const member = writer.open(1);
  writer.byte(KEY_TAG);
  writer.varint(key.length);
  writer.copy(key, 0, key.length);
  writer.reserve(32);
  writer.byte(VALUE_TAG);
  const any = writer.open(1);
  if (type === "bool") {
    writer.byte(ANY_BOOL);
    writer.byte(/^true$/i.test(text) ? 1 : 0);
  } else if (type === "integer") {
    writer.byte(ANY_INT);
    writer.int64(BigInt(text));
  } else {
    writer.byte(ANY_DOUBLE);
    writer.double(Number(text));
  }
  writer.close(any, 1);
  writer.close(member, 1);
  return writer.at > open;
}

/** Watches nothing. */
export const NO_WATCHER: FieldWatcher = { indexOf: () => -1, take: () => "keep" };

/** Compares names with what is in the bytes. */
export class NameIndex {
  readonly #names: readonly Uint8Array[];

  constructor(names: readonly string[]) {
    this.#names = names.map((name) => new TextEncoder().encode(name));
  }

  indexOf(bytes: Uint8Array, start: number, end: number): number {
    const names = this.#names;
    const length = end - start;
    for (let index = 0; index < names.length; index++) {
      const name = names[index] as Uint8Array;
      if (name.length !== length) continue;
      let at = 0;
      while (at < length && bytes[start + at] === name[at]) at++;
      if (at === length) return index;
    }
    return -1;
  }
}
