import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { RECORD_BYTES_MAX } from "./limits.ts";
import {
  type QuotaSettings,
  RECORD_FAILED,
  RECORD_TAKEN,
  RECORD_THROTTLED,
  StreamQuota,
  type ThrottlePattern,
  throttledPositions,
} from "./quota.ts";

const MIB = 1024 * 1024;
const PATTERNS: ThrottlePattern[] = ["suffix", "prefix", "random", "all"];

function settingsOf(changes: Partial<QuotaSettings>): QuotaSettings {
  return { mibPerSecond: 1, region: "standard", pattern: "suffix", windowMs: 1000, growth: undefined, ...changes };
}

/** A random source that gives the same numbers every time. */
function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

/** Takes one call of equal records from a full bucket and tells each one's fate. */
function fatesOf(pattern: ThrottlePattern, records: number, size: number): number[] {
  const fates = new Uint8Array(records);
  new StreamQuota(settingsOf({ pattern }), seeded(7), 0).take(Array(records).fill(size), fates, 0);
  return [...fates];
}

test("in any window the quota takes no more than rate times time, plus one full bucket", () => {
  const call = fc.record({
    waitMs: fc.integer({ min: 0, max: 1500 }),
    sizes: fc.array(fc.integer({ min: 0, max: RECORD_BYTES_MAX }), { minLength: 1, maxLength: 8 }),
  });
  fc.assert(
    fc.property(
      fc.constantFrom(...PATTERNS),
      fc.double({ min: 0.1, max: 8, noNaN: true }),
      fc.array(call, { minLength: 1, maxLength: 40 }),
      fc.integer(),
      (pattern, mibPerSecond, calls, seed) => {
        const quota = new StreamQuota(settingsOf({ pattern, mibPerSecond }), seeded(seed), 0);
        const burst = quota.burst();
        const limits = quota.limits();
        const taken: { atMs: number; bytes: number; records: number }[] = [];
        let nowMs = 0;
        for (const { waitMs, sizes } of calls) {
          nowMs += waitMs;
          const fates = new Uint8Array(sizes.length);
          const { failed } = quota.take(sizes, fates, nowMs);
          const accepted = sizes.filter((_, index) => fates[index] === RECORD_TAKEN);
          expect(accepted.length + failed).toBe(sizes.length);
          taken.push({ atMs: nowMs, bytes: accepted.reduce((sum, size) => sum + size, 0), records: accepted.length });
        }
        for (const [first, { atMs: startMs }] of taken.entries()) {
          let bytes = 0;
          let records = 0;
          for (const call of taken.slice(first)) {
            bytes += call.bytes;
            records += call.records;
            const seconds = (call.atMs - startMs) / 1000;
            expect(bytes).toBeLessThanOrEqual(burst.bytes + seconds * limits.bytesPerSecond + 1e-3);
            expect(records).toBeLessThanOrEqual(burst.records + seconds * limits.recordsPerSecond + 1e-3);
          }
        }
      },
    ),
    { numRuns: 150 },
  );
});

test("a caller that never lets up gets the whole rate, whatever the pattern", () => {
  for (const pattern of PATTERNS) {
    const quota = new StreamQuota(settingsOf({ pattern }), seeded(1), 0);
    let bytes = 0;
    for (let nowMs = 0; nowMs < 60_000; nowMs += 10) {
      const sizes = Array(20).fill(1024);
      const fates = new Uint8Array(sizes.length);
      const { failed } = quota.take(sizes, fates, nowMs);
      bytes += (sizes.length - failed) * 1024;
    }
    expect(bytes).toBeGreaterThan(60 * MIB * 0.99);
    expect(bytes).toBeLessThanOrEqual(61 * MIB);
  }
});

describe("of a call that fits in part", () => {
  test("suffix fails a clean tail and prefix a clean head", () => {
    expect(fatesOf("suffix", 10, 256 * 1024)).toEqual([0, 0, 0, 0, 1, 1, 1, 1, 1, 1]);
    expect(fatesOf("prefix", 10, 256 * 1024)).toEqual([1, 1, 1, 1, 1, 1, 0, 0, 0, 0]);
  });

  test("random fails arbitrary positions, as many as don't fit", () => {
    const fates = fatesOf("random", 100, 20 * 1024);
    const failed = fates.flatMap((fate, index) => (fate === RECORD_THROTTLED ? [index] : []));
    expect(failed.length).toBe(100 - Math.floor(MIB / (20 * 1024)));
    expect(failed).not.toEqual(failed.map((_, index) => index));
    expect(failed).not.toEqual(failed.map((_, index) => 100 - failed.length + index));
  });

  test("all fails every record", () => {
    expect(fatesOf("all", 5, 256 * 1024)).toEqual([1, 1, 1, 1, 1]);
    expect(fatesOf("all", 4, 256 * 1024)).toEqual([0, 0, 0, 0]);
  });
});

