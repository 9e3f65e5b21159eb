/**
 * The shape `fields`: a line is a JSON object of just the fields that are named, in their order, under the names that are
 * given; so that what fluentd or Fluent Bit wrote into a bucket before can be matched byte for byte. README.md has the
 * words, fluent.test.ts the configurations that it is held to.
 *
 * Fields of resource and scope are rendered once per scope and copied; those of the record are found in one walk. A field
 * that is not there is left out.
 */

import { isAscii } from "node:buffer";
import { CollectorError } from "../errors.ts";
import { AnyValue, MAP } from "./any-value.ts";
import { RECORD } from "./canonical.ts";
import { type Field, isKeyed, parseField } from "./field.ts";
import { createFragment, type Fragment, JsonWriter } from "./json-writer.ts";
import { type LineShape, type RecordId, type Render, renderWhole, roomFor } from "./line-shape.ts";
import { renderKeyValue, renderMember } from "./render.ts";
import { MESSAGES, type Place, placeOf, Slots, TAGS } from "./slots.ts";
import { TimeFormat } from "./time-format.ts";
import { KNOWN_IN_LIST, lowBits, payloadEnd, payloadStart, type Span, skipField, skipVarint } from "./wire.ts";

/** What JSON can say. */
export type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json };

/** One or more members of the line. */
export type FieldOptions =
  /** The same as `{ from }`. */
  | string
  | {
      /** What it is called; the last part of `from` unless told. */
      readonly name?: string | undefined;
      /** What it is (field.ts); all entries, with `.*`. */
      readonly from: string;
      /** Of a timestamp: how it is written (time-format.ts). */
      readonly format?: string | undefined;
    }
  | { readonly name: string; readonly value: Json };

export interface FieldsOptions {
  readonly fields: readonly FieldOptions[];
  /** The last member is the log record's time, under this name. */
  readonly timeKey?: string | undefined;
  /** How it is written; RFC 3339 with nanoseconds unless told. */
  readonly timeFormat?: string | undefined;
  /** In which times are written, by whatever format: see time-zone.ts. UTC unless told. */
  readonly timeZone?: string | undefined;
  /** Whether characters beyond ASCII, and DEL, are written as \uXXXX, as Fluent Bit does. */
  readonly escapeUnicode?: boolean | undefined;
  /** Whether a double that is a whole number is written as 3.0, as fluentd and Fluent Bit do. */
  readonly doublesWithPoint?: boolean | undefined;
}

/** Member names, quotes and numbers of one field that holds no text. */
const PLAIN_BYTES_MAX = 64;
const CAPACITY_BYTES = 4 * 1024;
const CAPACITY_KEPT_BYTES = 4 * 1024 * 1024;

const EMPTY = createFragment("{}\n");
const LINE_END = createFragment("}\n");
const DELETE = 0x7f;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;

const TIME = parseField("timestamp");
const OBSERVED = parseField("observedTimestamp");
const NOTHING: Span = { bytes: new Uint8Array(0), start: 0, end: 0 };

interface Pick {
  readonly field: Field;
  readonly place: Place;
  /** `,"name":` */
  readonly name: Fragment;
  /** In the slots of its place; -1: it is not of one field. */
  readonly slot: number;
  readonly keys: readonly Uint8Array[];
  readonly format: TimeFormat | undefined;
  /** Of a resource or scope: what was rendered of it, in the context. */
  from: number;
  to: number;
}

type Part = { readonly kind: "pick"; readonly pick: Pick } | { readonly kind: "static"; readonly text: Fragment };

