/**
 * Direct PUT's quota: three linked token buckets (bytes, records, requests per second), all scaled from one number of
 * MiB/s. Pure: time and chance come in as values, so a simulation can use this file alone.
 *
 * - A call takes one request token; where there is none, nothing of it is taken.
 * - Its records are looked at in an order that the pattern gives; the first that doesn't fit ends it. So `suffix` fails
 *   a clean tail, `prefix` a clean head, `random` arbitrary positions (as seen in the wild), and `all` takes a call
 *   whole or not at all. A call larger than a bucket can hold is therefore never taken under `all`.
 * - A bucket holds one window (1 s unless told) of its rate, and at least one record of the largest size: else a small
 *   stream could never take it.
 * - Growth: where records were throttled in several periods in a row, the limits grow by a factor, up to a most.
 *   The real service does so "until the throttling is contained"; how fast and how far is not documented.
 */
import type { Random } from "./clock.ts";
import { QUOTA_PER_MIB, RECORD_BYTES_MAX } from "./limits.ts";

export type ThrottlePattern = "suffix" | "prefix" | "random" | "all";

/** How the limits grow under throttling. */
export interface QuotaGrowth {
  readonly factor: number;
  /** That many periods in a row with throttled records make one step. */
  readonly periods: number;
  readonly periodMs: number;
  readonly mibPerSecondMax: number;
}

export interface QuotaSettings {
  /** Infinity takes everything. */
  readonly mibPerSecond: number;
  readonly region: keyof typeof QUOTA_PER_MIB;
  readonly pattern: ThrottlePattern;
  readonly windowMs: number;
  readonly growth: QuotaGrowth | undefined;
}

export interface QuotaLimits {
  readonly bytesPerSecond: number;
  readonly recordsPerSecond: number;
  readonly requestsPerSecond: number;
}

export interface QuotaVerdict {
  readonly failed: number;
  /** It was the requests/s limit that refused the call. */
  readonly outOfRequests: boolean;
}

/** The fate of one record in a call. */
export const RECORD_TAKEN = 0;
export const RECORD_THROTTLED = 1;
export const RECORD_FAILED = 2;

export class StreamQuota {
  readonly #settings: QuotaSettings;
  readonly #random: Random;
  #mibPerSecond: number;
  #bytes = 0;
  #records = 0;
  #requests = 0;
  #filledAtMs: number;
  #period: number;
  #throttledInPeriod = 0;
  #throttledPeriods = 0;

  /** The buckets start full. */
  constructor(settings: QuotaSettings, random: Random, nowMs: number) {
    this.#settings = settings;
    this.#random = random;
    this.#mibPerSecond = settings.mibPerSecond;
    this.#filledAtMs = nowMs;
    this.#period = this.#periodOf(nowMs);
    const burst = this.burst();
    this.#bytes = burst.bytes;
    this.#records = burst.records;
    this.#requests = burst.requests;
  }

  get mibPerSecond(): number {
    return this.#mibPerSecond;
  }

  /** Changes the limits from now on, as the service does by itself. What the buckets hold beyond the new ones is lost. */
  setMibPerSecond(mibPerSecond: number, nowMs: number): void {
    this.#grow(nowMs);
    this.#fill(nowMs);
    this.#mibPerSecond = mibPerSecond;
    const burst = this.burst();
    this.#bytes = Math.min(this.#bytes, burst.bytes);
    this.#records = Math.min(this.#records, burst.records);
    this.#requests = Math.min(this.#requests, burst.requests);
  }

