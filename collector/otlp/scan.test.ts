import { expect, test } from "bun:test";
import fc from "fast-check";
import { CollectorError } from "../errors.ts";
import { toField } from "./canonical.ts";
import { createRandom, encodeRequest, type LogRecord, request, requestType, type Value } from "./request-samples.ts";
import { NESTING_MAX, type Scan, type ScanLimits, scan } from "./scan.ts";
import { Transcoder } from "./transcode.ts";

const LIMITS: ScanLimits = { recordsMax: 10_000, nestingMax: 64, recordBytesMax: 1_000_000 };

/** A message from its bytes, wrapped in the length-delimited field `tag`. */
function wrap(tag: number, ...parts: (Uint8Array | number[])[]): Uint8Array {
  const payload = Buffer.concat(parts.map((part) => (part instanceof Uint8Array ? part : Uint8Array.from(part))));
  return Buffer.concat(toField(tag, payload));
}

/** A request of one log record, given as bytes. */
function aroundRecord(...parts: (Uint8Array | number[])[]): Uint8Array {
  return wrap(0x0a, wrap(0x12, wrap(0x12, ...parts)));
}

function failure(bytes: Uint8Array | number[], limits = LIMITS): { code: string; message: string } {
  try {
    scan(Uint8Array.from(bytes), limits);
  } catch (reason) {
    if (reason instanceof CollectorError) return { code: reason.code, message: reason.message };
    throw reason;
  }
  throw new Error("the scan took it");
}

/** Either the scan throws a CollectorError, or what it counted becomes that many lines of JSON. Tells which. */
function checkAgainstTranscoder(bytes: Uint8Array, transcoder: Transcoder): boolean {
  let result: Scan;
  try {
    result = scan(bytes, LIMITS);
  } catch (reason) {
    expect(reason).toBeInstanceOf(CollectorError);
    // What the scan refused may still reach the transcoder as damage: it may throw the same, and nothing else.
    try {
      transcoder.transcode(bytes, 0n, 0, 3);
    } catch (other) {
      expect((other as CollectorError).code).toBe("invalid_request");
    }
    return false;
  }
  const lines = transcoder.transcode(bytes, 0n, 0, result.records + result.refused);
  expect(lines.count).toBe(result.records + result.refused);
  let start = 0;
  for (const end of lines.ends) {
    const line = Buffer.from(lines.bytes.subarray(start, end)).toString();
    expect(line.indexOf("\n")).toBe(line.length - 1);
    expect(JSON.parse(line)).toBeObject();
    start = end;
  }
  expect(start).toBe(lines.bytes.length);
  return true;
}

test("every request is taken whole, and its records are counted, whatever liberties its writer took", () => {
  fc.assert(
    fc.property(request, fc.integer(), (parts, seed) => {
      const records = parts.flatMap((logs) => logs.scopes).reduce((sum, logs) => sum + logs.records.length, 0);
      const free = encodeRequest(parts, { random: createRandom(seed), oneofs: true });
      expect(scan(encodeRequest(parts), LIMITS)).toEqual({ records, refused: 0, refusedReason: undefined });
      expect(scan(free, LIMITS).records).toBe(records);
    }),
    { numRuns: 300 },
  );
});

test("random bytes are refused as such, or become the lines that were counted", () => {
  const transcoder = new Transcoder({});
  // Bytes that are tags and short lengths here, so that a fair share is well formed.
  const likely = fc.constantFrom(0x0a, 0x12, 0x1a, 0x2a, 0x32, 0x10, 0x18, 0x21, 0x09, 0x45, 0, 1, 2, 3, 4, 6, 8, 0x80);
  const octets = fc.array(fc.oneof({ weight: 9, arbitrary: likely }, fc.nat(255)), { maxLength: 40 });
  let taken = 0;
  fc.assert(
    fc.property(octets, fc.constantFrom(0, 1, 2, 3), (list, depth) => {
      let bytes: Uint8Array = Uint8Array.from(list);
      for (let index = 0; index < depth; index++) bytes = wrap(index === 2 ? 0x0a : 0x12, bytes);
      if (checkAgainstTranscoder(bytes, transcoder)) taken++;
    }),
    { numRuns: 4000, seed: 1 },
  );
  expect(taken).toBeGreaterThan(200);
});

test("a request with flipped bits is refused as such, or becomes the lines that were counted", () => {
  const transcoder = new Transcoder({});
  fc.assert(
    fc.property(request, fc.integer(), fc.array(fc.nat(), { minLength: 1, maxLength: 4 }), (parts, seed, flips) => {
      const bytes = Uint8Array.from(encodeRequest(parts, { random: createRandom(seed), oneofs: true }));
      for (const flip of flips) {
        const at = flip % Math.max(1, bytes.length);
        if (at < bytes.length) bytes[at] = (bytes[at] as number) ^ (1 << (flip >>> 28));
      }
      checkAgainstTranscoder(bytes, transcoder);
    }),
    { numRuns: 1500 },
  );
});

