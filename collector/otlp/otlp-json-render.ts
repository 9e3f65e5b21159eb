/** Renders OTLP messages in OTLP's own JSON, as render.ts does in ours: the same rules for reading, other words. */
import { AnyValue, ARRAY, BOOL, BYTES, DOUBLE, INT, KeyValue, MAP, STRING } from "./any-value.ts";
import { createFragment, type Fragment, type JsonWriter } from "./json-writer.ts";
import type { RecordId } from "./line-shape.ts";
import { IRREGULAR } from "./render.ts";
import { NESTING_MAX } from "./scan.ts";
import {
  highBits,
  KNOWN_IN_ENTITY_REF,
  KNOWN_IN_LIST,
  KNOWN_IN_RECORD,
  KNOWN_IN_RESOURCE,
  KNOWN_IN_SCOPE,
  lowBits,
  malformed,
  payloadEnd,
  payloadStart,
  skipField,
  skipVarint,
} from "./wire.ts";

const ATTRIBUTES = createFragment(',"attributes":');
const DROPPED = createFragment(',"droppedAttributesCount":');
const ENTITY_REFS = createFragment(',"entityRefs":');
const KEY = createFragment(',"key":');
const VALUE = createFragment(',"value":');
const VALUES = createFragment(',"values":');
const RECORD_ID_OPEN = createFragment(',{"key":"standpipe.record.id","value":{"stringValue":');
const RECORD_ID_CLOSE = createFragment("}}");

/** How each kind of field is written. */
type Kind = "time" | "enum" | "count" | "fixed32" | "text" | "hex" | "any";

interface Member {
  readonly name: Fragment;
  readonly kind: Kind;
}

function member(name: string, kind: Kind): Member {
  return { name: createFragment(`,"${name}":`), kind };
}

/** Fields by tag, in the order in which they are written. */
class Members {
  readonly all: readonly (readonly [number, Member])[];
  readonly #isOne = new Uint8Array(256);

  constructor(all: readonly (readonly [number, Member])[]) {
    this.all = all;
    for (const [tag] of all) this.#isOne[tag] = 1;
  }

  has(tag: number): boolean {
    return this.#isOne[tag] === 1;
  }
}

const RECORD_MEMBERS = new Members([
  [0x09, member("timeUnixNano", "time")],
  [0x59, member("observedTimeUnixNano", "time")],
  [0x10, member("severityNumber", "enum")],
  [0x1a, member("severityText", "text")],
  [0x62, member("eventName", "text")],
  [0x2a, member("body", "any")],
  [0x4a, member("traceId", "hex")],
  [0x52, member("spanId", "hex")],
  [0x45, member("flags", "fixed32")],
  [0x38, member("droppedAttributesCount", "count")],
]);
const SCOPE_MEMBERS = new Members([
  [0x0a, member("name", "text")],
  [0x12, member("version", "text")],
  [0x20, { name: DROPPED, kind: "count" }],
]);
const RESOURCE_MEMBERS = new Members([[0x10, { name: DROPPED, kind: "count" }]]);
const ENTITY_REF_MEMBERS = new Members([
  [0x0a, member("schemaUrl", "text")],
  [0x12, member("type", "text")],
]);
const ENTITY_REF_LISTS = [
  { tag: 0x1a, name: createFragment(',"idKeys":') },
  { tag: 0x22, name: createFragment(',"descriptionKeys":') },
] as const;

const STRING_VALUE = createFragment(',"stringValue":');
const BOOL_VALUE = createFragment(',"boolValue":');
const INT_VALUE = createFragment(',"intValue":');
const DOUBLE_VALUE = createFragment(',"doubleValue":');
const ARRAY_VALUE = createFragment(',"arrayValue":');
const MAP_VALUE = createFragment(',"kvlistValue":');
const BYTES_VALUE = createFragment(',"bytesValue":');

const COMMA = 0x2c;
const QUOTE = 0x22;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;

