/** What the page shows, as plain JSON: the view of telemetry, with ordinals as numbers (2^53 log records take 285 years at a million a second). Pure. */
import type { TelemetryView } from "../telemetry/view.ts";
import type { Snapshot } from "./shapes.ts";

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
