/**
 * The key of an S3 object, as Firehose makes it:
 *
 *   <evaluated prefix><stream>-<version>-<yyyy>-<MM>-<dd>-<HH>-<mm>-<ss>-<uuid><extension>
 *
 * One instant serves every time in a key: the arrival of the oldest record in the object, in UTC or the stream's own
 * time zone. A prefix without a time gets `yyyy/MM/dd/HH/` after it. (Developer guide: "Amazon S3 object name format",
 * "Custom prefixes for Amazon S3 objects".)
 */
import type { Random } from "./clock.ts";
import { invalidArgument } from "./errors.ts";
import type { Guesses } from "./guesses.ts";
import { PREFIX_LENGTH_MAX } from "./limits.ts";
import { formatTime } from "./time-format.ts";

export interface KeySettings {
  readonly streamName: string;
  readonly version: number;
  /** With `!{timestamp:...}` and `!{firehose:random-string}`; empty for the default folders by hour. */
  readonly prefix: string;
  /** IANA name. */
  readonly timeZone: string;
  /** With its dot, or empty. */
  readonly extension: string;
}

const EXPRESSION = /!\{([^}]*)\}/g;
const DEFAULT_TIMES = "yyyy/MM/dd/HH/";
const RANDOM_STRING_LENGTH = 11;
const LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";

/** The key of an object whose oldest record arrived at `arrivedMs`. Throws InvalidArgumentException for a bad prefix. */
export function objectKey(
  settings: KeySettings,
  arrivedMs: number,
  random: Random,
  join: Guesses["prefixJoin"],
): string {
  const prefix = evaluatePrefix(settings.prefix, settings.timeZone, arrivedMs, random, join);
  const time = formatTime("yyyy-MM-dd-HH-mm-ss", arrivedMs, settings.timeZone);
  return `${prefix}${settings.streamName}-${settings.version}-${time}-${uuid(random)}${settings.extension}`;
}

/** Evaluates every expression of a prefix. Throws InvalidArgumentException for one that isn't allowed there. */
export function evaluatePrefix(
  prefix: string,
  timeZone: string,
  arrivedMs: number,
  random: Random,
  join: Guesses["prefixJoin"],
): string {
  const hasTime = /!\{timestamp:/.test(prefix);
  const slash = join === "slash" && prefix !== "" && !prefix.endsWith("/") ? "/" : "";
  const whole = hasTime ? prefix : `${prefix}${slash}!{timestamp:${DEFAULT_TIMES}}`;
  const evaluated = whole.replaceAll(EXPRESSION, (expression, inner: string) => {
    const [, namespace = "", value = ""] = /^([^:]*):?(.*)$/s.exec(inner) ?? [];
    if (namespace === "timestamp") return timeOf(value, arrivedMs, timeZone);
    if (namespace === "firehose" && value === "random-string") return randomString(random);
    throw invalidArgument(`The expression ${expression} is not valid in a prefix of a stream without partitioning`);
  });
  if (evaluated.includes("!{")) throw invalidArgument(`The prefix ${prefix} has an expression that does not end`);
  if (evaluated.length > PREFIX_LENGTH_MAX) {
    throw invalidArgument(`The prefix evaluates to more than ${PREFIX_LENGTH_MAX} characters`);
  }
  return evaluated;
}

/** Throws InvalidArgumentException unless the folder and time zone of a key can be made. */
export function checkPrefix(prefix: string, timeZone: string): void {
  evaluatePrefix(prefix, timeZone, 0, () => 0, "direct");
}

function timeOf(pattern: string, timeMs: number, timeZone: string): string {
  try {
    return formatTime(pattern, timeMs, timeZone);
  } catch (reason) {
    if (reason instanceof RangeError) throw invalidArgument(`In a prefix or time zone: ${reason.message}`);
    throw reason;
  }
}

function randomString(random: Random): string {
  return Array.from({ length: RANDOM_STRING_LENGTH }, () => LETTERS[Math.floor(random() * LETTERS.length)]).join("");
}

/** A version 4 UUID, from the random source passed in. */
export function uuid(random: Random): string {
  const digits = Array.from({ length: 32 }, () => Math.floor(random() * 16));
  digits[12] = 4;
  digits[16] = 8 + ((digits[16] ?? 0) % 4);
  const text = digits.map((digit) => digit.toString(16)).join("");
  return [text.slice(0, 8), text.slice(8, 12), text.slice(12, 16), text.slice(16, 20), text.slice(20)].join("-");
}
