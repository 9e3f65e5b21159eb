import { expect, test } from "bun:test";
import { RecycledMemory } from "./recycled-memory.ts";

const KEPT_BYTES_MAX = 64 * 1024;

test("memory is the same again after it was given back, and never two messages' at once", () => {
  const memory = new RecycledMemory(KEPT_BYTES_MAX);
  const [one, two] = [memory.lend(10_000), memory.lend(10_000)];
  expect(one.buffer).not.toBe(two.buffer);
  one.fill(7);
  memory.giveBack(one.subarray(5));
  expect(memory.keptBytes).toBe(10_240);
  expect(memory.lend(9_500).every((byte) => byte === 7)).toBe(true);
  expect(memory.keptBytes).toBe(0);
});

test("no more is kept than was asked for", () => {
  const memory = new RecycledMemory(KEPT_BYTES_MAX);
  const lent = Array.from({ length: 10 }, () => memory.lend(16_000));
  for (const each of lent) memory.giveBack(each);
  expect(memory.keptBytes).toBe(KEPT_BYTES_MAX);
  expect(lent.at(-1)?.byteLength).toBe(0);
});

test("what is given back twice is not lent twice", () => {
  const memory = new RecycledMemory(KEPT_BYTES_MAX);
  const lent = memory.lend(16_384);
  memory.giveBack(lent);
  memory.giveBack(lent);
  expect(memory.lend(16_384).buffer).not.toBe(memory.lend(16_384).buffer);
});

test("who gives back a second time does not take the memory from whom it was lent to since", () => {
  const memory = new RecycledMemory(KEPT_BYTES_MAX);
  const first = memory.lend(16_384);
  const view = first.subarray(5);
  memory.giveBack(first);
  const second = memory.lend(16_384);
  second.fill(2);
  memory.giveBack(view);
  memory.giveBack(first);
  memory.lend(16_384).fill(3);
  expect(second.every((byte) => byte === 2)).toBe(true);
  expect([first.byteLength, view.byteLength]).toEqual([0, 0]);
});

test("memory from elsewhere is let go of", () => {
  const memory = new RecycledMemory(KEPT_BYTES_MAX);
  const own = new Uint8Array(16_384);
  memory.giveBack(own);
  expect([own.byteLength, memory.keptBytes]).toEqual([0, 0]);
});

test("memory that is handed back is lent again, and only to one", () => {
  const memory = new RecycledMemory(KEPT_BYTES_MAX);
  const first = memory.lend(16_384);
  memory.handBack(first);
  expect(memory.keptBytes).toBe(16_384);
  const second = memory.lend(16_384);
  expect(second.buffer === first.buffer).toBe(true);
  memory.handBack(first);
  memory.handBack(second.subarray(5));
  expect(memory.keptBytes).toBe(0);
  expect(memory.lend(16_384).buffer === second.buffer).toBe(false);
});

test("what was shortened is handed back by its new view alone", () => {
  const memory = new RecycledMemory(KEPT_BYTES_MAX);
  const lent = memory.lend(16_384);
  const shorter = memory.shorten(lent, 9_000);
  expect([shorter.length, shorter.buffer === lent.buffer]).toEqual([9_000, true]);
  memory.handBack(lent);
  expect(memory.keptBytes).toBe(0);
  memory.handBack(shorter);
  expect(memory.keptBytes).toBe(16_384);
});

test("memory from elsewhere that is handed back is let go of, and no more is kept than was asked for", () => {
  const memory = new RecycledMemory(KEPT_BYTES_MAX);
  const own = new Uint8Array(16_384);
  memory.handBack(own);
  expect([own.byteLength, memory.keptBytes]).toEqual([0, 0]);
  const lent = Array.from({ length: 10 }, () => memory.lend(16_000));
  for (const each of lent) memory.handBack(each);
  expect(memory.keptBytes).toBe(KEPT_BYTES_MAX);
});
