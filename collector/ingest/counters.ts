/** What ingest has done since it started: plain numbers, for telemetry to read. */
import { ERROR_CODES, type ErrorCode } from "../errors.ts";

export interface IngestCounters {
  /** Export calls whose request arrived whole. */
  calls: number;
  /** Calls that were answered OK. */
  acknowledgedCalls: number;
  /** Log records that were on disk when OK was answered, and their requests' bytes as they were written. */
  acknowledgedRecords: number;
  acknowledgedBytes: number;
  /** Log records that were refused within a good request, in partial_success. */
  partiallyRefusedRecords: number;
  /** Clients that left before their answer: while they were held, or while the write was under way. */
  goneWhileHeld: number;
  goneWhileWritten: number;
  /** Calls that were refused, by code. */
  readonly refused: Record<ErrorCode, number>;
  /** Calls refused before they arrived whole: oversized, corrupt gzip, too slow, or without good credentials. */
  refusedOnReceipt: number;
}

export function createCounters(): IngestCounters {
  const refused = {} as Record<ErrorCode, number>;
  for (const code of Object.keys(ERROR_CODES) as ErrorCode[]) refused[code] = 0;
  return {
    calls: 0,
    acknowledgedCalls: 0,
    acknowledgedRecords: 0,
    acknowledgedBytes: 0,
    partiallyRefusedRecords: 0,
    goneWhileHeld: 0,
    goneWhileWritten: 0,
    refused,
    refusedOnReceipt: 0,
  };
}
