import { expect, test } from "bun:test";
import fc from "fast-check";
import { Histogram } from "./histogram.ts";

test("every value is in the bucket of the first bound that is not below it", () => {
  const bounds = [1, 2, 5, 10];
  fc.assert(
    fc.property(
      fc.array(fc.oneof(fc.constantFrom(...bounds), fc.double({ min: 0, max: 20, noNaN: true }))),
      (values) => {
        const histogram = new Histogram(bounds);
        for (const value of values) histogram.note(value);
        const expected = [...bounds, Number.POSITIVE_INFINITY].map(
          (bound, index) => values.filter((value) => value <= bound && value > (bounds[index - 1] ?? -1)).length,
        );
        const { counts, count, sum } = histogram.snapshot();
        expect(counts).toEqual(expected);
        expect(count).toBe(values.length);
        expect(sum).toBeCloseTo(values.reduce((total, value) => total + value, 0));
      },
    ),
  );
});

test("a snapshot stays as it was taken", () => {
  const histogram = new Histogram([1]);
  const before = histogram.snapshot();
  histogram.note(0.5);
  expect(before.counts).toEqual([0, 0]);
});
