/**
 * Holds what arrived against the ledgers of a route. Pure.
 *
 *    start ............................ cursor ............ head
 *      all here is delivered, filtered or quarantined | may still wait
 *
 * The ledger says how many were filtered and quarantined, not which. So of the ordinals below the cursor that did not arrive, as
 * many may be explained, and whatever is more is lost: that is what fails a run.
 *
 * Log records that were handed over, or adopted, have two ordinals: the one that accepted them gave the name that is in the
 * line, and the one that took them (perhaps another after that) used ordinals of its own, under which nothing arrives. Its
 * ledger says how many these are, and which of the other's it has:
 *
 *   giver  start .... cursor = head          all must arrive, whoever delivers: what a taker has is the taker's to explain
 *   taker  start ..(of its own ordinals as many as it took do not arrive).. cursor .. head
 *
 * What a taker has not finished, or filtered, is in its count and did not arrive under the giver's id: one sum over all ledgers
 * holds these against each other, so that the sum of what is lost is right whichever collector it is told of.
 */
import { subtract, unite } from "../../collector/journal/hand-overs.ts";
import type { OrdinalSet, Range } from "./ordinal-set.ts";
import type { Expected, Tally } from "./tally.ts";

/** What a collector has taken of another's. */
export interface TakenFacts {
  readonly collectorId: string;
  /** Ordinals of that other collector that it has, or has delivered. */
  readonly ranges: readonly Range[];
  /** Its own ordinals that were used for them. */
  readonly records: bigint;
}

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
  /** Given to others, who deliver them under the same ids. */
  readonly handedOver: bigint;
  readonly taken: readonly TakenFacts[];
}

