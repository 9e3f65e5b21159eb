import { expect, test } from "bun:test";
import fc from "fast-check";
import { TimeFormat } from "./time-format.ts";

const SECONDS = 1_763_800_000;

function written(format: TimeFormat, seconds: number, nanos: number): string {
  const target = new Uint8Array(format.prepare(seconds, nanos) + 2).fill(0x23);
  expect(format.write(target, 1)).toBe(target.length - 1);
  const text = new TextDecoder().decode(target);
  expect([text[0], text.at(-1)]).toEqual(["#", "#"]);
  return text.slice(1, -1);
}

function formatted(format: string, seconds = SECONDS, nanos = 12_345_678): string {
  return written(new TimeFormat(format), seconds, nanos);
}

// As GNU date(1) writes 1763800000.012345678 in UTC, but for %L, which is Ruby's.
test.each([
  ["%Y-%m-%dT%H:%M:%S", "2025-11-22T08:26:40"],
  ["%Y-%m-%dT%H:%M:%S.%NZ", "2025-11-22T08:26:40.012345678Z"],
  ["%Y-%m-%dT%H:%M:%S.%N%z", "2025-11-22T08:26:40.012345678+0000"],
  ["%FT%T.%L%:z", "2025-11-22T08:26:40.012+00:00"],
  ["%3N %6N %9N", "012 012345 012345678"],
  ["%d/%b/%Y:%H:%M:%S %z", "22/Nov/2025:08:26:40 +0000"],
  ["%A %a %B %h %e %j %u %w", "Saturday Sat November Nov 22 326 6 6"],
  ["%I:%M %p %y %C %D %R %Z", "08:26 AM 25 20 11/22/25 08:26 UTC"],
  ["%s", "1763800000"],
  ["%Y年%L", "2025年012"],
  ['100%% "%Y"', '100% \\"2025\\"'],
])("%p gives %p", (format, expected) => {
  expect(formatted(format)).toBe(`"${expected}"`);
});

test("numbers go by fluentd's names, and are numbers", () => {
  expect(formatted("unixtime")).toBe("1763800000");
  expect(formatted("unixtime_millis")).toBe("1763800000012");
  expect(formatted("unixtime_micros")).toBe("1763800000012345");
  expect(formatted("unixtime_nanos")).toBe("1763800000012345678");
  expect(formatted("float")).toBe("1763800000.0123458");
  expect(formatted("float", SECONDS, 0)).toBe("1763800000.0");
  const millis = new TimeFormat("unixtime_millis");
  const seen = [0, 0, 1, 0].map((seconds, index) => written(millis, seconds, (index + 1) * 12_000_000));
  expect(seen).toEqual(["12", "24", "1036", "48"]);
});

test("whatever second comes after whatever other, dates are those of JavaScript's Date", () => {
  const format = new TimeFormat("%Y-%m-%dT%H:%M:%S.%LZ");
  const seconds = fc.integer({ min: 0, max: 18_446_744_073 });
  fc.assert(
    fc.property(fc.array(fc.tuple(seconds, fc.integer({ min: 0, max: 999_999_999 }))), (times) => {
      for (const [second, nanos] of times) {
        const expected = new Date(second * 1000 + Math.floor(nanos / 1e6)).toISOString();
        expect(written(format, second, nanos)).toBe(JSON.stringify(expected));
      }
    }),
    { numRuns: 200 },
  );
});

test("the day of the year counts from 1, in leap years too", () => {
  expect(formatted("%j", Date.UTC(2024, 0, 1) / 1000)).toBe('"001"');
  expect(formatted("%j", Date.UTC(2024, 11, 31, 23, 59, 59) / 1000)).toBe('"366"');
  expect(formatted("%I %p", Date.UTC(2024, 0, 1, 12) / 1000)).toBe('"12 PM"');
  expect(formatted("%I %p", Date.UTC(2024, 0, 1, 0) / 1000)).toBe('"12 AM"');
});

test("what is no time is told with what there is", () => {
  expect(() => new TimeFormat("%Y-%Q")).toThrow("%Q is no time: known are %Y");
  expect(() => new TimeFormat("%Y%")).toThrow("ends in the middle of a letter");
  expect(() => new TimeFormat("")).toThrow("can't be empty");
});

