/**
 * The part of Java's DateTimeFormatter that prefixes of S3 objects use: years to fractions of seconds, text in quotes.
 * Firehose evaluates `!{timestamp:<pattern>}` with it.
 */

/** The fields of one instant in one time zone, as numbers. */
interface Instant {
  readonly year: number;
  readonly month: number;
  readonly day: number;
  readonly dayOfYear: number;
  readonly weekday: number;
  readonly hour: number;
  readonly minute: number;
  readonly second: number;
  readonly milliseconds: number;
}

const MONTHS = [
  ...["January", "February", "March", "April", "May", "June"],
  ...["July", "August", "September", "October", "November", "December"],
];
const WEEKDAYS = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];
const DAY_MS = 86_400_000;

type Field = (instant: Instant, width: number) => string;

const padded =
  (value: (instant: Instant) => number): Field =>
  (instant, width) =>
    String(value(instant)).padStart(width, "0");

const year: Field = ({ year }, width) =>
  width === 2 ? String(year % 100).padStart(2, "0") : String(year).padStart(width, "0");

const named =
  (names: readonly string[], index: (instant: Instant) => number) =>
  (instant: Instant, width: number): string => {
    const name = names[index(instant)] ?? "";
    return width >= 4 ? name : name.slice(0, 3);
  };

const FIELDS: Readonly<Record<string, Field>> = {
  y: year,
  u: year,
  M: (instant, width) =>
    width <= 2 ? String(instant.month).padStart(width, "0") : named(MONTHS, ({ month }) => month - 1)(instant, width),
  d: padded(({ day }) => day),
  D: padded(({ dayOfYear }) => dayOfYear),
  E: named(WEEKDAYS, ({ weekday }) => weekday),
  a: ({ hour }) => (hour < 12 ? "AM" : "PM"),
  H: padded(({ hour }) => hour),
  k: padded(({ hour }) => hour || 24),
  K: padded(({ hour }) => hour % 12),
  h: padded(({ hour }) => hour % 12 || 12),
  m: padded(({ minute }) => minute),
  s: padded(({ second }) => second),
  S: ({ milliseconds }, width) => String(milliseconds).padStart(3, "0").padEnd(width, "0").slice(0, width),
};

/**
 * Formats an instant. Throws RangeError, in one sentence, for a letter that isn't supported, an open quote or an
 * unknown time zone.
 */
export function formatTime(pattern: string, timeMs: number, timeZone: string): string {
  const instant = instantOf(timeMs, timeZone);
  let text = "";
  for (const [token] of pattern.matchAll(/'(?:[^']|'')*'|([A-Za-z])\1*|[^A-Za-z']+|'/g)) {
    if (token === "''") text += "'";
    else if (token === "'") throw new RangeError(`the time pattern ${pattern} has a quote that doesn't end`);
    else if (token.startsWith("'")) text += token.slice(1, -1).replaceAll("''", "'");
    else if (/^[A-Za-z]/.test(token)) {
      const field = FIELDS[token[0] ?? ""];
      if (field === undefined) throw new RangeError(`the time pattern ${pattern} has ${token}, which isn't supported`);
      text += field(instant, token.length);
    } else text += token;
  }
  return text;
}

const formats = new Map<string, Intl.DateTimeFormat>();

function instantOf(timeMs: number, timeZone: string): Instant {
  let format = formats.get(timeZone);
  if (format === undefined) {
    format = new Intl.DateTimeFormat("en-US", {
      timeZone,
      hourCycle: "h23",
      year: "numeric",
      month: "numeric",
      day: "numeric",
      hour: "numeric",
      minute: "numeric",
      second: "numeric",
    });
    formats.set(timeZone, format);
  }
  const parts = new Map(format.formatToParts(timeMs).map(({ type, value }) => [type, Number(value)]));
  const part = (type: Intl.DateTimeFormatPartTypes): number => parts.get(type) ?? 0;
  const dateMs = Date.UTC(part("year"), part("month") - 1, part("day"));
  return {
    year: part("year"),
    month: part("month"),
    day: part("day"),
    dayOfYear: Math.round((dateMs - Date.UTC(part("year"), 0, 1)) / DAY_MS) + 1,
    weekday: new Date(dateMs).getUTCDay(),
    hour: part("hour"),
    minute: part("minute"),
    second: part("second"),
    milliseconds: ((timeMs % 1000) + 1000) % 1000,
  };
}
