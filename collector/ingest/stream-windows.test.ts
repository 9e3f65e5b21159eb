import { expect, test } from "bun:test";
import fc from "fast-check";
import { windowBytesFor } from "./stream-windows.ts";

const LIMITS = { bytesMax: 1_000_000, windowBytesMax: 100_000 };

test("a stream alone has the largest window, a power of two within its limit", () => {
  expect(windowBytesFor(1, 0, LIMITS)).toBe(65_536);
  expect(windowBytesFor(15, 0, LIMITS)).toBe(65_536);
  expect(windowBytesFor(16, 65_536, LIMITS)).toBe(32_768);
});

test("property: the windows of all streams are within the bound at every step, and nobody's is nothing", () => {
  const limits = fc.record({
    bytesMax: fc.integer({ min: 5_000, max: 10_000_000 }),
    windowBytesMax: fc.integer({ min: 1, max: 2_000_000 }),
  });
  fc.assert(
    fc.property(limits, fc.array(fc.integer({ min: 0, max: 5_000 }), { maxLength: 100 }), (each, counts) => {
      let current = 0;
      for (const streams of counts) {
        current = windowBytesFor(streams, current, each);
        expect(current).toBeGreaterThanOrEqual(1);
        expect(current).toBeLessThanOrEqual(each.windowBytesMax);
        expect(current * Math.max(1, streams)).toBeLessThanOrEqual(Math.max(each.bytesMax, streams));
      }
    }),
  );
});

test("streams that come and go around a boundary do not change the window every time", () => {
  let current = 0;
  let changes = 0;
  for (let round = 0; round < 100; round++) {
    const next = windowBytesFor(15 + (round % 2), current, LIMITS);
    if (next !== current) changes++;
    current = next;
  }
  expect(changes).toBe(2);
});
