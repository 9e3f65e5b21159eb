/**
 * Holds calls to the stream's quota before they are made: token buckets on bytes, records and requests.
 *
 * A bucket holds `burstMs` of its rate and starts full. A call waits, in order of asking, until every bucket holds what it
 * costs (or is full, when the call costs more than a full bucket: then it goes into debt, which later calls pay). So in
 * any window of t seconds no more than rate × t plus one burst passes, where no single call is larger than a burst.
 * Calls should be smaller than a burst: the difference is how late a timer may fire without the rate suffering.
 */
import type { Clock } from "../../clock.ts";
import { assert } from "../../errors.ts";

/** What the stream takes, per second. */
export interface Quota {
  readonly bytesPerSecond: number;
  readonly recordsPerSecond: number;
  readonly requestsPerSecond: number;
}

class Bucket {
  #perMs: number;
  #capacity: number;
  #tokens: number;
  readonly #burstMs: number;

  constructor(perSecond: number, burstMs: number) {
    this.#burstMs = burstMs;
    this.#perMs = perSecond / 1000;
    // At least one of anything fits, however slow the rate.
    this.#capacity = Math.max(1, this.#perMs * burstMs);
    this.#tokens = this.#capacity;
  }

  /** Earned credit beyond the new capacity is lost; debt is kept. */
  setRate(perSecond: number): void {
    this.#perMs = perSecond / 1000;
    this.#capacity = Math.max(1, this.#perMs * this.#burstMs);
    this.#tokens = Math.min(this.#tokens, this.#capacity);
  }

  refill(elapsedMs: number): void {
    this.#tokens = Math.min(this.#capacity, this.#tokens + this.#perMs * elapsedMs);
  }

  /** Milliseconds until `cost` may pass, if nothing else does. */
  waitMs(cost: number): number {
    return Math.max(0, (Math.min(cost, this.#capacity) - this.#tokens) / this.#perMs);
  }

  spend(cost: number): void {
    this.#tokens = Math.min(this.#capacity, this.#tokens - cost);
  }
}

export class Pacer {
  readonly #clock: Clock;
  readonly #bytes: Bucket;
  readonly #records: Bucket;
  readonly #requests: Bucket;
  #quota: Quota;
  #refilledMs: number;
  #tail: Promise<void> = Promise.resolve();
  #waitedMs = 0;
  /** Ends the sleep of whoever is first in the queue. */
  #wake: AbortController | undefined;

  /** `burstMs` is how much of a second's rate may pass at once, after a pause. */
  constructor(options: { clock: Clock; quota: Quota; burstMs?: number }) {
    const { clock, quota, burstMs = 250 } = options;
    assertQuota(quota);
    this.#clock = clock;
    this.#quota = quota;
    this.#bytes = new Bucket(quota.bytesPerSecond, burstMs);
    this.#records = new Bucket(quota.recordsPerSecond, burstMs);
    this.#requests = new Bucket(quota.requestsPerSecond, burstMs);
    this.#refilledMs = clock.monotonicMs();
  }

  get quota(): Quota {
    return this.#quota;
  }

  /** Milliseconds, since it was made, in which somebody was held back. It grows when the wait is over. */
  get waitedMs(): number {
    return this.#waitedMs;
  }

  /** Changes the rates from now on, also for who waits already. */
  setQuota(quota: Quota): void {
    assertQuota(quota);
    this.#refill();
    this.#quota = quota;
    this.#bytes.setRate(quota.bytesPerSecond);
    this.#records.setRate(quota.recordsPerSecond);
    this.#requests.setRate(quota.requestsPerSecond);
    this.#wake?.abort();
  }

  /**
   * Resolves with true when a call of that many raw bytes and records may be made now; first come, first served.
   * Resolves with false, having taken nothing, when `signal` is aborted before that.
   */
  async take(bytes: number, records: number, signal: AbortSignal): Promise<boolean> {
    const turn = this.#tail;
    let done = (): void => {};
    this.#tail = new Promise((resolve) => {
      done = resolve;
    });
    try {
      await turn;
      for (;;) {
        if (signal.aborted) return false;
        this.#refill();
        const waitMs = Math.max(this.#bytes.waitMs(bytes), this.#records.waitMs(records), this.#requests.waitMs(1));
        // Less than a nanosecond is a rounding error, and a clock could not tell it from nothing.
        if (waitMs < 1e-6) {
          this.#spend(bytes, records, 1);
          return true;
        }
        await this.#sleep(Math.ceil(waitMs), signal);
      }
    } finally {
      done();
    }
  }

  /** Returns what a call took that was not made after all. */
  giveBack(bytes: number, records: number): void {
    this.#refill();
    this.#spend(-bytes, -records, -1);
  }

  #spend(bytes: number, records: number, requests: number): void {
    this.#bytes.spend(bytes);
    this.#records.spend(records);
    this.#requests.spend(requests);
  }

  #refill(): void {
    const nowMs = this.#clock.monotonicMs();
    const elapsedMs = Math.max(0, nowMs - this.#refilledMs);
    this.#refilledMs = nowMs;
    this.#bytes.refill(elapsedMs);
    this.#records.refill(elapsedMs);
    this.#requests.refill(elapsedMs);
  }

  async #sleep(ms: number, signal: AbortSignal): Promise<void> {
    const wake = new AbortController();
    const stop = (): void => wake.abort();
    const sinceMs = this.#clock.monotonicMs();
    this.#wake = wake;
    signal.addEventListener("abort", stop, { once: true });
    await this.#clock.sleep(ms, wake.signal);
    this.#waitedMs += this.#clock.monotonicMs() - sinceMs;
    signal.removeEventListener("abort", stop);
    this.#wake = undefined;
  }
}

function assertQuota(quota: Quota): void {
  for (const [name, value] of Object.entries(quota)) {
    assert(Number.isFinite(value) && value > 0, `quota: ${name} must be a positive number, and is ${value}`);
  }
}