const ZONES = [
  "Asia/Tokyo",
  "America/New_York",
  "Europe/Berlin",
  "Asia/Kolkata",
  "America/St_Johns",
  "Australia/Lord_Howe",
];

test("in whatever zone, dates and offsets are those of Intl", () => {
  const zones = ZONES.map((zone) => {
    const options = { timeZone: zone, dateStyle: "short", timeStyle: "medium", hourCycle: "h23" } as const;
    // Swedish writes its dates as ISO 8601 does.
    const local = new Intl.DateTimeFormat("sv-SE", options);
    const offset = new Intl.DateTimeFormat("en-US", { timeZone: zone, timeZoneName: "longOffset" });
    const expected = (time: Date): string => {
      const parts = offset.formatToParts(time);
      return `"${local.format(time)} ${parts.find(({ type }) => type === "timeZoneName")?.value}"`;
    };
    return { format: new TimeFormat("%Y-%m-%d %H:%M:%S GMT%:z", zone), expected };
  });
  const seconds = fc.integer({ min: 0, max: Date.UTC(2099, 0) / 1000 });
  fc.assert(
    fc.property(fc.constantFrom(...zones), seconds, ({ format, expected }, second) => {
      expect(written(format, second, 0)).toBe(expected(new Date(second * 1000)));
    }),
    { numRuns: 2_000 },
  );
});

test("summer time begins and ends within consecutive seconds", () => {
  const format = new TimeFormat("%H:%M:%S %z %Z", "Europe/Berlin");
  const spring = Date.UTC(2025, 2, 30, 1) / 1000;
  const autumn = Date.UTC(2025, 9, 26, 1) / 1000;
  const seen = [spring - 1, spring, autumn - 1, autumn].map((second) => written(format, second, 0));
  expect(seen).toEqual([
    '"01:59:59 +0100 CET"',
    '"03:00:00 +0200 CEST"',
    '"02:59:59 +0200 CEST"',
    '"02:00:00 +0100 CET"',
  ]);
});

test.each([
  ["+09:00", "2025-11-22T17:26:40.012345678+09:00"],
  ["-0330", "2025-11-22T04:56:40.012345678-03:30"],
  ["Asia/Tokyo", "2025-11-22T17:26:40.012345678+09:00"],
  ["UTC", "2025-11-22T08:26:40.012345678Z"],
])("RFC 3339 in %p is %p", (zone, expected) => {
  expect(written(new TimeFormat(undefined, zone), SECONDS, 12_345_678)).toBe(`"${expected}"`);
});

test("the date, the day of the week and that of the year are the zone's, and seconds since 1970 are nobody's", () => {
  const newYear = Date.UTC(2025, 11, 31, 15, 0, 1) / 1000;
  expect(written(new TimeFormat("%F %a %j %s", "Asia/Tokyo"), newYear, 0)).toBe(`"2026-01-01 Thu 001 ${newYear}"`);
  expect(written(new TimeFormat("unixtime", "Asia/Tokyo"), newYear, 0)).toBe(String(newYear));
});

test("%Z is the name in use, and refused where there is none", () => {
  const names = { "Asia/Tokyo": "JST", "America/New_York": "EST", "Asia/Kolkata": "IST", "Australia/Sydney": "AEDT" };
  for (const [zone, name] of Object.entries(names))
    expect(written(new TimeFormat("%Z", zone), SECONDS, 0)).toBe(`"${name}"`);
  for (const zone of ["+09:00", "Asia/Singapore"]) {
    expect(() => new TimeFormat("%T %Z", zone)).toThrow(`the time zone ${zone} has no short name for %Z: write %z`);
  }
});

test("what is no zone is told with what there is", () => {
  for (const zone of ["Asia/Tokio", "+25:00", "+09:60", "JST+9", ""]) {
    expect(() => new TimeFormat("%T", zone)).toThrow(`${JSON.stringify(zone)} is no time zone: UTC, an offset such as`);
  }
});
