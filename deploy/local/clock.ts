/**
 * Time and chance, passed in, so that a test can let a day pass in milliseconds. Any object of this shape will do;
 * nothing else in this folder reads the wall clock, sleeps or rolls dice.
 */
export interface Clock {
  /** Wall time in milliseconds since 1970. */
  nowMs(): number;
  /** Resolves after `ms` milliseconds, or at once when `signal` is aborted: waking early is not an error. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

/** A number in [0, 1), as `Math.random` gives it. */
export type Random = () => number;

/** The longest delay that a timer of the platform takes; more would fire at once. */
const TIMER_MS_MAX = 2 ** 31 - 1;

/** The machine's own time. */
export const systemClock: Clock = {
  nowMs: () => Date.now(),
  sleep: (ms, signal) =>
    new Promise((resolve) => {
      if (signal?.aborted) {
        resolve();
        return;
      }
      const finish = (): void => {
        clearTimeout(timer);
        signal?.removeEventListener("abort", finish);
        resolve();
      };
      const timer = setTimeout(finish, Math.min(ms, TIMER_MS_MAX));
      signal?.addEventListener("abort", finish, { once: true });
    }),
};
