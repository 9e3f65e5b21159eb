import { expect, test } from "bun:test";
import fc from "fast-check";
import { type Any, any, decode, type Holder, hex, type KeyValue, type Log, map, text } from "./expected-lines.ts";
import type { FieldsOptions } from "./fields-line.ts";
import { plainRequest } from "./filter-samples.ts";
import { createRandom, encodeRequest, requestType } from "./request-samples.ts";
import { scan } from "./scan.ts";
import { Transcoder } from "./transcode.ts";

const LIMITS = { recordsMax: 10_000, nestingMax: 64, recordBytesMax: 2_000_000 };

function linesOf(bytes: Uint8Array, shape: FieldsOptions, collectorId?: string): string[] {
  const transcoder = new Transcoder({ shape, ...(collectorId === undefined ? {} : { collectorId }) });
  const lines = transcoder.transcode(bytes, 0n, 0, scan(bytes, LIMITS).records);
  return Array.from(lines.ends, (end, index) =>
    Buffer.from(lines.bytes.subarray(lines.ends[index - 1] ?? 0, end)).toString(),
  );
}

/** The line of one log record, given in its JSON form. */
function lineOf(record: object, shape: FieldsOptions, collectorId?: string): string {
  const resource = { attributes: [{ key: "service.name", value: { stringValue: "checkout" } }] };
  const request = { resourceLogs: [{ resource, scopeLogs: [{ scope: { name: "shop" }, logRecords: [record] }] }] };
  return linesOf(requestType.encode(requestType.fromObject(request)).finish(), shape, collectorId)[0] ?? "";
}

function problemOf(shape: FieldsOptions, collectorId?: string): string {
  try {
    lineOf({}, shape, collectorId);
  } catch (reason) {
    expect(reason).toMatchObject({ code: "config_invalid" });
    return (reason as Error).message;
  }
  throw new Error("it was accepted");
}

const PLAIN = ["severity", "severityText", "eventName", "traceId", "spanId", "flags", "scope.name", "scope.version"];
const KEYED = ["attributes", "resource", "scope.attributes", "body"];
const KEYS = ["k", "http.status", "service.name", "", 'quo"te\\d'];
const source = fc.oneof(
  fc.constantFrom(...PLAIN, ...KEYED, ...KEYED.map((root) => `${root}.*`)),
  fc
    .tuple(fc.constantFrom(...KEYED), fc.array(fc.constantFrom(...KEYS), { minLength: 1, maxLength: 2 }))
    .map(([root, keys]) => `${root}${keys.map((key) => `[${JSON.stringify(key)}]`).join("")}`),
);

