/**
 * Renders one OTLP message at a time as JSON: a record's own fields, a resource, a scope. transcode.ts makes lines of
 * them. Each function reads the payload [position, end) of the writer's source, writes at `at` and returns the offset
 * after; each member is written with a comma before it, which whoever opens the object turns into its brace.
 *
 * The bytes were scanned before, yet each step checks its bounds again: damage that came in between throws
 * `invalid_request`, and never reads on or loops.
 */
import { createFragment, type Fragment, type JsonWriter } from "./json-writer.ts";
import { NESTING_MAX } from "./scan.ts";
import {
  highBits,
  KNOWN_IN_ANY,
  KNOWN_IN_KEY_VALUE,
  KNOWN_IN_LIST,
  KNOWN_IN_RECORD,
  KNOWN_IN_RESOURCE,
  KNOWN_IN_SCOPE,
  lowBits,
  malformed,
  payloadEnd,
  payloadStart,
  skipField,
  skipFixed,
  skipPayload,
  skipUnknown,
  skipVarint,
} from "./wire.ts";

/**
 * Thrown when a singular message is given in parts: read the canonical form (canonical.ts) instead. It is one object,
 * since it is no failure and makes no trace.
 */
export const IRREGULAR: unique symbol = Symbol("a singular message in parts");

const TIMESTAMP = createFragment(',"timestamp":');
const OBSERVED_TIMESTAMP = createFragment(',"observedTimestamp":');
const SEVERITY_NUMBER = createFragment(',"severityNumber":');
const SEVERITY_TEXT = createFragment(',"severityText":');
const EVENT_NAME = createFragment(',"eventName":');
const BODY = createFragment(',"body":');
const ATTRIBUTES = createFragment(',"attributes":');
const TRACE_ID = createFragment(',"traceId":');
const SPAN_ID = createFragment(',"spanId":');
const FLAGS = createFragment(',"flags":');
const DROPPED_ATTRIBUTES_COUNT = createFragment(',"droppedAttributesCount":');
const SCHEMA_URL = createFragment(',"schemaUrl":');
const NAME = createFragment(',"name":');
const VERSION = createFragment(',"version":');

const COMMA = 0x2c;
const COLON = 0x3a;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;
/** The first byte of `null`: no other value begins with it. */
const LETTER_N = 0x6e;

