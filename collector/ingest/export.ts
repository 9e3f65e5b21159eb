/** The path of one Export call, from the bytes to the answer. Read `createExport`; all else is around it. */
import type { Appender } from "../journal/port.ts";
import { withoutRefused } from "../otlp/edit.ts";
import { type ScanLimits, scan } from "../otlp/scan.ts";
import type { Admission, Caller } from "./admission.ts";
import { encodePartialSuccess } from "./boundary.ts";
import type { IngestCounters } from "./counters.ts";

export interface ExportParts {
  readonly appender: Pick<Appender, "append">;
  readonly admission: Admission;
  readonly limits: ScanLimits;
  readonly counters: IngestCounters;
}

export interface Exported {
  /** A serialised ExportLogsServiceResponse. */
  readonly response: Buffer;
  /** Log records that were taken, and the ordinal of the first; undefined where there was none. */
  readonly records: number;
  readonly first: bigint | undefined;
}

/** One serialised ExportLogsServiceRequest in, the answer to it out, or it rejects. */
export type Export = (request: Uint8Array, caller: Caller) => Promise<Exported>;

/** `ExportLogsServiceResponse` with nothing in it: everything was taken. */
const ALL_TAKEN = Buffer.alloc(0);

/**
 * Rejects with what `scan` throws (`invalid_request`, `request_too_large`) and what `Admission.run` rejects with.
 * The answer is OK only after the synced write; a request without a record that can be taken writes nothing.
 */
export function createExport({ appender, admission, limits, counters }: ExportParts): Export {
  return async (request, caller) => {
    const { records, refused, refusedReason } = scan(request, limits);
    const taken = refused === 0 ? request : withoutRefused(request, limits);
    const write = (): Promise<bigint> => appender.append(taken, records);
    const first = records > 0 ? await admission.run(taken.length, caller, write) : undefined;

    counters.acknowledgedCalls++;
    counters.acknowledgedRecords += records;
    if (records > 0) counters.acknowledgedBytes += taken.length;
    counters.partiallyRefusedRecords += refused;
    const response = refused === 0 ? ALL_TAKEN : encodePartialSuccess(refused, refusedReason ?? "refused");
    return { response, records, first };
  };
}
