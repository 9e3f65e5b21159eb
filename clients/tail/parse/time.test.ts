import { expect, test } from "bun:test";
import fc from "fast-check";
import { TailError } from "../errors.ts";
import { NO_TIME, TimeParser } from "./time.ts";

const NOW_MS = Date.UTC(2026, 0, 1, 12);

/** Nanoseconds since 1970 as a text, or "none". */
function read(format: string, text: string, zone?: string): string {
  const parser = new TimeParser({ format, zone }, () => NOW_MS);
  const bytes = Buffer.from(`9${text}9`);
  const seconds = parser.parse(bytes, 1, bytes.length - 1);
  return seconds === NO_TIME ? "none" : String(BigInt(seconds) * 1_000_000_000n + BigInt(parser.nanos));
}

const SECOND = "1763800000";

test.each([
  ["%Y-%m-%dT%H:%M:%S.%NZ", "2025-11-22T08:26:40.012345678Z", `${SECOND}012345678`],
  ["%Y-%m-%dT%H:%M:%S.%NZ", "2025-11-22T08:26:40Z", `${SECOND}000000000`],
  ["%Y-%m-%dT%H:%M:%S.%NZ", "2025-11-22T08:26:40.5Z", `${SECOND}500000000`],
  ["%Y-%m-%dT%H:%M:%S.%NZ", "2025-11-22T08:26:40.5", "none"],
  ["%Y-%m-%dT%H:%M:%S.%L%z", "2025-11-22T17:26:40.012345678999+09:00", `${SECOND}012345678`],
  ["%Y-%m-%d %H:%M:%S,%L", "2025-11-22 08:26:40,123", `${SECOND}123000000`],
  ["%Y-%m-%d %H:%M:%S.%3N %z", "2025-11-22 03:26:40.123 -0500", `${SECOND}123000000`],
  ["%d/%b/%Y:%H:%M:%S %z", "22/Nov/2025:08:26:40 +0000", `${SECOND}000000000`],
  ["%a %b %e %H:%M:%S %Y", "Sat Nov 22 08:26:40 2025", `${SECOND}000000000`],
  ["%A, %d %B %Y %I:%M:%S %p %Z", "Saturday, 22 November 2025 05:26:40 PM JST", `${SECOND}000000000`],
  ["%F %T %Z", "2025-11-22 09:26:40 Europe/Berlin", `${SECOND}000000000`],
  ["%s", SECOND, `${SECOND}000000000`],
  ["%s.%L", `${SECOND}.25`, `${SECOND}250000000`],
  ["unix", `${SECOND}.25`, `${SECOND}250000000`],
  ["unix_ms", `${SECOND}123`, `${SECOND}123000000`],
  ["unix_ns", `${SECOND}123456789`, `${SECOND}123456789`],
  ["unix_ms", "7", "7000000"],
  ["auto", "2025-11-22T08:26:40.1Z", `${SECOND}100000000`],
  ["%y%m%d %R", "251122 08:26", "1763799960000000000"],
  ["%Y-%j", "2025-326", "1763769600000000000"],
  // Without a year: this one's, or the last one's for what would lie ahead.
  ["%b %d %H:%M:%S", "Jan  1 11:00:00", "1767265200000000000"],
  ["%b %d %H:%M:%S", "Dec 31 23:00:00", "1767222000000000000"],
  ["%Y-%m-%d", "2025-02-29", "none"],
  ["%Y-%m-%d", "2024-02-29", "1709164800000000000"],
  ["%Y-%m-%d", "2025-13-01", "none"],
  ["%H:%M", "25:00", "none"],
  ["%Y-%m-%dT%H:%M:%S", "2025-11-22T08:26:40 and more", "none"],
  ["%Y", "1905", "none"],
  ["%Y-%m-%d %Z", "2025-11-22 NOWHERE", "none"],
])("%s reads %s", (format, text, expected) => {
  expect(read(format, text)).toBe(expected);
});

test("a time without a zone is in the configured one, daylight saving and all", () => {
  expect(read("%F %T", "2025-11-22 17:26:40", "Asia/Tokyo")).toBe(`${SECOND}000000000`);
  expect(read("%F %T", "2025-11-22 17:26:40", "+09:00")).toBe(`${SECOND}000000000`);
  expect(read("%F %T", "2025-07-01 12:00:00", "Europe/Berlin")).toBe("1751364000000000000");
  expect(read("%F %T", "2025-12-01 12:00:00", "Europe/Berlin")).toBe("1764586800000000000");
});

test("every instant that Date writes is read back", () => {
  fc.assert(
    fc.property(fc.date({ min: new Date(0), max: new Date("9999-01-01"), noInvalidDate: true }), (date) => {
      expect(read("%Y-%m-%dT%H:%M:%S.%LZ", date.toISOString())).toBe(String(BigInt(date.getTime()) * 1_000_000n));
    }),
  );
});

test("a format or a zone that means nothing is told", () => {
  expect(() => new TimeParser({ format: "%Y %Q" }, () => 0)).toThrow(TailError);
  expect(() => new TimeParser({ format: "%Y", zone: "Mars/Base" }, () => 0)).toThrow("Mars/Base is no time zone");
});
