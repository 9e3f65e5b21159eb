/** What the page shows, as plain JSON: the view of telemetry, with ordinals as numbers (2^53 log records take 285 years at a million a second). Pure. */
import type { SegmentFacts } from "../../journal/segments.ts";
import type { TelemetryView } from "../telemetry/view.ts";
import type { SegmentSnapshot, Snapshot } from "./shapes.ts";

/** More would be narrower than can be seen on a phone. */
const SEGMENTS_DRAWN_MAX = 48;

export function toSnapshot(
  { atMs, status, balance, durations, process, fullSeconds, isAlive }: TelemetryView,
  segments: readonly SegmentFacts[],
): Snapshot {
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
      drawn: toDrawn(segments),
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

function toDrawn(segments: readonly SegmentFacts[]): SegmentSnapshot[] {
  const each = Math.max(1, Math.ceil(segments.length / SEGMENTS_DRAWN_MAX));
  const drawn: SegmentSnapshot[] = [];
  for (let at = 0; at < segments.length; at += each) {
    const together = segments.slice(at, at + each);
    const [oldest, newest] = [together[0], together.at(-1)];
    if (oldest === undefined || newest === undefined) break;
    drawn.push({
      first: Number(oldest.first),
      end: Number(newest.end),
      bytes: together.reduce((sum, { bytes }) => sum + bytes, 0),
      segments: together.length,
      isActive: newest.state === "active",
    });
  }
  return drawn;
}
