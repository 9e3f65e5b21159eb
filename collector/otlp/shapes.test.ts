import { expect, test } from "bun:test";
import fc from "fast-check";
import { extractRecord } from "./edit.ts";
import { any, decode, type Log, text } from "./expected-lines.ts";
import { plainRequest } from "./filter-samples.ts";
import { createRandom, encodeRequest, request, requestType } from "./request-samples.ts";
import { scan } from "./scan.ts";
import type { ShapeOptions } from "./shapes.ts";
import { Transcoder } from "./transcode.ts";

const LIMITS = { recordsMax: 10_000, nestingMax: 64, recordBytesMax: 2_000_000 };

function linesOf(bytes: Uint8Array, shape: ShapeOptions, collectorId?: string, first = 0n): string[] {
  const transcoder = new Transcoder({ shape, ...(collectorId === undefined ? {} : { collectorId }) });
  const { records } = scan(bytes, LIMITS);
  const lines = transcoder.transcode(bytes, first, 0, records);
  expect(lines.count).toBe(records);
  const all = Buffer.from(lines.bytes).toString();
  // Whatever the shape, each line ends with the one line break that is in it.
  const texts = all.split(/(?<=\n)/).filter((each) => each !== "");
  let end = 0;
  expect([...lines.ends]).toEqual(texts.map((each) => (end += Buffer.byteLength(each))));
  return texts;
}

function single(record: object): Uint8Array {
  const scopeLogs = [{ scope: { name: "s" }, logRecords: [record] }];
  const resource = { attributes: [{ key: "service.name", value: { stringValue: "checkout" } }] };
  return requestType.encode(requestType.fromObject({ resourceLogs: [{ resource, scopeLogs }] })).finish();
}

function logsOf(bytes: Uint8Array): Log[] {
  return (decode(bytes).resourceLogs ?? []).flatMap(({ scopeLogs }) =>
    (scopeLogs ?? []).flatMap(({ logRecords }) => logRecords ?? []),
  );
}

/** The request with every default written out, so that what was sent as one and what was left out look alike. */
function complete(message: ReturnType<typeof requestType.decode>): unknown {
  return requestType.toObject(message, { longs: String, bytes: String, enums: Number, defaults: true });
}

/** What an OTLP/HTTP receiver makes of a line: identifiers are hex there, and base64 in protobuf's own JSON. */
function received(line: string): unknown {
  const parsed = JSON.parse(line);
  for (const { scopeLogs } of parsed.resourceLogs) {
    for (const record of scopeLogs[0].logRecords) {
      for (const id of ["traceId", "spanId"]) {
        if (record[id] === undefined) continue;
        expect(record[id]).toMatch(/^[0-9a-f]+$/);
        record[id] = Buffer.from(record[id], "hex").toString("base64");
      }
    }
  }
  return complete(requestType.fromObject(parsed));
}

test("otlp_json: each line, read back, is the log record alone with its resource and scope", () => {
  fc.assert(
    fc.property(request, fc.option(fc.integer(), { nil: undefined }), (parts, seed) => {
      const liberties = seed === undefined ? undefined : { random: createRandom(seed), oneofs: false };
      const bytes = encodeRequest(parts, liberties);
      for (const [index, line] of linesOf(bytes, "otlp_json").entries()) {
        expect(received(line)).toEqual(complete(requestType.decode(extractRecord(bytes, index))));
      }
    }),
    { numRuns: 120 },
  );
});

test("otlp_json: of a oneof given several times the last member counts", () => {
  // The encoder takes these liberties too: references to entities, and a value that is given but holds nothing.
  const essence = (line: string): unknown =>
    JSON.parse(line, (key, value) => {
      const isNothing = key === "value" && Object.keys(value).length === 0;
      return key === "entityRefs" || isNothing ? undefined : value;
    });
  fc.assert(
    fc.property(request, fc.integer(), (parts, seed) => {
      const plain = linesOf(encodeRequest(parts), "otlp_json");
      const bytes = encodeRequest(parts, { random: createRandom(seed), oneofs: true });
      expect(linesOf(bytes, "otlp_json").map(essence)).toEqual(plain.map(essence));
    }),
    { numRuns: 150 },
  );
});

