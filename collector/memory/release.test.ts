import { expect, test } from "bun:test";
import { release } from "./release.ts";

test("released bytes are gone, for every view of them", () => {
  const bytes = new Uint8Array(1_024);
  const view = bytes.subarray(10, 20);
  release(bytes);
  expect(bytes.byteLength).toBe(0);
  expect(view.byteLength).toBe(0);
  expect(() => release(bytes)).not.toThrow();
});

test("bytes that are part of something larger stay, and so does the rest", () => {
  const whole = new Uint8Array([1, 2, 3, 4]);
  release(whole.subarray(0, 2));
  expect([...whole]).toEqual([1, 2, 3, 4]);
});
