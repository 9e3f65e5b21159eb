/** What a shape of lines is to the transcoder, and what shapes share. */
import { type Shape as MessageShape, toCanonical } from "./canonical.ts";
import { createFragment, type Fragment, type JsonWriter } from "./json-writer.ts";
import type { Ordinal } from "./ordinal.ts";
import { IRREGULAR } from "./render.ts";
import type { Span } from "./wire.ts";

/**
 * Makes one line of each log record. It is told what is around the records first; undefined is what is not there.
 */
export interface LineShape {
  enterResource(resource: Span | undefined, schemaUrl: Span | undefined): void;
  enterScope(scope: Span | undefined, schemaUrl: Span | undefined): void;
  /**
   * Writes the line of the log record [start, end) of `lines.source` at `at`, with its "\n", which is the only one in it.
   * Returns the offset after it. Reserves its own room. The lines before it are there to be copied from, since `reset`.
   */
  write(lines: JsonWriter, start: number, end: number, at: number): number;
  /** The lines begin anew, with a request that may be another. */
  reset(): void;
}

/** Names the record at hand for ever: `<collector id>/<ordinal>`. */
export class RecordId {
  readonly ordinal: Ordinal;
  readonly #prefix: Fragment;

  constructor(collectorId: string, ordinal: Ordinal) {
    this.ordinal = ordinal;
    this.#prefix = createFragment(`${JSON.stringify(collectorId).slice(0, -1)}/`);
  }

  /** Bytes that it takes at most. */
  get bytesMax(): number {
    return this.#prefix.length + 32;
  }

  /** Writes it as a JSON string. */
  write(writer: JsonWriter, at: number): number {
    return writer.byte(0x22, this.ordinal.write(writer.target, writer.fragment(this.#prefix, at)));
  }
}

export type Render = (writer: JsonWriter, position: number, end: number, at: number) => number;

/** Renders [position, end) of the writer's source; from its canonical form if it is given in parts. */
export function renderWhole(
  writer: JsonWriter,
  position: number,
  end: number,
  shape: MessageShape,
  render: Render,
  at: number,
): number {
  try {
    return render(writer, position, end, at);
  } catch (reason) {
    if (reason !== IRREGULAR) throw reason;
  }
  // The canonical form is never longer, so the room that was reserved is enough for it.
  const bytes = writer.source;
  const canonical = toCanonical(bytes.subarray(position, end), shape);
  writer.read(canonical);
  const after = render(writer, 0, canonical.length, at);
  writer.read(bytes);
  return after;
}

/** Up to this size a message gets room for the worst that its bytes could be, without looking at them. */
const SMALL_BYTES = 16 * 1024;
/** Names, quotes and numbers of one line, which are there whatever the record's length. */
const LINE_OVERHEAD_BYTES = 512;

/**
 * At least as many bytes as [position, end) can become as JSON. Text grows most where a control character becomes six
 * bytes; structure most where an empty KeyValue's two bytes become `,"":null`: six for one bounds both. A large message
 * is looked through instead, so that it does not take six times its size: what grows more than twofold (hex) holds
 * bytes below 0x20, quotes or backslashes, be they text or tags and lengths.
 */
export function roomFor(bytes: Uint8Array, position: number, end: number): number {
  const length = end - position;
  if (length <= SMALL_BYTES) return length * 6 + LINE_OVERHEAD_BYTES;
  let growing = 0;
  for (; position < end; position++) {
    const byte = bytes[position] as number;
    if (byte < 0x20 || byte === 0x22 || byte === 0x5c) growing++;
  }
  return length * 2 + growing * 8 + LINE_OVERHEAD_BYTES;
}
