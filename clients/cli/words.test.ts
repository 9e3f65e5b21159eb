import { expect, test } from "bun:test";
import { bytesWord, durationWord, harmless, parseTime, sparkline, table } from "./words.ts";

test("sizes, durations and times are said as people say them", () => {
  expect([0, 1_023, 1_024, 1_536, 150 * 1_048_576, 5 * 2 ** 40].map(bytesWord)).toEqual([
    ..."0 B,1023 B,1.0 KiB,1.5 KiB,150 MiB,5.0 TiB".split(","),
  ]);
  expect([0, 59, 95, 3_600, 90_000, Number.POSITIVE_INFINITY].map(durationWord)).toEqual([
    ..."0s,59s,1m35s,1h,1d1h,never".split(","),
  ]);
  expect(
    [..."30m,2h,1.5d,2026-11-22T08:00:00Z,yore,5x".split(",")].map((text) => parseTime(text, 1_000_000_000_000)),
  ).toEqual([999_998_200_000, 999_992_800_000, 999_870_400_000, Date.UTC(2026, 10, 22, 8), undefined, undefined]);
});

test("numbers are aligned to the right, words to the left, and no line ends in spaces", () => {
  expect(
    table(
      ["ROUTE", "WAITING"],
      [
        ["a", "1,000"],
        ["longer", "5"],
      ],
    ),
  ).toBe("ROUTE   WAITING\na         1,000\nlonger        5\n");
  expect(table(["A", "B"], [["x", ""]])).toBe("A  B\nx\n");
});

test("bars go from nothing to the highest, the newest last", () => {
  expect(sparkline([0, 4, 8], 5)).toBe("  ▁▅█");
  expect(sparkline([1, 1, 1, 8], 2)).toBe("▂█");
  expect(sparkline([0.5], 1, 1)).toBe("▅");
});

test("nothing that a terminal would obey is left in the text of strangers", () => {
  expect(harmless("a\u001b[31mb\u009b2J\nc\td\u202e")).toBe("a\\x1b[31mb\\x9b2J\\nc d\\x202e");
});
