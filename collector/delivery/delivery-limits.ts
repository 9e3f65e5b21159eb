/** The limits of a route's delivery: what they are by default, and how they must stand to each other. */
import { assert } from "../errors.ts";
import { FIREHOSE_CALL_BYTES_MAX, FIREHOSE_CALL_RECORDS_MAX, FIREHOSE_RECORD_BYTES_MAX } from "../limits.ts";
import type { TroubleLimits } from "./firehose/trouble.ts";
import type { Compression } from "./packing/compress.ts";
import { callBytesTarget, recordBytesTarget } from "./packing/pack.ts";

export interface DeliveryLimits extends TroubleLimits {
  /** Bytes in memory of packed records, in flight or waiting, and of lines being compressed. */
  readonly readAheadBytesMax: number;
  readonly callsInFlightMax: number;
  /** How long a record that is not full waits for more lines. */
  readonly packDelayMsMax: number;
  readonly recordBytesMax: number;
  /** Lines of one record: where Firehose takes records apart again, it stops at 500 (FIREHOSE_DEAGGREGATED_LINES_MAX). */
  readonly linesPerRecordMax: number;
  readonly callBytesMax: number;
  readonly callRecordsMax: number;
  /**
   * How much of the byte rate one call may hold while answers come fast. Small: what a stream over its quota refuses is
   * whole records, and mostly all that is left of a call.
   */
  readonly callShareMs: number;
  /** The same while answers are slow, and many calls are under way. Below the pacer's burst: see there. */
  readonly callShareMsMax: number;
  /** The same for one record; for a compressed one more, since small ones compress less, and are billed for more. */
  readonly recordShareMs: number;
  readonly pressedRecordShareMs: number;
}

export const DELIVERY_LIMITS_DEFAULT: DeliveryLimits = {
  readAheadBytesMax: 4 * 1024 * 1024,
  callsInFlightMax: 8,
  packDelayMsMax: 1_000,
  recordBytesMax: FIREHOSE_RECORD_BYTES_MAX,
  linesPerRecordMax: Number.MAX_SAFE_INTEGER,
  callBytesMax: FIREHOSE_RECORD_BYTES_MAX,
  callRecordsMax: FIREHOSE_CALL_RECORDS_MAX,
  callShareMs: 50,
  callShareMsMax: 200,
  recordShareMs: 25,
  pressedRecordShareMs: 100,
  backoffBaseMs: 100,
  backoffCapMs: 5_000,
  holdProbeMsMin: 5_000,
  holdProbeMsMax: 30_000,
  alertAfterMs: 60_000,
};

/** Relations between limits that everything here relies on. */
export function assertLimits(limits: DeliveryLimits): void {
  for (const [name, value] of Object.entries(limits)) assert(value > 0, `${name} must be above 0, and is ${value}`);
  assert(limits.recordBytesMax <= FIREHOSE_RECORD_BYTES_MAX, "recordBytesMax is above what Firehose takes");
  assert(limits.callBytesMax <= FIREHOSE_CALL_BYTES_MAX, "callBytesMax is above what Firehose takes");
  assert(limits.callRecordsMax <= FIREHOSE_CALL_RECORDS_MAX, "callRecordsMax is above what Firehose takes");
  assert(limits.recordBytesMax <= limits.callBytesMax, "a record must fit a call");
  assert(limits.callShareMs <= limits.callShareMsMax, "callShareMs must not exceed callShareMsMax");
  assert(limits.recordBytesMax <= limits.readAheadBytesMax, "a record must fit into memory");
}

/** Bytes that the next record aims at. */
export function recordBytesAim(limits: DeliveryLimits, compression: Compression, bytesPerSecond: number): number {
  const shareMs = compression === "none" ? limits.recordShareMs : limits.pressedRecordShareMs;
  return recordBytesTarget(bytesPerSecond, shareMs, limits.recordBytesMax);
}

/** Bytes that the next call may hold, when so many are open. */
export function callBytesAim(limits: DeliveryLimits, open: number, bytesPerSecond: number): number {
  const { callShareMs, callShareMsMax, callsInFlightMax, callBytesMax } = limits;
  // From a quarter of the calls to three, the share grows from one to the other: together they bridge slow answers.
  const part = Math.min(1, Math.max(0, ((open + 1) / callsInFlightMax - 0.25) * 2));
  return callBytesTarget(bytesPerSecond, callShareMs + (callShareMsMax - callShareMs) * part, callBytesMax);
}

/** More lines in one record compress no better, and are more that whoever reads it must hold. */
const PRESSED_LINE_BYTES_MAX = 4 * 1024 * 1024;
/** The lines being gathered, those of two records being compressed, and room for what they became. */
const PRESSED_SHARE = 4;

/** Bytes of the lines of one compressed record. */
export function pressedLineBytesMax({ readAheadBytesMax }: DeliveryLimits): number {
  return Math.min(PRESSED_LINE_BYTES_MAX, Math.floor(readAheadBytesMax / PRESSED_SHARE));
}