test("a record that a fault already failed costs nothing and keeps its fate", () => {
  const quota = new StreamQuota(settingsOf({}), seeded(1), 0);
  const fates = Uint8Array.of(RECORD_FAILED, RECORD_TAKEN, RECORD_THROTTLED, RECORD_TAKEN);
  expect(quota.take([MIB, MIB / 2, MIB, MIB / 2], fates, 0).failed).toBe(0);
  expect([...fates]).toEqual([RECORD_FAILED, RECORD_TAKEN, RECORD_THROTTLED, RECORD_TAKEN]);
});

test("requests are limited on their own: 1,000 per MiB/s, 400 in the big regions", () => {
  for (const [region, requests] of [
    ["standard", 1000],
    ["big", 400],
  ] as const) {
    const quota = new StreamQuota(settingsOf({ region }), seeded(1), 0);
    let taken = 0;
    let verdict = { failed: 0, outOfRequests: false };
    for (; verdict.failed === 0; taken++) verdict = quota.take([1], new Uint8Array(1), 0);
    expect(taken - 1).toBe(requests);
    expect(verdict).toEqual({ failed: 1, outOfRequests: true });
    expect(quota.take([1], new Uint8Array(1), 10).failed).toBe(0);
  }
});

test("records are limited on their own: 100,000 per MiB/s", () => {
  const quota = new StreamQuota(settingsOf({}), seeded(1), 0);
  const sizes: number[] = Array(500).fill(1);
  let taken = 0;
  for (let call = 0; call < 300; call++) taken += 500 - quota.take(sizes, new Uint8Array(500), 0).failed;
  expect(taken).toBe(100_000);
});

test("a stream of a tenth of a MiB/s takes the largest record, once its bucket is full", () => {
  const quota = new StreamQuota(settingsOf({ mibPerSecond: 0.1 }), seeded(1), 0);
  expect(quota.take([RECORD_BYTES_MAX], new Uint8Array(1), 0).failed).toBe(0);
  expect(quota.take([RECORD_BYTES_MAX], new Uint8Array(1), 9_000).failed).toBe(1);
  expect(quota.take([RECORD_BYTES_MAX], new Uint8Array(1), 10_000).failed).toBe(0);
});

test("a clock that jumps back gives no quota and takes none", () => {
  const quota = new StreamQuota(settingsOf({}), seeded(1), 10_000);
  expect(quota.take([MIB], new Uint8Array(1), 10_000).failed).toBe(0);
  expect(quota.take([1024], new Uint8Array(1), 5_000).failed).toBe(1);
  expect(quota.take([1024], new Uint8Array(1), 10_100).failed).toBe(0);
});

describe("growth", () => {
  const growth = { factor: 2, periods: 3, periodMs: 60_000, mibPerSecondMax: 5 };

  /** Two calls a minute: one that fits, one that doesn't unless the bucket grew past 4 MiB. */
  function throttleFor(quota: StreamQuota, startMinute: number, minutes: number): void {
    for (let minute = startMinute; minute < startMinute + minutes; minute++) {
      quota.take(Array(16).fill(1_000_000), new Uint8Array(16), minute * 60_000 + 1);
    }
  }

  test("three periods of throttling in a row double the limits, up to the most", () => {
    const quota = new StreamQuota(settingsOf({ growth }), seeded(1), 0);
    throttleFor(quota, 0, 3);
    expect(quota.mibPerSecond).toBe(1);
    throttleFor(quota, 3, 1);
    expect(quota.mibPerSecond).toBe(2);
    expect(quota.limits()).toEqual({ bytesPerSecond: 2 * MIB, recordsPerSecond: 200_000, requestsPerSecond: 2000 });
    throttleFor(quota, 4, 20);
    expect(quota.mibPerSecond).toBe(5);
  });

  test("a quiet period in between starts the count anew", () => {
    const quota = new StreamQuota(settingsOf({ growth }), seeded(1), 0);
    for (let minute = 0; minute < 40; minute += 3) throttleFor(quota, minute, 2);
    expect(quota.mibPerSecond).toBe(1);
  });

  test("without it the limits never move", () => {
    const quota = new StreamQuota(settingsOf({}), seeded(1), 0);
    throttleFor(quota, 0, 30);
    expect(quota.mibPerSecond).toBe(1);
  });
});

test("a throttling fault refuses its share, laid out by its pattern", () => {
  expect(throttledPositions(6, 0.5, "suffix", seeded(1))).toEqual([5, 4, 3]);
  expect(throttledPositions(6, 0.5, "prefix", seeded(1))).toEqual([0, 1, 2]);
  expect(throttledPositions(6, 0.5, "all", seeded(1))).toHaveLength(6);
  expect(new Set(throttledPositions(500, 0.9, "random", seeded(1))).size).toBe(450);
});

test("limits that are changed from outside hold from then on, and what the bucket has beyond them is lost", () => {
  const quota = new StreamQuota(settingsOf({ mibPerSecond: 4 }), seeded(1), 0);
  quota.setMibPerSecond(2, 0);
  expect(quota.limits().bytesPerSecond).toBe(2 * MIB);
  expect(quota.take([MIB, MIB, MIB / 2], new Uint8Array(3), 0).failed).toBe(1);
  expect(quota.take([MIB], new Uint8Array(1), 500).failed).toBe(0);
});
