/**
 * Holds what arrived against the ledger of a route. Pure.
 *
 *    start ............................ cursor ............ head
 *      all here is delivered, filtered or quarantined | may still wait
 *
 * The ledger says how many were filtered and quarantined, not which. So of the ordinals below the cursor that did not arrive, as
 * many may be explained, and whatever is more is lost: that is what fails a run.
 */
import type { Range } from "./ordinal-set.ts";
import type { Tally } from "./tally.ts";

/** A route of one collector at one moment. */
export interface LedgerFacts {
  readonly collectorId: string;
  readonly route: string;
  readonly start: bigint;
  /** All below is finished. */
  readonly cursor: bigint;
  /** Where the number line ends. */
  readonly head: bigint;
  readonly delivered: bigint;
  readonly filtered: bigint;
  readonly quarantined: bigint;
  /** Settled once more after an operator set the cursor back: counted twice in the three above. */
  readonly replayed: bigint;
}

export interface Judgement {
  readonly ledger: LedgerFacts;
  /** Different ordinals that arrived. */
  readonly arrived: bigint;
  /** Below the cursor and not there. */
  readonly missing: bigint;
  /** The first of them. */
  readonly missingRanges: readonly Range[];
  /** How many of the missing the ledger has as filtered or quarantined. */
  readonly explained: bigint;
  /** Delivered, by the ledger, and not there. */
  readonly lost: bigint;
  /** Ordinals that came more than once. */
  readonly doubled: bigint;
  readonly doubledRanges: readonly Range[];
  /** Between the cursor and the head, and not there: not finished, or on their way. */
  readonly waiting: bigint;
  /** Lines with an ordinal that the ledger has not given out. */
  readonly beyond: bigint;
  /** Log records of which some parts are missing; they count as missing. */
  readonly incomplete: number;
}

export function judge(ledger: LedgerFacts, tally: Tally, rangesMax: number): Judgement {
  const { once, again, beyond, incomplete } = tally.of(ledger.collectorId);
  const below = survey(once.missing(ledger.start, ledger.cursor), rangesMax);
  const above = survey(once.missing(ledger.cursor, ledger.head), 0);
  const doubled = survey(again.ranges(), rangesMax);
  const settledWithout = ledger.filtered + ledger.quarantined;
  const explained = below.count < settledWithout ? below.count : settledWithout;
  return {
    ledger,
    arrived: once.size,
    missing: below.count,
    missingRanges: below.ranges,
    explained,
    lost: below.count - explained,
    doubled: doubled.count,
    doubledRanges: doubled.ranges,
    waiting: above.count,
    beyond,
    incomplete,
  };
}

function survey(ranges: Iterable<Range>, rangesMax: number): { count: bigint; ranges: Range[] } {
  let count = 0n;
  const kept: Range[] = [];
  for (const range of ranges) {
    count += range.end - range.first;
    if (kept.length < rangesMax) kept.push(range);
  }
  return { count, ranges: kept };
}
