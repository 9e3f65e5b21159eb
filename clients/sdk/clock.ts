/** Time, passed in, so that a test can hold it still. */
import { systemTimers } from "./timers.ts";

export interface ClientClock {
  /** Wall time in milliseconds since 1970. It may jump. */
  nowMs(): number;
  /** Milliseconds that never go back. */
  monotonicMs(): number;
  /** Resolves after `ms` milliseconds, or at once when `signal` is aborted. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

/** The machine's own. A sleep keeps the process alive: logs wait on it. */
export const systemClock: ClientClock = {
  nowMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  sleep: systemTimers.sleep,
};
