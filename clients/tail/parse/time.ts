/**
 * Times by strftime's letters, read from bytes. Compiled once, then without objects: it is asked for every line.
 *
 * The letters are those of C, Ruby (fluentd) and Fluent Bit together:
 *   %Y %m %d %e %H %I %M %S %p %b %B %h %a %A %y %j %s %z %Z %T %F %D %R %n %t %%
 *   %L and %N take any number of digits of the fraction (1 to 9 count), since Fluent Bit's %L is nanoseconds and Ruby's
 *   is milliseconds; %3N, %6N, %9N the same. A fraction that the format writes as ".%N" may be missing altogether.
 *   %z takes Z, +09:00, +0900, +09; %Z takes UTC, GMT, Z, and the zones named below, or an IANA name such as Asia/Tokyo.
 */
import { TailError } from "../errors.ts";
import { zoneOffset } from "./zone.ts";

/** A failure: no time, or one before 1970. */
export const NO_TIME = -1;

type Step = (state: State) => boolean;

interface State {
  bytes: Uint8Array;
  at: number;
  end: number;
  year: number;
  month: number;
  day: number;
  dayOfYear: number;
  hour: number;
  minute: number;
  second: number;
  nanos: number;
  /** 0 = not said, 1 = AM, 2 = PM. */
  half: number;
  /** Seconds east of UTC; NaN where nothing was said. */
  offset: number;
  /** Seconds since 1970, where the format says so; NaN else. */
  epoch: number;
  zone: string;
}

const ZERO = 0x30;
const MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const MONTH_NAMES = "january february march april may june july august september october november december".split(" ");
const DAYS = "sunday monday tuesday wednesday thursday friday saturday".split(" ");

export interface TimeOptions {
  /** strftime's letters, or `unix`, `unix_ms`, `unix_us`, `unix_ns`, or `auto` for RFC 3339. */
  readonly format: string;
  /** What a time without a zone is in: an offset such as +09:00, or an IANA name. UTC unless told. */
  readonly zone?: string | undefined;
}

export class TimeParser {
  /** Of the last time that was read: whole seconds since 1970, and the nanoseconds beyond. */
  nanos = 0;
  readonly #steps: readonly Step[];
  readonly #state: State;
  readonly #zoneOffsetOf: (secondsAsUtc: number) => number;
  readonly #zoneOffsets = new Map<string, (secondsAsUtc: number) => number>();
  readonly #nowMs: () => number;

  /** `nowMs` gives the year where the format has none. Throws TailError `config_invalid` for what is no format. */
  constructor({ format, zone }: TimeOptions, nowMs: () => number) {
    this.#steps = compile(format === "auto" ? "%Y-%m-%dT%H:%M:%S.%N%z" : format);
    this.#zoneOffsetOf = zone === undefined ? () => 0 : zoneOffset(zone);
    this.#nowMs = nowMs;
    this.#state = { bytes: new Uint8Array(0), at: 0, end: 0, ...blank(), zone: "" };
  }

  /** Seconds since 1970, with `nanos` beside; NO_TIME when the bytes [start, end) are no time of this format. */
  parse(bytes: Uint8Array, start: number, end: number): number {
    const state = this.#state;
    state.bytes = bytes;
    state.at = start;
    state.end = end;
    state.year = Number.NaN;
    state.month = 1;
    state.day = 1;
    state.dayOfYear = 0;
    state.hour = 0;
    state.minute = 0;
    state.second = 0;
    state.nanos = 0;
    state.half = 0;
    state.offset = Number.NaN;
    state.epoch = Number.NaN;
    state.zone = "";
    const steps = this.#steps;
    for (let index = 0; index < steps.length; index++) if (!(steps[index] as Step)(state)) return NO_TIME;
    if (state.at !== end) return NO_TIME;
    this.nanos = state.nanos;
    if (!Number.isNaN(state.epoch)) return state.epoch;
    return this.#toSeconds(state);
  }

