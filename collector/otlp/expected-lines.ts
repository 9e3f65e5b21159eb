/**
 * For the tests beside this file: the lines that a request should become, made the slow and obvious way from the
 * objects that protobufjs decodes. Shares nothing with transcode.ts.
 */
import { requestType } from "./request-samples.ts";

/** As protobufjs hands it out: absent when not set, 64-bit integers as text, bytes as base64. */
export interface Any {
  stringValue?: string;
  boolValue?: boolean;
  intValue?: string;
  doubleValue?: number;
  bytesValue?: string;
  arrayValue?: { values?: Any[] };
  kvlistValue?: { values?: KeyValue[] };
}
export interface KeyValue {
  key?: string;
  value?: Any;
}
export interface Holder {
  attributes?: KeyValue[];
  droppedAttributesCount?: number;
}
export interface Log extends Holder {
  timeUnixNano?: string;
  observedTimeUnixNano?: string;
  severityNumber?: number;
  severityText?: string;
  eventName?: string;
  body?: Any;
  traceId?: string;
  spanId?: string;
  flags?: number;
}
export interface Request {
  resourceLogs?: {
    resource?: Holder;
    schemaUrl?: string;
    scopeLogs?: { scope?: Holder & { name?: string; version?: string }; schemaUrl?: string; logRecords?: Log[] }[];
  }[];
}

export function decode(request: Uint8Array): Request {
  const options = { longs: String, bytes: String, enums: Number };
  return requestType.toObject(requestType.decode(request), options) as Request;
}

/** Each with its newline. `collectorId` and `first` as the transcoder's. */
export function expectedLines(request: Uint8Array, collectorId?: string, first = 0n): string[] {
  const decoded = decode(request);
  const lines: string[] = [];
  for (const { resource, schemaUrl: resourceUrl, scopeLogs } of decoded.resourceLogs ?? []) {
    const resourceText = object([
      ["attributes", attributes(resource)],
      ["droppedAttributesCount", number(resource?.droppedAttributesCount)],
      ["schemaUrl", text(resourceUrl)],
    ]);
    for (const { scope, schemaUrl, logRecords } of scopeLogs ?? []) {
      const scopeText = object([
        ["name", text(scope?.name)],
        ["version", text(scope?.version)],
        ["attributes", attributes(scope)],
        ["droppedAttributesCount", number(scope?.droppedAttributesCount)],
        ["schemaUrl", text(schemaUrl)],
      ]);
      for (const log of logRecords ?? []) {
        const recordId = collectorId === undefined ? undefined : text(`${collectorId}/${first + BigInt(lines.length)}`);
        const body = log.body === undefined || Object.keys(log.body).length === 0 ? undefined : any(log.body);
        const line = object([
          ["recordId", recordId],
          ["timestamp", time(log.timeUnixNano)],
          ["observedTimestamp", time(log.observedTimeUnixNano)],
          ["severityNumber", number(log.severityNumber)],
          ["severityText", text(log.severityText)],
          ["eventName", text(log.eventName)],
          ["body", body],
          ["attributes", attributes(log)],
          ["traceId", hex(log.traceId)],
          ["spanId", hex(log.spanId)],
          ["flags", number(log.flags)],
          ["droppedAttributesCount", number(log.droppedAttributesCount)],
          ["resource", resourceText],
          ["scope", scopeText],
        ]);
        lines.push(`${line ?? "{}"}\n`);
      }
    }
  }
  return lines;
}

/** Undefined members are left out, and so is an object without any. */
function object(members: [string, string | undefined][]): string | undefined {
  const kept = members.filter(([, value]) => value !== undefined).map(([key, value]) => `"${key}":${value}`);
  return kept.length === 0 ? undefined : `{${kept.join(",")}}`;
}

export function text(value: string | undefined): string | undefined {
  return value === undefined || value === "" ? undefined : JSON.stringify(value);
}

function number(value: number | undefined): string | undefined {
  return value === undefined || value === 0 ? undefined : String(value);
}

export function hex(base64: string | undefined): string | undefined {
  return text(Buffer.from(base64 ?? "", "base64").toString("hex"));
}

export function time(nanos: string | undefined): string | undefined {
  if (nanos === undefined || nanos === "0") return undefined;
  const total = BigInt(nanos);
  const seconds = new Date(Number(total / 1_000_000_000n) * 1000).toISOString().slice(0, 19);
  return `"${seconds}.${String(total % 1_000_000_000n).padStart(9, "0")}Z"`;
}

function attributes(holder: Holder | undefined): string | undefined {
  const list = holder?.attributes ?? [];
  return list.length === 0 ? undefined : map(list);
}

export function map(list: KeyValue[]): string {
  return `{${list.map(({ key, value }) => `${JSON.stringify(key ?? "")}:${any(value)}`).join(",")}}`;
}

export function any(value: Any | undefined): string {
  if (value?.stringValue !== undefined) return JSON.stringify(value.stringValue);
  if (value?.boolValue !== undefined) return String(value.boolValue);
  if (value?.intValue !== undefined) return value.intValue;
  if (value?.bytesValue !== undefined) return JSON.stringify(value.bytesValue);
  if (value?.arrayValue !== undefined) return `[${(value.arrayValue.values ?? []).map(any).join(",")}]`;
  if (value?.kvlistValue !== undefined) return map(value.kvlistValue.values ?? []);
  if (value?.doubleValue === undefined) return "null";
  const double = value.doubleValue;
  if (!Number.isFinite(double)) return `"${double}"`;
  return Object.is(double, -0) ? "-0" : String(double);
}