test("otlp_json: numbers are as the specification has them, and recordId is one more attribute", () => {
  const attributes = [{ key: "n", value: { intValue: "-9223372036854775808" } }];
  const values = [{ doubleValue: Number.NaN }, { doubleValue: 0.5 }, { bytesValue: Buffer.from("hi") }, {}];
  const record = {
    timeUnixNano: "18446744073709551615",
    severityNumber: 9,
    body: { arrayValue: { values } },
    flags: 1,
  };
  const [line = ""] = linesOf(
    single({ ...record, traceId: Buffer.from("0aff", "hex"), attributes }),
    "otlp_json",
    "c",
    7n,
  );
  expect(JSON.parse(line).resourceLogs[0].scopeLogs[0].logRecords[0]).toEqual({
    timeUnixNano: "18446744073709551615",
    severityNumber: 9,
    body: { arrayValue: { values: [{ doubleValue: "NaN" }, { doubleValue: 0.5 }, { bytesValue: "aGk=" }, {}] } },
    traceId: "0aff",
    flags: 1,
    attributes: [
      { key: "n", value: { intValue: "-9223372036854775808" } },
      { key: "standpipe.record.id", value: { stringValue: "c/7" } },
    ],
  });
  const [bare = ""] = linesOf(single({}), "otlp_json", "c", 8n);
  expect(JSON.parse(bare).resourceLogs[0].scopeLogs[0].logRecords).toEqual([
    { attributes: [{ key: "standpipe.record.id", value: { stringValue: "c/8" } }] },
  ]);
});

test("otlp_json: what grows most has room enough", () => {
  const nest = (depth: number): object => (depth === 0 ? {} : { arrayValue: { values: [nest(depth - 1)] } });
  const bodies = [
    { arrayValue: { values: Array.from({ length: 3_000 }, () => ({})) } },
    { arrayValue: { values: Array.from({ length: 20_000 }, () => ({ boolValue: false })) } },
    { kvlistValue: { values: Array.from({ length: 20_000 }, () => ({ key: "", value: {} })) } },
    { arrayValue: { values: Array.from({ length: 600 }, () => nest(40)) } },
    nest(40),
    { stringValue: "\u0001".repeat(300_000) },
  ];
  for (const body of bodies) {
    const bytes = single({ body, attributes: Array.from({ length: 50 }, () => ({ key: "k", value: nest(20) })) });
    expect(received(linesOf(bytes, "otlp_json")[0] ?? "")).toEqual(complete(requestType.decode(bytes)));
  }
});

/** What the shape body makes of a body. */
function bodyLine({ body }: Log): string {
  if (body?.stringValue !== undefined) {
    return body.stringValue
      .replace(/\r?\n$|\r$/, "")
      .replaceAll("\n", "\\n")
      .replaceAll("\r", "\\r");
  }
  if (body?.bytesValue !== undefined) return body.bytesValue;
  return body === undefined || Object.keys(body).length === 0 ? "" : any(body);
}

test("body: a line is the body as it was written, and as JSON where it is no text", () => {
  fc.assert(
    fc.property(fc.oneof(request, plainRequest), fc.option(fc.integer(), { nil: undefined }), (parts, seed) => {
      const bytes = encodeRequest(parts, seed === undefined ? undefined : { random: createRandom(seed), oneofs: true });
      expect(linesOf(bytes, "body")).toEqual(logsOf(encodeRequest(parts)).map((log) => `${bodyLine(log)}\n`));
    }),
    { numRuns: 300 },
  );
});

test("body: a line stays one line, whatever breaks are in it", () => {
  const texts = [
    "plain",
    "ended\n",
    "ended twice\n\n",
    "dos\r\n",
    "a\nb\r\nc\rd",
    '{"a": "\\n"}',
    "",
    "\n",
    "nul\u0000",
  ];
  const lines = texts.flatMap((stringValue) => linesOf(single({ body: { stringValue } }), "body"));
  expect(lines).toEqual([
    "plain\n",
    "ended\n",
    "ended twice\\n\n",
    "dos\n",
    "a\\nb\\r\\nc\\rd\n",
    '{"a": "\\n"}\n',
    "\n",
    "\n",
    "nul\u0000\n",
  ]);
});

test("body has no place for a record's name, and says so", () => {
  expect(() => new Transcoder({ shape: "body", collectorId: "c" })).toThrow("no place for recordId");
});

test("in every shape text that is not UTF-8 is mended", () => {
  // As bytes first: protobufjs does not write strings that are no text. The tag then says string.
  const record = Buffer.from(single({ body: { bytesValue: Uint8Array.of(0x61, 0xff, 0x62) } }));
  record[record.indexOf(0x3a, record.indexOf(0x2a))] = 0x0a;
  const shapes = [
    "json",
    "otlp_json",
    "body",
    { fields: ["body"] },
    { fields: ["body"], escapeUnicode: true },
  ] as const;
  const mended = shapes.map((shape) => linesOf(record, shape)[0]);
  for (const line of mended.slice(0, 4)) expect(line).toContain("a\ufffdb");
  expect(mended[4]).toBe('{"body":"a\\ufffdb"}\n');
});

test("text never reaches a line unescaped: every line but of the shape body is JSON", () => {
  const shapes: ShapeOptions[] = ["json", "otlp_json", { fields: ["body", "attributes", "resource", "severityText"] }];
  fc.assert(
    fc.property(request, fc.constantFrom(...shapes), (parts, shape) => {
      for (const line of linesOf(encodeRequest(parts), shape, 'c"1')) expect(() => JSON.parse(line)).not.toThrow();
    }),
    { numRuns: 200 },
  );
  expect(text('c"1')).toBe('"c\\"1"');
});
