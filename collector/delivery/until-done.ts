import type { Clock, Random } from "../clock.ts";
import { AssertionError } from "../errors.ts";
import type { Log } from "../log.ts";
import { backoffMs } from "./backoff.ts";

const BASE_MS = 250;
const CAP_MS = 30_000;

/**
 * Does `action` until it works: for the disk, whose failures must neither lose a log record nor end the process. Each
 * failure is logged, with pauses of up to 30 s between them. Resolves with undefined when `signal` comes first.
 * A broken invariant is not tried again.
 */
export async function untilDone<T>(
  what: string,
  action: () => Promise<T>,
  options: { readonly clock: Clock; readonly random: Random; readonly log: Log; readonly signal: AbortSignal },
): Promise<T | undefined> {
  const { clock, random, log, signal } = options;
  for (let failures = 1; !signal.aborted; failures++) {
    try {
      return await action();
    } catch (error) {
      if (error instanceof AssertionError) throw error;
      // Half of the ceiling at least: a disk that fails at once would otherwise fill the log.
      const waitMs = backoffMs(failures, BASE_MS, CAP_MS, 0.5 + random() / 2);
      log.error({ err: error, failures, waitMs: Math.round(waitMs) }, `${what} failed; it is tried again`);
      await clock.sleep(waitMs, signal);
    }
  }
  return undefined;
}
