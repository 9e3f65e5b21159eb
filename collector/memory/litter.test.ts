import { expect, test } from "bun:test";
import { Litter } from "./litter.ts";

test("garbage is collected whenever so much of it has come together, and all of it every fifth time", () => {
  const collections: string[] = [];
  const litter = new Litter(100, { young: () => collections.push("young"), whole: () => collections.push("whole") });
  litter.drop(99);
  expect(collections).toEqual([]);
  litter.drop(1);
  expect(collections).toEqual(["young"]);
  for (let round = 0; round < 30; round++) litter.drop(60);
  expect(collections).toHaveLength(16);
  expect(collections.flatMap((each, index) => (each === "whole" ? [index + 1] : []))).toEqual([5, 10, 15]);
});
