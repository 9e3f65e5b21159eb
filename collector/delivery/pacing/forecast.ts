/**
 * What an operator wants to know before it happens: when is the backlog gone, when is the disk full, how much of the quota
 * is used, and what quota would be enough. Pure: values in, values out. Bytes are as Firehose counts them, unless said.
 */
import { assert } from "../../errors.ts";
import type { Quota } from "./pacer.ts";

const MIB = 1024 * 1024;

/**
 * Seconds until nothing waits, if nothing more came, by the bytes that a log record has had so far. Undefined where none
 * was delivered yet.
 */
export function forecastDrainSeconds(
  waiting: bigint,
  delivered: { readonly logRecords: number; readonly bytes: number },
  bytesPerSecond: number,
): number | undefined {
  if (waiting === 0n) return 0;
  if (delivered.logRecords === 0) return undefined;
  return (Number(waiting) * (delivered.bytes / delivered.logRecords)) / bytesPerSecond;
}

/** Seconds until the backlog is gone, while as much goes on coming in. Infinity when it grows, or stays as it is. */
export function forecastCaughtUpSeconds(flow: {
  readonly backlogBytes: number;
  readonly arrivingBytesPerSecond: number;
  readonly bytesPerSecond: number;
}): number {
  const { backlogBytes, arrivingBytesPerSecond, bytesPerSecond } = flow;
  if (backlogBytes <= 0) return 0;
  const shrinking = bytesPerSecond - arrivingBytesPerSecond;
  return shrinking > 0 ? backlogBytes / shrinking : Number.POSITIVE_INFINITY;
}

/**
 * Seconds until the journal takes nothing more, by its own limit or by the disk, whichever comes first. Bytes are those on
 * disk here, and `growthBytesPerSecond` is how fast the journal grows. Infinity when it does not grow.
 */
export function forecastFullSeconds(journal: {
  readonly usedBytes: number;
  readonly bytesMax: number;
  readonly diskFreeBytes: number;
  readonly diskFreeBytesMin: number;
  readonly growthBytesPerSecond: number;
}): number {
  const { usedBytes, bytesMax, diskFreeBytes, diskFreeBytesMin, growthBytesPerSecond } = journal;
  const room = Math.min(bytesMax - usedBytes, diskFreeBytes - diskFreeBytesMin);
  if (room <= 0) return 0;
  return growthBytesPerSecond > 0 ? room / growthBytesPerSecond : Number.POSITIVE_INFINITY;
}

/** The part of the byte quota that is used: 1 is all of it, and a stream that scales itself may take more. */
export function quotaUsed(acceptedBytesPerSecond: number, quota: Quota): number {
  return acceptedBytesPerSecond / quota.bytesPerSecond;
}

/** Each bucket is so much wider than the one before: what a quantile is off by at most. */
const BUCKET_RATIO = 1.02;
const BUCKET_LEAST = 1_024;

/**
 * How demand was spread: a count of seconds by how many bytes came in, in buckets 2 % wide from 1 KiB/s on. A few hundred
 * numbers, however long it runs.
 */
export class DemandSpread {
  readonly #counts: number[] = [];
  #seconds = 0;
  #peak = 0;

  /** So much came in per second, for so long. */
  note(bytesPerSecond: number, seconds: number): void {
    assert(bytesPerSecond >= 0 && seconds >= 0, "demand and time are 0 or more");
    const above = Math.max(0, Math.log(bytesPerSecond / BUCKET_LEAST) / Math.log(BUCKET_RATIO));
    const bucket = Math.ceil(above);
    this.#counts[bucket] = (this.#counts[bucket] ?? 0) + seconds;
    this.#seconds += seconds;
    this.#peak = Math.max(this.#peak, bytesPerSecond);
  }

  get seconds(): number {
    return this.#seconds;
  }

  /** The most that came in in any second. */
  get peakBytesPerSecond(): number {
    return this.#peak;
  }