test("a request cut short is refused at every offset that does not end a field", () => {
  const transcoder = new Transcoder({});
  fc.assert(
    fc.property(request, fc.integer(), (parts, seed) => {
      const bytes = encodeRequest(parts.slice(0, 1), { random: createRandom(seed), oneofs: true });
      for (let length = 1; length < bytes.length; length++) {
        // One top-level field, or unknown ones before it: a cut between them is a request, and none within.
        const isTaken = checkAgainstTranscoder(bytes.subarray(0, length), transcoder);
        if (isTaken) expect(() => requestType.decode(bytes.subarray(0, length))).not.toThrow();
      }
    }),
    { numRuns: 40 },
  );
});

test("what is malformed is told with its place", () => {
  const cases: [Uint8Array | number[], string][] = [
    [[0x0a], "the message ends inside a tag or length at byte 1"],
    [[0x0a, 0x05, 0x0a], "a length of 5 runs past the end of its message at byte 1"],
    [[0x0a, 0xff, 0xff, 0xff, 0xff, 0x1f], "a tag or length beyond 32 bits at byte 1"],
    [[0x0a, 0xff, 0xff, 0xff, 0xff, 0x0f], "a length of 4294967295 runs past the end of its message at byte 1"],
    [[0x0a, 0x80, 0x80, 0x80, 0x80, 0x80, 0x00], "a tag or length of more than five bytes at byte 1"],
    [[0x00, 0x00], "field number 0 at byte 0"],
    [[0x08, 0x00], "field 1 has wire type 0 at byte 0"],
    [[0x8a, 0x00, 0x00], "a tag that is longer than it need be at byte 0"],
    [[0x7b, 0x7c], "field 15 is a group at byte 0"],
    [[0x7c], "field 15 is a group at byte 0"],
    [[0x7e], "wire type 6 at byte 0"],
    [[0x78, ...Array(10).fill(0x80), 0], "a varint of more than ten bytes at byte 1"],
    [[0x78, 0x80], "the message ends inside a varint at byte 1"],
    [[0x79, 1, 2], "the message ends inside a fixed-width field at byte 1"],
    [aroundRecord([0x09, 1, 2, 3]), "the message ends inside a fixed-width field at byte 7"],
    [aroundRecord([0x0a, 0]), "field 1 has wire type 2 at byte 6"],
    [aroundRecord([0x30, 0]), "field 6 has wire type 0 at byte 6"],
    [aroundRecord([0x2a, 2, 0x0a, 1]), "a length of 1 runs past the end of its message at byte 9"],
    [aroundRecord([0x2a, 2, 0x08, 1]), "field 1 has wire type 0 at byte 8"],
    [aroundRecord([0x32, 6, 0x0a, 0, 0x12, 2, 0x0a, 9]), "a length of 9 runs past the end of its message at byte 13"],
    [wrap(0x0a, wrap(0x0a, wrap(0x1a, [0x08, 0]))), "field 1 has wire type 0 at byte 6"],
    [wrap(0x0a, wrap(0x12, wrap(0x0a, [0x18, 0]))), "field 3 has wire type 0 at byte 6"],
  ];
  for (const [bytes, words] of cases) {
    expect(failure(bytes)).toEqual({ code: "invalid_request", message: `not an OTLP logs request: ${words}` });
  }
});

test("a wrong wire type in any known field of any message is malformed", () => {
  const messages: [(fields: number[]) => Uint8Array, Record<number, number>][] = [
    [(fields) => Uint8Array.from(fields), { 1: 2 }],
    [(fields) => wrap(0x0a, fields), { 1: 2, 2: 2, 3: 2 }],
    [(fields) => wrap(0x0a, wrap(0x0a, fields)), { 1: 2, 2: 0, 3: 2 }],
    [(fields) => wrap(0x0a, wrap(0x0a, wrap(0x1a, fields))), { 1: 2, 2: 2, 3: 2, 4: 2 }],
    [(fields) => wrap(0x0a, wrap(0x12, fields)), { 1: 2, 2: 2, 3: 2 }],
    [(fields) => wrap(0x0a, wrap(0x12, wrap(0x0a, fields))), { 1: 2, 2: 2, 3: 2, 4: 0 }],
    [(fields) => aroundRecord(fields), { 1: 1, 2: 0, 3: 2, 5: 2, 6: 2, 7: 0, 8: 5, 9: 2, 10: 2, 11: 1, 12: 2 }],
    [(fields) => aroundRecord(wrap(0x32, fields)), { 1: 2, 2: 2 }],
    [(fields) => aroundRecord(wrap(0x2a, fields)), { 1: 2, 2: 0, 3: 0, 4: 1, 5: 2, 6: 2, 7: 2 }],
    [(fields) => aroundRecord(wrap(0x2a, wrap(0x2a, fields))), { 1: 2 }],
    [(fields) => aroundRecord(wrap(0x2a, wrap(0x32, fields))), { 1: 2 }],
  ];
  const payloads: Record<number, number[]> = { 0: [0], 1: [0, 0, 0, 0, 0, 0, 0, 0], 2: [0], 5: [0, 0, 0, 0] };
  for (const [around, known] of messages) {
    for (const [number, right] of Object.entries(known)) {
      for (const wireType of [0, 1, 2, 5]) {
        const bytes = around([Number(number) * 8 + wireType, ...(payloads[wireType] as number[])]);
        if (wireType === right) expect(scan(bytes, LIMITS).refused).toBe(0);
        else expect(failure(bytes).message).toContain(`field ${number} has wire type ${wireType}`);
      }
    }
  }
});