/** The members of a LogRecord. */
export function renderRecord(writer: JsonWriter, position: number, end: number, at: number): number {
  const bytes = writer.source;
  let time = -1;
  let observedTime = -1;
  let severityNumber = -1;
  let severityText = -1;
  let eventName = -1;
  let body = -1;
  let attributes = -1;
  let attributesEnd = 0;
  let droppedAttributesCount = -1;
  let flags = -1;
  let traceId = -1;
  let spanId = -1;
  // Each is noted as where its value begins, just past the tag.
  while (position < end) {
    const value = position + 1;
    switch (bytes[position]) {
      case 0x09 /* time_unix_nano */:
        time = value;
        position = skipFixed(value, 8, end);
        break;
      case 0x10 /* severity_number */:
        severityNumber = value;
        position = skipVarint(bytes, value, end);
        break;
      case 0x1a /* severity_text */:
        severityText = value;
        position = skipPayload(bytes, value, end);
        break;
      case 0x2a /* body */:
        if (body >= 0) throw IRREGULAR;
        body = value;
        position = skipPayload(bytes, value, end);
        break;
      case 0x32 /* attributes */:
        if (attributes < 0) attributes = position;
        position = skipPayload(bytes, value, end);
        attributesEnd = position;
        break;
      case 0x38 /* dropped_attributes_count */:
        droppedAttributesCount = value;
        position = skipVarint(bytes, value, end);
        break;
      case 0x45 /* flags */:
        flags = value;
        position = skipFixed(value, 4, end);
        break;
      case 0x4a /* trace_id */:
        traceId = value;
        position = skipPayload(bytes, value, end);
        break;
      case 0x52 /* span_id */:
        spanId = value;
        position = skipPayload(bytes, value, end);
        break;
      case 0x59 /* observed_time_unix_nano */:
        observedTime = value;
        position = skipFixed(value, 8, end);
        break;
      case 0x62 /* event_name */:
        eventName = value;
        position = skipPayload(bytes, value, end);
        break;
      default:
        position = skipUnknown(bytes, position, end, KNOWN_IN_RECORD);
    }
  }
  if (time >= 0) at = renderTime(writer, TIMESTAMP, time, at);
  if (observedTime >= 0) at = renderTime(writer, OBSERVED_TIMESTAMP, observedTime, at);
  if (severityNumber >= 0) {
    const low = lowBits(bytes, severityNumber, skipVarint(bytes, severityNumber, end)) | 0;
    if (low > 0) at = writer.unsigned(low, writer.fragment(SEVERITY_NUMBER, at));
    else if (low < 0) at = writer.signed64(0xffffffff, low >>> 0, writer.fragment(SEVERITY_NUMBER, at));
  }
  if (severityText >= 0) at = renderText(writer, SEVERITY_TEXT, severityText, end, at);
  if (eventName >= 0) at = renderText(writer, EVENT_NAME, eventName, end, at);
  if (body >= 0) {
    const value = writer.fragment(BODY, at);
    const after = renderAny(writer, body, end, value, 1);
    // A body with nothing set is no body.
    if (writer.target[value] !== LETTER_N) at = after;
  }
  if (attributes >= 0) at = renderAttributes(writer, 0x32, KNOWN_IN_RECORD, attributes, attributesEnd, at);
  if (traceId >= 0) at = renderHex(writer, TRACE_ID, traceId, end, at);
  if (spanId >= 0) at = renderHex(writer, SPAN_ID, spanId, end, at);
  if (flags >= 0) {
    const value = writer.fixed32(flags);
    if (value !== 0) at = writer.unsigned(value, writer.fragment(FLAGS, at));
  }
  if (droppedAttributesCount >= 0) at = renderCount(writer, droppedAttributesCount, end, at);
  return at;
}

/** The members of a Resource. */
export function renderResource(writer: JsonWriter, position: number, end: number, at: number): number {
  const bytes = writer.source;
  let attributes = -1;
  let attributesEnd = 0;
  let droppedAttributesCount = -1;
  while (position < end) {
    const tag = bytes[position];
    if (tag === 0x0a /* attributes */) {
      if (attributes < 0) attributes = position;
      position = skipPayload(bytes, position + 1, end);
      attributesEnd = position;
    } else if (tag === 0x10 /* dropped_attributes_count */) {
      droppedAttributesCount = position + 1;
      position = skipVarint(bytes, position + 1, end);
    } else if (tag === 0x1a /* entity_refs, which name attributes and hold none */) {
      position = skipPayload(bytes, position + 1, end);
    } else position = skipUnknown(bytes, position, end, KNOWN_IN_RESOURCE);
  }
  if (attributes >= 0) at = renderAttributes(writer, 0x0a, KNOWN_IN_RESOURCE, attributes, attributesEnd, at);
  if (droppedAttributesCount >= 0) at = renderCount(writer, droppedAttributesCount, end, at);
  return at;
}

/** The members of an InstrumentationScope. */
export function renderScope(writer: JsonWriter, position: number, end: number, at: number): number {
  const bytes = writer.source;
  let name = -1;
  let version = -1;
  let attributes = -1;
  let attributesEnd = 0;
  let droppedAttributesCount = -1;
  while (position < end) {
    const tag = bytes[position];
    if (tag === 0x0a /* name */) {
      name = position + 1;
      position = skipPayload(bytes, name, end);
    } else if (tag === 0x12 /* version */) {
      version = position + 1;
      position = skipPayload(bytes, version, end);
    } else if (tag === 0x1a /* attributes */) {
      if (attributes < 0) attributes = position;
      position = skipPayload(bytes, position + 1, end);
      attributesEnd = position;
    } else if (tag === 0x20 /* dropped_attributes_count */) {
      droppedAttributesCount = position + 1;
      position = skipVarint(bytes, position + 1, end);
    } else position = skipUnknown(bytes, position, end, KNOWN_IN_SCOPE);
  }
  if (name >= 0) at = renderText(writer, NAME, name, end, at);
  if (version >= 0) at = renderText(writer, VERSION, version, end, at);
  if (attributes >= 0) at = renderAttributes(writer, 0x1a, KNOWN_IN_SCOPE, attributes, attributesEnd, at);
  if (droppedAttributesCount >= 0) at = renderCount(writer, droppedAttributesCount, end, at);
  return at;
}