  /** The limits as they stand now, grown or not. */
  limits(): QuotaLimits {
    const per = QUOTA_PER_MIB[this.#settings.region];
    return {
      bytesPerSecond: per.bytesPerSecond * this.#mibPerSecond,
      recordsPerSecond: per.recordsPerSecond * this.#mibPerSecond,
      requestsPerSecond: per.requestsPerSecond * this.#mibPerSecond,
    };
  }

  /** What the buckets hold when full. */
  burst(): { bytes: number; records: number; requests: number } {
    const limits = this.limits();
    const seconds = this.#settings.windowMs / 1000;
    return {
      bytes: Math.max(limits.bytesPerSecond * seconds, RECORD_BYTES_MAX),
      records: Math.max(limits.recordsPerSecond * seconds, 1),
      requests: Math.max(limits.requestsPerSecond * seconds, 1),
    };
  }

  /**
   * Judges one call. `sizes` are the bytes of its records that count; `fates` holds a fate per record: those already
   * not taken (a fault injected) cost nothing, and those that don't fit become RECORD_THROTTLED.
   */
  take(sizes: readonly number[], fates: Uint8Array, nowMs: number): QuotaVerdict {
    if (this.#mibPerSecond === Number.POSITIVE_INFINITY) return { failed: 0, outOfRequests: false };
    this.#grow(nowMs);
    this.#fill(nowMs);
    const outOfRequests = this.#requests < 1;
    const failed = outOfRequests ? throttleAll(fates) : this.#takeRecords(sizes, fates);
    if (!outOfRequests) this.#requests -= 1;
    this.noteThrottled(failed, nowMs);
    return { failed, outOfRequests };
  }

  /** Tells of records that were throttled by a fault: the limits grow on those as well. */
  noteThrottled(records: number, nowMs: number): void {
    this.#grow(nowMs);
    this.#throttledInPeriod += records;
  }

  #takeRecords(sizes: readonly number[], fates: Uint8Array): number {
    if (this.#fitsWhole(sizes, fates)) return 0;
    if (this.#settings.pattern === "all") return throttleAll(fates);
    let failed = 0;
    for (const index of this.#order(sizes.length)) {
      if (fates[index] !== RECORD_TAKEN) continue;
      const size = sizes[index] ?? 0;
      if (failed > 0 || size > this.#bytes || this.#records < 1) {
        fates[index] = RECORD_THROTTLED;
        failed++;
      } else {
        this.#bytes -= size;
        this.#records -= 1;
      }
    }
    return failed;
  }

  /** Takes all when all fits: the usual case, for which no order is needed. */
  #fitsWhole(sizes: readonly number[], fates: Uint8Array): boolean {
    let bytes = 0;
    let records = 0;
    for (let index = 0; index < sizes.length; index++) {
      if (fates[index] !== RECORD_TAKEN) continue;
      bytes += sizes[index] ?? 0;
      records++;
    }
    if (bytes > this.#bytes || records > this.#records) return false;
    this.#bytes -= bytes;
    this.#records -= records;
    return true;
  }

  #order(length: number): number[] {
    const order = Array.from({ length }, (_, index) => index);
    if (this.#settings.pattern === "prefix") return order.reverse();
    return this.#settings.pattern === "random" ? shuffle(order, this.#random) : order;
  }

  #fill(nowMs: number): void {
    const seconds = Math.max(0, nowMs - this.#filledAtMs) / 1000;
    if (seconds === 0) return;
    this.#filledAtMs = nowMs;
    const limits = this.limits();
    const burst = this.burst();
    this.#bytes = Math.min(burst.bytes, this.#bytes + seconds * limits.bytesPerSecond);
    this.#records = Math.min(burst.records, this.#records + seconds * limits.recordsPerSecond);
    this.#requests = Math.min(burst.requests, this.#requests + seconds * limits.requestsPerSecond);
  }

  #periodOf(nowMs: number): number {
    const growth = this.#settings.growth;
    return growth === undefined ? 0 : Math.floor(nowMs / growth.periodMs);
  }

  /** Closes the period that has ended. A period in which nobody called was one without throttling. */
  #grow(nowMs: number): void {
    const growth = this.#settings.growth;
    const period = this.#periodOf(nowMs);
    if (growth === undefined || period <= this.#period) return;
    this.#throttledPeriods = this.#throttledInPeriod > 0 ? this.#throttledPeriods + 1 : 0;
    if (this.#throttledPeriods >= growth.periods) {
      this.#fill(period * growth.periodMs);
      this.#mibPerSecond = Math.max(
        this.#mibPerSecond,
        Math.min(growth.mibPerSecondMax, this.#mibPerSecond * growth.factor),
      );
      this.#throttledPeriods = 0;
    }
    if (period > this.#period + 1) this.#throttledPeriods = 0;
    this.#throttledInPeriod = 0;
    this.#period = period;
  }
}

function throttleAll(fates: Uint8Array): number {
  let failed = 0;
  for (let index = 0; index < fates.length; index++) {
    if (fates[index] !== RECORD_TAKEN) continue;
    fates[index] = RECORD_THROTTLED;
    failed++;
  }
  return failed;
}

/** Fisher and Yates, in place. */
export function shuffle(order: number[], random: Random): number[] {
  for (let last = order.length - 1; last > 0; last--) {
    const other = Math.floor(random() * (last + 1));
    const kept = order[last] ?? 0;
    order[last] = order[other] ?? 0;
    order[other] = kept;
  }
  return order;
}

/** Which of `length` records a throttling fault refuses: `fraction` of them, laid out by the pattern. */
export function throttledPositions(
  length: number,
  fraction: number,
  pattern: ThrottlePattern,
  random: Random,
): number[] {
  const count = pattern === "all" ? length : Math.min(length, Math.ceil(length * fraction));
  const order = Array.from({ length }, (_, index) => index);
  if (pattern === "suffix") order.reverse();
  if (pattern === "random") shuffle(order, random);
  return order.slice(0, count);
}