const PLAIN: LogRecord = {
  time: 1n,
  observedTime: 0n,
  severityNumber: 0,
  severityText: "",
  eventName: "",
  body: undefined,
  attributes: [],
  dropped: 0,
  flags: 0,
  traceId: new Uint8Array(0),
  spanId: new Uint8Array(0),
};

/** A value whose innermost AnyValue is at that depth. */
function nested(depth: number): Value {
  let value: Value = { kind: "string", value: "deep" };
  for (let level = 1; level < depth; level++) {
    value = level % 2 === 0 ? { kind: "array", value: [value] } : { kind: "map", value: [{ key: "k", value }] };
  }
  return value;
}

function oneScope(records: LogRecord[]): Uint8Array {
  return encodeRequest([
    { resource: undefined, schemaUrl: "", scopes: [{ scope: undefined, schemaUrl: "", records }] },
  ]);
}

test("a record nested deeper than the limit is refused, the others are taken, in body and attributes alike", () => {
  const limits = { ...LIMITS, nestingMax: 5 };
  const bytes = oneScope([
    PLAIN,
    { ...PLAIN, body: nested(5), attributes: [{ key: "k", value: nested(5) }] },
    { ...PLAIN, body: nested(6) },
    { ...PLAIN, attributes: [{ key: "k", value: nested(6) }] },
  ]);
  expect(scan(bytes, limits)).toEqual({
    records: 2,
    refused: 2,
    refusedReason: "refused: 2 log records nested deeper than 5 levels",
  });
});

test("a record of more bytes than the limit is refused, at the limit it is taken", () => {
  const body = (length: number): LogRecord => ({ ...PLAIN, body: { kind: "string", value: "x".repeat(length) } });
  // 9 bytes of time, 2 + 2 of body and string around 87 characters.
  const bytes = oneScope([body(87), body(88), PLAIN]);
  expect(scan(bytes, { ...LIMITS, recordBytesMax: 100 })).toEqual({
    records: 2,
    refused: 1,
    refusedReason: "refused: 1 log records over 100 bytes",
  });
});

test("a resource or a scope nested too deep is the whole request's trouble", () => {
  const attributes = [{ key: "k", value: nested(65) }];
  const scopes = [{ scope: { name: "", version: "", attributes, dropped: 0 }, records: [PLAIN], schemaUrl: "" }];
  const deepResource = encodeRequest([{ resource: { attributes, dropped: 0 }, scopes: [], schemaUrl: "" }]);
  const deepScope = encodeRequest([{ resource: undefined, scopes, schemaUrl: "" }]);
  expect(failure(deepResource).code).toBe("request_too_large");
  expect(failure(deepScope).code).toBe("request_too_large");
});

test("more records than the limit are too many, as many are not", () => {
  const bytes = oneScope([PLAIN, PLAIN, PLAIN]);
  expect(scan(bytes, { ...LIMITS, recordsMax: 3 }).records).toBe(3);
  expect(failure(bytes, { ...LIMITS, recordsMax: 2 }).code).toBe("request_too_large");
});

test("what nests as deep as can be followed is still transcoded, in parts too; four thousand levels end no stack", () => {
  const limits = { ...LIMITS, nestingMax: NESTING_MAX };
  const deepest = { ...PLAIN, body: nested(NESTING_MAX), attributes: [{ key: "k", value: nested(NESTING_MAX) }] };
  const whole = oneScope([deepest]);
  expect(scan(whole, limits).records).toBe(1);
  expect(new Transcoder({}).transcode(whole, 0n, 0, 1).count).toBe(1);
  const parts = [
    { resource: undefined, schemaUrl: "", scopes: [{ scope: undefined, schemaUrl: "", records: [deepest] }] },
  ];
  const inParts = encodeRequest(parts, { random: createRandom(5), oneofs: true });
  expect(scan(inParts, limits).records).toBe(1);
  expect(Buffer.from(new Transcoder({}).transcode(inParts, 0n, 0, 1).bytes).toString()).toContain('"deep"');

  let bottomless: Uint8Array = Uint8Array.of(0x2a, 0);
  for (let level = 0; level < 4000; level++) bottomless = wrap(0x2a, wrap(0x0a, bottomless));
  const bytes = aroundRecord(wrap(0x2a, bottomless));
  expect(scan(bytes, limits)).toMatchObject({ records: 0, refused: 1 });
  expect(() => new Transcoder({}).transcode(bytes, 0n, 0, 1)).toThrow("nested deeper than 256 levels");
});
