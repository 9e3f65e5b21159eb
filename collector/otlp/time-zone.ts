/**
 * How far a time zone is from UTC at a moment, and what it is called there: by the time zone data that Bun carries, so
 * that no file of the system is needed and TZ of the process does not matter.
 *
 * A zone is `UTC`, an offset (`+09:00`, `-0330`), or a name of the IANA database (`Asia/Tokyo`).
 */
import { CollectorError } from "../errors.ts";

const OFFSET = /^([+-])(\d{2}):?(\d{2})$/;
/** The widest that are in use are -12:00 and +14:00. */
const OFFSET_HOURS_MAX = 14;

const MINUTE_SECONDS = 60;

/** A name that people use, as against `GMT+9`. */
const ABBREVIATION = /^[A-Z]{3,5}$/;
/** Unicode's data has abbreviations where they are used: Tokyo's in Japanese, Sydney's in Australian English. */
const LOCALES = ["en-US", "en-GB", "en-AU", "en-NZ", "en-IN", "en-ZA", "ja-JP"];

/** Keeps the last minute it was asked about: a zone changes its offset at whole minutes. */
export class TimeZone {
  readonly #fixedSeconds: number | undefined;
  readonly #parts: Intl.DateTimeFormat | undefined;
  readonly #names: Intl.DateTimeFormat | undefined;
  readonly isUtc: boolean;
  #minute = Number.NaN;
  #offsetSeconds = 0;

  /** Throws CollectorError `config_invalid` for what is no zone. */
  constructor(zone: string) {
    this.isUtc = zone === "UTC";
    this.#fixedSeconds = this.isUtc ? 0 : fixedOffset(zone);
    if (this.#fixedSeconds !== undefined) return;
    this.#parts = formatterOf(zone);
    this.#names = LOCALES.map(
      (locale) => new Intl.DateTimeFormat(locale, { timeZone: zone, timeZoneName: "short" }),
    ).find((names) => ABBREVIATION.test(nameIn(names, 2025, 0)) && ABBREVIATION.test(nameIn(names, 2025, 6)));
  }

  /** Whether `nameAt` has words for this zone. */
  get hasName(): boolean {
    return this.isUtc || this.#names !== undefined;
  }

  /** Local time less UTC, in seconds, at a moment in whole seconds since 1970. */
  offsetSeconds(seconds: number): number {
    if (this.#fixedSeconds !== undefined || this.#parts === undefined) return this.#fixedSeconds ?? 0;
    const minute = Math.floor(seconds / MINUTE_SECONDS);
    if (minute !== this.#minute) {
      this.#minute = minute;
      this.#offsetSeconds = localSeconds(this.#parts, minute * MINUTE_SECONDS) - minute * MINUTE_SECONDS;
    }
    return this.#offsetSeconds;
  }

  /** The abbreviation in use at that moment, where `hasName`: `JST`, `CEST`. */
  nameAt(seconds: number): string {
    return this.#names === undefined ? "UTC" : shortName(this.#names, new Date(seconds * 1000));
  }
}

/** `+0900` (or with a `separator` of a colon), as strftime writes offsets: whole minutes, towards zero. */
export function describeOffset(offsetSeconds: number, separator: string): string {
  const minutes = Math.floor(Math.abs(offsetSeconds) / 60);
  const two = (value: number): string => String(value).padStart(2, "0");
  return `${offsetSeconds < 0 ? "-" : "+"}${two(Math.floor(minutes / 60))}${separator}${two(minutes % 60)}`;
}

function fixedOffset(zone: string): number | undefined {
  const [, sign, hours, minutes] = OFFSET.exec(zone) ?? [];
  if (sign === undefined) return undefined;
  const seconds = (Number(hours) * 60 + Number(minutes)) * 60;
  if (Number(minutes) >= 60 || seconds > OFFSET_HOURS_MAX * 3_600) invalid(zone);
  return sign === "-" ? -seconds : seconds;
}

function formatterOf(timeZone: string): Intl.DateTimeFormat {
  try {
    return new Intl.DateTimeFormat("en-US", {
      timeZone,
      year: "numeric",
      month: "numeric",
      day: "numeric",
      hour: "numeric",
      minute: "numeric",
      second: "numeric",
      hourCycle: "h23",
    });
  } catch (cause) {
    if (!(cause instanceof RangeError)) throw cause;
    return invalid(timeZone);
  }
}

function invalid(zone: string): never {
  const known = 'UTC, an offset such as "+09:00", or a name of the IANA database such as Asia/Tokyo';
  throw new CollectorError("config_invalid", `${JSON.stringify(zone)} is no time zone: ${known}`);
}

/** The local time at a moment, as if it were UTC. Both in seconds since 1970. */
function localSeconds(parts: Intl.DateTimeFormat, seconds: number): number {
  const found: Partial<Record<Intl.DateTimeFormatPartTypes, number>> = {};
  for (const { type, value } of parts.formatToParts(new Date(seconds * 1000))) found[type] = Number(value);
  const { year = 0, month = 1, day = 1, hour = 0, minute = 0, second = 0 } = found;
  return Date.UTC(year, month - 1, day, hour, minute, second) / 1000;
}

function nameIn(names: Intl.DateTimeFormat, year: number, month: number): string {
  return shortName(names, new Date(Date.UTC(year, month, 1)));
}

function shortName(names: Intl.DateTimeFormat, time: Date): string {
  return names.formatToParts(time).find(({ type }) => type === "timeZoneName")?.value ?? "";
}