/** Throws CollectorError `config_invalid` for fields that are none, or that clash. */
export class FieldsLine implements LineShape {
  readonly #options: FieldsOptions;
  readonly #recordId: RecordId | undefined;
  readonly #slots: Readonly<Record<Place, Slots>> = {
    record: new Slots("record"),
    resource: new Slots("resource"),
    scope: new Slots("scope"),
  };
  readonly #timeSlot = this.#slots.record.slotOf(TIME);
  readonly #observedSlot = this.#slots.record.slotOf(OBSERVED);
  readonly #parts: readonly Part[];
  readonly #context = new JsonWriter(CAPACITY_BYTES, CAPACITY_KEPT_BYTES);
  #resourceEnd = 0;
  readonly #value = new AnyValue();

  constructor(options: FieldsOptions, recordId: RecordId | undefined) {
    this.#options = options;
    this.#recordId = recordId;
    this.#context.doublesWithPoint = options.doublesWithPoint ?? false;
    this.#parts = compileParts(options, recordId !== undefined, this.#slots);
  }

  reset(): void {
    this.#context.reset();
  }

  enterResource(resource: Span | undefined): void {
    this.#resourceEnd = this.#renderContext("resource", resource, 0);
  }

  enterScope(scope: Span | undefined): void {
    this.#renderContext("scope", scope, this.#resourceEnd);
  }

  write(lines: JsonWriter, start: number, end: number, open: number): number {
    lines.doublesWithPoint = this.#options.doublesWithPoint ?? false;
    let at = renderWhole(lines, start, end, RECORD, this.#renderRecord, open);
    lines.reserve(at, EMPTY.length);
    if (at === open) return lines.fragment(EMPTY, at);
    lines.target[open] = OPEN_BRACE;
    at = lines.fragment(LINE_END, at);
    lines.assertWithin(at);
    return this.#options.escapeUnicode === true ? escapeUnicode(lines, open, at) : at;
  }

  readonly #renderRecord: Render = (writer, position, end, at) => {
    const slots = this.#slots.record;
    slots.locate(writer.source, position, end);
    for (const part of this.#parts) {
      if (part.kind === "static") {
        writer.reserve(at, part.text.length);
        at = writer.fragment(part.text, at);
      } else if (part.pick.place === "record") {
        at = this.#renderPick(writer, part.pick, position, end, at);
      } else {
        const { from, to } = part.pick;
        writer.reserve(at, to - from);
        writer.target.set(this.#context.target.subarray(from, to), at);
        at += to - from;
      }
    }
    return at;
  };

  /** Renders the picks of a resource or scope, each for itself. */
  #renderContext(place: "resource" | "scope", message: Span | undefined, at: number): number {
    const context = this.#context;
    const { bytes, start, end } = message ?? NOTHING;
    context.read(bytes);
    for (const part of this.#parts) {
      if (part.kind !== "pick" || part.pick.place !== place) continue;
      const { pick } = part;
      const render: Render = (writer, from, to, open) => {
        this.#slots[place].locate(writer.source, from, to);
        return this.#renderPick(writer, pick, from, to, open);
      };
      pick.from = at;
      at = renderWhole(context, start, end, MESSAGES[place].shape, render, at);
      pick.to = at;
    }
    context.assertWithin(at);
    return at;
  }

  /** Of the message [position, end), whose slots are located. */
  #renderPick(writer: JsonWriter, pick: Pick, position: number, end: number, at: number): number {
    const { field, place, name, slot } = pick;
    writer.reserve(at, name.length + PLAIN_BYTES_MAX);
    if (field.root === "recordId") {
      writer.reserve(at, name.length + (this.#recordId?.bytesMax ?? 0));
      return this.#recordId === undefined ? at : this.#recordId.write(writer, writer.fragment(name, at));
    }
    if (slot < 0) {
      writer.reserve(at, name.length + roomFor(writer.source, position, end));
      const { attributes, known } = MESSAGES[place];
      const to = field.all ? at : writer.fragment(name, at);
      const after = renderEntries(writer, attributes, known, position, end, to);
      if (after === to) return at;
      return field.all ? after : asObject(writer, to, after);
    }
    const slots = this.#slots[place];
    const value = slots.positions[slot] as number;
    const valueEnd = slots.ends[slot] as number;
    if (field.root === "timestamp" || field.root === "observedTimestamp") return this.#renderTime(writer, pick, at);
    if (value < 0) return at;
    switch (field.root) {
      case "severity": {
        const low = lowBits(writer.source, value, skipVarint(writer.source, value, valueEnd)) | 0;
        return low === 0 ? at : writer.signed64(low < 0 ? 0xffffffff : 0, low >>> 0, writer.fragment(name, at));
      }
      case "flags": {
        const flags = writer.fixed32(value);
        return flags === 0 ? at : writer.unsigned(flags, writer.fragment(name, at));
      }
      case "body":
      case "attributes":
      case "resource":
      case "scope.attributes":
        return this.#renderAny(writer, pick, value, valueEnd, at);
      default: {
        const start = payloadStart(writer.source, value, valueEnd);
        const stop = payloadEnd(writer.source, value, start, valueEnd);
        if (start === stop) return at;
        writer.reserve(at, name.length + roomFor(writer.source, start, stop));
        const to = writer.fragment(name, at);
        const isId = field.root === "traceId" || field.root === "spanId";
        return isId ? writer.hex(start, stop, to) : writer.string(start, stop, to);
      }
    }
  }

  #renderAny(writer: JsonWriter, { field, name, keys }: Pick, position: number, end: number, at: number): number {
    const value = this.#value;
    let isSet = value.read(writer.source, position, end);
    for (const key of keys) isSet = isSet && value.enter(key);
    if (!isSet) return at;
    writer.reserve(at, name.length + roomFor(writer.source, value.value, value.end));
    if (field.all && value.tag === MAP) {
      return renderEntries(writer, 0x0a, KNOWN_IN_LIST, value.start, value.end, at);
    }
    return renderMember(writer, value.tag, value.value, value.end, writer.fragment(name, at), 1);
  }

  /** The time of the record, or where it has none the time at which it was seen; and the other way round. */
  #renderTime(writer: JsonWriter, { field, name, format }: Pick, at: number): number {
    const { positions } = this.#slots.record;
    const time = positions[this.#timeSlot] as number;
    const observed = positions[this.#observedSlot] as number;
    let position = field.root === "timestamp" ? time : observed;
    if (field.root === "timestamp" && (position < 0 || writer.isZero64(position))) position = observed;
    if (position < 0 || writer.isZero64(position) || format === undefined) return at;
    const { seconds, nanos } = writer.seconds(position);
    writer.reserve(at, name.length + format.prepare(seconds, nanos));
    return format.write(writer.target, writer.fragment(name, at));
  }
}