  #toSeconds(state: State): number {
    const { month, day, minute, second } = state;
    let { hour } = state;
    if (state.half !== 0) {
      if (hour < 1 || hour > 12) return NO_TIME;
      hour = (hour % 12) + (state.half === 2 ? 12 : 0);
    }
    const hasYear = !Number.isNaN(state.year);
    const year = hasYear ? state.year : new Date(this.#nowMs()).getUTCFullYear();
    if (month < 1 || month > 12 || day < 1 || day > daysInMonth(year, month)) return NO_TIME;
    // 60 is a leap second: the first of the next minute, as in POSIX.
    if (hour > 24 || minute > 59 || second > 60 || (hour === 24 && minute + second > 0)) return NO_TIME;
    const days =
      state.dayOfYear > 0 ? daysFromCivil(year, 1, 1) + state.dayOfYear - 1 : daysFromCivil(year, month, day);
    const local = days * 86_400 + hour * 3_600 + minute * 60 + second;
    let offset = state.offset;
    if (state.zone !== "") offset = this.#offsetOfName(state.zone, local);
    else if (Number.isNaN(offset)) offset = this.#zoneOffsetOf(local);
    const seconds = local - offset;
    // Without a year: December's lines that are read in January are the old year's.
    if (!hasYear && seconds * 1000 > this.#nowMs() + 86_400_000) return seconds - daysInYear(year - 1) * 86_400;
    return Number.isNaN(seconds) || seconds < 0 ? NO_TIME : seconds;
  }

  #offsetOfName(name: string, local: number): number {
    let known = this.#zoneOffsets.get(name);
    if (known === undefined) {
      try {
        known = zoneOffset(name);
      } catch {
        known = () => Number.NaN;
      }
      // Names come out of lines: they must not fill the memory.
      if (this.#zoneOffsets.size < 64) this.#zoneOffsets.set(name, known);
    }
    return known(local);
  }
}

function blank() {
  return {
    year: Number.NaN,
    month: 1,
    day: 1,
    dayOfYear: 0,
    hour: 0,
    minute: 0,
    second: 0,
    nanos: 0,
    half: 0,
    offset: Number.NaN,
    epoch: Number.NaN,
  };
}

function compile(format: string): Step[] {
  const whole = { unix: 0, unix_ms: 3, unix_us: 6, unix_ns: 9 }[format];
  if (whole !== undefined) return [epochStep(whole)];
  const steps: Step[] = [];
  for (let index = 0; index < format.length; index++) {
    const character = format[index] as string;
    if (character === "." && /^\.%\d?[NL]/.test(format.slice(index))) {
      index += /\d/.test(format[index + 2] as string) ? 3 : 2;
      steps.push(optionalFraction);
      continue;
    }
    if (character !== "%") {
      steps.push(...(character === " " ? [spaces] : literal(character)));
      continue;
    }
    let letter = format[++index] ?? "";
    if (letter === "-" || letter === "_" || letter === ":") letter = format[++index] ?? "";
    if (/\d/.test(letter) && /[NL]/.test(format[index + 1] ?? "")) letter = format[++index] as string;
    const expansion = { T: "%H:%M:%S", F: "%Y-%m-%d", D: "%m/%d/%y", R: "%H:%M", n: " ", t: " " }[letter];
    if (expansion !== undefined) steps.push(...compile(expansion));
    else if (letter === "%") steps.push(...literal("%"));
    else {
      const step = LETTERS[letter];
      if (step === undefined)
        throw new TailError("config_invalid", `the time format ${format} holds %${letter}, which is no part of a time`);
      steps.push(step);
    }
  }
  return steps;
}

function literal(character: string): Step[] {
  return [...new TextEncoder().encode(character)].map((code) => (state) => {
    if (state.at >= state.end || state.bytes[state.at] !== code) return false;
    state.at++;
    return true;
  });
}

function spaces(state: State): boolean {
  const start = state.at;
  while (state.at < state.end && state.bytes[state.at] === 0x20) state.at++;
  return state.at > start;
}

/** Up to `width` digits into a number; -1 when there is none. */
function digits(state: State, width: number): number {
  const { bytes } = state;
  const limit = Math.min(state.end, state.at + width);
  let value = 0;
  let at = state.at;
  for (; at < limit; at++) {
    const digit = (bytes[at] as number) - ZERO;
    if (digit < 0 || digit > 9) break;
    value = value * 10 + digit;
  }
  if (at === state.at) return -1;
  state.at = at;
  return value;
}

function number(width: number, key: "year" | "month" | "day" | "dayOfYear" | "hour" | "minute" | "second"): Step {
  return (state) => {
    // C's strptime passes over a space before a number, as in "Jan  2" by %e.
    while (state.at < state.end && state.bytes[state.at] === 0x20) state.at++;
    const value = digits(state, width);
    if (value < 0) return false;
    state[key] = value;
    return true;
  };
}

function fraction(state: State): boolean {
  const start = state.at;
  let value = digits(state, 9);
  if (value < 0) return false;
  for (let count = state.at - start; count < 9; count++) value *= 10;
  state.nanos = value;
  // Finer than a nanosecond is passed over.
  while (state.at < state.end && isDigit(state.bytes[state.at] as number)) state.at++;
  return true;
}

function optionalFraction(state: State): boolean {
  if (state.at >= state.end || state.bytes[state.at] !== 0x2e) return true;
  state.at++;
  return fraction(state);
}

function isDigit(code: number): boolean {
  return code >= ZERO && code <= ZERO + 9;
}

/** Whole digits since 1970, `scale` of which are a fraction; or a number with a point. */
function epochStep(scale: number): Step {
  return (state) => {
    const start = state.at;
    while (state.at < state.end && isDigit(state.bytes[state.at] as number)) state.at++;
    const split = Math.max(start, state.at - scale);
    const whole = state.at;
    if (whole === start || whole - start > 19) return false;
    state.at = start;
    state.epoch = split === start ? 0 : digits(state, split - start);
    let nanos = split === whole ? 0 : digits(state, whole - split);
    for (let count = whole - split; count < 9; count++) nanos *= 10;
    if (whole - start < scale) for (let count = whole - start; count < scale; count++) nanos = Math.floor(nanos / 10);
    state.nanos = nanos;
    state.at = whole;
    if (scale === 0 && state.at < state.end && state.bytes[state.at] === 0x2e) {
      state.at++;
      return fraction(state);
    }
    return true;
  };
}

function name(lists: readonly (readonly string[])[], set: (state: State, index: number) => void): Step {
  return (state) => {
    const start = state.at;
    let at = start;
    while (at < state.end && isLetter(state.bytes[at] as number)) at++;
    const word = asciiOf(state.bytes, start, at).toLowerCase();
    for (const list of lists) {
      const index = list.indexOf(word);
      if (index < 0) continue;
      state.at = at;
      set(state, index);
      return true;
    }
    return false;
  };
}

function isLetter(code: number): boolean {
  return (code >= 0x41 && code <= 0x5a) || (code >= 0x61 && code <= 0x7a);
}

function asciiOf(bytes: Uint8Array, start: number, end: number): string {
  return String.fromCharCode(...bytes.subarray(start, Math.min(end, start + 64)));
}

function numericZone(state: State): boolean {
  const { bytes } = state;
  const sign = bytes[state.at];
  if (state.at < state.end && (sign === 0x5a || sign === 0x7a)) {
    state.at++;
    state.offset = 0;
    return true;
  }
  if (state.at >= state.end || (sign !== 0x2b && sign !== 0x2d)) return false;
  state.at++;
  const start = state.at;
  const hours = digits(state, 2);
  if (hours < 0 || state.at - start !== 2) return false;
  if (state.at < state.end && bytes[state.at] === 0x3a) state.at++;
  const minutesAt = state.at;
  const minutes = digits(state, 2);
  if (minutes >= 0 && state.at - minutesAt !== 2) return false;
  state.offset = (hours * 3_600 + Math.max(0, minutes) * 60) * (sign === 0x2d ? -1 : 1);
  return true;
}

function namedZone(state: State): boolean {
  const first = state.bytes[state.at];
  if (first === 0x2b || first === 0x2d) return numericZone(state);
  const start = state.at;
  let at = start;
  while (
    at < state.end &&
    (isLetter(state.bytes[at] as number) || state.bytes[at] === 0x2f || state.bytes[at] === 0x5f)
  )
    at++;
  if (at === start) return false;
  state.zone = asciiOf(state.bytes, start, at);
  state.at = at;
  return true;
}

const MONTH = name([MONTHS, MONTH_NAMES], (state, index) => {
  state.month = index + 1;
});
const WEEKDAY = name([DAYS, DAYS.map((day) => day.slice(0, 3))], () => undefined);
const HALF = name([["am", "pm"]], (state, index) => {
  state.half = index + 1;
});

const LETTERS: Readonly<Record<string, Step>> = {
  Y: number(4, "year"),
  y: (state) => {
    if (!number(2, "year")(state)) return false;
    state.year += state.year < 69 ? 2000 : 1900;
    return true;
  },
  m: number(2, "month"),
  d: number(2, "day"),
  e: number(2, "day"),
  j: number(3, "dayOfYear"),
  H: number(2, "hour"),
  k: number(2, "hour"),
  I: number(2, "hour"),
  l: number(2, "hour"),
  M: number(2, "minute"),
  S: number(2, "second"),
  p: HALF,
  P: HALF,
  b: MONTH,
  B: MONTH,
  h: MONTH,
  a: WEEKDAY,
  A: WEEKDAY,
  s: epochStep(0),
  N: fraction,
  L: fraction,
  z: numericZone,
  Z: namedZone,
};

function daysInMonth(year: number, month: number): number {
  if (month === 2) return year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0) ? 29 : 28;
  return month === 4 || month === 6 || month === 9 || month === 11 ? 30 : 31;
}

function daysInYear(year: number): number {
  return daysInMonth(year, 2) + 337;
}

/** Days since 1970 of a date of the Gregorian calendar (H. Hinnant, "chrono-Compatible Low-Level Date Algorithms"). */
function daysFromCivil(year: number, month: number, day: number): number {
  const y = month <= 2 ? year - 1 : year;
  const era = Math.floor(y / 400);
  const yearOfEra = y - era * 400;
  const dayOfYear = Math.floor((153 * (month + (month > 2 ? -3 : 9)) + 2) / 5) + day - 1;
  return (
    era * 146_097 + yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear - 719_468
  );
}
