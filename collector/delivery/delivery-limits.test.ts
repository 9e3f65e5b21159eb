import { expect, test } from "bun:test";
import { assertLimits, callBytesAim, DELIVERY_LIMITS_DEFAULT, recordBytesAim } from "./delivery-limits.ts";

const MIB = 1024 * 1024;
const limits = DELIVERY_LIMITS_DEFAULT;

test("what is there by default holds together", () => {
  assertLimits(limits);
});

test("a call holds 50 ms of the rate while answers come fast, and up to 200 ms while many calls are under way", () => {
  expect(callBytesAim(limits, 0, MIB)).toBe(Math.floor(MIB / 20));
  expect(callBytesAim(limits, limits.callsInFlightMax - 1, MIB)).toBe(Math.floor(MIB / 5));
  let before = 0;
  for (let open = 0; open < limits.callsInFlightMax; open++) {
    const bytes = callBytesAim(limits, open, MIB);
    expect(bytes).toBeGreaterThanOrEqual(before);
    before = bytes;
  }
});

test("so many calls bridge answers that take a second", () => {
  let bytes = 0;
  for (let open = 0; open < limits.callsInFlightMax; open++) bytes += callBytesAim(limits, open, MIB);
  expect(bytes).toBeGreaterThan(MIB);
});

test("a record is half a call, and larger where it is compressed", () => {
  expect(recordBytesAim(limits, "none", MIB)).toBe(5 * 5_120);
  expect(recordBytesAim(limits, "gzip", MIB)).toBe(20 * 5_120);
});
