import { expect, test } from "bun:test";
import fc from "fast-check";
import { decodeRequest, RequestType } from "../fake-collector.ts";
import type { LogRecord } from "../record.ts";
import { createUlids } from "../ulid.ts";
import { countRecords } from "./count.ts";
import { halves, joinRuns, RecordEncoder } from "./records.ts";

const LIMITS = { recordBytesMax: 100_000, runBytesMax: 50_000, runRecordsMax: 1_000 };

function createEncoder(limits: Partial<typeof LIMITS> = {}): RecordEncoder {
  return new RecordEncoder({ nextUid: createUlids(), ...LIMITS, ...limits });
}

const leaf = fc.oneof(
  fc.string({ unit: "binary" }),
  fc.string({ maxLength: 300 }),
  fc.integer(),
  fc.maxSafeInteger(),
  fc.double(),
  fc.boolean(),
  fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
  fc.uint8Array({ maxLength: 40 }),
  fc.constant(null),
);
const value = fc.letrec((tie) => ({
  any: fc.oneof({ maxDepth: 4 }, leaf, tie("list"), tie("map")),
  list: fc.array(tie("any"), { maxLength: 4 }),
  map: fc.dictionary(fc.string(), tie("any"), { maxKeys: 4, noNullPrototype: true }),
})).any;
const record: fc.Arbitrary<LogRecord> = fc.record(
  {
    time: fc.double({ min: 0, max: 4e12, noNaN: true }),
    observedTime: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
    severityNumber: fc.integer({ min: 1, max: 24 }),
    severityText: fc.string({ minLength: 1 }),
    body: value,
    attributes: fc.dictionary(fc.string(), value, { maxKeys: 5, noNullPrototype: true }),
    traceId: fc.uint8Array({ minLength: 16, maxLength: 16 }).map((bytes) => Buffer.from(bytes).toString("hex")),
    spanId: fc.uint8Array({ minLength: 8, maxLength: 8 }).map((bytes) => Buffer.from(bytes).toString("hex")),
    traceFlags: fc.nat(255),
    droppedAttributesCount: fc.nat(),
    eventName: fc.string(),
    uid: fc.string({ minLength: 1 }),
  },
  { requiredKeys: ["uid"] },
);

/** A value as decodeRequest gives it back. */
function expected(given: unknown): unknown {
  if (typeof given === "string") return Buffer.from(given).toString();
  if (typeof given === "number") return Number.isSafeInteger(given) && !Object.is(given, -0) ? String(given) : given;
  if (typeof given === "bigint") return String(given);
  if (given === null) return undefined;
  if (given instanceof Uint8Array) return Buffer.from(given).toString("base64");
  if (Array.isArray(given)) return given.map(expected);
  if (typeof given !== "object") return given;
  return Object.fromEntries(Object.entries(given).map(([key, each]) => [Buffer.from(key).toString(), expected(each)]));
}

test("property: protobufjs reads every record back as it was given, across runs and batches", () => {
  const encoder = createEncoder({ runBytesMax: 400 });
  const head = encoder.head({ resource: { "service.name": "x", n: 1 }, scopeName: "s", scopeVersion: "1" });
  const other = encoder.head({ resource: {}, scopeName: "other" });
  fc.assert(
    fc.property(fc.array(record, { minLength: 1, maxLength: 6 }), (records) => {
      const runs = [
        ...encoder.encode(head, records),
        ...encoder.encode(head, records),
        ...encoder.encode(other, records),
      ];
      const request = joinRuns(runs);
      expect(RequestType.verify(RequestType.decode(request))).toBeNull();
      const seen = decodeRequest(request);
      expect(seen.length).toBe(3 * records.length);
      expect(countRecords(request)).toBe(3 * records.length);
      expect(seen.map(({ scope }) => scope)).toEqual([
        ...Array<string>(2 * records.length).fill("s"),
        ...Array<string>(records.length).fill("other"),
      ]);
      for (const [index, given] of records.entries()) {
        const { body, attributes, raw, resource } = seen[index] as (typeof seen)[number];
        expect(resource).toEqual({ "service.name": "x", n: "1" });
        expect(body).toEqual(expected(given.body) as never);
        const { uid } = given;
        expect(attributes).toEqual({ "log.record.uid": uid, ...(expected(given.attributes ?? {}) as object) } as never);
        expect(raw.severityNumber).toBe(given.severityNumber);
        expect(raw.severityText).toBe(given.severityText);
        expect(raw.flags ?? 0).toBe(given.traceFlags ?? 0);
        expect(raw.eventName ?? "").toBe(given.eventName ?? "");
        expect(raw.droppedAttributesCount ?? 0).toBe(given.droppedAttributesCount ?? 0);
        if (given.traceId !== undefined) expect(raw.traceId).toBe(Buffer.from(given.traceId, "hex").toString("base64"));
        if (given.spanId !== undefined) expect(raw.spanId).toBe(Buffer.from(given.spanId, "hex").toString("base64"));
        if (given.observedTime !== undefined) expect(raw.observedTimeUnixNano ?? "0").toBe(String(given.observedTime));
        if (given.time !== undefined) {
          const whole = Math.floor(given.time as number);
          const nanos = BigInt(whole) * 1_000_000n + BigInt(Math.round(((given.time as number) - whole) * 1e6));
          expect(raw.timeUnixNano ?? "0").toBe(String(nanos));
        }
      }
    }),
    { numRuns: 300 },
  );
});

