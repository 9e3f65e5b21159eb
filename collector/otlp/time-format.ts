/**
 * Times as the shape `fields` writes them: by strftime's letters, as Ruby (fluentd) and C (Fluent Bit) have them, or as
 * numbers by the names that fluentd gives those. In UTC, or in a zone that is named (time-zone.ts).
 *
 * One letter is not the same in both: %L is milliseconds here and in Ruby, and nanoseconds in Fluent Bit, for which write
 * %9N.
 */
import { CollectorError } from "../errors.ts";
import { describeOffset, TimeZone } from "./time-zone.ts";

/** How times are written where nothing is said: RFC 3339. */
const FORMAT_IN_UTC = "%Y-%m-%dT%H:%M:%S.%9NZ";
const FORMAT_ELSEWHERE = "%Y-%m-%dT%H:%M:%S.%9N%:z";

/** A second, in a zone. */
interface Moment {
  /** Its UTC getters give local time. */
  readonly local: Date;
  /** Since 1970. */
  readonly seconds: number;
  readonly zone: TimeZone;
}

/** A piece of a format: text, a letter, or digits of the fraction of a second. */
type Piece = string | ((moment: Moment) => string) | { readonly digits: number };

/** Whole numbers, by how many digits of the fraction they have. */
const NUMBERS: Readonly<Record<string, number>> = {
  unixtime: 0,
  unixtime_millis: 3,
  unixtime_micros: 6,
  unixtime_nanos: 9,
};

const ZERO = 0x30;
const NANOS_DIGITS = 9;
const encoder = new TextEncoder();

/** Writes times as JSON, each given as whole seconds since 1970 and the nanoseconds beyond: `prepare`, then `write`. */
export class TimeFormat {
  readonly #pieces: readonly Piece[];
  readonly #zone: TimeZone;
  /** A number with a point, by fluentd's name `float`: as a double has it. */
  readonly #isFloat: boolean;
  /** Digits of the fraction of a whole number; undefined for what is none. */
  readonly #numberDigits: number | undefined;
  /** What is around the fractions, for times of one second, which follow each other. */
  #template = new Uint8Array(0);
  #fractions: { readonly at: number; readonly digits: number }[] = [];
  #second = Number.NaN;
  #nanos = 0;

  /** RFC 3339 and UTC unless told. Throws CollectorError `config_invalid` for what is no format, or no zone. */
  constructor(format?: string, zone = "UTC") {
    this.#zone = new TimeZone(zone);
    const text = format ?? (this.#zone.isUtc ? FORMAT_IN_UTC : FORMAT_ELSEWHERE);
    this.#isFloat = text === "float";
    this.#numberDigits = NUMBERS[text];
    if (this.#isFloat) this.#pieces = [];
    else if (this.#numberDigits === undefined) this.#pieces = ['"', ...parse(text), '"'];
    else this.#pieces = [({ seconds }) => String(seconds), { digits: this.#numberDigits }];
    if (this.#pieces.includes(zoneName) && !this.#zone.hasName) {
      const instead = "write %z, or the letters themselves";
      throw new CollectorError("config_invalid", `the time zone ${zone} has no short name for %Z: ${instead}\n${text}`);
    }
  }

  /** Takes a time, and says how many bytes it will be. */
  prepare(seconds: number, nanos: number): number {
    this.#nanos = nanos;
    if (this.#isFloat) {
      const value = Number(`${seconds}.${padded(nanos, NANOS_DIGITS)}`);
      this.#template = encoder.encode(Number.isInteger(value) ? `${value}.0` : String(value));
    } else if (seconds === 0 && this.#numberDigits !== undefined) {
      // No zeros before the number, which JSON does not have.
      this.#template = encoder.encode(String(Math.floor(nanos / 10 ** (NANOS_DIGITS - this.#numberDigits))));
      this.#fractions = [];
      this.#second = 0;
    } else if (seconds !== this.#second) {
      this.#second = seconds;
      this.#enter(seconds);
    }
    return this.#template.length;
  }

  /** Writes the time that was prepared at `at`, and returns the offset after it. */
  write(target: Uint8Array, at: number): number {
    const template = this.#template;
    for (let index = 0; index < template.length; index++) target[at + index] = template[index] as number;
    for (const { at: offset, digits } of this.#fractions) {
      let rest = Math.floor(this.#nanos / 10 ** (NANOS_DIGITS - digits));
      for (let index = at + offset + digits - 1; index >= at + offset; index--) {
        target[index] = ZERO + (rest % 10);
        rest = Math.floor(rest / 10);
      }
    }
    return at + template.length;
  }

  #enter(seconds: number): void {
    const zone = this.#zone;
    const moment = { seconds, zone, local: new Date((seconds + zone.offsetSeconds(seconds)) * 1000) };
    this.#fractions = [];
    const parts: Uint8Array[] = [];
    let at = 0;
    for (const piece of this.#pieces) {
      const isFraction = typeof piece === "object";
      if (isFraction) this.#fractions.push({ at, digits: piece.digits });
      const text = isFraction ? "0".repeat(piece.digits) : typeof piece === "string" ? piece : piece(moment);
      const part = encoder.encode(text);
      parts.push(part);
      at += part.length;
    }
    this.#template = Uint8Array.from(Buffer.concat(parts));
  }
}

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
const LETTERS: Readonly<Record<string, (moment: Moment) => string>> = {
  Y: ({ local }) => padded(local.getUTCFullYear(), 4),
  y: ({ local }) => padded(local.getUTCFullYear() % 100, 2),
  C: ({ local }) => padded(Math.floor(local.getUTCFullYear() / 100), 2),
  m: ({ local }) => padded(local.getUTCMonth() + 1, 2),
  b: ({ local }) => (MONTHS[local.getUTCMonth()] ?? "").slice(0, 3),
  B: ({ local }) => MONTHS[local.getUTCMonth()] ?? "",
  d: ({ local }) => padded(local.getUTCDate(), 2),
  e: ({ local }) => String(local.getUTCDate()).padStart(2, " "),
  j: ({ local }) =>
    padded((Math.floor(local.getTime() / DAY_MS) * DAY_MS - Date.UTC(local.getUTCFullYear(), 0, 1)) / DAY_MS + 1, 3),
  a: ({ local }) => (DAYS[local.getUTCDay()] ?? "").slice(0, 3),
  A: ({ local }) => DAYS[local.getUTCDay()] ?? "",
  u: ({ local }) => String(local.getUTCDay() || 7),
  w: ({ local }) => String(local.getUTCDay()),
  H: ({ local }) => padded(local.getUTCHours(), 2),
  I: ({ local }) => padded(local.getUTCHours() % 12 || 12, 2),
  p: ({ local }) => (local.getUTCHours() < 12 ? "AM" : "PM"),
  M: ({ local }) => padded(local.getUTCMinutes(), 2),
  S: ({ local }) => padded(local.getUTCSeconds(), 2),
  s: ({ seconds }) => String(seconds),
  z: ({ zone, seconds }) => describeOffset(zone.offsetSeconds(seconds), ""),
  ":z": ({ zone, seconds }) => describeOffset(zone.offsetSeconds(seconds), ":"),
  Z: zoneName,
  "%": () => "%",
};

/** Letters that stand for several. */
const TOGETHER: Readonly<Record<string, string>> = { F: "%Y-%m-%d", T: "%H:%M:%S", R: "%H:%M", D: "%m/%d/%y", h: "%b" };

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

function zoneName({ zone, seconds }: Moment): string {
  return zone.nameAt(seconds);
}

function padded(value: number, digits: number): string {
  return String(value).padStart(digits, "0");
}
