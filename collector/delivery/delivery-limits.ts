/** The limits of a route's delivery: what they are by default, and how they must stand to each other. */
import { assert } from "../errors.ts";
import { FIREHOSE_CALL_BYTES_MAX, FIREHOSE_CALL_RECORDS_MAX, FIREHOSE_RECORD_BYTES_MAX } from "../limits.ts";
import type { TroubleLimits } from "./trouble.ts";

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
  /** How much of the byte rate one call may hold. Below the pacer's burst: see there. */
  readonly callShareMs: number;
}

export const DELIVERY_LIMITS_DEFAULT: DeliveryLimits = {
  readAheadBytesMax: 8 * 1024 * 1024,
  callsInFlightMax: 8,
  packDelayMsMax: 1_000,
  recordBytesMax: FIREHOSE_RECORD_BYTES_MAX,
  linesPerRecordMax: Number.MAX_SAFE_INTEGER,
  callBytesMax: FIREHOSE_CALL_BYTES_MAX,
  callRecordsMax: FIREHOSE_CALL_RECORDS_MAX,
  callShareMs: 200,
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
  assert(limits.recordBytesMax <= limits.readAheadBytesMax, "a record must fit into memory");
}

/** More lines in one record compress no better, and are more that whoever reads it must hold. */
const PRESSED_LINE_BYTES_MAX = 4 * 1024 * 1024;
/** The lines being gathered, those of two records being compressed, and room for what they became. */
const PRESSED_SHARE = 4;

/** Bytes of the lines of one compressed record. */
export function pressedLineBytesMax({ readAheadBytesMax }: DeliveryLimits): number {
  return Math.min(PRESSED_LINE_BYTES_MAX, Math.floor(readAheadBytesMax / PRESSED_SHARE));
}
