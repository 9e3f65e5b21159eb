/**
 * Proves that bytes are an OTLP logs request, and counts its log records.
 *
 * The one walk that every request pays for before it is acknowledged: positions in, positions out, no object for
 * anything but the result. What it accepts, transcode.ts can turn into exactly that many lines; scan.test.ts holds the
 * two to it over random and damaged bytes.
 *
 * Three kinds of trouble, kept apart because senders are told different things:
 * - the bytes are not well formed (wire.ts says what that is): the whole request is `invalid_request`;
 * - they are, but the request holds more than may be taken at once: `request_too_large`. So does a resource or a scope
 *   that is nested too deep, since all its records would be;
 * - a single log record breaks a limit: it is refused, the others are taken, and the sender is told in partial_success.
 *   A refused record is not looked into any further, so one that is also malformed counts as refused: it goes no
 *   further than here either way.
 *
 * Depth counts AnyValues: a body or an attribute's value is 1, an element of an array in it 2. Nothing else can nest
 * (unknown fields are passed over by their length), so `nestingMax` bounds the recursion here and everywhere behind.
 *
 * What made it fast in JavaScriptCore (collector/bench/otlp.ts measures it): small functions from position to position
 * that the compiler inlines, one-byte lengths decided inline, and an attribute of the common form
 * (key, then a value that is one short string) recognised by its five structural bytes without a loop.
 */
import { assert, CollectorError } from "../errors.ts";
import {
  KNOWN_IN_ANY,
  KNOWN_IN_ENTITY_REF,
  KNOWN_IN_KEY_VALUE,
  KNOWN_IN_LIST,
  KNOWN_IN_RECORD,
  KNOWN_IN_REQUEST,
  KNOWN_IN_RESOURCE,
  KNOWN_IN_RESOURCE_LOGS,
  KNOWN_IN_SCOPE,
  KNOWN_IN_SCOPE_LOGS,
  payloadEnd,
  payloadStart,
  skipFixed,
  skipPayload,
  skipUnknown,
  skipVarint,
} from "./wire.ts";

export interface ScanLimits {
  /** Log records of one request. */
  readonly recordsMax: number;
  /** How deep the values of a log record may nest; at most `NESTING_MAX`. */
  readonly nestingMax: number;
  /** Bytes of one log record on the wire, without its resource and scope. */
  readonly recordBytesMax: number;
}

export interface Scan {
  /** Log records that are fine. */
  readonly records: number;
  /** Log records of a well-formed request that break a limit. */
  readonly refused: number;
  /** A sentence for partial_success; undefined when none is refused. */
  readonly refusedReason: string | undefined;
}

/** What `nestingMax` may be at most: as deep as transcode.ts follows, and far from the end of the stack. */
export const NESTING_MAX = 256;

/**
 * Walks one ExportLogsServiceRequest, or several laid end to end.
 * Throws CollectorError `invalid_request` (the message says what is wrong at which byte) or `request_too_large`.
 */
export function scan(request: Uint8Array, limits: ScanLimits): Scan {
  assert(limits.nestingMax >= 1 && limits.nestingMax <= NESTING_MAX, "nestingMax is within what can be followed");
  state.records = 0;
  state.tooLong = 0;
  state.tooDeep = 0;
  const end = request.length;
  for (let position = 0; position < end; ) {
    if (request[position] === 0x0a /* resource_logs */) {
      const start = payloadStart(request, position + 1, end);
      const stop = payloadEnd(request, position + 1, start, end);
      scanResourceLogs(request, start, stop, limits);
      position = stop;
    } else position = skipUnknown(request, position, end, KNOWN_IN_REQUEST);
  }
  const refused = state.tooLong + state.tooDeep;
  return { records: state.records - refused, refused, refusedReason: refusedReason(limits) };
}

/** Whether a log record, the payload [position, end), is within the limits. Throws `invalid_request` as `scan` does. */
export function isRecordTaken(bytes: Uint8Array, position: number, end: number, limits: ScanLimits): boolean {
  if (end - position > limits.recordBytesMax) return false;
  state.depthExceeded = false;
  scanRecord(bytes, position, end, limits.nestingMax);
  return !state.depthExceeded;
}

/** Of the call under way: counting here spares every function on the path a second result. */
const state = { records: 0, tooLong: 0, tooDeep: 0, depthExceeded: false };

