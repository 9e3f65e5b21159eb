/**
 * Times as the shape `fields` writes them: by strftime's letters, as Ruby (fluentd) and C (Fluent Bit) have them, or as
 * numbers by the names that fluentd gives those. Always UTC.
 *
 * One letter is not the same in both: %L is milliseconds here and in Ruby, and nanoseconds in Fluent Bit, for which write
 * %9N.
 */
import { CollectorError } from "../errors.ts";

/** Writes a time, given as whole seconds since 1970 and the nanoseconds beyond, as JSON. */
export type FormatTime = (seconds: number, nanos: number) => string;

/** The default of fluentd's and Fluent Bit's Firehose outputs is their own; this is how a line says it otherwise. */
export const RFC_3339 = "%Y-%m-%dT%H:%M:%S.%9NZ";

const NUMBERS: Readonly<Record<string, FormatTime>> = {
  unixtime: (seconds) => String(seconds),
  unixtime_millis: (seconds, nanos) => scaled(seconds, nanos, 3),
  unixtime_micros: (seconds, nanos) => scaled(seconds, nanos, 6),
  unixtime_nanos: (seconds, nanos) => scaled(seconds, nanos, 9),
  float: (seconds, nanos) => {
    const value = Number(`${seconds}.${padded(nanos, 9)}`);
    return Number.isInteger(value) ? `${value}.0` : String(value);
  },
};

const DAYS = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];
const MONTHS = [
  "January",
  "February",
  "March",
  "April",
  "May",
  "June",
  "July",
  "August",
  "September",
  "October",
  "November",
  "December",
];
const DAY_MS = 86_400_000;

/** What each letter becomes, but for fractions of a second. */
const LETTERS: Readonly<Record<string, (time: Date) => string>> = {
  Y: (time) => padded(time.getUTCFullYear(), 4),
  y: (time) => padded(time.getUTCFullYear() % 100, 2),
  C: (time) => padded(Math.floor(time.getUTCFullYear() / 100), 2),
  m: (time) => padded(time.getUTCMonth() + 1, 2),
  b: (time) => (MONTHS[time.getUTCMonth()] ?? "").slice(0, 3),
  B: (time) => MONTHS[time.getUTCMonth()] ?? "",
  d: (time) => padded(time.getUTCDate(), 2),
  e: (time) => String(time.getUTCDate()).padStart(2, " "),
  j: (time) =>
    padded((Math.floor(time.getTime() / DAY_MS) * DAY_MS - Date.UTC(time.getUTCFullYear(), 0, 1)) / DAY_MS + 1, 3),
  a: (time) => (DAYS[time.getUTCDay()] ?? "").slice(0, 3),
  A: (time) => DAYS[time.getUTCDay()] ?? "",
  u: (time) => String(time.getUTCDay() || 7),
  w: (time) => String(time.getUTCDay()),
  H: (time) => padded(time.getUTCHours(), 2),
  I: (time) => padded(time.getUTCHours() % 12 || 12, 2),
  p: (time) => (time.getUTCHours() < 12 ? "AM" : "PM"),
  M: (time) => padded(time.getUTCMinutes(), 2),
  S: (time) => padded(time.getUTCSeconds(), 2),
  s: (time) => String(Math.floor(time.getTime() / 1000)),
  z: () => "+0000",
  ":z": () => "+00:00",
  Z: () => "UTC",
  "%": () => "%",
};

/** Letters that stand for several. */
const TOGETHER: Readonly<Record<string, string>> = { F: "%Y-%m-%d", T: "%H:%M:%S", R: "%H:%M", D: "%m/%d/%y", h: "%b" };

/** A piece of a format: text, a letter, or digits of the fraction of a second. */
type Piece = string | ((time: Date) => string) | { readonly digits: number };

/** Throws CollectorError `config_invalid` for a format that holds what is no time. */
export function compileTimeFormat(format: string): FormatTime {
  const number = NUMBERS[format];
  if (number !== undefined) return number;
  const pieces = parse(format);
  // Times of one second follow each other: what is between fractions is kept from one to the next.
  let known = Number.NaN;
  let texts: readonly (string | { readonly digits: number })[] = [];
  return (seconds, nanos) => {
    if (seconds !== known) {
      const time = new Date(seconds * 1000);
      texts = pieces.map((piece) => (typeof piece === "function" ? piece(time) : piece));
      known = seconds;
    }
    let text = "";
    for (const each of texts)
      text += typeof each === "string" ? each : padded(nanos, 9).slice(0, each.digits).padEnd(each.digits, "0");
    return `"${text}"`;
  };
}

function parse(format: string): Piece[] {
  if (format === "") throw new CollectorError("config_invalid", "a time format can't be empty");
  const pieces: Piece[] = [];
  for (const [whole, directive] of format.matchAll(/%(:z|[1-9]?N|.)|[^%]+|%$/gs)) {
    if (directive === undefined) {
      if (whole === "%")
        throw new CollectorError("config_invalid", `the time format ends in the middle of a letter\n${format}`);
      // It stands within a JSON string.
      pieces.push(JSON.stringify(whole).slice(1, -1));
      continue;
    }
    const letter = LETTERS[directive];
    const together = TOGETHER[directive];
    if (letter !== undefined) pieces.push(letter);
    else if (together !== undefined) pieces.push(...parse(together));
    else if (directive === "L") pieces.push({ digits: 3 });
    else if (directive.endsWith("N")) pieces.push({ digits: Number(directive.slice(0, -1) || 9) });
    else {
      const known = [...Object.keys(LETTERS), ...Object.keys(TOGETHER), "L", "N", "3N"].map((each) => `%${each}`);
      throw new CollectorError("config_invalid", `${whole} is no time: known are ${known.join(" ")}\n${format}`);
    }
  }
  return pieces;
}

function scaled(seconds: number, nanos: number, digits: number): string {
  if (seconds === 0) return String(Math.floor(nanos / 10 ** (9 - digits)));
  return `${seconds}${padded(nanos, 9).slice(0, digits)}`;
}

function padded(value: number, digits: number): string {
  return String(value).padStart(digits, "0");
}
