import { expect, test } from "bun:test";
import { createUlids } from "./ulid.ts";

test("ULIDs carry their time as the specification writes it", () => {
  // The example of https://github.com/ulid/spec: 01ARZ3NDEKTSV4RRFFQ69G5FAV was made at 1469922850259.
  expect(createUlids()(1_469_922_850_259).slice(0, 10)).toBe("01ARZ3NDEK");
  expect(createUlids()(2 ** 48 - 1).slice(0, 10)).toBe("7ZZZZZZZZZ");
});

test("ULIDs of one process are all different and sort by when they were made", () => {
  const next = createUlids();
  const all = Array.from({ length: 200_000 }, (_, index) => next(1_700_000_000_000 + Math.floor(index / 20_000)));
  expect(new Set(all).size).toBe(all.length);
  expect(all.toSorted()).toEqual(all);
  expect(all.every((one) => /^[0-7][0-9A-HJKMNP-TV-Z]{25}$/.test(one))).toBe(true);
});

test("a million in one millisecond are different too", () => {
  const next = createUlids();
  const all = new Set<string>();
  for (let count = 0; count < 1_200_000; count++) all.add(next(1));
  expect(all.size).toBe(1_200_000);
});

test("two processes that start in the same millisecond do not give the same", () => {
  const [a, b] = [createUlids()(1), createUlids()(1)];
  expect(a).not.toBe(b);
});
