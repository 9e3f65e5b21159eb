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
