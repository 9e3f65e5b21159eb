import { expect, test } from "bun:test";
import fc from "fast-check";
import { CollectorError } from "../../errors.ts";
import {
  type Entry,
  encodeRequest,
  type LogRecord,
  type ResourceLogs,
  request,
  requestType,
  type Value,
} from "../request-samples.ts";
import { scan } from "../scan.ts";
import { fromJson } from "./from-json.ts";

const LIMITS = { recordsMax: 1_000, nestingMax: 32, recordBytesMax: 1_000_000 };

function anyJson(value: Value): Record<string, unknown> {
  switch (value.kind) {
    case "unset":
      return {};
    case "string":
      return { stringValue: value.value };
    case "bool":
      return { boolValue: value.value };
    case "int":
      return { intValue: String(value.value) };
    case "double":
      return {
        doubleValue:
          Number.isFinite(value.value) && !Object.is(value.value, -0) ? value.value : doubleText(value.value),
      };
    case "bytes":
      return { bytesValue: Buffer.from(value.value).toString("base64") };
    case "array":
      return { arrayValue: { values: value.value.map(anyJson) } };
    case "map":
      return { kvlistValue: { values: value.value.map(entryJson) } };
  }
}

/** Of what JSON has no number for. */
function doubleText(value: number): string {
  return Object.is(value, -0) ? "-0" : String(value);
}

function entryJson({ key, value }: Entry): Record<string, unknown> {
  return { key, value: anyJson(value) };
}

function recordJson(record: LogRecord): Record<string, unknown> {
  return {
    timeUnixNano: String(record.time),
    observedTimeUnixNano: String(record.observedTime),
    severityNumber: record.severityNumber,
    severityText: record.severityText,
    eventName: record.eventName,
    body: record.body === undefined ? null : anyJson(record.body),
    attributes: record.attributes.map(entryJson),
    droppedAttributesCount: record.dropped,
    flags: record.flags,
    traceId: Buffer.from(record.traceId).toString("hex").toUpperCase(),
    spanId: Buffer.from(record.spanId).toString("hex"),
  };
}

function requestJson(parts: readonly ResourceLogs[]): Record<string, unknown> {
  return {
    resourceLogs: parts.map(({ resource, scopes, schemaUrl }) => ({
      ...(resource && {
        resource: { attributes: resource.attributes.map(entryJson), droppedAttributesCount: resource.dropped },
      }),
      scopeLogs: scopes.map(({ scope, records, schemaUrl: scopeUrl }) => ({
        ...(scope && {
          scope: {
            name: scope.name,
            version: scope.version,
            attributes: scope.attributes.map(entryJson),
            droppedAttributesCount: scope.dropped,
          },
        }),
        logRecords: records.map(recordJson),
        schemaUrl: scopeUrl,
      })),
      schemaUrl,
    })),
  };
}

/** As protobufjs reads it, with every default: left out and zero are the same. */
function decoded(bytes: Uint8Array): unknown {
  return requestType.toObject(requestType.decode(bytes), { longs: String, bytes: String, defaults: true });
}

test("property: what comes in as JSON is what protobufjs reads from the same request in protobuf", () => {
  fc.assert(
    fc.property(request, fc.boolean(), (parts, isSpaced) => {
      const json = Buffer.from(JSON.stringify(requestJson(parts), null, isSpaced ? 2 : 0));
      const bytes = fromJson(json);
      expect(bytes.length).toBeLessThanOrEqual(json.length);
      expect(decoded(bytes)).toEqual(decoded(encodeRequest(parts)));
      const { records, refused } = scan(bytes, LIMITS);
      expect(records + refused).toBe(parts.flatMap(({ scopes }) => scopes.flatMap((scope) => scope.records)).length);
    }),
    { numRuns: 400 },
  );
});

/** The one log record that this JSON is of. */
function record(json: string): Record<string, unknown> {
  const bytes = fromJson(Buffer.from(`{"resourceLogs":[{"scopeLogs":[{"logRecords":[${json}]}]}]}`));
  const { resourceLogs } = requestType.toObject(requestType.decode(bytes), { longs: String, bytes: String }) as {
    resourceLogs: [{ scopeLogs: [{ logRecords: [Record<string, unknown>] }] }];
  };
  return resourceLogs[0].scopeLogs[0].logRecords[0];
}

test("64-bit numbers keep all their digits, as texts and as numbers", () => {
  expect(record('{"timeUnixNano":1763800000123456789,"observedTimeUnixNano":"18446744073709551615"}')).toEqual({
    timeUnixNano: "1763800000123456789",
    observedTimeUnixNano: "18446744073709551615",
  });
  expect(record('{"body":{"intValue":-9223372036854775808}}')).toEqual({ body: { intValue: "-9223372036854775808" } });
  expect(record('{"timeUnixNano":1e3,"flags":5.0}')).toEqual({ timeUnixNano: "1000", flags: 5 });
});

