/** From the words that applications use to the severity numbers of OpenTelemetry (logs data model, "SeverityNumber"). */

const NUMBERS: Readonly<Record<string, number>> = {
  trace: 1,
  finest: 1,
  finer: 1,
  t: 1,
  debug: 5,
  fine: 5,
  d: 5,
  config: 8,
  info: 9,
  information: 9,
  informational: 9,
  log: 9,
  i: 9,
  notice: 10,
  warn: 13,
  warning: 13,
  w: 13,
  error: 17,
  err: 17,
  severe: 17,
  e: 17,
  critical: 18,
  crit: 18,
  alert: 19,
  fatal: 21,
  emerg: 21,
  emergency: 21,
  panic: 21,
  f: 21,
  // Levels of pino and bunyan.
  "10": 1,
  "20": 5,
  "30": 9,
  "40": 13,
  "50": 17,
  "60": 21,
};

/** The short name of each range of four, as a configuration maps onto them. */
export const SEVERITY_NAMES = ["trace", "debug", "info", "warn", "error", "fatal"] as const;

/** 0 where the word means nothing. `own` goes first: from the application's word to one of ours. */
export function severityOf(word: string, own: ReadonlyMap<string, string>): number {
  const plain = word.trim().toLowerCase();
  return NUMBERS[own.get(plain) ?? plain] ?? 0;
}