function scanResourceLogs(bytes: Uint8Array, position: number, end: number, limits: ScanLimits): void {
  while (position < end) {
    const tag = bytes[position] as number;
    if (tag === 0x12 /* scope_logs */) {
      const start = payloadStart(bytes, position + 1, end);
      const stop = payloadEnd(bytes, position + 1, start, end);
      scanScopeLogs(bytes, start, stop, limits);
      position = stop;
    } else if (tag === 0x0a /* resource */) {
      const start = payloadStart(bytes, position + 1, end);
      const stop = payloadEnd(bytes, position + 1, start, end);
      state.depthExceeded = false;
      scanResource(bytes, start, stop, limits.nestingMax);
      if (state.depthExceeded) throw tooDeep("a resource", start, limits);
      position = stop;
    } else if (tag === 0x1a /* schema_url */) position = skipPayload(bytes, position + 1, end);
    else position = skipUnknown(bytes, position, end, KNOWN_IN_RESOURCE_LOGS);
  }
}

function scanScopeLogs(bytes: Uint8Array, position: number, end: number, limits: ScanLimits): void {
  while (position < end) {
    const tag = bytes[position] as number;
    if (tag === 0x12 /* log_records */) {
      const start = payloadStart(bytes, position + 1, end);
      const stop = payloadEnd(bytes, position + 1, start, end);
      if (++state.records > limits.recordsMax) {
        throw new CollectorError("request_too_large", `more than ${limits.recordsMax} log records in one request`);
      }
      if (stop - start > limits.recordBytesMax) state.tooLong++;
      else if (!isRecordTaken(bytes, start, stop, limits)) state.tooDeep++;
      position = stop;
    } else if (tag === 0x0a /* scope */) {
      const start = payloadStart(bytes, position + 1, end);
      const stop = payloadEnd(bytes, position + 1, start, end);
      state.depthExceeded = false;
      scanScope(bytes, start, stop, limits.nestingMax);
      if (state.depthExceeded) throw tooDeep("a scope", start, limits);
      position = stop;
    } else if (tag === 0x1a /* schema_url */) position = skipPayload(bytes, position + 1, end);
    else position = skipUnknown(bytes, position, end, KNOWN_IN_SCOPE_LOGS);
  }
}

function scanRecord(bytes: Uint8Array, position: number, end: number, depthLeft: number): void {
  while (position < end) {
    switch (bytes[position]) {
      case 0x32 /* attributes */:
        position = scanAttribute(bytes, position + 1, end, depthLeft);
        break;
      case 0x09 /* time_unix_nano */:
      case 0x59 /* observed_time_unix_nano */:
        position = skipFixed(position + 1, 8, end);
        break;
      case 0x10 /* severity_number */:
      case 0x38 /* dropped_attributes_count */:
        position = skipVarint(bytes, position + 1, end);
        break;
      case 0x1a /* severity_text */:
      case 0x4a /* trace_id */:
      case 0x52 /* span_id */:
      case 0x62 /* event_name */:
        position = skipPayload(bytes, position + 1, end);
        break;
      case 0x2a /* body */:
        position = scanAny(bytes, position + 1, end, depthLeft);
        break;
      case 0x45 /* flags */:
        position = skipFixed(position + 1, 4, end);
        break;
      default:
        position = skipUnknown(bytes, position, end, KNOWN_IN_RECORD);
    }
  }
}

/** A KeyValue whose length begins at `position`. Returns the position after it. */
function scanAttribute(bytes: Uint8Array, position: number, end: number, depthLeft: number): number {
  const start = payloadStart(bytes, position, end);
  const stop = payloadEnd(bytes, position, start, end);
  // The common form: 0x0a, a short key, 0x12, the value's length, 0x0a, the string's length, the string, and no more.
  if (stop - start >= 6 && bytes[start] === 0x0a && depthLeft > 0) {
    const value = start + 2 + (bytes[start + 1] as number);
    if (
      value + 4 <= stop &&
      bytes[value] === 0x12 &&
      value + 2 + (bytes[value + 1] as number) === stop &&
      bytes[value + 2] === 0x0a &&
      value + 4 + (bytes[value + 3] as number) === stop &&
      ((bytes[start + 1] as number) | (bytes[value + 1] as number)) < 0x80
    ) {
      return stop;
    }
  }
  scanKeyValue(bytes, start, stop, depthLeft);
  return stop;
}

function scanKeyValue(bytes: Uint8Array, position: number, end: number, depthLeft: number): void {
  while (position < end) {
    const tag = bytes[position];
    if (tag === 0x0a /* key */) position = skipPayload(bytes, position + 1, end);
    else if (tag === 0x12 /* value */) position = scanAny(bytes, position + 1, end, depthLeft);
    else position = skipUnknown(bytes, position, end, KNOWN_IN_KEY_VALUE);
  }
}

