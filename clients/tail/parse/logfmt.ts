/** logfmt: `level=info msg="a text" done`. A key alone is an empty text, as Fluent Bit has it; none at all is no logfmt. */
import type { Writer } from "../wire/writer.ts";
import { type FieldWatcher, type Parser, writeTextMember } from "./fields.ts";

const SPACE = 0x20;
const EQUALS = 0x3d;
const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const CONTROLS: Readonly<Record<number, number>> = { 110: 0x0a, 116: 0x09, 114: 0x0d };

export class LogfmtParser implements Parser {
  parse(bytes: Uint8Array, start: number, end: number, writer: Writer, watcher: FieldWatcher): boolean {
    let at = start;
    let hasPair = false;
    for (;;) {
      while (at < end && (bytes[at] as number) <= SPACE) at++;
      if (at >= end) return hasPair;
      const keyAt = at;
      while (at < end && (bytes[at] as number) > SPACE && bytes[at] !== EQUALS && bytes[at] !== QUOTE) at++;
      if (at === keyAt) return false;
      const key = bytes.subarray(keyAt, at);
      if (at >= end || bytes[at] !== EQUALS) {
        if (at < end && bytes[at] === QUOTE) return false;
        writeTextMember(writer, watcher, key, bytes, at, at);
        continue;
      }
      hasPair = true;
      at++;
      if (at < end && bytes[at] === QUOTE) {
        const close = closingQuote(bytes, at + 1, end);
        if (close < 0) return false;
        const text = unescaped(bytes.subarray(at + 1, close));
        writeTextMember(writer, watcher, key, text, 0, text.length);
        at = close + 1;
        if (at < end && (bytes[at] as number) > SPACE) return false;
      } else {
        const valueAt = at;
        while (at < end && (bytes[at] as number) > SPACE) at++;
        writeTextMember(writer, watcher, key, bytes, valueAt, at);
      }
    }
  }
}

function closingQuote(bytes: Uint8Array, start: number, end: number): number {
  for (let at = start; at < end; at++) {
    if (bytes[at] === BACKSLASH) at++;
    else if (bytes[at] === QUOTE) return at;
  }
  return -1;
}

function unescaped(text: Uint8Array): Uint8Array {
  if (!text.includes(BACKSLASH)) return text;
  const out = new Uint8Array(text.length);
  let length = 0;
  for (let at = 0; at < text.length; at++) {
    let code = text[at] as number;
    if (code === BACKSLASH && at + 1 < text.length) {
      const letter = text[++at] as number;
      code = CONTROLS[letter] ?? letter;
    }
    out[length++] = code;
  }
  return out.subarray(0, length);
}
