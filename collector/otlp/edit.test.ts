import { expect, test } from "bun:test";
import fc from "fast-check";
import { extractRecord, withoutRefused } from "./edit.ts";
import { createRandom, encodeRequest, request, requestType } from "./request-samples.ts";
import { type ScanLimits, scan } from "./scan.ts";
import { Transcoder } from "./transcode.ts";

const LIMITS: ScanLimits = { recordsMax: 10_000, nestingMax: 64, recordBytesMax: 1_000_000 };

function transcodeAll(bytes: Uint8Array): string[] {
  const { records, refused } = scan(bytes, LIMITS);
  const lines = new Transcoder({}).transcode(bytes, 0n, 0, records + refused);
  return Array.from({ length: lines.count }, (_, index) =>
    Buffer.from(lines.bytes.subarray(index === 0 ? 0 : lines.ends[index - 1], lines.ends[index])).toString(),
  );
}

test("without its refused records a request is taken whole, and the others are the lines they were", () => {
  const scanned = { kept: 0, refused: 0 };
  fc.assert(
    fc.property(
      request,
      fc.integer(),
      fc.integer({ min: 1, max: 4 }),
      fc.integer({ min: 20, max: 400 }),
      (parts, seed, nestingMax, recordBytesMax) => {
        const limits = { ...LIMITS, nestingMax, recordBytesMax };
        const shared = parts.map((logs) => ({ ...logs, resource: undefined }));
        const plain = shared.map((logs) => ({
          ...logs,
          scopes: logs.scopes.map((scope) => ({ ...scope, scope: undefined })),
        }));
        const bytes = encodeRequest(plain, { random: createRandom(seed), oneofs: true });
        const before = scan(bytes, limits);
        const kept = withoutRefused(bytes, limits);
        expect(scan(kept, limits)).toEqual({ records: before.records, refused: 0, refusedReason: undefined });
        const all = transcodeAll(bytes);
        const taken = all.filter((_, index) => scan(extractRecord(bytes, index), limits).refused === 0);
        expect(transcodeAll(kept)).toEqual(taken);
        scanned.kept += before.records;
        scanned.refused += before.refused;
      },
    ),
    { numRuns: 200, seed: 1 },
  );
  expect(Math.min(scanned.kept, scanned.refused)).toBeGreaterThan(50);
});

test("a record alone is the line it was, with its resource and scope, whatever liberties its writer took", () => {
  fc.assert(
    fc.property(request, fc.integer(), (parts, seed) => {
      const bytes = encodeRequest(parts, { random: createRandom(seed), oneofs: true });
      const all = transcodeAll(bytes);
      for (const [index, line] of all.entries()) {
        const alone = extractRecord(bytes, index);
        expect(scan(alone, LIMITS).records).toBe(1);
        const { resourceLogs } = requestType.toObject(requestType.decode(alone));
        expect([resourceLogs.length, resourceLogs[0].scopeLogs.length]).toEqual([1, 1]);
        expect(transcodeAll(alone)).toEqual([line]);
      }
    }),
    { numRuns: 100 },
  );
});

test("a request with nothing to refuse keeps every byte that its records need", () => {
  fc.assert(
    fc.property(request, (parts) => {
      const bytes = encodeRequest(
        parts
          .map((logs) => ({ ...logs, scopes: logs.scopes.filter((scope) => scope.records.length > 0) }))
          .filter((logs) => logs.scopes.length > 0),
      );
      expect(Buffer.from(withoutRefused(bytes, LIMITS)).equals(bytes)).toBe(true);
    }),
    { numRuns: 100 },
  );
});

test("asking for a record that is not there is a broken invariant", () => {
  expect(() => extractRecord(new Uint8Array(0), 0)).toThrow("the request holds a log record 0");
});
