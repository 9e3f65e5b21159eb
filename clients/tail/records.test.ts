import { expect, test } from "bun:test";
import fc from "fast-check";
import { AccessParser } from "./parse/access.ts";
import { JsonParser } from "./parse/json.ts";
import { LogfmtParser } from "./parse/logfmt.ts";
import { RegexParser, Search } from "./parse/regex.ts";
import { TimeParser } from "./parse/time.ts";
import { blankContext, RecordBuilder, type RecordOptions } from "./records.ts";
import { type DecodedRecord, decodeRequest } from "./testing/decode.ts";
import { encodeEnvelope, encodePart } from "./wire/request.ts";

const PLAIN: RecordOptions = {
  format: "none",
  parser: undefined,
  time: undefined,
  severity: undefined,
  types: new Map(),
  rules: [],
  attributes: {},
};
const JSON_OPTIONS: RecordOptions = { ...PLAIN, format: "json", parser: new JsonParser() };

function build(lines: readonly (string | Uint8Array)[], options: Partial<RecordOptions> = {}) {
  const builder = new RecordBuilder({ ...PLAIN, ...options });
  builder.observedAt(1_763_800_000_123);
  for (const line of lines) {
    const bytes = Buffer.from(line as string);
    // In the middle of other bytes, as a line in the read buffer is.
    const around = Buffer.concat([Buffer.from('"}\\'), bytes, Buffer.from('"}\\u00')]);
    builder.add(around, 3, 3 + bytes.length, blankContext(), false);
  }
  const { records, count } = builder.takePart();
  const decoded = decodeRequest(encodePart(encodeEnvelope({ tag: "t" }, "standpipe.tail"), records));
  expect(decoded.length).toBe(count);
  return { decoded, counts: builder.counts };
}

function one(line: string | Uint8Array, options: Partial<RecordOptions> = {}): DecodedRecord {
  const [record] = build([line], options).decoded;
  if (record === undefined) throw new Error("it was left out");
  return record;
}

test("a line is the body, with the time at which it was seen, under what the file says", () => {
  expect(one("hello 日本")).toEqual({
    body: "hello 日本",
    attributes: {},
    resource: { tag: "t" },
    time: "0",
    observedTime: "1763800000123000000",
    severity: 0,
    severityText: "",
  });
});

/** Integers that only int64 holds, as JSON.parse has them. */
function asDoubles(value: unknown): unknown {
  if (typeof value === "bigint" || (typeof value === "string" && /^-?\d{19,}$/.test(value))) return Number(value);
  if (Array.isArray(value)) return value.map(asDoubles);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, asDoubles(inner)]));
}

test("any JSON object is the map that JSON.parse makes of it", () => {
  fc.assert(
    fc.property(
      fc.dictionary(fc.string({ unit: "binary" }), fc.jsonValue({ stringUnit: "binary" }), { maxKeys: 20 }),
      fc.constantFrom(undefined, 2),
      (value, space) => {
        const text = JSON.stringify(value, undefined, space);
        const { body, attributes } = one(text, JSON_OPTIONS);
        expect(attributes).toEqual({});
        expect(asDoubles(body)).toEqual(asDoubles(JSON.parse(text.toWellFormed())));
      },
    ),
  );
});

test("what JSON.parse refuses is sent as it is, marked and counted", () => {
  fc.assert(
    fc.property(fc.json({ stringUnit: "grapheme" }), fc.nat(), fc.string({ maxLength: 3 }), (json, at, noise) => {
      const wrapped = `{"a":${json},"b":"\\u00e9\\n"}`;
      const cut = at % wrapped.length;
      const line = (wrapped.slice(0, cut) + noise + wrapped.slice(cut + 1)).toWellFormed();
      let isObject = true;
      try {
        const value: unknown = JSON.parse(line);
        isObject = typeof value === "object" && value !== null && !Array.isArray(value);
      } catch {
        isObject = false;
      }
      const { decoded, counts } = build([line], JSON_OPTIONS);
      expect(counts.unparsed).toBe(isObject ? 0 : 1);
      if (isObject) return;
      expect(decoded[0]?.body).toBe(line);
      expect(decoded[0]?.attributes).toEqual({ "standpipe.unparsed": "json" });
    }),
    { numRuns: 500 },
  );
});

test("long texts, deep maps and large numbers keep their value", () => {
  const long = "x\\n".repeat(10_000);
  expect(one(`{"a":"${long}","n":{"m":["${"y".repeat(20_000)}"]}}`, JSON_OPTIONS).body).toEqual({
    a: "x\n".repeat(10_000),
    n: { m: ["y".repeat(20_000)] },
  });
  expect(
    one('{"a":9223372036854775807,"b":-9223372036854775808,"c":99999999999999999999,"d":-1,"e":1e400}', JSON_OPTIONS)
      .body,
  ).toEqual({ a: 9223372036854775807n, b: -9223372036854775808n, c: "99999999999999999999", d: -1, e: "1e400" });
  expect(one(`{"a":${"[".repeat(70)}${"]".repeat(70)}}`, JSON_OPTIONS).attributes).toEqual({
    "standpipe.unparsed": "json",
  });
});

test("a field that says the time is taken out, or stays where that is asked for, or where it is none", () => {
  const time = (keep: boolean) => ({
    key: "time",
    parser: new TimeParser({ format: "%Y-%m-%dT%H:%M:%S.%NZ" }, () => 0),
    keep,
  });
  const line = '{"log":"a\\n","time":"2025-11-22T08:26:40.012345678Z"}';
  const taken = one(line, { ...JSON_OPTIONS, time: time(false) });
  expect([taken.body, taken.time]).toEqual([{ log: "a\n" }, "1763800000012345678"]);
  expect(one(line, { ...JSON_OPTIONS, time: time(true) }).body).toEqual(JSON.parse(line));
  const { decoded, counts } = build(['{"time":"soon","a":1}'], { ...JSON_OPTIONS, time: time(false) });
  expect([decoded[0]?.body, decoded[0]?.time, counts.withoutTime]).toEqual([{ time: "soon", a: 1 }, "0", 1]);
});

