import { expect, test } from "bun:test";
import fc from "fast-check";
import { median, percentile } from "./statistics.ts";

const values = fc.array(fc.double({ noNaN: true, noDefaultInfinity: true }), { minLength: 1, maxLength: 50 });

test("the median has as many values below it as above", () => {
  expect(median([3, 1, 2])).toBe(2);
  expect(median([4, 1, 3, 2])).toBe(2.5);
  expect(() => median([])).toThrow(RangeError);
});

test("a percentile is a value that occurred, and no more than that many exceed it", () => {
  fc.assert(
    fc.property(values, fc.integer({ min: 0, max: 100 }), (list, percent) => {
      const found = percentile(list, percent);
      expect(list).toContain(found);
      const above = list.filter((value) => value > found).length;
      expect(above).toBeLessThanOrEqual((list.length * (100 - percent)) / 100);
    }),
  );
  const hundred = Array.from({ length: 100 }, (_, index) => index + 1);
  expect([1, 50, 99, 100].map((percent) => percentile(hundred, percent))).toEqual([1, 50, 99, 100]);
});

test("the order of the values does not matter, and the values stay as they are", () => {
  const list = [9, 10, 8];
  expect(percentile(list, 100)).toBe(10);
  expect(median(list)).toBe(9);
  expect(list).toEqual([9, 10, 8]);
});