/** The members of a LogRecord. */
export function renderOtlpRecord(
  writer: JsonWriter,
  position: number,
  end: number,
  at: number,
  recordId: RecordId | undefined,
): number {
  at = renderMembers(writer, RECORD_MEMBERS, KNOWN_IN_RECORD, position, end, at);
  return renderAttributes(writer, 0x32, KNOWN_IN_RECORD, position, end, at, recordId);
}

/** The members of a Resource. */
export function renderOtlpResource(writer: JsonWriter, position: number, end: number, at: number): number {
  at = renderMembers(writer, RESOURCE_MEMBERS, KNOWN_IN_RESOURCE, position, end, at);
  at = renderAttributes(writer, 0x0a, KNOWN_IN_RESOURCE, position, end, at, undefined);
  return renderAll(writer, ENTITY_REFS, 0x1a, KNOWN_IN_RESOURCE, position, end, at, renderEntityRef);
}

/** The members of an InstrumentationScope. */
export function renderOtlpScope(writer: JsonWriter, position: number, end: number, at: number): number {
  at = renderMembers(writer, SCOPE_MEMBERS, KNOWN_IN_SCOPE, position, end, at);
  return renderAttributes(writer, 0x1a, KNOWN_IN_SCOPE, position, end, at, undefined);
}

/** Used again for each message: nothing here is within another while it is being written. */
const found = new Int32Array(256);
const entry = new KeyValue();
const any = new AnyValue();

/** The last of each field, where it is not the default. */
function renderMembers(
  writer: JsonWriter,
  members: Members,
  known: number,
  position: number,
  end: number,
  at: number,
): number {
  found.fill(-1);
  for (let next = position; next < end; ) {
    const tag = writer.source[next] as number;
    if (members.has(tag)) {
      if (tag === 0x2a && found[tag] !== -1) throw IRREGULAR;
      found[tag] = next + 1;
    }
    next = skipField(writer.source, next, end, known);
  }
  for (const [tag, { name, kind }] of members.all) {
    const value = found[tag] as number;
    if (value >= 0) at = renderField(writer, name, kind, value, end, at);
  }
  return at;
}

function renderField(writer: JsonWriter, name: Fragment, kind: Kind, value: number, end: number, at: number): number {
  const bytes = writer.source;
  switch (kind) {
    case "time":
      if (writer.isZero64(value)) return at;
      return quoted(writer, writer.fragment(name, at), (from) => writer.fixed64(value, from));
    case "enum": {
      const low = lowBits(bytes, value, skipVarint(bytes, value, end)) | 0;
      return low === 0 ? at : writer.signed64(low < 0 ? 0xffffffff : 0, low >>> 0, writer.fragment(name, at));
    }
    case "count": {
      const count = lowBits(bytes, value, skipVarint(bytes, value, end));
      return count === 0 ? at : writer.unsigned(count, writer.fragment(name, at));
    }
    case "fixed32": {
      const flags = writer.fixed32(value);
      return flags === 0 ? at : writer.unsigned(flags, writer.fragment(name, at));
    }
    default: {
      const start = payloadStart(bytes, value, end);
      const stop = payloadEnd(bytes, value, start, end);
      if (kind === "any") return renderAny(writer, start, stop, writer.fragment(name, at), 1);
      if (start === stop) return at;
      const to = writer.fragment(name, at);
      return kind === "hex" ? writer.hex(start, stop, to) : writer.string(start, stop, to);
    }
  }
}

function renderAttributes(
  writer: JsonWriter,
  tag: number,
  known: number,
  position: number,
  end: number,
  at: number,
  recordId: RecordId | undefined,
): number {
  const to = renderAll(writer, ATTRIBUTES, tag, known, position, end, at, renderKeyValue);
  if (recordId === undefined) return to;
  // Within the list that is there, or one of its own.
  const from = to === at ? writer.fragment(ATTRIBUTES, at) : to - 1;
  const after = writer.fragment(RECORD_ID_CLOSE, recordId.write(writer, writer.fragment(RECORD_ID_OPEN, from)));
  if (to === at) writer.target[from] = OPEN_BRACKET;
  return writer.byte(CLOSE_BRACKET, after);
}

