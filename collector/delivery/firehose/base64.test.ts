import { expect, test } from "bun:test";
import fc from "fast-check";
import { base64Length, writeBase64, writeByStrings } from "./base64.ts";

/** What `write` makes of the bytes, and that it touches nothing beside it. */
function written(write: typeof writeBase64, bytes: Uint8Array): string {
  const target = Buffer.alloc(base64Length(bytes.length) + 10, "#");
  const end = write(bytes, target, 5);
  expect(end).toBe(target.length - 5);
  expect(target.toString("latin1", 0, 5) + target.toString("latin1", end)).toBe("##########");
  return target.toString("latin1", 5, end);
}

const ways = [writeBase64, writeByStrings];

test("any bytes become what Buffer makes of them, by either way", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      for (const write of ways) expect(written(write, bytes)).toBe(Buffer.from(bytes).toString("base64"));
    }),
  );
});

test("every group of six bits becomes its character, at every place", () => {
  // All of the 2^18 values of three groups in a row, which is more than a piece.
  const groups = Array.from({ length: 1 << 18 }, (_, value) => [value >>> 10, value >>> 2, (value << 6) & 0xff]).flat();
  const bytes = Uint8Array.from(groups);
  for (const write of ways) expect(written(write, bytes)).toBe(Buffer.from(bytes).toString("base64"));
});

test("pieces are joined whatever is left over, and nothing of a longer one before shows", () => {
  const all = Buffer.alloc(3 * 48 * 1024 + 20, 0xff);
  for (const pieces of [1, 2, 3]) {
    for (let more = -14; more <= 14; more++) {
      const bytes = all.subarray(0, pieces * 48 * 1024 + more);
      for (const write of ways) expect(written(write, bytes)).toBe(bytes.toString("base64"));
    }
  }
});

test("a view is encoded as what it shows", () => {
  const view = Buffer.from("before shown after").subarray(7, 12);
  for (const write of ways) expect(written(write, view)).toBe(btoa("shown"));
});