  /** What was not exceeded in `part` of the time (0 to 1), at most 2 % too high. Undefined before anything was noted. */
  quantile(part: number): number | undefined {
    if (this.#seconds === 0) return undefined;
    let seconds = 0;
    for (let bucket = 0; bucket < this.#counts.length; bucket++) {
      seconds += this.#counts[bucket] ?? 0;
      if (seconds >= part * this.#seconds) return Math.min(this.#peak, BUCKET_LEAST * BUCKET_RATIO ** bucket);
    }
    return this.#peak;
  }
}

/** What is asked for goes this far beyond the demand, so that the journal can catch up after a peak. */
const NEEDED_HEADROOM = 1.2;

/** Whole MiB/s that would take this demand. */
export function quotaNeededMibPerSecond(demandBytesPerSecond: number): number {
  return Math.max(1, Math.ceil((demandBytesPerSecond * NEEDED_HEADROOM) / MIB));
}

export interface LimitRequest {
  readonly stream: string;
  /** Undefined where it is not known: then the text says so. */
  readonly region: string | undefined;
  readonly quota: Quota;
  readonly spread: Pick<DemandSpread, "seconds" | "peakBytesPerSecond" | "quantile">;
}

/**
 * The text of a request to AWS to raise a stream's limits, ready to be sent by the form that the quota page names. Undefined
 * when the quota is enough, or nothing is known of the demand.
 */
export function limitIncreaseRequest({ stream, region, quota, spread }: LimitRequest): string | undefined {
  const demand = spread.quantile(0.99);
  if (demand === undefined) return undefined;
  const needed = quotaNeededMibPerSecond(demand);
  if (needed * MIB <= quota.bytesPerSecond) return undefined;
  // The three limits scale together (quota page of the developer guide).
  const factor = (needed * MIB) / quota.bytesPerSecond;
  const whole = (value: number): string => Math.ceil(value).toLocaleString("en-US");
  const mib = (bytes: number): string => `${(bytes / MIB).toFixed(2)} MiB/s`;
  return [
    "Subject: Amazon Data Firehose: raise the Direct PUT limits of a delivery stream",
    "",
    `Region: ${region ?? "(please fill in)"}`,
    `Delivery stream: ${stream}`,
    "",
    "Please raise the limits of this stream:",
    `  data     from ${mib(quota.bytesPerSecond)} to ${mib(needed * MIB)}`,
    `  records  from ${whole(quota.recordsPerSecond)}/s to ${whole(quota.recordsPerSecond * factor)}/s`,
    `  requests from ${whole(quota.requestsPerSecond)}/s to ${whole(quota.requestsPerSecond * factor)}/s`,
    "",
    `Over the last ${describeDuration(spread.seconds)} our producers sent ${mib(demand)} or less in 99 % of the time, and`,
    `${mib(spread.peakBytesPerSecond)} at most. The producers pace themselves to the limits, hold what exceeds them on disk,`,
    "and resend only records that failed, so the present limits delay our logs without losing any.",
  ].join("\n");
}

/** What is known of a route's flow now. Rates are of this replica, but for the quota and the spread. */
export interface RouteFlow extends Omit<LimitRequest, "spread"> {
  readonly spread: LimitRequest["spread"];
  /** This replica's part of the quota, 0 to 1. */
  readonly share: number;
  readonly backlogBytes: number;
  /** Undefined until the size of a log record is known. */
  readonly arrivingBytesPerSecond: number | undefined;
  readonly deliveredBytesPerSecond: number;
  /** What it may send. */
  readonly bytesPerSecond: number;
}

export interface RouteForecast {
  /** Until the backlog is gone while as much goes on coming in; Infinity (null in JSON) where it grows. */
  readonly caughtUpSeconds: number | undefined;
  /** Of this replica's part of the quota. */
  readonly quotaUsed: number;
  /** What all replicas together got or less, in 99 % of the time since this one started. */
  readonly demandBytesPerSecond: number | undefined;
  readonly quotaNeededMibPerSecond: number | undefined;
  /** Where the quota is not enough: the text to send to AWS. */
  readonly limitIncreaseRequest: string | undefined;
}

/** All that is foretold of one route. */
export function forecastRoute(flow: RouteFlow): RouteForecast {
  const { quota, share, spread, arrivingBytesPerSecond, deliveredBytesPerSecond } = flow;
  const demand = spread.quantile(0.99);
  return {
    caughtUpSeconds:
      arrivingBytesPerSecond === undefined ? undefined : forecastCaughtUpSeconds({ ...flow, arrivingBytesPerSecond }),
    quotaUsed: share === 0 ? 0 : quotaUsed(deliveredBytesPerSecond / share, quota),
    demandBytesPerSecond: demand,
    quotaNeededMibPerSecond: demand === undefined ? undefined : quotaNeededMibPerSecond(demand),
    limitIncreaseRequest: limitIncreaseRequest(flow),
  };
}

/** The largest unit of which there are two or more: 90 s is "90 seconds", 3 h is "3 hours". */
export function describeDuration(seconds: number): string {
  const units: readonly [number, string][] = [
    [86_400, "days"],
    [3_600, "hours"],
    [60, "minutes"],
  ];
  const [size, name] = units.find(([size]) => seconds >= 2 * size) ?? [1, "seconds"];
  return `${Math.round(seconds / size)} ${name}`;
}
