import { expect, test } from "bun:test";
import fc from "fast-check";
import {
  DemandSpread,
  describeDuration,
  forecastCaughtUpSeconds,
  forecastDrainSeconds,
  forecastFullSeconds,
  forecastRoute,
  limitIncreaseRequest,
  quotaNeededMibPerSecond,
  quotaUsed,
} from "./forecast.ts";

const MIB = 1024 * 1024;
const QUOTA = { bytesPerSecond: MIB, recordsPerSecond: 100_000, requestsPerSecond: 1_000 };

test("the time to drain is the waiting records' bytes over the rate, and is not made up before anything was delivered", () => {
  expect(forecastDrainSeconds(1_000n, { logRecords: 10, bytes: 3_000 }, 1_000)).toBe(300);
  expect(forecastDrainSeconds(1_000n, { logRecords: 0, bytes: 0 }, 1_000)).toBeUndefined();
  expect(forecastDrainSeconds(0n, { logRecords: 0, bytes: 0 }, 1_000)).toBe(0);
});

test("a backlog is caught up with by what the rate exceeds the arrivals, and never when it does not", () => {
  expect(forecastCaughtUpSeconds({ backlogBytes: 500, arrivingBytesPerSecond: 90, bytesPerSecond: 100 })).toBe(50);
  expect(forecastCaughtUpSeconds({ backlogBytes: 0, arrivingBytesPerSecond: 900, bytesPerSecond: 100 })).toBe(0);
  const never = { backlogBytes: 1, arrivingBytesPerSecond: 100, bytesPerSecond: 100 };
  expect(forecastCaughtUpSeconds(never)).toBe(Number.POSITIVE_INFINITY);
});

test("the journal is full when its own limit or the disk's reserve is reached, whichever comes first", () => {
  const journal = {
    usedBytes: 100,
    bytesMax: 1_000,
    diskFreeBytes: 5_000,
    diskFreeBytesMin: 64,
    growthBytesPerSecond: 9,
  };
  expect(forecastFullSeconds(journal)).toBe(100);
  expect(forecastFullSeconds({ ...journal, diskFreeBytes: 154 })).toBe(10);
  expect(forecastFullSeconds({ ...journal, growthBytesPerSecond: -1 })).toBe(Number.POSITIVE_INFINITY);
  expect(forecastFullSeconds({ ...journal, usedBytes: 1_001, growthBytesPerSecond: -1 })).toBe(0);
});

test("the quota that is used is a part of its bytes", () => {
  expect(quotaUsed(MIB / 4, QUOTA)).toBe(0.25);
});

test("a quantile is never below the true one, nor more than 2 % above it", () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 1_024, max: 1e9 }), { minLength: 1, maxLength: 200 }),
      fc.constantFrom(0, 0.5, 0.9, 0.99, 1),
      (demands, part) => {
        const spread = new DemandSpread();
        for (const demand of demands) spread.note(demand, 1);
        const sorted = [...demands].sort((a, b) => a - b);
        const exact = sorted[Math.max(0, Math.ceil(part * sorted.length) - 1)] ?? 0;
        const told = spread.quantile(part) ?? 0;
        // With nothing asked for, the lowest bucket is told, whether it holds anything or not.
        if (part > 0) expect(told).toBeGreaterThanOrEqual(exact * (1 - 1e-9));
        expect(told).toBeLessThanOrEqual(exact * 1.02 * (1 + 1e-9));
      },
    ),
  );
});

test("seconds without any demand count too, and nothing is known before the first", () => {
  const spread = new DemandSpread();
  expect(spread.quantile(0.99)).toBeUndefined();
  spread.note(0, 97);
  spread.note(5 * MIB, 3);
  expect(spread.quantile(0.5)).toBeLessThanOrEqual(1_024);
  expect(spread.quantile(0.99)).toBe(5 * MIB);
  expect(spread.seconds).toBe(100);
});

test("the quota needed leaves room to catch up, in whole MiB", () => {
  expect(quotaNeededMibPerSecond(0)).toBe(1);
  expect(quotaNeededMibPerSecond(MIB)).toBe(2);
  expect(quotaNeededMibPerSecond(10 * MIB)).toBe(12);
});

test("the request for a higher limit is written out, with all three limits scaled alike", () => {
  const spread = new DemandSpread();
  spread.note(2.4 * MIB, 7_000);
  spread.note(8 * MIB, 20);
  const text = limitIncreaseRequest({ stream: "logs", region: "eu-central-1", quota: QUOTA, spread });
  expect(text).toContain("Region: eu-central-1\nDelivery stream: logs\n");
  expect(text).toContain("data     from 1.00 MiB/s to 3.00 MiB/s");
  expect(text).toContain("records  from 100,000/s to 300,000/s");
  expect(text).toContain("requests from 1,000/s to 3,000/s");
  expect(text).toContain("Over the last 117 minutes");
  expect(text).toContain("8.00 MiB/s at most");
});

test("nothing is asked for when the quota is enough, or when nothing is known", () => {
  const spread = new DemandSpread();
  expect(limitIncreaseRequest({ stream: "logs", region: undefined, quota: QUOTA, spread })).toBeUndefined();
  spread.note(MIB / 2, 3_600);
  expect(limitIncreaseRequest({ stream: "logs", region: undefined, quota: QUOTA, spread })).toBeUndefined();
});

test("a duration is told in the largest unit that fits it twice", () => {
  expect([90, 150, 10_000, 200_000].map(describeDuration)).toEqual(["90 seconds", "3 minutes", "3 hours", "2 days"]);
});

test("what is foretold of a route is one object, with the text for AWS where the quota is too small", () => {
  const MIB = 1024 * 1024;
  const spread = new DemandSpread();
  const flow = {
    stream: "logs",
    region: "eu-west-1",
    quota: { bytesPerSecond: MIB, recordsPerSecond: 100_000, requestsPerSecond: 1_000 },
    share: 0.5,
    spread,
    backlogBytes: 10 * MIB,
    arrivingBytesPerSecond: MIB / 4,
    deliveredBytesPerSecond: MIB / 2,
    bytesPerSecond: MIB / 2,
  };
  expect(forecastRoute({ ...flow, arrivingBytesPerSecond: undefined })).toEqual({
    caughtUpSeconds: undefined,
    quotaUsed: 1,
    demandBytesPerSecond: undefined,
    quotaNeededMibPerSecond: undefined,
    limitIncreaseRequest: undefined,
  });
  spread.note(2.6 * MIB, 7_200);
  const found = forecastRoute(flow);
  expect(found).toMatchObject({ caughtUpSeconds: 40, quotaUsed: 1, quotaNeededMibPerSecond: 4 });
  expect(found.limitIncreaseRequest).toContain("from 1.00 MiB/s to 4.00 MiB/s");
  expect(forecastRoute({ ...flow, arrivingBytesPerSecond: MIB }).caughtUpSeconds).toBe(Number.POSITIVE_INFINITY);
});
