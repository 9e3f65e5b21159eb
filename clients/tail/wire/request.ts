/**
 * ExportLogsServiceRequest (opentelemetry/proto/collector/logs/v1) as bytes. Requests laid end to end are one request, so
 * what came of each file is a part of its own, and a batch is the parts in a row.
 */
import { lengthOfVarint, Writer } from "./writer.ts";

/** An attribute's value. */
export type Value = string | number | boolean;

// Tags: field number * 8 + wire type.
export const RECORD_TAG = 0x12;
export const TIME_TAG = 0x09;
export const SEVERITY_NUMBER_TAG = 0x10;
export const SEVERITY_TEXT_TAG = 0x1a;
export const BODY_TAG = 0x2a;
export const ATTRIBUTE_TAG = 0x32;
export const OBSERVED_TIME_TAG = 0x59;
export const ANY_STRING = 0x0a;
export const ANY_BOOL = 0x10;
export const ANY_INT = 0x18;
export const ANY_DOUBLE = 0x21;
export const ANY_ARRAY = 0x2a;
export const ANY_MAP = 0x32;
export const ANY_BYTES = 0x3a;
/** Of KeyValueList and ArrayValue. */
export const VALUES_TAG = 0x0a;
export const KEY_TAG = 0x0a;
export const VALUE_TAG = 0x12;

const RESOURCE_LOGS_TAG = 0x0a;
const RESOURCE_TAG = 0x0a;
const RESOURCE_ATTRIBUTE_TAG = 0x0a;
const SCOPE_LOGS_TAG = 0x12;
const SCOPE_TAG = 0x0a;
const SCOPE_NAME_TAG = 0x0a;

/** A KeyValue with its tag and length, as it stands among the attributes of a resource or a log record. */
export function encodeAttribute(tag: number, key: string, value: Value): Uint8Array {
  const writer = new Writer();
  writeAttribute(writer, tag, key, value);
  return writer.bytes.slice(0, writer.at);
}

export function writeAttribute(writer: Writer, tag: number, key: string, value: Value): void {
  writer.reserve(64);
  writer.byte(tag);
  const start = writer.open(1);
  writer.byte(KEY_TAG);
  writer.text(key);
  writer.reserve(32);
  writer.byte(VALUE_TAG);
  const any = writer.open(1);
  if (typeof value === "string") {
    writer.byte(ANY_STRING);
    writer.text(value);
  } else if (typeof value === "boolean") {
    writer.byte(ANY_BOOL);
    writer.byte(value ? 1 : 0);
  } else if (Number.isSafeInteger(value)) {
    writer.byte(ANY_INT);
    writer.int64(BigInt(value));
  } else {
    writer.byte(ANY_DOUBLE);
    writer.double(value);
  }
  writer.close(any, 1);
  writer.close(start, 1);
}

/** Resource, scope: all that stands before the log records of a part. Made once for each file. */
export interface Envelope {
  readonly resource: Uint8Array;
  readonly scope: Uint8Array;
}

/** `attributes` in their order. */
export function encodeEnvelope(attributes: Readonly<Record<string, Value>>, scopeName: string): Envelope {
  const resource = new Writer();
  resource.byte(RESOURCE_TAG);
  const start = resource.open(2);
  for (const [key, value] of Object.entries(attributes)) writeAttribute(resource, RESOURCE_ATTRIBUTE_TAG, key, value);
  resource.close(start, 2);
  const scope = new Writer();
  scope.byte(SCOPE_TAG);
  const scopeStart = scope.open(1);
  scope.byte(SCOPE_NAME_TAG);
  scope.text(scopeName);
  scope.close(scopeStart, 1);
  return { resource: resource.bytes.slice(0, resource.at), scope: scope.bytes.slice(0, scope.at) };
}

/** A part of a request: log records, each with its tag, under their envelope. The bytes are a copy. */
export function encodePart({ resource, scope }: Envelope, records: Uint8Array): Uint8Array {
  const scopeLogsBytes = scope.length + records.length;
  const resourceLogsBytes = resource.length + 1 + lengthOfVarint(scopeLogsBytes) + scopeLogsBytes;
  // To the byte, so that who has sent it can let go of it.
  const writer = new Writer(1 + lengthOfVarint(resourceLogsBytes) + resourceLogsBytes);
  writer.byte(RESOURCE_LOGS_TAG);
  writer.varint(resourceLogsBytes);
  writer.copy(resource, 0, resource.length);
  writer.byte(SCOPE_LOGS_TAG);
  writer.varint(scopeLogsBytes);
  writer.copy(scope, 0, scope.length);
  writer.copy(records, 0, records.length);
  return writer.bytes;
}
