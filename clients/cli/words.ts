/** Numbers and tables as people read them. Pure. */

const UNITS = ["B", "KiB", "MiB", "GiB", "TiB"];

export function bytesWord(bytes: number): string {
  let value = bytes;
  let unit = 0;
  for (; value >= 1_024 && unit < UNITS.length - 1; unit++) value /= 1_024;
  return `${unit === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${UNITS[unit]}`;
}

/** With separators between thousands. */
export function countWord(count: number | bigint | string | undefined): string {
  return BigInt(count ?? 0).toLocaleString("en-US");
}

/** "is" of one, "are" of any other number. */
export function areWord(count: number | bigint | string): string {
  return BigInt(count) === 1n ? "is" : "are";
}

/** "1 segment", "2 segments". */
export function numberOf(count: number | bigint | string, what: string): string {
  return `${countWord(count)} ${what}${BigInt(count) === 1n ? "" : "s"}`;
}

export function percentWord(part: number): string {
  return `${(part * 100).toFixed(part > 0 && part < 0.1 ? 1 : 0)} %`;
}

/** 95 seconds are "1m35s". */
export function durationWord(seconds: number): string {
  if (!Number.isFinite(seconds)) return "never";
  const whole = Math.round(seconds);
  const parts = [
    [Math.floor(whole / 86_400), "d"],
    [Math.floor(whole / 3_600) % 24, "h"],
    [Math.floor(whole / 60) % 60, "m"],
    [whole % 60, "s"],
  ] as const;
  const first = parts.findIndex(([value]) => value > 0);
  if (first < 0) return "0s";
  return parts
    .slice(first, first + 2)
    .filter(([value]) => value > 0)
    .map(([value, unit]) => `${value}${unit}`)
    .join("");
}

export function timeWord(ms: number): string {
  return ms > 0 ? new Date(ms).toISOString() : "-";
}

/** Columns as wide as they need; those whose cells are all numbers are aligned to the right. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const isNumber = head.map((_, column) =>
    rows.every((row) => /^[\d,.]*(| %| [KMGT]?i?B(\/s)?)$/.test(row[column] ?? "")),
  );
  const widths = head.map((name, column) => Math.max(name.length, ...rows.map((row) => (row[column] ?? "").length)));
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, column) => {
        const width = widths[column] ?? 0;
        return isNumber[column] === true ? cell.padStart(width) : cell.padEnd(width);
      })
      .join("  ")
      .trimEnd();
  return `${[head, ...rows].map(line).join("\n")}\n`;
}

const BARS = "▁▂▃▄▅▆▇█";

/** The last `width` values as bars, from 0 to the highest, or to `most` where that is higher. */
export function sparkline(values: readonly number[], width: number, most = 0): string {
  const shown = values.slice(-width);
  const highest = Math.max(most, ...shown, Number.MIN_VALUE);
  const bars = shown.map((value) => BARS[Math.min(BARS.length - 1, Math.floor((value / highest) * BARS.length))]);
  return bars.join("").padStart(width);
}

/** Text of strangers with nothing in it that a terminal would obey. */
export function harmless(text: string): string {
  return text.replace(/[\p{Cc}\u202a-\u202e\u2066-\u2069]/gu, (character) => {
    return character === "\n"
      ? "\\n"
      : character === "\t"
        ? " "
        : `\\x${character.charCodeAt(0).toString(16).padStart(2, "0")}`;
  });
}

/** 2h, 30m, 45s, 7d ago, or a time such as 2026-11-22T08:00:00Z. In milliseconds since 1970; undefined where it is neither. */
export function parseTime(text: string, nowMs: number): number | undefined {
  const [, digits, unit] = /^(\d+(?:\.\d+)?)([smhd])$/.exec(text) ?? [];
  if (digits !== undefined && unit !== undefined) {
    const seconds = { s: 1, m: 60, h: 3_600, d: 86_400 }[unit] ?? 1;
    return nowMs - Number(digits) * seconds * 1_000;
  }
  const ms = /^\d{4}-\d\d-\d\d/.test(text) ? Date.parse(text) : Number.NaN;
  return Number.isNaN(ms) ? undefined : ms;
}
