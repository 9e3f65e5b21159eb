import { expect, test } from "bun:test";
import { type CollectorStatus, forecastDrainSeconds, toJson, toLedger } from "./status.ts";

test("what is neither delivered, filtered nor quarantined waits", () => {
  const totals = { delivered: 60n, filtered: 5n, quarantined: 1n };
  expect(toLedger(110n, { start: 10n, totals })).toEqual({ accepted: 100n, ...totals, waiting: 34n });
});

test("the forecast is the waiting records' bytes over the quota, and is not made up before anything was delivered", () => {
  expect(forecastDrainSeconds(1_000n, { logRecords: 10, bytes: 3_000 }, 1_000)).toBe(300);
  expect(forecastDrainSeconds(1_000n, { logRecords: 0, bytes: 0 }, 1_000)).toBeUndefined();
  expect(forecastDrainSeconds(0n, { logRecords: 0, bytes: 0 }, 1_000)).toBe(0);
});

test("64-bit numbers keep all their digits in JSON", () => {
  const text = toJson({ journal: { head: 2n ** 63n } } as unknown as CollectorStatus);
  expect(text.replace(/\s/g, "")).toBe('{"journal":{"head":9223372036854775808}}');
});
