/**
 * The collector's state as one plain object, with the sum that an operator asks for: does the ledger balance? Pure:
 * values in, values out. (When is the backlog gone? See delivery/pacing/forecast.ts.)
 */
import type { DeliveryStatus } from "../delivery/delivery.ts";
import type { PaceStatus } from "../delivery/pacing/pace.ts";
import type { Quota } from "../delivery/pacing/pacer.ts";
import type { PeersStatus } from "../delivery/peers/peers.ts";
import type { RoutePause } from "../delivery/route.ts";
import type { AccessStatus } from "../identity/access.ts";
import type { IngestSnapshot } from "../ingest/options.ts";
import type { TakenFrom } from "../journal/hand-overs.ts";
import type { JournalStatus } from "../journal/options.ts";
import type { RouteLedger } from "../journal/port.ts";
import type { QuarantineTotals } from "../journal/quarantine.ts";

/**
 * Where every accepted log record of a route is: the first number is the sum of the next four, at every instant. What was
 * replayed (the cursor set back by an operator) is accepted once more, and ends once more.
 */
export interface Ledger {
  readonly accepted: bigint;
  readonly delivered: bigint;
  readonly filtered: bigint;
  readonly quarantined: bigint;
  readonly waiting: bigint;
  /** How many of the accepted were so by a replay. */
  readonly replayed: bigint;
  /** Journalled by another replica when this one stopped, and that one's to deliver. */
  readonly handedOver: bigint;
}

export interface RouteStatus {
  readonly route: string;
  readonly stream: string;
  /** Who has paused it; undefined while it delivers. */
  readonly paused: RoutePause | undefined;
  readonly cursor: bigint;
  /** Bytes of the journal that are kept because this route has not finished with them. */
  readonly pinnedBytes: number;
  readonly ledger: Ledger;
  /** What of other collectors' was taken: which ordinals of theirs, and how many of this one's were used for them. */
  readonly taken: readonly TakenFrom[];
  /** Log records in ranges that are not finished: counted by the ranges, where `ledger.waiting` is what is left of a sum. */
  readonly openLogRecords: bigint;
  /** What its quarantine holds now. */
  readonly quarantine: QuarantineTotals;
  readonly delivery: DeliveryStatus;
  /** What the stream takes, for all replicas together. */
  readonly quota: Quota;
  /** How fast this replica may send, and why. */
  readonly pace: PaceStatus;
  /** Seconds until nothing waits, if nothing more came; undefined until something was delivered in this run. */
  readonly drainSeconds: number | undefined;
}

export interface CollectorStatus {
  readonly forecast: {
    /** Until the journal takes nothing more, as it grew in the last minutes; Infinity (null in JSON) where it does not. */
    readonly fullSeconds: number;
  };
  readonly ingest: IngestSnapshot;
  /** Files of certificates and tokens, and who was refused. */
  readonly identity: AccessStatus;
  readonly journal: JournalStatus;
  readonly peers: PeersStatus;
  readonly routes: readonly RouteStatus[];
}

/** The ledger of a route over [start, head). */
export function toLedger(
  head: bigint,
  { start, totals, replayed, handedOver }: Pick<RouteLedger, "start" | "totals" | "replayed" | "handedOver">,
): Ledger {
  const accepted = head - start + replayed;
  const { delivered, filtered, quarantined } = totals;
  return {
    accepted,
    delivered,
    filtered,
    quarantined,
    waiting: accepted - delivered - filtered - quarantined - handedOver,
    replayed,
    handedOver,
  };
}

/** How many log records lie in the ranges of a route that are not finished. */
export function countOpen(head: bigint, ledger: Pick<RouteLedger, "start" | "openRanges">): bigint {
  return ledger.openRanges(ledger.start, head).reduce((sum, { first, end }) => sum + (end - first), 0n);
}

/** JSON with 64-bit numbers as digits. */
export function toJson(status: CollectorStatus): string {
  const text = JSON.stringify(status, (_, value: unknown) => (typeof value === "bigint" ? `\u0000${value}` : value), 2);
  return text.replace(/"\\u0000(-?\d+)"/g, "$1");
}
