/**
 * The path of one ExportLogsServiceRequest from its bytes to the disk, whoever brought it: a gRPC call (export.ts), a
 * batch of a stream (stream.ts) or an HTTP request (http/). Read `createTake`; all else in this folder is around it.
 */
import type { Clock } from "../clock.ts";
import { CollectorError, type ErrorCode } from "../errors.ts";
import type { Appender } from "../journal/port.ts";
import type { Observer } from "../observer.ts";
import { withoutRefused } from "../otlp/edit.ts";
import { type ScanLimits, scan } from "../otlp/scan.ts";
import { type Admission, type Caller, CallerGone } from "./admission.ts";
import type { IngestCounters } from "./counters.ts";
import type { Tenants } from "./tenants.ts";

export interface TakeParts {
  readonly appender: Pick<Appender, "append">;
  readonly admission: Admission;
  readonly tenants: Tenants;
  readonly limits: ScanLimits;
  readonly counters: IngestCounters;
  readonly observer: Observer;
  readonly clock: Pick<Clock, "monotonicMs">;
}

/** What became of a request that was not refused whole. */
export interface Taken {
  /** The ordinal of the first record that was written; undefined where none was there to write. */
  readonly firstOrdinal: bigint | undefined;
  /** Log records that are on disk now. */
  readonly records: number;
  /** Log records that break a limit, and were left out. */
  readonly refused: number;
  /** Why, in a sentence; undefined when none was. */
  readonly refusedReason: string | undefined;
}

/** `onAdmitted` is called when the write begins, at the latest when the promise is settled. */
export type Take = (request: Uint8Array, caller: Caller, onAdmitted?: () => void) => Promise<Taken>;

/**
 * Rejects with what `scan` throws (`invalid_request`, `request_too_large`) and what `Tenants.run` and
 * `Admission.run` reject with.
 * Resolves only after the synced write; a request without a record that can be taken writes nothing.
 */
export function createTake({ appender, admission, tenants, limits, counters, observer, clock }: TakeParts): Take {
  return async (request, caller, onAdmitted) => {
    const sinceMs = clock.monotonicMs();
    const bytes = request.length;
    const tell = (records: number, first: bigint | undefined, refused: ErrorCode | undefined): void => {
      const { traceparent } = caller;
      observer.exported({ ms: clock.monotonicMs() - sinceMs, records, bytes, first, refused, traceparent });
    };
    try {
      const { records, refused, refusedReason } = scan(request, limits);
      const taken = refused === 0 ? request : withoutRefused(request, limits);
      const write = (): Promise<bigint> => {
        onAdmitted?.();
        return appender.append(taken, records);
      };
      const admit = (): Promise<bigint> => admission.run(taken.length, caller, write);
      const size = { bytes: taken.length, records };
      const firstOrdinal = records > 0 ? await tenants.run(size, caller, admit) : undefined;

      counters.acknowledgedRecords += records;
      if (records > 0) counters.acknowledgedBytes += taken.length;
      counters.partiallyRefusedRecords += refused;
      tell(records, firstOrdinal, undefined);
      return { firstOrdinal, records, refused, refusedReason };
    } catch (reason) {
      if (!(reason instanceof CallerGone)) tell(0, undefined, CollectorError.from(reason).code);
      throw reason;
    }
  };
}