test("severity comes from a field, by the application's own words too, or from a pattern", () => {
  const severity = { key: "level", pattern: undefined, own: new Map([["oops", "error"]]) };
  const of = (line: string) => {
    const { severity: number, severityText } = one(line, { ...JSON_OPTIONS, severity });
    return [number, severityText];
  };
  expect(of('{"level":"WARN"}')).toEqual([13, "WARN"]);
  expect(of('{"level":"oops"}')).toEqual([17, "oops"]);
  expect(of('{"level":30}')).toEqual([9, "30"]);
  expect(of('{"level":"never heard of"}')).toEqual([0, "never heard of"]);
  expect(of("{}")).toEqual([0, ""]);
  const pattern = { key: undefined, pattern: new Search("\\b(INFO|ERROR)\\b"), own: new Map() };
  expect(one("2025 [main] ERROR x", { severity: pattern }).severity).toBe(17);
});

test("rules keep and leave out by line and by field; what does not parse has no fields and stays", () => {
  const rules = [
    { field: "log", search: new Search("GET /"), keeps: true },
    { field: "log", search: new Search("health(z|check)"), keeps: false },
    { field: undefined, search: new Search("secret"), keeps: false },
  ];
  const lines = [
    '{"log":"GET /a"}',
    '{"log":"POST /"}',
    '{"log":"GET /healthz"}',
    '{"a":1}',
    '{"log":"GET /secret"}',
    "GET",
  ];
  const { decoded, counts } = build(lines, { ...JSON_OPTIONS, rules });
  expect(decoded.map(({ body }) => body)).toEqual([{ log: "GET /a" }, "GET"]);
  expect(counts).toMatchObject({ records: 2, filtered: 4, unparsed: 1 });
});

test("bytes that are no UTF-8 are sent as bytes", () => {
  const line = Buffer.from([0x61, 0xff, 0x62]);
  const { decoded, counts } = build([line], JSON_OPTIONS);
  expect(Buffer.compare(decoded[0]?.body as Buffer, line)).toBe(0);
  expect(counts.notUtf8).toBe(1);
});

test("named groups are fields, with types where asked for", () => {
  const parser = new RegexParser("^(?<level>\\w+) (?<took>[\\d.]+)(?: (?<user.id>\\d+))?(?<rest>.*)$");
  const types = new Map([
    ["took", "float" as const],
    ["user_id", "integer" as const],
  ]);
  expect(one("INFO 1.5 42!", { format: "regex", parser, types }).body).toEqual({
    level: "INFO",
    took: 1.5,
    user_id: 42,
    rest: "!",
  });
  expect(one("INFO 1.", { format: "regex", parser, types }).body).toEqual({ level: "INFO", took: "1.", rest: "" });
  expect(one("---", { format: "regex", parser }).attributes).toEqual({ "standpipe.unparsed": "regex" });
});

test("logfmt: words, quoted texts, keys alone", () => {
  const options = { format: "logfmt", parser: new LogfmtParser() };
  expect(one('level=info msg="a \\"b\\"\\n c" done took=3ms empty=', options).body).toEqual({
    level: "info",
    msg: 'a "b"\n c',
    done: "",
    took: "3ms",
    empty: "",
  });
  for (const line of ["just words", 'a="open', "=x", 'a="b"c=d', ""])
    expect(one(line, options).attributes).toEqual({ "standpipe.unparsed": "logfmt" });
});

test("access logs of nginx and Apache, common and combined, with requests that are none", () => {
  const nginx = { format: "nginx", parser: new AccessParser("nginx"), types: new Map([["code", "integer" as const]]) };
  const base = '172.17.0.1 - bob [22/Nov/2025:08:26:40 +0000] "GET /a?b="';
  expect(base.length).toBeGreaterThan(0);
  expect(
    one('172.17.0.1 - bob [22/Nov/2025:08:26:40 +0000] "GET /a b HTTP/1.1" 200 612 "-" "curl \\"8\\""', nginx).body,
  ).toEqual({
    remote: "172.17.0.1",
    host: "-",
    user: "bob",
    time: "22/Nov/2025:08:26:40 +0000",
    method: "GET",
    path: "/a b",
    code: 200,
    size: "612",
    referer: "-",
    agent: 'curl \\"8\\"',
  });
  expect(one('1.2.3.4 - - [22/Nov/2025:08:26:40 +0000] "\\x16\\x03" 400 157 "-" "-" "-"', nginx).body).toMatchObject({
    path: "\\x16\\x03",
    code: 400,
    http_x_forwarded_for: "-",
  });
  const apache = { format: "apache", parser: new AccessParser("apache") };
  expect(one('::1 - - [22/Nov/2025:08:26:40 +0000] "GET / HTTP/1.0" 200 -', apache).body).toEqual({
    host: "::1",
    user: "-",
    time: "22/Nov/2025:08:26:40 +0000",
    method: "GET",
    path: "/",
    code: "200",
    size: "-",
  });
  for (const line of [
    "",
    "a",
    '1 - - [x] "y" 200',
    '1 - - [x "y" 200 3',
    '1 - - [x] "y 200 3',
    '1 - - [x] "y" 200 3 z',
  ])
    expect(one(line, apache).attributes).toEqual({ "standpipe.unparsed": "apache" });
});
