/**
 * The shape `body`: a line is the body alone, as the application wrote it; a body that is no text as JSON.
 *
 * A line must stay one line. So a line break at the end of the body becomes the line's own, and those within become the
 * two characters \n or \r, which is the one thing that can't be told apart afterwards.
 */
import { AnyValue, BYTES, STRING } from "./any-value.ts";
import { RECORD } from "./canonical.ts";
import type { JsonWriter } from "./json-writer.ts";
import { type LineShape, renderWhole, roomFor } from "./line-shape.ts";
import { renderMember } from "./render.ts";
import { Slots } from "./slots.ts";

const LINE_FEED = 0x0a;
const CARRIAGE_RETURN = 0x0d;
const BACKSLASH = 0x5c;

export class BodyLine implements LineShape {
  readonly #slots = new Slots("record");
  readonly #slot = this.#slots.slotOf({ root: "body", path: [], all: false });
  readonly #value = new AnyValue();

  reset(): void {}

  enterResource(): void {}

  enterScope(): void {}

  write(lines: JsonWriter, start: number, end: number, at: number): number {
    lines.reserve(at, roomFor(lines.source, start, end));
    const to = renderWhole(lines, start, end, RECORD, this.#render, at);
    lines.assertWithin(to + 1);
    return lines.byte(LINE_FEED, to);
  }

  readonly #render = (writer: JsonWriter, position: number, end: number, at: number): number => {
    const bytes = writer.source;
    const value = this.#value;
    this.#slots.locate(bytes, position, end);
    const body = this.#slots.positions[this.#slot] as number;
    if (!value.read(bytes, body, end)) return at;
    if (value.tag === STRING) return writeText(writer, value.start, value.end, at);
    if (value.tag !== BYTES) return renderMember(writer, value.tag, value.value, end, at, 1);
    const to = writer.base64(value.start, value.end, at);
    // Without the quotes.
    writer.target.copyWithin(at, at + 1, to - 1);
    return to - 2;
  };
}

function writeText(writer: JsonWriter, start: number, end: number, at: number): number {
  const { source, target } = writer;
  if (end > start && source[end - 1] === LINE_FEED) end--;
  if (end > start && source[end - 1] === CARRIAGE_RETURN) end--;
  const text = source.subarray(start, end);
  target.set(text, at);
  if (!text.includes(LINE_FEED) && !text.includes(CARRIAGE_RETURN)) return at + text.length;
  for (const byte of text) {
    if (byte === LINE_FEED || byte === CARRIAGE_RETURN) {
      target[at++] = BACKSLASH;
      target[at++] = byte === LINE_FEED ? 0x6e : 0x72;
    } else target[at++] = byte;
  }
  return at;
}
