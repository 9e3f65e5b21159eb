/** What the page shows, as plain JSON: the view of telemetry, with ordinals as numbers (2^53 log records take 285 years at a million a second). Pure. */
import type { TelemetryView } from "../telemetry/view.ts";

/** A route on the number line, in log records. */
export interface LineSnapshot {
  readonly start: number;
  /** Below it the journal has been deleted. */
  readonly tail: number;
  readonly cursor: number;
  readonly head: number;
  /** Finished beyond the cursor. */
  readonly finishedBeyond: number;
  /** About: calls under way, by what a log record has had in bytes so far. */
  readonly inFlight: number;
  readonly waiting: number;
  readonly quarantined: number;
}

export interface RouteSnapshot {
  readonly route: string;
  readonly stream: string;
  readonly state: string;
  readonly line: LineSnapshot;
  readonly delivered: number;
  readonly filtered: number;
  readonly quarantineEntries: number;
  readonly ageMs: number;
  readonly drainSeconds: number | null;
  readonly share: number;
  readonly source: string;
  readonly lastError: { readonly code: string; readonly message: string; readonly atMs: number } | null;
}

export interface Snapshot {
  readonly atMs: number;
  readonly collectorId: string;
  readonly uptimeSeconds: number;
  readonly residentBytes: number;
  readonly imbalance: number;
  readonly isAlive: boolean;
  readonly journal: {
    readonly bytes: number;
    readonly bytesMax: number;
    readonly diskFreeBytes: number;
    readonly segments: number;
    readonly isFull: boolean;
  };
  /** Null where it does not grow. */
  readonly fullSeconds: number | null;
  readonly heldCalls: number;
  readonly commits: { readonly bounds: readonly number[]; readonly counts: readonly number[] };
  readonly routes: readonly RouteSnapshot[];
}

export function toSnapshot({
  atMs,
  status,
  balance,
  durations,
  process,
  fullSeconds,
  isAlive,
}: TelemetryView): Snapshot {
  const { journal, routes, ingest } = status;
  const head = Number(journal.head);
  return {
    atMs,
    collectorId: journal.collectorId,
    uptimeSeconds: process.uptimeSeconds,
    residentBytes: process.residentBytes,
    imbalance: Math.max(0, ...balance.map(({ imbalance }) => Math.abs(Number(imbalance)))),
    isAlive,
    journal: {
      bytes: journal.bytes,
      bytesMax: journal.bytesMax,
      diskFreeBytes: journal.diskFreeBytes,
      segments: journal.segments,
      isFull: journal.isFull,
    },
    fullSeconds: Number.isFinite(fullSeconds) ? fullSeconds : null,
    heldCalls: ingest.heldCalls,
    commits: { bounds: durations.commits.bounds, counts: durations.commits.counts },
    routes: routes.map(({ route, stream, cursor, ledger, delivery, paused, pace, quarantine, drainSeconds }) => {
      const waiting = Number(ledger.waiting);
      const { logRecords, bytes } = delivery.delivered;
      const inFlight = bytes === 0 ? 0 : Math.round(delivery.inFlight.bytes * (logRecords / bytes));
      return {
        route,
        stream,
        state: paused === undefined ? delivery.state : "paused",
        line: {
          start: head - Number(ledger.accepted - ledger.replayed),
          tail: Number(journal.tail),
          cursor: Number(cursor),
          head,
          finishedBeyond: head - Number(cursor) - waiting,
          inFlight: Math.min(inFlight, waiting),
          waiting,
          quarantined: Number(ledger.quarantined),
        },
        delivered: Number(ledger.delivered),
        filtered: Number(ledger.filtered),
        quarantineEntries: quarantine.entries,
        ageMs: pace.backlogAgeMs,
        drainSeconds: drainSeconds ?? null,
        share: pace.share,
        source: pace.source,
        lastError: delivery.lastError ?? null,
      };
    }),
  };
}
