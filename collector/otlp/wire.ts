/**
 * The protobuf wire format, as far as OTLP logs need it (https://protobuf.dev/programming-guides/encoding/), and what
 * this collector takes of it:
 *
 * | on the wire | here |
 * |---|---|
 * | fields in any order, unknown fields of wire types 0, 1, 2 and 5 | taken; unknown ones are passed over |
 * | a singular message given twice | merged, as the format demands (canonical.ts) |
 * | a varint of up to ten bytes, padded or not | taken; bits beyond the field's width are dropped, as C++ does |
 * | a length of up to five bytes, padded or not | taken (some writers reserve five bytes and fill them in later) |
 * | a tag that is longer than it need be, or beyond 32 bits | malformed: no writer makes one |
 * | field number 0, wire types 6 and 7 | malformed |
 * | groups (wire types 3 and 4) | malformed: OTLP has none, and skipping them takes unbounded nesting |
 * | a known field with another wire type | malformed: passing over it would lose what it holds |
 *
 * A position is an offset into the request; an `end` is just past the last byte that may be read. Every function that
 * reads is given its end and throws CollectorError `invalid_request` rather than read beyond it.
 *
 * Helpers return one number and keep no state, so that JavaScriptCore inlines them into the loops of scan.ts and
 * transcode.ts. Nearly every length is one byte, so that case comes first and the rest is out of line.
 */
import { CollectorError } from "../errors.ts";

/**
 * The known fields of each message, a bit for each number. They come with one wire type only, and their tags are one
 * byte. The tags themselves stand as literals where they are read: a switch over literals becomes a jump table.
 */
export const KNOWN_IN_REQUEST = fields(1);
export const KNOWN_IN_RESOURCE_LOGS = fields(1, 2, 3);
export const KNOWN_IN_RESOURCE = fields(1, 2, 3);
export const KNOWN_IN_SCOPE_LOGS = fields(1, 2, 3);
export const KNOWN_IN_SCOPE = fields(1, 2, 3, 4);
export const KNOWN_IN_RECORD = fields(1, 2, 3, 5, 6, 7, 8, 9, 10, 11, 12);
export const KNOWN_IN_KEY_VALUE = fields(1, 2);
export const KNOWN_IN_ANY = fields(1, 2, 3, 4, 5, 6, 7);
export const KNOWN_IN_LIST = fields(1);
export const KNOWN_IN_ENTITY_REF = fields(1, 2, 3, 4);

/** A message, or another payload: [start, end) of the bytes it lies in. */
export interface Span {
  readonly bytes: Uint8Array;
  readonly start: number;
  readonly end: number;
}

function fields(...numbers: number[]): number {
  return numbers.reduce((mask, number) => mask | (1 << number), 0);
}

/** Says what is wrong, and where. */
export function malformed(what: string, position: number): never {
  throw new CollectorError("invalid_request", `not an OTLP logs request: ${what} at byte ${position}`);
}

/** The position just past the length that begins at `position`, which is where its payload begins. */
export function payloadStart(bytes: Uint8Array, position: number, end: number): number {
  if (position + 1 < end) {
    if ((bytes[position] as number) < 0x80) return position + 1;
    if ((bytes[position + 1] as number) < 0x80) return position + 2;
  }
  return longVarint32End(bytes, position, end);
}

/** The end of the payload whose length begins at `position`. `start` comes from `payloadStart` of the same position. */
export function payloadEnd(bytes: Uint8Array, position: number, start: number, end: number): number {
  let length = bytes[position] as number;
  if (start === position + 2) length = (length & 0x7f) | ((bytes[position + 1] as number) << 7);
  else if (start !== position + 1) length = longVarint32(bytes, position, start);
  if (length > end - start) malformed(`a length of ${length} runs past the end of its message`, position);
  return start + length;
}

/** Passes over a length and its payload. Returns the position after them. */
export function skipPayload(bytes: Uint8Array, position: number, end: number): number {
  if (position + 1 < end) {
    const length = bytes[position] as number;
    const stop = position + 1 + length;
    if (length < 0x80 && stop <= end) return stop;
  }
  return payloadEnd(bytes, position, payloadStart(bytes, position, end), end);
}

