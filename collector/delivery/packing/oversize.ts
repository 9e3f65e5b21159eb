/**
 * Lines that fit no Firehose record: in parts, or cut short. Pure, and the same for the same line whenever it is done, so
 * that parts sent before a crash and after it belong together.
 *
 * In parts: each is a line of JSON of its own, and the fragments laid end to end in the order of `part` are the line:
 *
 *   {"recordId":"<collector id>/<ordinal>","part":1,"parts":3,"fragment":"{\"timestamp\":\"2026-11-…"}
 *
 * Cut short: the text that is cut is a string's end, the body's if that is enough, otherwise the longest strings'. What
 * was cut is told in the line's last member; `bytes` are those that are missing of the line's text:
 *
 *   {"timestamp":…,"body":"Exception in …","truncated":[{"field":"body","bytes":812345}]}
 *
 * No cut is made inside a character, nor inside an escape sequence of JSON.
 */
import { assert } from "../../errors.ts";

export type Oversize = "split" | "truncate" | "quarantine";

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const LETTER_U = 0x75;

/** Room for the two numbers of a part: more parts than seven digits count would be no log record. */
const PART_NUMBERS_BYTES = 14;

/** Of a byte order mark no less than of any other character. */
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

/** Where a line (without its newline) is cut into parts of at most `partBytesMax` bytes: the end of each fragment. */
export function planParts(line: Uint8Array, recordId: string, partBytesMax: number): readonly number[] {
  const around = JSON.stringify({ recordId, part: 0, parts: 0, fragment: "" }).length - 2 + PART_NUMBERS_BYTES + 1;
  const room = partBytesMax - around;
  // The longest character, escaped.
  assert(room >= 6, "a part has no room for anything of the line");
  const ends: number[] = [];
  let used = 0;
  let at = 0;
  while (at < line.length) {
    const length = characterBytes(line, at);
    const escaped = length === 1 ? escapedBytes(line[at] ?? 0) : length;
    if (used + escaped > room) {
      ends.push(at);
      used = 0;
    }
    used += escaped;
    at += length;
  }
  ends.push(line.length);
  return ends;
}

/** The parts of a line (without its newline), each a line with its newline. */
export function* splitLine(line: Uint8Array, recordId: string, ends: readonly number[]): Generator<Uint8Array> {
  let start = 0;
  for (const [index, end] of ends.entries()) {
    const fragment = decoder.decode(line.subarray(start, end));
    yield Buffer.from(`${JSON.stringify({ recordId, part: index + 1, parts: ends.length, fragment })}\n`);
    start = end;
  }
}

/** The bytes of the character that begins at `at`, of valid UTF-8. */
function characterBytes(line: Uint8Array, at: number): number {
  const lead = line[at] ?? 0;
  if (lead < 0x80) return 1;
  return lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
}

/** What JSON.stringify makes of a character below 0x80. */
function escapedBytes(byte: number): number {
  if (byte === QUOTE || byte === BACKSLASH) return 2;
  if (byte >= 0x20) return 1;
  // \b \t \n \f \r have short forms.
  return byte >= 0x08 && byte <= 0x0d && byte !== 0x0b ? 2 : 6;
}

/** A place in a JSON text: a name in an object (the bytes of its token) or an index in an array, and what is around it. */
interface Place {
  readonly around: Place | undefined;
  readonly name: { readonly start: number; readonly end: number } | number;
}

/** A string value: the bytes between its quotes. */
interface Text {
  readonly start: number;
  readonly end: number;
  readonly place: Place;
}

/**
 * A line of JSON (without its newline), cut to at most `bytesMax` bytes. Undefined where that can't be done: it is no
 * JSON object, or what makes it long are not strings.
 */
export function truncateLine(line: Uint8Array, bytesMax: number): Uint8Array | undefined {
  if (!isObject(line)) return undefined;
  const texts = findTexts(line);
  const cuts = chooseCuts(line, texts, line.length - bytesMax);
  if (cuts === undefined) return undefined;
  const parts: Uint8Array[] = [];
  let position = 0;
  for (const { keepEnd, text } of cuts.toSorted((a, b) => a.keepEnd - b.keepEnd)) {
    parts.push(line.subarray(position, keepEnd));
    position = text.end;
  }
  parts.push(line.subarray(position, line.length - 1));
  const truncated = cuts.map(({ field, keepEnd, text }) => ({ field, bytes: text.end - keepEnd }));
  return Buffer.concat([...parts, Buffer.from(`,"truncated":${JSON.stringify(truncated)}}`)]);
}

interface Cut {
  readonly text: Text;
  /** Where what stays of it ends. */
  readonly keepEnd: number;
  readonly field: string;
}

/** `,"truncated":[` and `]`. */
const MARK_BYTES = 15;
/** `{"field":,"bytes":},` and the digits of a number. */
const MARK_ENTRY_BYTES = 30;