test("severities may be numbers, texts of numbers, or names", () => {
  const severity = (json: string): unknown => record(`{"severityNumber":${json}}`).severityNumber;
  expect([severity("9"), severity('"17"'), severity('"SEVERITY_NUMBER_WARN"')]).toEqual([9, 17, 13]);
  expect([severity('"SEVERITY_NUMBER_FATAL4"'), severity('"SEVERITY_NUMBER_UNSPECIFIED"') ?? 0]).toEqual([24, 0]);
});

test("unknown fields are passed over whatever they hold, and escapes of every kind are read", () => {
  const unknown = '"new":{"a":[1,{"b":null}],"c":"}]"},"other":[true,false,-1.5e-3],"severity_text":"no name of JSON"';
  expect(record(`{${unknown},"severityText":"a\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\\ud83d\\ude00\\ud800"}`)).toEqual({
    severityText: 'a"\\/\b\f\n\r\té😀\ufffd',
  });
  expect(record('{"severity\\u0054ext":"by an escaped name"}')).toEqual({ severityText: "by an escaped name" });
  expect(record('{"body":{"bytesValue":"-_8="}}')).toEqual({ body: { bytesValue: "+/8=" } });
});

function codeOf(json: string | Uint8Array): { code: string; message: string } | undefined {
  try {
    fromJson(typeof json === "string" ? Buffer.from(json) : json);
  } catch (reason) {
    if (reason instanceof CollectorError) return { code: reason.code, message: reason.message };
    throw reason;
  }
  return undefined;
}

test("what is no JSON, or no logs request, is refused with what is wrong and where", () => {
  const cases: [string, string][] = [
    ["", "no object at byte 0"],
    ["[]", "no object at byte 0"],
    ["{} x", "something behind the end at byte 3"],
    ['{"resourceLogs":{}}', "no array at byte 16"],
    ['{"resourceLogs":[1]}', "no object at byte 17"],
    ['{"resourceLogs":[{"schemaUrl":5}]}', "no string"],
    ['{"resourceLogs":[],}', "no key"],
    ['{"resourceLogs":[{}{}]}', "neither a comma nor an end"],
    ['{"a":tru}', "no JSON value"],
    ['{"a":01}', "no number"],
    ['{"a":"\u0001"}', "a control character in a string"],
    ['{"a":"b', "the text ends inside a string"],
    ['{"\\x":1}', "an escape that is none"],
  ];
  for (const [json, words] of cases) {
    expect(codeOf(json)).toEqual({ code: "invalid_request", message: expect.stringContaining(words) });
  }
  const fields: [string, string][] = [
    ['"traceId":"xyz"', "no hex for traceId"],
    ['"traceId":"abc"', "no hex for traceId"],
    ['"timeUnixNano":-1', "no whole number from 0 to 18446744073709551615 for timeUnixNano"],
    ['"timeUnixNano":1.5', "no whole number"],
    ['"timeUnixNano":true', "no whole number for timeUnixNano"],
    ['"severityNumber":"LOUD"', "no severity"],
    ['"body":"text"', "no object"],
    ['"body":{"boolValue":"true"}', "neither true nor false for boolValue"],
    ['"body":{"doubleValue":"x"}', "no number for doubleValue"],
    ['"body":{"intValue":9223372036854775808}', "no whole number from"],
    ['"body":{"bytesValue":"%%"}', "no base64 for bytesValue"],
  ];
  for (const [field, words] of fields) {
    const json = `{"resourceLogs":[{"scopeLogs":[{"logRecords":[{${field}}]}]}]}`;
    expect(codeOf(json)).toEqual({ code: "invalid_request", message: expect.stringContaining(words) });
  }
});

test("nesting beyond all measure is refused, known or not, without the end of the stack", () => {
  for (const nested of ['{"a":'.repeat(100_000), `{"a":${"[".repeat(1_000_000)}`]) {
    expect(codeOf(nested)?.code).toBe("request_too_large");
  }
  const depth = 5_000;
  const body = `${'{"arrayValue":{"values":['.repeat(depth)}{}${"]}}".repeat(depth)}`;
  expect(codeOf(`{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"body":${body}}]}]}]}`)?.code).toBe(
    "request_too_large",
  );
});

test("property: any bytes, and damaged requests, end in a request that scans or in one of two codes", () => {
  const damaged = fc.tuple(request, fc.nat(), fc.nat(255)).map(([parts, at, byte]) => {
    const json = Buffer.from(JSON.stringify(requestJson(parts)));
    json[at % json.length] = byte;
    return json;
  });
  const some = fc.oneof(
    fc.uint8Array({ maxLength: 50 }),
    fc.json().map((json) => Buffer.from(json)),
    damaged,
  );
  fc.assert(
    fc.property(some, (bytes) => {
      const refusal = codeOf(bytes);
      if (refusal === undefined) scan(fromJson(bytes), LIMITS);
      else expect(["invalid_request", "request_too_large"]).toContain(refusal.code);
    }),
    { numRuns: 1_000 },
  );
});