/** Passes over a varint of up to ten bytes. Returns the position after it. */
export function skipVarint(bytes: Uint8Array, position: number, end: number): number {
  if (position < end && (bytes[position] as number) < 0x80) return position + 1;
  for (let next = position; next < end; next++) {
    if (next === position + 10) malformed("a varint of more than ten bytes", position);
    if ((bytes[next] as number) < 0x80) return next + 1;
  }
  return malformed("the message ends inside a varint", position);
}

/** Passes over `count` bytes of a fixed-width field. Returns the position after them. */
export function skipFixed(position: number, count: number, end: number): number {
  if (position + count > end) malformed("the message ends inside a fixed-width field", position);
  return position + count;
}

/**
 * Passes over the field whose tag begins at `position`: an unknown one of a wire type that OTLP may still come to use.
 * Anything else throws. `known` is the mask of the message's own fields, which come here only with a wrong wire type.
 */
export function skipUnknown(bytes: Uint8Array, position: number, end: number, known: number): number {
  const start = payloadStart(bytes, position, end);
  const tag = start === position + 1 ? (bytes[position] as number) : longVarint32(bytes, position, start);
  if (start > position + 1 && bytes[start - 1] === 0) malformed("a tag that is longer than it need be", position);
  const number = tag >>> 3;
  const wireType = tag & 7;
  if (number === 0) malformed("field number 0", position);
  if (number < 16 && (known & (1 << number)) !== 0) malformed(`field ${number} has wire type ${wireType}`, position);
  switch (wireType) {
    case 0:
      return skipVarint(bytes, start, end);
    case 1:
      return skipFixed(start, 8, end);
    case 2:
      return skipPayload(bytes, start, end);
    case 5:
      return skipFixed(start, 4, end);
    default:
      return malformed(wireType < 5 ? `field ${number} is a group` : `wire type ${wireType}`, position);
  }
}

/** Passes over the field whose tag begins at `position`, known or not. For paths that are not hot. */
export function skipField(bytes: Uint8Array, position: number, end: number, known: number): number {
  const tag = bytes[position] as number;
  if (tag >= 0x80 || (known & (1 << (tag >>> 3))) === 0) return skipUnknown(bytes, position, end, known);
  switch (tag & 7) {
    case 0:
      return skipVarint(bytes, position + 1, end);
    case 1:
      return skipFixed(position + 1, 8, end);
    case 2:
      return skipPayload(bytes, position + 1, end);
    case 5:
      return skipFixed(position + 1, 4, end);
    default:
      return skipUnknown(bytes, position, end, known);
  }
}

/** The low 32 bits, unsigned, of the varint at `position`, whose last byte is before `end`. */
export function lowBits(bytes: Uint8Array, position: number, end: number): number {
  let value = 0;
  for (let shift = 0; shift < 32 && position < end; shift += 7)
    value |= ((bytes[position++] as number) & 0x7f) << shift;
  return value >>> 0;
}

/** The bits above the low 32, unsigned, of the varint at `position`, whose last byte is before `end`. */
export function highBits(bytes: Uint8Array, position: number, end: number): number {
  if (end - position < 5) return 0;
  let value = ((bytes[position + 4] as number) & 0x7f) >>> 4;
  for (let index = 5; index < end - position; index++) {
    value |= ((bytes[position + index] as number) & 0x7f) << (index * 7 - 32);
  }
  return value >>> 0;
}

function longVarint32End(bytes: Uint8Array, position: number, end: number): number {
  for (let next = position; next < end; next++) {
    if (next === position + 5) malformed("a tag or length of more than five bytes", position);
    if ((bytes[next] as number) < 0x80) {
      if (next === position + 4 && (bytes[next] as number) > 0x0f)
        malformed("a tag or length beyond 32 bits", position);
      return next + 1;
    }
  }
  return malformed("the message ends inside a tag or length", position);
}

function longVarint32(bytes: Uint8Array, position: number, end: number): number {
  let value = 0;
  for (let shift = 0; position < end; shift += 7) value |= ((bytes[position++] as number) & 0x7f) << shift;
  return value >>> 0;
}
