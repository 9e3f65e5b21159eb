/**
 * The agent's own log lines (pino, JSON on standard error). error = lines are stuck or lost, someone must act; warn = it
 * will need someone if it goes on; info = a change of state; debug = for developers. Nothing is logged per line. What is
 * in the files that are followed is never logged.
 */
import { type Logger, pino } from "pino";

export type Log = Logger;

/** `level` is a pino level or "silent". Writes synchronously, so that the last line before a crash is not lost. */
export function createLog(level: string): Log {
  return pino(
    { level, base: null, timestamp: pino.stdTimeFunctions.isoTime },
    pino.destination({ dest: 2, sync: true }),
  );
}

/** For tests that do not look at log lines. */
export const silentLog: Log = pino({ level: "silent" });