/** The member `schemaUrl`, from the text [position, end); nothing when it is empty. */
export function renderSchemaUrl(writer: JsonWriter, position: number, end: number, at: number): number {
  return position === end ? at : writer.string(position, end, writer.fragment(SCHEMA_URL, at));
}

function renderTime(writer: JsonWriter, name: Fragment, position: number, at: number): number {
  return writer.isZero64(position) ? at : writer.timestamp(position, writer.fragment(name, at));
}

function renderText(writer: JsonWriter, name: Fragment, position: number, end: number, at: number): number {
  const start = payloadStart(writer.source, position, end);
  const stop = payloadEnd(writer.source, position, start, end);
  return start === stop ? at : writer.string(start, stop, writer.fragment(name, at));
}

function renderHex(writer: JsonWriter, name: Fragment, position: number, end: number, at: number): number {
  const start = payloadStart(writer.source, position, end);
  const stop = payloadEnd(writer.source, position, start, end);
  return start === stop ? at : writer.hex(start, stop, writer.fragment(name, at));
}

function renderCount(writer: JsonWriter, position: number, end: number, at: number): number {
  const count = lowBits(writer.source, position, skipVarint(writer.source, position, end));
  return count === 0 ? at : writer.unsigned(count, writer.fragment(DROPPED_ATTRIBUTES_COUNT, at));
}

/** The fields `tag` of [position, end), which begins and ends with one; others may lie between them. */
function renderAttributes(
  writer: JsonWriter,
  tag: number,
  known: number,
  position: number,
  end: number,
  at: number,
): number {
  const bytes = writer.source;
  const open = writer.fragment(ATTRIBUTES, at);
  at = open;
  while (position < end) {
    if (bytes[position] === tag) {
      const start = payloadStart(bytes, position + 1, end);
      position = payloadEnd(bytes, position + 1, start, end);
      at = renderKeyValue(writer, start, position, at, 1);
    } else position = skipField(bytes, position, end, known);
  }
  writer.target[open] = OPEN_BRACE;
  return writer.byte(CLOSE_BRACE, at);
}

/** The KeyValue [position, end) as a member, with the comma before it. */
export function renderKeyValue(writer: JsonWriter, position: number, end: number, at: number, depth: number): number {
  const bytes = writer.source;
  // The common form: a short key and one short value, and no more.
  if (end - position >= 4 && bytes[position] === 0x0a /* key */ && (bytes[position + 1] as number) < 0x80) {
    const keyStop = position + 2 + (bytes[position + 1] as number);
    if (
      keyStop + 2 <= end &&
      bytes[keyStop] === 0x12 /* value */ &&
      (bytes[keyStop + 1] as number) < 0x80 &&
      keyStop + 2 + (bytes[keyStop + 1] as number) === end
    ) {
      at = writer.string(position + 2, keyStop, writer.byte(COMMA, at));
      return renderAny(writer, keyStop + 1, end, writer.byte(COLON, at), depth);
    }
  }
  let key = 0;
  let keyEnd = 0;
  let value = -1;
  while (position < end) {
    const tag = bytes[position];
    if (tag === 0x0a /* key */) {
      key = payloadStart(bytes, position + 1, end);
      keyEnd = payloadEnd(bytes, position + 1, key, end);
      position = keyEnd;
    } else if (tag === 0x12 /* value */) {
      if (value >= 0) throw IRREGULAR;
      value = position + 1;
      position = skipPayload(bytes, value, end);
    } else position = skipUnknown(bytes, position, end, KNOWN_IN_KEY_VALUE);
  }
  at = writer.string(key, keyEnd, writer.byte(COMMA, at));
  at = writer.byte(COLON, at);
  return value < 0 ? writer.null(at) : renderAny(writer, value, end, at, depth);
}