/** The fields `tag` of [position, end) as a member that is a list; nothing when there are none. */
function renderAll(
  writer: JsonWriter,
  name: Fragment,
  tag: number,
  known: number,
  position: number,
  end: number,
  at: number,
  render: (writer: JsonWriter, position: number, end: number, at: number, depth: number) => number,
  depth = 1,
): number {
  const bytes = writer.source;
  let open = -1;
  let to = at;
  while (position < end) {
    const start = position + 1;
    const isOne = bytes[position] === tag;
    position = skipField(bytes, position, end, known);
    if (!isOne) continue;
    if (open < 0) {
      open = writer.fragment(name, at);
      to = open;
    }
    to = render(writer, payloadStart(bytes, start, end), position, writer.byte(COMMA, to), depth);
  }
  if (open < 0) return at;
  writer.target[open] = OPEN_BRACKET;
  return writer.byte(CLOSE_BRACKET, to);
}

function renderKeyValue(writer: JsonWriter, position: number, end: number, at: number, depth: number): number {
  const bytes = writer.source;
  entry.read(bytes, position, end);
  const { keyStart, keyEnd, value } = entry;
  let to = keyStart === keyEnd ? at : writer.string(keyStart, keyEnd, writer.fragment(KEY, at));
  if (value >= 0) {
    const start = payloadStart(bytes, value, end);
    const stop = payloadEnd(bytes, value, start, end);
    to = renderAny(writer, start, stop, writer.fragment(VALUE, to), depth);
  }
  return asObject(writer, at, to);
}

/** The AnyValue [position, end). */
function renderAny(writer: JsonWriter, position: number, end: number, at: number, depth: number): number {
  if (depth > NESTING_MAX) malformed(`values nested deeper than ${NESTING_MAX} levels`, position);
  const bytes = writer.source;
  any.readPayload(bytes, position, end);
  const { tag, start, end: stop } = any;
  switch (tag) {
    case STRING:
      return asObject(writer, at, writer.string(start, stop, writer.fragment(STRING_VALUE, at)));
    case BOOL:
      return asObject(writer, at, writer.boolean(any.toBoolean() === true, writer.fragment(BOOL_VALUE, at)));
    case INT: {
      const integer = (from: number): number =>
        writer.signed64(highBits(bytes, start, stop), lowBits(bytes, start, stop), from);
      return asObject(writer, at, quoted(writer, writer.fragment(INT_VALUE, at), integer));
    }
    case DOUBLE:
      return asObject(writer, at, writer.double(start, writer.fragment(DOUBLE_VALUE, at)));
    case BYTES:
      return asObject(writer, at, writer.base64(start, stop, writer.fragment(BYTES_VALUE, at)));
    case ARRAY:
    case MAP: {
      const isMap = tag === MAP;
      const list = writer.fragment(isMap ? MAP_VALUE : ARRAY_VALUE, at);
      const render = isMap ? renderKeyValue : renderAny;
      const to = renderAll(writer, VALUES, 0x0a, KNOWN_IN_LIST, start, stop, list, render, depth + 1);
      return asObject(writer, at, asObject(writer, list, to));
    }
    default:
      return asObject(writer, at, at);
  }
}

function renderEntityRef(writer: JsonWriter, position: number, end: number, at: number): number {
  let to = renderMembers(writer, ENTITY_REF_MEMBERS, KNOWN_IN_ENTITY_REF, position, end, at);
  const text = (_: JsonWriter, start: number, stop: number, from: number): number => writer.string(start, stop, from);
  for (const { tag, name } of ENTITY_REF_LISTS) {
    to = renderAll(writer, name, tag, KNOWN_IN_ENTITY_REF, position, end, to, text);
  }
  return asObject(writer, at, to);
}

/** Makes an object of the members in [open, at), each of which has a comma before it. */
export function asObject(writer: JsonWriter, open: number, at: number): number {
  if (at === open) at++;
  writer.target[open] = OPEN_BRACE;
  return writer.byte(CLOSE_BRACE, at);
}

function quoted(writer: JsonWriter, at: number, write: (at: number) => number): number {
  return writer.byte(QUOTE, write(writer.byte(QUOTE, at)));
}