/** An AnyValue whose length begins at `position`. Returns the position after it. */
function scanAny(bytes: Uint8Array, position: number, end: number, depthLeft: number): number {
  const start = payloadStart(bytes, position, end);
  const stop = payloadEnd(bytes, position, start, end);
  if (depthLeft === 0) {
    state.depthExceeded = true;
    return stop;
  }
  for (position = start; position < stop; ) {
    switch (bytes[position]) {
      case 0x0a /* string_value */:
      case 0x3a /* bytes_value */:
        position = skipPayload(bytes, position + 1, stop);
        break;
      case 0x10 /* bool_value */:
      case 0x18 /* int_value */:
        position = skipVarint(bytes, position + 1, stop);
        break;
      case 0x21 /* double_value */:
        position = skipFixed(position + 1, 8, stop);
        break;
      case 0x2a /* array_value */:
        position = scanArray(bytes, position + 1, stop, depthLeft - 1);
        break;
      case 0x32 /* kvlist_value */:
        position = scanKeyValueList(bytes, position + 1, stop, depthLeft - 1);
        break;
      default:
        position = skipUnknown(bytes, position, stop, KNOWN_IN_ANY);
    }
  }
  return stop;
}

function scanArray(bytes: Uint8Array, position: number, end: number, depthLeft: number): number {
  const start = payloadStart(bytes, position, end);
  const stop = payloadEnd(bytes, position, start, end);
  for (position = start; position < stop; ) {
    if (bytes[position] === 0x0a /* values */) position = scanAny(bytes, position + 1, stop, depthLeft);
    else position = skipUnknown(bytes, position, stop, KNOWN_IN_LIST);
  }
  return stop;
}

function scanKeyValueList(bytes: Uint8Array, position: number, end: number, depthLeft: number): number {
  const start = payloadStart(bytes, position, end);
  const stop = payloadEnd(bytes, position, start, end);
  for (position = start; position < stop; ) {
    if (bytes[position] === 0x0a /* values */) position = scanAttribute(bytes, position + 1, stop, depthLeft);
    else position = skipUnknown(bytes, position, stop, KNOWN_IN_LIST);
  }
  return stop;
}

function scanResource(bytes: Uint8Array, position: number, end: number, depthLeft: number): void {
  while (position < end) {
    const tag = bytes[position];
    if (tag === 0x0a /* attributes */) position = scanAttribute(bytes, position + 1, end, depthLeft);
    else if (tag === 0x10 /* dropped_attributes_count */) position = skipVarint(bytes, position + 1, end);
    else if (tag === 0x1a /* entity_refs */) position = scanEntityRef(bytes, position + 1, end);
    else position = skipUnknown(bytes, position, end, KNOWN_IN_RESOURCE);
  }
}

function scanScope(bytes: Uint8Array, position: number, end: number, depthLeft: number): void {
  while (position < end) {
    const tag = bytes[position];
    if (tag === 0x1a /* attributes */) position = scanAttribute(bytes, position + 1, end, depthLeft);
    else if (tag === 0x0a /* name */ || tag === 0x12 /* version */) position = skipPayload(bytes, position + 1, end);
    else if (tag === 0x20 /* dropped_attributes_count */) position = skipVarint(bytes, position + 1, end);
    else position = skipUnknown(bytes, position, end, KNOWN_IN_SCOPE);
  }
}

function scanEntityRef(bytes: Uint8Array, position: number, end: number): number {
  const start = payloadStart(bytes, position, end);
  const stop = payloadEnd(bytes, position, start, end);
  for (position = start; position < stop; ) {
    const tag = bytes[position] as number;
    if (tag === 0x0a || tag === 0x12 || tag === 0x1a || tag === 0x22) position = skipPayload(bytes, position + 1, stop);
    else position = skipUnknown(bytes, position, stop, KNOWN_IN_ENTITY_REF);
  }
  return stop;
}

function tooDeep(what: string, position: number, limits: ScanLimits): CollectorError {
  const message = `the values of ${what} are nested deeper than ${limits.nestingMax} levels, at byte ${position}`;
  return new CollectorError("request_too_large", message);
}

function refusedReason(limits: ScanLimits): string | undefined {
  const reasons: string[] = [];
  if (state.tooLong > 0) reasons.push(`${state.tooLong} log records over ${limits.recordBytesMax} bytes`);
  if (state.tooDeep > 0) reasons.push(`${state.tooDeep} log records nested deeper than ${limits.nestingMax} levels`);
  return reasons.length === 0 ? undefined : `refused: ${reasons.join(", ")}`;
}