function chooseCuts(line: Uint8Array, texts: readonly Text[], excess: number): Cut[] | undefined {
  let left = excess + MARK_BYTES;
  const cuts: Cut[] = [];
  const longest = texts.toSorted((a, b) => b.end - b.start - (a.end - a.start));
  const body = longest.find(({ place }) => fieldOf(line, outermost(place)) === "body");
  const order = body !== undefined && body.end - body.start >= costOf(line, body) + left ? [body] : longest;
  for (const text of order) {
    if (left <= 0) break;
    const cost = costOf(line, text);
    // The rest is shorter still: marking it would cost more than it gives.
    if (text.end - text.start <= MARK_ENTRY_BYTES) break;
    if (text.end - text.start <= cost) continue;
    const keepEnd = safeEnd(line, text, text.end - left - cost);
    cuts.push({ text, keepEnd, field: fieldOf(line, text.place) });
    left += cost - (text.end - keepEnd);
  }
  return left <= 0 ? cuts : undefined;
}

/** Bytes that it takes to tell that a string was cut. */
function costOf(line: Uint8Array, text: Text): number {
  return Buffer.byteLength(JSON.stringify(fieldOf(line, text.place))) + MARK_ENTRY_BYTES;
}

/** The last place at or before `wanted` where the string may end. */
function safeEnd(line: Uint8Array, { start }: Text, wanted: number): number {
  let at = start;
  for (;;) {
    const next = at + unitBytes(line, at);
    if (next > wanted) return at;
    at = next;
  }
}

/** The bytes of a character within a JSON string, escaped or not; of both halves where it is escaped as a pair. */
function unitBytes(line: Uint8Array, at: number): number {
  if (line[at] !== BACKSLASH) return characterBytes(line, at);
  if (line[at + 1] !== LETTER_U) return 2;
  const isPair = isEscape(line, at, 0xd8, 0xdb) && isEscape(line, at + 6, 0xdc, 0xdf);
  return isPair ? 12 : 6;
}

/** Whether `\uXX..` stands at `at`, with XX in [from, to]. */
function isEscape(line: Uint8Array, at: number, from: number, to: number): boolean {
  if (line[at] !== BACKSLASH || line[at + 1] !== LETTER_U) return false;
  const high = Number.parseInt(decoder.decode(line.subarray(at + 2, at + 4)), 16);
  return high >= from && high <= to;
}

function outermost(place: Place): Place {
  let outer = place;
  while (outer.around !== undefined) outer = outer.around;
  return outer;
}

/** The names on the way to a place, joined by dots, as in `attributes.http.url`. */
function fieldOf(line: Uint8Array, place: Place): string {
  const { name, around } = place;
  const own =
    typeof name === "number" ? String(name) : String(JSON.parse(decoder.decode(line.subarray(name.start, name.end))));
  return around === undefined ? own : `${fieldOf(line, around)}.${own}`;
}

function isObject(line: Uint8Array): boolean {
  try {
    const value: unknown = JSON.parse(decoder.decode(line));
    return typeof value === "object" && value !== null && !Array.isArray(value) && line.at(-1) === 0x7d;
  } catch {
    return false;
  }
}

/** Every string value of a valid JSON object, in order. */
function findTexts(line: Uint8Array): Text[] {
  const texts: Text[] = [];
  /** The objects and arrays around `at`: where each stands, and for an array the index of the element at hand. */
  const around: { readonly place: Place | undefined; index: number | undefined }[] = [];
  let name: { start: number; end: number } | undefined;
  const here = (): Place | undefined => {
    const inner = around.at(-1);
    const own = inner?.index ?? name;
    return inner === undefined || own === undefined ? undefined : { around: inner.place, name: own };
  };
  let isName = false;
  for (let at = 0; at < line.length; at++) {
    switch (line[at]) {
      case QUOTE: {
        const end = stringEnd(line, at);
        if (isName) name = { start: at, end: end + 1 };
        else {
          const place = here();
          if (place !== undefined) texts.push({ start: at + 1, end, place });
        }
        at = end;
        break;
      }
      case 0x7b: // {
        around.push({ place: here(), index: undefined });
        isName = true;
        break;
      case 0x5b: // [
        around.push({ place: here(), index: 0 });
        isName = false;
        break;
      case 0x7d: // }
      case 0x5d: // ]
        around.pop();
        break;
      case 0x2c: {
        const inner = around.at(-1);
        isName = inner !== undefined && inner.index === undefined;
        if (inner?.index !== undefined) inner.index += 1;
        break;
      }
      case 0x3a: // :
        isName = false;
        break;
    }
  }
  return texts;
}

/** The closing quote of the string that begins at `at`. */
function stringEnd(line: Uint8Array, at: number): number {
  let end = at + 1;
  while (line[end] !== QUOTE) end += line[end] === BACKSLASH ? 2 : 1;
  return end;
}
