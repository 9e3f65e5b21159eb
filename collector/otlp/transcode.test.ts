import { expect, test } from "bun:test";
import fc from "fast-check";
import { expectedLines } from "./expected-lines.ts";
import { createRandom, encodeRequest, request, requestType } from "./request-samples.ts";
import { scan } from "./scan.ts";
import { type Lines, Transcoder } from "./transcode.ts";

const LIMITS = { recordsMax: 10_000, nestingMax: 64, recordBytesMax: 1_000_000 };

function toTexts(lines: Lines): string[] {
  return Array.from({ length: lines.count }, (_, index) =>
    Buffer.from(lines.bytes.subarray(index === 0 ? 0 : lines.ends[index - 1], lines.ends[index])).toString(),
  );
}

function transcodeAll(bytes: Uint8Array, transcoder = new Transcoder({})): string[] {
  return toTexts(transcoder.transcode(bytes, 0n, 0, scan(bytes, LIMITS).records));
}

/** A request of one record, from its JSON form. */
function single(record: object): Uint8Array {
  return requestType
    .encode(requestType.fromObject({ resourceLogs: [{ scopeLogs: [{ logRecords: [record] }] }] }))
    .finish();
}

test("a line says what protobufjs decodes from the same bytes, digit by digit", () => {
  const transcoder = new Transcoder({});
  fc.assert(
    fc.property(request, (parts) => {
      const bytes = encodeRequest(parts);
      expect(transcodeAll(bytes, transcoder)).toEqual(expectedLines(bytes));
    }),
    { numRuns: 300 },
  );
});

test("fields in any order, messages in parts, padded lengths and unknown fields make no difference", () => {
  const transcoder = new Transcoder({});
  fc.assert(
    fc.property(request, fc.integer(), (parts, seed) => {
      const bytes = encodeRequest(parts, { random: createRandom(seed), oneofs: false });
      expect(transcodeAll(bytes, transcoder)).toEqual(expectedLines(bytes));
    }),
    { numRuns: 500 },
  );
});

test("of a oneof given several times the last member counts, and only equal ones in a row are merged", () => {
  const transcoder = new Transcoder({});
  fc.assert(
    fc.property(request, fc.integer(), (parts, seed) => {
      const bytes = encodeRequest(parts, { random: createRandom(seed), oneofs: true });
      expect(transcodeAll(bytes, transcoder)).toEqual(expectedLines(encodeRequest(parts)));
    }),
    { numRuns: 500 },
  );
});

test("requests laid end to end become the lines of each in turn", () => {
  fc.assert(
    fc.property(request, request, fc.integer(), (first, second, seed) => {
      const liberties = { random: createRandom(seed), oneofs: true };
      const one = encodeRequest(first, liberties);
      const two = encodeRequest(second, liberties);
      expect(transcodeAll(Buffer.concat([one, two]))).toEqual([...transcodeAll(one), ...transcodeAll(two)]);
    }),
    { numRuns: 100 },
  );
});

test("any range gives just its own lines, with their own ordinals, in whatever order ranges are asked for", () => {
  const transcoder = new Transcoder({ collectorId: 'c"é1' });
  fc.assert(
    fc.property(request, fc.bigInt({ min: 0n, max: 2n ** 64n - 100n }), fc.nat(), fc.nat(), (parts, first, a, b) => {
      const bytes = encodeRequest(parts);
      const all = expectedLines(bytes, 'c"é1', first);
      const [from = 0, to = 0] = [a % (all.length + 1), b % (all.length + 1)].sort((x, y) => x - y);
      expect(toTexts(transcoder.transcode(bytes, first, from, to))).toEqual(all.slice(from, to));
      expect(toTexts(transcoder.transcode(bytes, first, to, all.length))).toEqual(all.slice(to));
      expect(toTexts(transcoder.transcode(bytes, first, 0, all.length))).toEqual(all);
    }),
    { numRuns: 200 },
  );
});

test("ordinals carry from one digit to the next", () => {
  const bytes = Buffer.concat(Array.from({ length: 120 }, () => single({})));
  const lines = transcodeAll(bytes, new Transcoder({ collectorId: "c" }));
  expect(lines.map((line) => JSON.parse(line).recordId)).toEqual(lines.map((_, index) => `c/${index}`));
});

test("a record that holds nothing is a line all the same", () => {
  expect(transcodeAll(Buffer.concat([single({}), single({ flags: 0 })]))).toEqual(["{}\n", "{}\n"]);
});

test("a record that holds nothing does not spoil the resource and scope of those after it", () => {
  const logRecords = [{}, {}, { flags: 1 }, {}, { flags: 2 }];
  const scopeLogs = [{ scope: { name: "s" }, logRecords }];
  const bytes = requestType.encode(requestType.fromObject({ resourceLogs: [{ scopeLogs }] })).finish();
  expect(transcodeAll(bytes)).toEqual(expectedLines(bytes));
});