/** The members that a source comes to, made the slow and obvious way. */
function members(name: string, from: string, log: Log, resource: Holder, scope: Holder & { name?: string }): string[] {
  const own = (value: string | undefined): string[] =>
    value === undefined ? [] : [`${JSON.stringify(name)}:${value}`];
  const plain: Record<string, string | undefined> = {
    severity: log.severityNumber ? String(log.severityNumber) : undefined,
    severityText: text(log.severityText),
    eventName: text(log.eventName),
    traceId: hex(log.traceId),
    spanId: hex(log.spanId),
    flags: log.flags ? String(log.flags) : undefined,
    "scope.name": text(scope.name),
    "scope.version": text((scope as { version?: string }).version),
  };
  if (from in plain) return own(plain[from]);
  const root = KEYED.find(
    (each) => from.startsWith(each) && (from.length === each.length || ".[".includes(from[each.length] ?? "")),
  );
  const holder = { attributes: log, resource, "scope.attributes": scope }[root ?? ""]?.attributes ?? [];
  if (from === root && root !== "body" && holder.length === 0) return [];
  let value: Any | undefined = root === "body" ? log.body : { kvlistValue: { values: holder } };
  const keys = [...from.matchAll(/\[("(?:[^"\\]|\\.)*")\]/g)].map(([, key]) => JSON.parse(key ?? "") as string);
  for (const key of keys) {
    value = value?.kvlistValue?.values?.findLast((each: KeyValue) => (each.key ?? "") === key)?.value;
    if (value?.kvlistValue === undefined && key !== keys.at(-1)) value = undefined;
  }
  if (value === undefined || Object.keys(value).length === 0) return [];
  if (!from.endsWith(".*") || value.kvlistValue === undefined) return own(any(value));
  const inner = map(value.kvlistValue.values ?? []).slice(1, -1);
  return inner === "" ? [] : [inner];
}

test("a line has the fields that are named, in their order, as protobufjs decodes them", () => {
  const liberty = fc.option(fc.integer(), { nil: undefined });
  fc.assert(
    fc.property(plainRequest, fc.array(source, { minLength: 1, maxLength: 5 }), liberty, (parts, sources, seed) => {
      const fields = sources.map((from, index) => (/^(?!body).*\*$/.test(from) ? from : { name: `n"${index}`, from }));
      const bytes = encodeRequest(parts, seed === undefined ? undefined : { random: createRandom(seed), oneofs: true });
      const expected: string[] = [];
      for (const { resource, scopeLogs } of decode(encodeRequest(parts)).resourceLogs ?? []) {
        for (const { scope, logRecords } of scopeLogs ?? []) {
          for (const log of logRecords ?? []) {
            const all = sources.flatMap((from, index) => members(`n"${index}`, from, log, resource ?? {}, scope ?? {}));
            expected.push(`{${all.join(",")}}\n`);
          }
        }
      }
      expect(linesOf(bytes, { fields })).toEqual(expected);
    }),
    { numRuns: 500 },
  );
});

test("a field is called by the last part of its name unless it is given one", () => {
  const attributes = [{ key: "http.route", value: { stringValue: "/pay" } }];
  const fields = ["attributes.http.route", { name: "service", from: "resource.service.name" }, "scope.name"];
  expect(lineOf({ attributes }, { fields })).toBe('{"http.route":"/pay","service":"checkout","scope.name":"shop"}\n');
});

test("static fields stand where they are named, whatever JSON they are", () => {
  const fields = [{ name: "env", value: "prod" }, "body", { name: "tags", value: { team: ["a", 1, true, null] } }];
  expect(lineOf({ body: { stringValue: "x" } }, { fields })).toBe(
    '{"env":"prod","body":"x","tags":{"team":["a",1,true,null]}}\n',
  );
});

test("a body that is no map goes under its own name where its entries were asked for", () => {
  const fields = [{ name: "log", from: "body.*" }];
  expect(lineOf({ body: { stringValue: "plain" } }, { fields })).toBe('{"log":"plain"}\n');
  const values = [{ key: "a", value: { intValue: 1 } }];
  expect(lineOf({ body: { kvlistValue: { values } } }, { fields })).toBe('{"a":1}\n');
  expect(lineOf({}, { fields })).toBe("{}\n");
});

test("a record's name comes first, or where it is asked for", () => {
  expect(lineOf({ body: { stringValue: "x" } }, { fields: ["body"] }, "c")).toBe('{"recordId":"c/0","body":"x"}\n');
  const fields = ["body", { name: "id", from: "recordId" }];
  expect(lineOf({ body: { stringValue: "x" } }, { fields }, "c")).toBe('{"body":"x","id":"c/0"}\n');
});

test("the time comes last under its key; where the record has none, the time at which it was seen", () => {
  const shape = { fields: ["body"], timeKey: "time", timeFormat: "%s.%3N" };
  const body = { stringValue: "x" };
  const seen = { observedTimeUnixNano: "1763800001000000000" };
  expect(lineOf({ body, timeUnixNano: "1763800000123456789", ...seen }, shape)).toBe(
    '{"body":"x","time":"1763800000.123"}\n',
  );
  expect(lineOf({ body, ...seen }, shape)).toBe('{"body":"x","time":"1763800001.000"}\n');
  expect(lineOf({ body }, shape)).toBe('{"body":"x"}\n');
  const both = ["timestamp", { name: "seen", from: "observedTimestamp", format: "unixtime" }];
  expect(lineOf({ timeUnixNano: "1763800000123456789", ...seen }, { fields: both })).toBe(
    '{"timestamp":"2025-11-22T08:26:40.123456789Z","seen":1763800001}\n',
  );
  expect(lineOf({ timeUnixNano: "1763800000123456789" }, { fields: ["observedTimestamp"] })).toBe("{}\n");
});

test("whole doubles are written with a point, and characters beyond ASCII as escapes, where that is asked for", () => {
  const values = [
    { key: "d", value: { doubleValue: 3 } },
    { key: "i", value: { intValue: 3 } },
    { key: "é😀", value: { stringValue: '\u007f"ü\ufeff' } },
    { key: "h", value: { doubleValue: 0.5 } },
  ];
  const record = { body: { kvlistValue: { values } } };
  expect(lineOf(record, { fields: ["body.*"], doublesWithPoint: true, escapeUnicode: true })).toBe(
    '{"d":3.0,"i":3,"\\u00e9\\ud83d\\ude00":"\\u007f\\"\\u00fc\\ufeff","h":0.5}\n',
  );
  expect(lineOf(record, { fields: ["body.*"] })).toBe('{"d":3,"i":3,"é😀":"\u007f\\"ü\ufeff","h":0.5}\n');
});

test("a large record grows its room as much as it needs, however often it is picked", () => {
  const body = { stringValue: '"é\u0001'.repeat(100_000) };
  const fields = ["a", "b", "c"].map((name) => ({ name, from: "body" }));
  expect(JSON.parse(lineOf({ body }, { fields, escapeUnicode: true }))).toEqual({
    a: body.stringValue,
    b: body.stringValue,
    c: body.stringValue,
  });
});

test("what is wrong with fields is told", () => {
  expect(problemOf({ fields: [] })).toContain("fields must name one at least");
  expect(problemOf({ fields: ["bdy"] })).toContain("bdy is no field: did you mean body?\nbdy\n^^^");
  expect(problemOf({ fields: ["body", "body"] })).toContain('two fields are called "body"');
  expect(problemOf({ fields: ["body"], timeKey: "body" })).toContain('two fields are called "body"');
  expect(problemOf({ fields: ["body"], timeFormat: "%s" })).toContain("timeFormat needs a timeKey");
  expect(problemOf({ fields: ["body"], timeZone: "UTC" })).toContain("timeZone needs a timeKey");
  expect(problemOf({ fields: ["body"], timeKey: "time", timeZone: "Tokyo" })).toContain('"Tokyo" is no time zone');
  expect(problemOf({ fields: ["recordId"] })).toContain("needs recordId: true");
  expect(problemOf({ fields: [{ from: "body", format: "%s" }] })).toContain("only timestamp and observedTimestamp");
  expect(problemOf({ fields: [{ name: "x", from: "attributes.*" }] })).toContain("takes no name");
  expect(problemOf({ fields: ["severity.*"] })).toContain(
    "only attributes, resource, scope.attributes, body have entries",
  );
  expect(problemOf({ fields: ["body exists"] })).toContain("after the field must come nothing");
});