export interface Judgement {
  readonly ledger: LedgerFacts;
  /** Different ordinals that arrived. */
  readonly arrived: bigint;
  /** Below the cursor, or taken over by another one, and not there. */
  readonly missing: bigint;
  /** The first of them. */
  readonly missingRanges: readonly Range[];
  /** How many of the missing the ledger has as filtered or quarantined, or as another's under its own ordinals. */
  readonly explained: bigint;
  /** How many of the missing another ledger may explain: it took them, and has not finished, filtered or quarantined as many. */
  readonly elsewhere: bigint;
  /** Handed over to collectors that no ledger names, so that nothing can be said of them. */
  readonly unproved: bigint;
  /** Delivered, by the ledger, and not there. */
  readonly lost: bigint;
  /** Below the cursor and after the last that arrived: Firehose may not have written them yet. Those that are filtered, too. */
  readonly late: bigint;
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

/** Of a collector that no ledger names, what others took: its volume was adopted, or its ledger is not at hand. */
export interface OriginJudgement {
  readonly collectorId: string;
  /** How many others have of it. */
  readonly taken: bigint;
  readonly arrived: bigint;
  readonly missing: bigint;
  readonly missingRanges: readonly Range[];
  readonly elsewhere: bigint;
  readonly lost: bigint;
  readonly doubled: bigint;
}

export interface Judgements {
  readonly judgements: readonly Judgement[];
  readonly origins: readonly OriginJudgement[];
}

/** What the lines of one route may be named, by the ledgers of all collectors that deliver it. */
export function expectedOf(ledgers: readonly LedgerFacts[]): Expected[] {
  const named = new Set(ledgers.map(({ collectorId }) => collectorId));
  const origins = [...takenByOrigin(ledgers)].filter(([collectorId]) => !named.has(collectorId));
  return [
    ...ledgers.map(({ collectorId, start, head }) => ({
      collectorId,
      ranges: [{ first: start, end: head }],
      hasLedger: true,
    })),
    ...origins.map(([collectorId, ranges]) => ({ collectorId, ranges, hasLedger: false })),
  ];
}

export function judge(ledgers: readonly LedgerFacts[], tally: Tally, rangesMax: number): Judgements {
  const taken = takenByOrigin(ledgers);
  const named = new Set(ledgers.map(({ collectorId }) => collectorId));
  const surveys = ledgers.map((ledger) => {
    const { once } = tally.of(ledger.collectorId);
    const line = { first: ledger.start, end: ledger.head };
    const inOthers = (taken.get(ledger.collectorId) ?? []).flatMap((range) => within(range, line));
    const below = ledger.start < ledger.cursor ? [{ first: ledger.start, end: ledger.cursor }] : [];
    const missing = survey(missingIn(once, unite([...below, ...inOthers])), rangesMax);
    const missingInOthers = survey(missingIn(once, inOthers), 0).count;
    const capacity = ledger.filtered + ledger.quarantined + recordsTaken(ledger);
    const explained = least(missing.count - missingInOthers, capacity);
    return { ledger, missing, missingInOthers, explained, elsewhere: 0n, unproved: 0n, spare: capacity - explained };
  });
  // What takers have in their counts beyond what is missing of their own ordinals.
  let spare = surveys.reduce((sum, each) => sum + each.spare, 0n);
  const takenOfNamed = ledgers.flatMap((each) => each.taken.filter(({ collectorId }) => named.has(collectorId)));
  const handedOver = ledgers.reduce((sum, each) => sum + each.handedOver, 0n);
  let handedAway = most(0n, handedOver - takenOfNamed.reduce((sum, { records }) => sum + records, 0n));
  for (const each of surveys) {
    each.elsewhere = least(each.missingInOthers, spare);
    spare -= each.elsewhere;
    const open = each.missing.count - each.missingInOthers - each.explained;
    each.unproved = least(open, least(each.ledger.handedOver, handedAway));
    handedAway -= each.unproved;
  }
  // One that took some and gave some to a collector without a ledger: what it took explains what is missing of others, and of
  // its own as many are unproved instead.
  const fromOthers = (needed: bigint): bigint => {
    let found = least(needed, spare);
    spare -= found;
    for (const each of surveys) {
      const given = least(each.ledger.handedOver - each.unproved, handedAway);
      const moved = least(needed - found, least(each.explained, given));
      each.explained -= moved;
      each.unproved += moved;
      handedAway -= moved;
      found += moved;
    }
    return found;
  };
  for (const each of surveys) each.elsewhere += fromOthers(each.missingInOthers - each.elsewhere);
  const unnamed = [...taken].filter(([collectorId]) => !named.has(collectorId));
  const origins = unnamed.map(([collectorId, ranges]): OriginJudgement => {
    const { once, again } = tally.of(collectorId);
    const missing = survey(missingIn(once, ranges), rangesMax);
    const elsewhere = fromOthers(missing.count);
    return {
      collectorId,
      taken: ranges.reduce((sum, { first, end }) => sum + end - first, 0n),
      arrived: once.size,
      missing: missing.count,
      missingRanges: missing.ranges,
      elsewhere,
      lost: missing.count - elsewhere,
      doubled: again.size,
    };
  });
  const judgements = surveys.map(({ ledger, missing, explained, elsewhere, unproved }): Judgement => {
    const { once, again, beyond, incomplete } = tally.of(ledger.collectorId);
    const doubled = survey(again.ranges(), rangesMax);
    const open = subtract({ first: ledger.cursor, end: ledger.head }, taken.get(ledger.collectorId) ?? []);
    const lost = missing.count - explained - elsewhere - unproved;
    return {
      ledger,
      arrived: once.size,
      missing: missing.count,
      missingRanges: missing.ranges,
      explained,
      elsewhere,
      unproved,
      lost,
      late: lost > 0n ? missingAtTheEnd(once, ledger) : 0n,
      doubled: doubled.count,
      doubledRanges: doubled.ranges,
      waiting: survey(missingIn(once, open), 0).count,
      beyond,
      incomplete,
    };
  });
  return { judgements, origins };
}

/** Ordinals of its own under which nothing arrives. */
export function recordsTaken({ taken }: LedgerFacts): bigint {
  return taken.reduce((sum, { records }) => sum + records, 0n);
}

function takenByOrigin(ledgers: readonly LedgerFacts[]): Map<string, Range[]> {
  const taken = new Map<string, Range[]>();
  for (const { collectorId, ranges } of ledgers.flatMap((ledger) => ledger.taken)) {
    const united = unite([...(taken.get(collectorId) ?? []), ...ranges]);
    if (united.length > 0) taken.set(collectorId, united);
  }
  return taken;
}

/** What of `ranges` is not there, in order. */
function* missingIn(once: OrdinalSet, ranges: readonly Range[]): Generator<Range> {
  for (const { first, end } of ranges) yield* once.missing(first, end);
}

/** Of what is finished by the ledger, how many come after the last that arrived. */
function missingAtTheEnd(once: OrdinalSet, { start, cursor, head }: LedgerFacts): bigint {
  let last: Range | undefined;
  for (const range of once.missing(start, head)) last = range;
  return last?.end === head ? most(0n, cursor - last.first) : 0n;
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

function within({ first, end }: Range, outer: Range): Range[] {
  const cut = { first: most(first, outer.first), end: least(end, outer.end) };
  return cut.first < cut.end ? [cut] : [];
}

function least(one: bigint, other: bigint): bigint {
  return one < other ? one : other;
}

function most(one: bigint, other: bigint): bigint {
  return one > other ? one : other;
}