test("text that is not UTF-8 is mended as TextDecoder does, and the lines around it stay as they are", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 40 }), fc.uint8Array({ maxLength: 40 }), (one, other) => {
      const clean = { severityText: "clean" };
      const bodies = [one, other].map((raw) => {
        // As bytes first: protobufjs does not write strings that are no text. The tag then says string.
        const bytes = Buffer.from(single({ body: { bytesValue: raw } }));
        bytes[bytes.length - raw.length - 2] = 0x0a;
        return bytes;
      });
      const lines = transcodeAll(Buffer.concat([single(clean), ...bodies, single(clean)]));
      const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
      const mended = [one, other].map((raw) => ({ body: decoder.decode(raw) }));
      expect(lines.map((line) => JSON.parse(line))).toEqual([clean, ...mended, clean]);
    }),
    { numRuns: 300 },
  );
});

test("times reach from 1970 to the last nanosecond of 64 bits", () => {
  const nanos = ["1", "999999999", "1000000000", "4294967296000000000", "18446744073709551615"];
  const lines = transcodeAll(Buffer.concat(nanos.map((timeUnixNano) => single({ timeUnixNano }))));
  expect(lines.map((line) => JSON.parse(line).timestamp)).toEqual([
    "1970-01-01T00:00:00.000000001Z",
    "1970-01-01T00:00:00.999999999Z",
    "1970-01-01T00:00:01.000000000Z",
    "2106-02-07T06:28:16.000000000Z",
    "2554-07-21T23:34:33.709551615Z",
  ]);
});

test("times that follow each other within a second, and across where the lower half overflows, are each right", () => {
  const transcoder = new Transcoder({});
  const step = fc.constantFrom(-1n, 0n, 1n, 999_999_999n, 1_000_000_000n, -1_000_000_000n, 2n ** 32n, -(2n ** 32n));
  fc.assert(
    fc.property(fc.bigInt({ min: 100n, max: 2n ** 31n }), fc.array(step, { maxLength: 12 }), (high, steps) => {
      let time = high << 32n;
      const times = steps.map((by) => {
        time += by;
        return String(time);
      });
      const bytes = Buffer.concat(times.map((timeUnixNano) => single({ timeUnixNano })));
      expect(transcodeAll(bytes, transcoder)).toEqual(expectedLines(bytes));
    }),
    { numRuns: 300 },
  );
});

test("a large record grows its room as much as it needs, whatever it holds", () => {
  const size = 300_000;
  const texts = ["\u0001", '"', "a", "é"].map((unit) => unit.repeat(size));
  const values = [...texts.map((stringValue) => ({ stringValue })), { bytesValue: Buffer.alloc(size, 0xff) }];
  for (const filler of [{}, { value: {} }, { key: "k" }]) {
    values.push({ kvlistValue: { values: Array.from({ length: 20_000 }, () => filler) } } as never);
  }
  const transcoder = new Transcoder({});
  for (const body of values) {
    const bytes = single({ body });
    expect(transcodeAll(bytes, transcoder)).toEqual(expectedLines(bytes));
  }
  const small = single({ body: { stringValue: "small again" } });
  expect(transcoder.transcode(small, 0n, 0, 1).bytes.buffer.byteLength).toBeLessThan(5_000_000);
});

test("memory taken by an exceptional call is given back with the next one", () => {
  const transcoder = new Transcoder({});
  const large = single({ body: { stringValue: "x".repeat(9_000_000) } });
  expect(transcoder.transcode(large, 0n, 0, 1).bytes.buffer.byteLength).toBeGreaterThan(9_000_000);
  const small = transcoder.transcode(single({}), 0n, 0, 1);
  expect(small.bytes.buffer.byteLength).toBeLessThan(1_000_000);
});

test("with a limit on bytes a call stops after the line that reaches it, and the next one goes on from there", () => {
  fc.assert(
    fc.property(request, fc.integer({ min: 1, max: 2000 }), (parts, bytesMax) => {
      const bytes = encodeRequest(parts);
      const all = expectedLines(bytes);
      const transcoder = new Transcoder({ bytesMax });
      const seen: string[] = [];
      while (seen.length < all.length) {
        const lines = transcoder.transcode(bytes, 5n, seen.length, all.length);
        expect(lines.count).toBeGreaterThan(0);
        const before = lines.count === 1 ? 0 : (lines.ends[lines.count - 2] as number);
        expect(before).toBeLessThan(bytesMax);
        seen.push(...toTexts(lines));
      }
      expect(seen).toEqual(all);
    }),
    { numRuns: 100 },
  );
});

test("asking for more records than there are is told, not answered with fewer lines", () => {
  expect(() => new Transcoder({}).transcode(single({}), 0n, 0, 2)).toThrow("holds 1 log records, not 2");
});
