import { expect, test } from "bun:test";
import { FirehoseError } from "./errors.ts";
import { checkPrefix, evaluatePrefix, type KeySettings, objectKey } from "./object-key.ts";
import { formatTime } from "./time-format.ts";

const ARRIVED_MS = Date.UTC(2019, 9, 1, 9, 20, 18, 42);
const zero = (): number => 0;

function keyOf(changes: Partial<KeySettings>): string {
  const settings = { streamName: "logs", version: 1, prefix: "", timeZone: "UTC", extension: "", ...changes };
  return objectKey(settings, ARRIVED_MS, zero, "direct");
}

const ID = "00000000-0000-4000-8000-000000000000";

test("a key is folders by hour, stream, version, the oldest record's arrival and a UUID", () => {
  expect(keyOf({})).toBe(`2019/10/01/09/logs-1-2019-10-01-09-20-18-${ID}`);
  expect(keyOf({ version: 3, extension: ".gz" })).toBe(`2019/10/01/09/logs-3-2019-10-01-09-20-18-${ID}.gz`);
});

test("a prefix without a time gets the hour's folders directly after it, or after a slash where that is guessed", () => {
  expect(keyOf({ prefix: "app/" })).toStartWith("app/2019/10/01/09/logs-1-");
  expect(keyOf({ prefix: "app" })).toStartWith("app2019/10/01/09/logs-1-");
  expect(evaluatePrefix("app", "UTC", ARRIVED_MS, zero, "slash")).toBe("app/2019/10/01/09/");
  expect(evaluatePrefix("", "UTC", ARRIVED_MS, zero, "slash")).toBe("2019/10/01/09/");
});

test("expressions are evaluated, all with the same instant, each random string anew", () => {
  const prefix = "y=!{timestamp:yyyy}/d=!{timestamp:yyyy-MM-dd}/!{firehose:random-string}/!{firehose:random-string}/";
  let turn = 0;
  const evaluated = evaluatePrefix(prefix, "UTC", ARRIVED_MS, () => (turn++ % 7) / 7, "direct");
  const [year, day, first = "", second = ""] = evaluated.split("/");
  expect([year, day]).toEqual(["y=2019", "d=2019-10-01"]);
  expect(first).toMatch(/^[a-zA-Z0-9]{11}$/);
  expect(second).toMatch(/^[a-zA-Z0-9]{11}$/);
  expect(second).not.toBe(first);
});

test("a time zone moves the folder and the name together", () => {
  const key = objectKey(
    { streamName: "logs", version: 1, prefix: "", timeZone: "Asia/Tokyo", extension: "" },
    Date.UTC(2026, 11, 31, 16, 5, 6),
    zero,
    "direct",
  );
  expect(key).toBe(`2027/01/01/01/logs-1-2027-01-01-01-05-06-${ID}`);
});

test("time patterns are Java's", () => {
  const cases = {
    "yyyy/MM/DDD/HH": "2019/10/274/09",
    "yy-M-d": "19-10-1",
    "'day='dd''HH": "day=01'09",
    "EEE, dd MMM uuuu hh:mm:ss a": "Tue, 01 Oct 2019 09:20:18 AM",
    "EEEE MMMM kk K": "Tuesday October 09 9",
    "ss.SSS SSSSSS S": "18.042 042000 0",
  };
  for (const [pattern, text] of Object.entries(cases)) expect(formatTime(pattern, ARRIVED_MS, "UTC")).toBe(text);
});

test("a prefix that can't be is refused when it is set", () => {
  const bad = [
    "!{timestamp:Q}/",
    "!{timestamp:'open}/",
    "!{timestamp:yyyy",
    "!{firehose:error-output-type}/",
    "!{partitionKeyFromQuery:a}/",
    "x".repeat(510),
  ];
  for (const prefix of bad) expect(() => checkPrefix(prefix, "UTC")).toThrow(FirehoseError);
  expect(() => checkPrefix("", "Mars/Olympus")).toThrow(FirehoseError);
  expect(() => checkPrefix("a/!{timestamp:yyyy}/", "Europe/Berlin")).not.toThrow();
});