test("property: the halves of a run are its records, in order", () => {
  const encoder = createEncoder();
  const head = encoder.head({ resource: {} });
  fc.assert(
    fc.property(fc.array(record, { minLength: 2, maxLength: 9 }), (records) => {
      const [run] = encoder.encode(head, records);
      const [first, second] = halves(run as never) ?? [];
      expect<Uint8Array>(Buffer.concat([first?.bytes ?? Buffer.alloc(0), second?.bytes ?? Buffer.alloc(0)])).toEqual(
        run?.bytes as Uint8Array,
      );
      expect(decodeRequest(joinRuns([first as never])).length).toBe(Math.ceil(records.length / 2));
      expect(decodeRequest(joinRuns([second as never])).length).toBe(Math.floor(records.length / 2));
    }),
    { numRuns: 50 },
  );
});

test("property: bytes of any kind are counted or refused, and harm nobody", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 80 }), (bytes) => {
      const count = countRecords(bytes);
      expect(count === undefined || count >= 0).toBe(true);
    }),
  );
});

test("what no log should hold becomes a text, and the rest of the record stays", () => {
  const ring: Record<string, unknown> = { name: "ring" };
  ring.self = ring;
  let deep: unknown = "end";
  for (let level = 0; level < 100; level++) deep = { deep };
  const trap = {
    get field(): never {
      throw new Error("no");
    },
  };
  const encoder = createEncoder();
  const attributes = {
    ring,
    deep,
    trap,
    symbol: Symbol("s"),
    date: new Date(0),
    invalid: new Date(Number.NaN),
    map: new Map([["a", 1]]),
    set: new Set([1]),
    url: new URL("http://x/"),
    huge: 2n ** 70n,
    missing: undefined,
    method: () => 1,
    json: { toJSON: () => "as JSON" },
  };
  const [seen] = decodeRequest(joinRuns(encoder.encode(encoder.head({ resource: {} }), [{ body: "b", attributes }])));
  expect(seen?.attributes).toMatchObject({
    ring: { name: "ring", self: "[circular]" },
    trap: "[unreadable]",
    symbol: "Symbol(s)",
    date: "1970-01-01T00:00:00.000Z",
    invalid: "Invalid Date",
    map: { a: "1" },
    set: ["1"],
    url: "http://x/",
    huge: "1180591620717411303424",
    json: "as JSON",
  });
  expect(JSON.stringify(seen?.attributes.deep)).toContain("[nested too deep]");
  expect(Object.keys(seen?.attributes ?? {})).not.toContain("missing");
});

test("an error becomes the attributes of OpenTelemetry's conventions, with its causes", () => {
  const encoder = createEncoder();
  const error = new TypeError("outer", { cause: new Error("inner") });
  const [seen] = decodeRequest(joinRuns(encoder.encode(encoder.head({ resource: {} }), [{ error }])));
  expect(seen?.attributes).toMatchObject({ "exception.type": "TypeError", "exception.message": "outer" });
  expect(String(seen?.attributes["exception.stacktrace"])).toMatch(/TypeError: outer(.|\n)*Caused by: Error: inner/);
});

test("a record that is too large is refused before anything is kept, and the next one is fine", () => {
  const encoder = createEncoder({ recordBytesMax: 1_000 });
  const head = encoder.head({ resource: {} });
  for (const body of ["x".repeat(1_001), ["é".repeat(600)], Buffer.alloc(2_000), Array(1_000).fill(1)]) {
    expect(() => encoder.encode(head, [{ body: "small" }, { body }])).toThrow("larger than 1000 bytes");
  }
  expect(decodeRequest(joinRuns(encoder.encode(head, [{ body: "small" }]))).map(({ body }) => body)).toEqual(["small"]);
});

test("a time or a trace that is none costs only itself", () => {
  const encoder = createEncoder();
  const given = {
    time: new Date(Number.NaN),
    observedTime: -5,
    traceId: "xyz",
    spanId: "0".repeat(15),
    severityNumber: 99,
  };
  const [seen] = decodeRequest(joinRuns(encoder.encode(encoder.head({ resource: {} }), [given])));
  expect(Number(seen?.raw.timeUnixNano)).toBeGreaterThan(1e18);
  expect(Number(seen?.raw.observedTimeUnixNano)).toBeGreaterThan(1e18);
  expect([seen?.raw.traceId, seen?.raw.spanId, seen?.raw.severityNumber]).toEqual([undefined, undefined, undefined]);
});