/** An AnyValue whose length begins at `position`: the last of its members, or null. */
export function renderAny(writer: JsonWriter, position: number, end: number, at: number, depth: number): number {
  const bytes = writer.source;
  if (depth > NESTING_MAX) malformed(`values nested deeper than ${NESTING_MAX} levels`, position);
  const start = payloadStart(bytes, position, end);
  const stop = payloadEnd(bytes, position, start, end);
  // The common form: one string, and no more.
  if (stop - start >= 2 && bytes[start] === 0x0a /* string_value */) {
    const text = payloadStart(bytes, start + 1, stop);
    const textEnd = payloadEnd(bytes, start + 1, text, stop);
    if (textEnd === stop) return writer.string(text, textEnd, at);
  }
  let member = 0;
  let value = 0;
  for (position = start; position < stop; ) {
    const tag = bytes[position] as number;
    const next = position + 1;
    switch (tag) {
      case 0x0a /* string_value */:
      case 0x3a /* bytes_value */:
        position = skipPayload(bytes, next, stop);
        break;
      case 0x10 /* bool_value */:
      case 0x18 /* int_value */:
        position = skipVarint(bytes, next, stop);
        break;
      case 0x21 /* double_value */:
        position = skipFixed(next, 8, stop);
        break;
      case 0x2a /* array_value */:
      case 0x32 /* kvlist_value */:
        if (member === tag) throw IRREGULAR;
        position = skipPayload(bytes, next, stop);
        break;
      default:
        position = skipUnknown(bytes, position, stop, KNOWN_IN_ANY);
        continue;
    }
    member = tag;
    value = next;
  }
  return member === 0 ? writer.null(at) : renderMember(writer, member, value, stop, at, depth);
}

/** The member `member` of an AnyValue, from just past its tag. */
export function renderMember(
  writer: JsonWriter,
  member: number,
  position: number,
  end: number,
  at: number,
  depth: number,
): number {
  const bytes = writer.source;
  if (member === 0x10 /* bool_value */ || member === 0x18 /* int_value */) {
    const stop = skipVarint(bytes, position, end);
    const low = lowBits(bytes, position, stop);
    const high = highBits(bytes, position, stop);
    if (member === 0x10) return writer.boolean((low | high) !== 0, at);
    return high === 0 ? writer.unsigned(low, at) : writer.signed64(high, low, at);
  }
  if (member === 0x21 /* double_value */) return writer.double(position, at);
  const start = payloadStart(bytes, position, end);
  const stop = payloadEnd(bytes, position, start, end);
  switch (member) {
    case 0x0a /* string_value */:
      return writer.string(start, stop, at);
    case 0x3a /* bytes_value */:
      return writer.base64(start, stop, at);
    case 0x2a /* array_value */:
      return renderList(writer, false, start, stop, at, depth + 1);
    default:
      return renderList(writer, true, start, stop, at, depth + 1);
  }
}

/** An ArrayValue, or a KeyValueList, whose elements carry the same tag. */
function renderList(
  writer: JsonWriter,
  keyed: boolean,
  position: number,
  end: number,
  at: number,
  depth: number,
): number {
  const bytes = writer.source;
  const open = at;
  while (position < end) {
    if (bytes[position] !== 0x0a /* values */) {
      position = skipUnknown(bytes, position, end, KNOWN_IN_LIST);
      continue;
    }
    const start = payloadStart(bytes, position + 1, end);
    const stop = payloadEnd(bytes, position + 1, start, end);
    at = keyed
      ? renderKeyValue(writer, start, stop, at, depth)
      : renderAny(writer, position + 1, end, writer.byte(COMMA, at), depth);
    position = stop;
  }
  if (at === open) at++;
  writer.target[open] = keyed ? OPEN_BRACE : OPEN_BRACKET;
  return writer.byte(keyed ? CLOSE_BRACE : CLOSE_BRACKET, at);
}
