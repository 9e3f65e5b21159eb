/**
 * Counts of one stream: totals since the start (the test's and the demo's truth), and the last day in rows of a minute,
 * which is the resolution that CloudWatch has. Pure: times are passed in.
 *
 * As in CloudWatch, the Incoming metrics count what was accepted only; what was throttled is in ThrottledRecords. The
 * bill rounds every accepted record up to 5 KB, each for itself, as Direct PUT is billed.
 */
import { BILLING_UNIT_BYTES } from "./limits.ts";
import type { QuotaLimits } from "./quota.ts";

/** What one put call came to. */
export interface PutCount {
  readonly acceptedRecords: number;
  readonly acceptedBytes: number;
  readonly billedBytes: number;
  readonly throttledRecords: number;
  readonly failedRecords: number;
}

/** Totals since the start. All bytes are raw. */
export interface StreamCounters {
  /** Calls that reached the stream's quota, taken or not. */
  calls: number;
  acceptedCalls: number;
  acceptedRecords: number;
  acceptedBytes: number;
  /** Accepted bytes, each record rounded up to a multiple of 5,120. */
  billedBytes: number;
  throttledRecords: number;
  /** Records answered with InternalFailure. */
  failedRecords: number;
  /** Calls refused before the quota: validation, authorization, injected errors. */
  refusedCalls: number;
  /** Calls whose records were stored but whose answer never left. */
  lostAnswers: number;
  deliveredObjects: number;
  deliveredRecords: number;
  /** Bytes of the objects' content before compression, delimiters included. */
  deliveredBytes: number;
  /** Records that could not be written within 24 hours, and are gone. */
  expiredRecords: number;
}

/** One minute of one stream. */
export interface MinuteRow {
  readonly startMs: number;
  incomingBytes: number;
  incomingRecords: number;
  incomingPutRequests: number;
  throttledRecords: number;
  deliveredBytes: number;
  deliveredRecords: number;
  deliveredObjects: number;
  limits: QuotaLimits;
}

const MINUTE_MS = 60_000;
const MINUTES_KEPT = 24 * 60;

/** What a record of `bytes` is billed as. An empty one costs a unit, as any. */
export function billedBytes(bytes: number): number {
  return Math.max(1, Math.ceil(bytes / BILLING_UNIT_BYTES)) * BILLING_UNIT_BYTES;
}

export class StreamMeter {
  readonly counters: StreamCounters = {
    calls: 0,
    acceptedCalls: 0,
    acceptedRecords: 0,
    acceptedBytes: 0,
    billedBytes: 0,
    throttledRecords: 0,
    failedRecords: 0,
    refusedCalls: 0,
    lostAnswers: 0,
    deliveredObjects: 0,
    deliveredRecords: 0,
    deliveredBytes: 0,
    expiredRecords: 0,
  };
  readonly #minutes: MinuteRow[] = [];

  /** Counts a call that reached the quota. `limits` are those after it. */
  countPut(put: PutCount, limits: QuotaLimits, nowMs: number): void {
    const counters = this.counters;
    counters.calls++;
    counters.acceptedRecords += put.acceptedRecords;
    counters.acceptedBytes += put.acceptedBytes;
    counters.billedBytes += put.billedBytes;
    counters.throttledRecords += put.throttledRecords;
    counters.failedRecords += put.failedRecords;
    const row = this.#row(nowMs, limits);
    row.limits = limits;
    row.incomingRecords += put.acceptedRecords;
    row.incomingBytes += put.acceptedBytes;
    row.throttledRecords += put.throttledRecords;
    if (put.acceptedRecords > 0) {
      counters.acceptedCalls++;
      row.incomingPutRequests++;
    }
  }

  /** Counts an object that stands in the bucket. */
  countObject(records: number, bytes: number, limits: QuotaLimits, nowMs: number): void {
    this.counters.deliveredObjects++;
    this.counters.deliveredRecords += records;
    this.counters.deliveredBytes += bytes;
    const row = this.#row(nowMs, limits);
    row.deliveredObjects++;
    row.deliveredRecords += records;
    row.deliveredBytes += bytes;
  }

  /** The minutes that hold anything, oldest first; at most a day. */
  minutes(): readonly MinuteRow[] {
    return this.#minutes;
  }

  #row(nowMs: number, limits: QuotaLimits): MinuteRow {
    const startMs = Math.floor(nowMs / MINUTE_MS) * MINUTE_MS;
    const last = this.#minutes.at(-1);
    if (last !== undefined && last.startMs >= startMs) return last;
    const row: MinuteRow = {
      startMs,
      incomingBytes: 0,
      incomingRecords: 0,
      incomingPutRequests: 0,
      throttledRecords: 0,
      deliveredBytes: 0,
      deliveredRecords: 0,
      deliveredObjects: 0,
      limits,
    };
    this.#minutes.push(row);
    if (this.#minutes.length > MINUTES_KEPT) this.#minutes.shift();
    return row;
  }
}
