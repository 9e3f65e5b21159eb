import { expect, test } from "bun:test";
import { Litter } from "./litter.ts";

test("garbage is collected whenever so much of it has come together", () => {
  let collections = 0;
  const litter = new Litter(100, () => collections++);
  litter.drop(99);
  expect(collections).toBe(0);
  litter.drop(1);
  expect(collections).toBe(1);
  for (const bytes of [60, 60, 60, 60]) litter.drop(bytes);
  expect(collections).toBe(3);
});
