/** How long to wait after a failure. Pure: chance comes in as a number. Nothing here counts towards giving up. */

/** Doubles `baseMs` with every failure in a row (from 1 on), up to `capMs`. */
export function backoffCeilingMs(failures: number, baseMs: number, capMs: number): number {
  // 2^30 base delays are beyond any cap, and a larger exponent would only lose precision.
  return Math.min(capMs, baseMs * 2 ** Math.min(Math.max(failures - 1, 0), 30));
}

/**
 * Full jitter: evenly anywhere between nothing and the ceiling, so that replicas which failed together do not come
 * back together (AWS Architecture Blog, "Exponential Backoff And Jitter"). `chance` is a number in [0, 1).
 */
export function backoffMs(failures: number, baseMs: number, capMs: number, chance: number): number {
  return backoffCeilingMs(failures, baseMs, capMs) * chance;
}