/** The KeyValues under `tag` in [position, end), each as a member. */
function renderEntries(
  writer: JsonWriter,
  tag: number,
  known: number,
  position: number,
  end: number,
  at: number,
): number {
  const bytes = writer.source;
  while (position < end) {
    const start = position + 1;
    const isOne = bytes[position] === tag;
    position = skipField(bytes, position, end, known);
    if (isOne) at = renderKeyValue(writer, payloadStart(bytes, start, end), position, at, 1);
  }
  return at;
}

/** Makes an object of the members in [open, at), of which there is one at least, with a comma before each. */
function asObject(writer: JsonWriter, open: number, at: number): number {
  writer.target[open] = OPEN_BRACE;
  return writer.byte(CLOSE_BRACE, at);
}

/** Writes [open, end) of the target anew, in ASCII. What is not ASCII can only lie in strings. Returns the new end. */
function escapeUnicode(writer: JsonWriter, open: number, end: number): number {
  const line = writer.target.subarray(open, end);
  if (isAscii(line) && !line.includes(DELETE)) return end;
  const text = new TextDecoder("utf-8", { ignoreBOM: true }).decode(line);
  const escaped = text.replace(/[\x7f-\uffff]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`);
  writer.reserve(open, escaped.length);
  return open + Buffer.from(writer.target.buffer).write(escaped, open, "latin1");
}

function compileParts(options: FieldsOptions, hasRecordId: boolean, slots: Readonly<Record<Place, Slots>>): Part[] {
  const { timeKey, timeFormat } = options;
  const fields: FieldOptions[] = [...options.fields];
  if (timeKey !== undefined) fields.push({ name: timeKey, from: "timestamp", format: timeFormat });
  else if (timeFormat !== undefined) invalid("timeFormat needs a timeKey");
  if (fields.length === 0) invalid("fields must name one at least");
  const asksForId = fields.some((each) => typeof each !== "string" && "from" in each && each.from === "recordId");
  if (hasRecordId && !asksForId && !fields.includes("recordId")) fields.unshift("recordId");
  const names = new Set<string>();
  const parts = fields.map((each) => compilePart(each, options, hasRecordId, slots, names));
  const hasTime = parts.some((part) => part.kind === "pick" && part.pick.format !== undefined);
  if (options.timeZone !== undefined && !hasTime) invalid("timeZone needs a timeKey, or a field that is a time");
  return parts;
}

function compilePart(
  options: FieldOptions,
  { timeZone }: FieldsOptions,
  hasRecordId: boolean,
  slots: Readonly<Record<Place, Slots>>,
  names: Set<string>,
): Part {
  if (typeof options === "object" && "value" in options) {
    take(options.name, names);
    return {
      kind: "static",
      text: createFragment(`,${JSON.stringify(options.name)}:${JSON.stringify(options.value)}`),
    };
  }
  const { from, name: given, format } = typeof options === "string" ? { from: options } : options;
  const field = parseField(from);
  const { root, path } = field;
  if (root === "recordId" && !hasRecordId) invalid("the field recordId needs recordId: true");
  const isTime = root === "timestamp" || root === "observedTimestamp";
  if (format !== undefined && !isTime)
    invalid(`only timestamp and observedTimestamp have a format, and ${from} is neither`);
  if (field.all && root !== "body" && given !== undefined) invalid(`${from} is many fields, and takes no name`);
  const name = given ?? path.at(-1) ?? root;
  if (!field.all) take(name, names);
  const place = placeOf(root);
  const isAttributes = isKeyed(root) && root !== "body" && path.length === 0;
  const pick: Pick = {
    field,
    place,
    name: createFragment(`,${JSON.stringify(name)}:`),
    slot: root === "recordId" || isAttributes ? -1 : slots[place].slotOf(field),
    keys: path.slice(TAGS[root] === undefined ? 1 : 0).map((key) => Buffer.from(key)),
    format: isTime ? new TimeFormat(format, timeZone) : undefined,
    from: 0,
    to: 0,
  };
  return { kind: "pick", pick };
}

function take(name: string, names: Set<string>): void {
  if (names.has(name)) invalid(`two fields are called ${JSON.stringify(name)}`);
  names.add(name);
}

function invalid(what: string): never {
  throw new CollectorError("config_invalid", what);
}
