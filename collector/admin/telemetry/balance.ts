/**
 * The conservation law, checked while the collector runs: accepted = delivered + filtered + quarantined + handed over + waiting. Each check
 * holds figures against each other that are kept apart, so that a fault in one of them shows. All must be 0, always.
 *
 * | check | is the number of log records | compares |
 * |---|---|---|
 * | settled | too many or too few in a route's counts | the counts, with the ranges that are still open |
 * | acknowledged | acknowledged and not on the number line | ingest's own count, with how far the head has come |
 * | reclaimed | deleted from the disk before a route had finished them | where the journal begins, with the route's cursor |
 */
import type { CollectorStatus } from "../status.ts";

export type BalanceCheck = "settled" | "acknowledged" | "reclaimed";

export interface Balance {
  readonly check: BalanceCheck;
  /** Undefined where the check is about all of them. */
  readonly route: string | undefined;
  /** 0, or by how many log records the two sides differ. */
  readonly imbalance: bigint;
}

/** `headAtStart`: where the head was when the process began to take logs. */
export function checkBalance(
  { ingest, journal, routes }: Pick<CollectorStatus, "ingest" | "journal" | "routes">,
  headAtStart: bigint,
): Balance[] {
  const taken = journal.head - headAtStart;
  return [
    { check: "acknowledged", route: undefined, imbalance: excess(BigInt(ingest.acknowledgedRecords), taken) },
    ...routes.flatMap(({ route, ledger, openLogRecords, cursor }): Balance[] => {
      const { accepted, delivered, filtered, quarantined, handedOver } = ledger;
      const settled = delivered + filtered + quarantined + handedOver;
      return [
        { check: "settled", route, imbalance: accepted - settled - openLogRecords },
        { check: "reclaimed", route, imbalance: excess(journal.tail, cursor) },
      ];
    }),
  ];
}

function excess(one: bigint, other: bigint): bigint {
  return one > other ? one - other : 0n;
}
