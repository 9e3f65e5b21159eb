/**
 * The collector's own log lines (pino, JSON on stderr). Levels say what the operator must do:
 * error = logs are stuck or set aside, someone must act; warn = it will need someone if it goes on; info = a change of
 * state; debug = for developers. Nothing is logged per record or per request.
 *
 * Warnings and errors that say the same again are folded: the first is written at once, and of those that follow within ten
 * seconds only how many there were.
 */
import { type Logger, type LoggerOptions, pino } from "pino";
import type { Clock } from "./clock.ts";
import { systemClock } from "./clock.ts";

export type Log = Logger;

const FOLD_MS = 10_000;

/** Messages that are watched at once; others are written as they come. */
const FOLDED_MAX = 256;

const WARN_LEVEL = 40;
const ERROR_LEVEL = 50;

/** `level` is a pino level or "silent". Writes synchronously, so that the last line before a crash is not lost. */
export function createLog(level: string, clock: Clock = systemClock): Log {
  const children = new Set<WeakRef<Log>>();
  const options = { ...logOptions(level, clock), onChild: (child: Log) => void children.add(new WeakRef(child)) };
  const log = pino(options, pino.destination({ dest: 2, sync: true }));
  families.set(log, children);
  return log;
}

/** For tests that do not look at log lines. */
export const silentLog: Log = pino({ level: "silent" });

/** All loggers that were made of one: each has a level of its own. */
const families = new WeakMap<Log, Set<WeakRef<Log>>>();

/** Changes the level of a log, and of all that were made of it. Returns what it was. */
export function setLogLevel(log: Log, level: string): string {
  const before = log.level;
  log.level = level;
  for (const child of families.get(log) ?? []) {
    const made = child.deref();
    if (made !== undefined) made.level = level;
    else families.get(log)?.delete(child);
  }
  return before;
}

/** What makes a pino of ours, whatever it writes to. */
export function logOptions(level: string, clock: Clock): LoggerOptions {
  const folds = new Map<string, { count: number }>();
  return {
    level,
    base: null,
    timestamp: pino.stdTimeFunctions.isoTime,
    hooks: {
      logMethod(args, method, lineLevel) {
        // A fatal line is the last one: it is never held back.
        if (lineLevel !== WARN_LEVEL && lineLevel !== ERROR_LEVEL) return method.apply(this, args);
        const message = args.find((each) => typeof each === "string") ?? "";
        const route = this.bindings().route ?? (args[0] as { route?: unknown } | undefined)?.route;
        const key = `${lineLevel} ${String(route)} ${message}`;
        const fold = folds.get(key);
        if (fold !== undefined) {
          fold.count += 1;
          return;
        }
        method.apply(this, args);
        if (folds.size >= FOLDED_MAX) return;
        const opened = { count: 0 };
        folds.set(key, opened);
        void clock.sleep(FOLD_MS).then(() => {
          folds.delete(key);
          if (opened.count > 0) method.apply(this, [{ folded: opened.count }, `${message} (again)`]);
        });
      },
    },
  };
}
