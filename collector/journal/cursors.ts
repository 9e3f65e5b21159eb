/**
 * Where a route stands on the number line: one row that is the route's whole state.
 *
 *    start ......... cursor | finished | open | finished | open ......... head
 *
 * All below the cursor is finished; beyond it lie a few finished ranges, kept so that a restart sends again only what was
 * truly open. The counts of what lies below the cursor add up to cursor - start: that is the ledger, and it is checked
 * whenever a row is read or written.
 *
 * Seeking back opens [to, end) again, where `end` is the cursor unless told. What it had come to is known as a sum only, so
 * that is not taken back: `replayed` says how many will be counted once more, and below the cursor
 * delivered + filtered + quarantined + handed over = cursor - start + replayed. What lies between `end` and the old cursor
 * becomes a finished range beyond the new one; its counts stay in the sum below, so it has none of its own, and its
 * `replayed` is as far below 0 as it is long. Put together the numbers are right again. All of it is one row, so a crash
 * leaves all or nothing. A row without a replay or a hand-over is written without their numbers.
 */
import { assert, CollectorError } from "../errors.ts";
import type { Meta } from "./meta.ts";
import type { Counts, QuarantineEntry, RouteLedger } from "./port.ts";
import type { Quarantine } from "./quarantine.ts";

interface Range {
  first: bigint;
  end: bigint;
  delivered: bigint;
  filtered: bigint;
  quarantined: bigint;
  replayed: bigint;
  handedOver: bigint;
}

/** The pure part: no disk, no time. */
export class RouteState {
  /** Counts of [start, cursor). */
  #below: Range;
  /** Finished beyond the cursor: in order, apart from each other and from the cursor. */
  #beyond: Range[] = [];

  constructor(start: bigint) {
    this.#below = {
      first: start,
      end: start,
      delivered: 0n,
      filtered: 0n,
      quarantined: 0n,
      replayed: 0n,
      handedOver: 0n,
    };
  }

  get start(): bigint {
    return this.#below.first;
  }

  /** Ordinals that were opened once more. */
  get replayed(): bigint {
    return [this.#below, ...this.#beyond].reduce(joined).replayed;
  }

  get handedOver(): bigint {
    return [this.#below, ...this.#beyond].reduce(joined).handedOver;
  }

  get cursor(): bigint {
    return this.#below.end;
  }

  /** Just past the last ordinal that is finished. */
  get furthest(): bigint {
    return this.#beyond.at(-1)?.end ?? this.cursor;
  }

  get totals(): { delivered: bigint; filtered: bigint; quarantined: bigint } {
    const { delivered, filtered, quarantined } = [this.#below, ...this.#beyond].reduce(joined);
    return { delivered, filtered, quarantined };
  }

  openRanges(first: bigint, end: bigint): { first: bigint; end: bigint }[] {
    const open: { first: bigint; end: bigint }[] = [];
    let position = first > this.cursor ? first : this.cursor;
    for (const range of this.#beyond) {
      if (range.end <= position) continue;
      if (range.first >= end) break;
      if (range.first > position) open.push({ first: position, end: range.first });
      position = range.end;
    }
    if (position < end) open.push({ first: position, end });
    return open;
  }

  /** Asserts that the range was open and that the counts add up to it. */
  finish(first: bigint, end: bigint, counts: Counts): void {
    const range: Range = {
      first,
      end,
      delivered: BigInt(counts.delivered),
      filtered: BigInt(counts.filtered),
      quarantined: BigInt(counts.quarantined),
      replayed: 0n,
      handedOver: BigInt(counts.handedOver ?? 0),
    };
    assert(first < end && isBalanced(range), `counts of [${first}, ${end}) do not add up`);
    let index = this.#beyond.length;
    while (index > 0 && (this.#beyond[index - 1] as Range).first > first) index--;
    const before = this.#beyond[index - 1] ?? this.#below;
    const after = this.#beyond[index];
    assert(
      before.end <= first && (after === undefined || end <= after.first),
      `[${first}, ${end}) was finished before`,
    );
    this.#beyond.splice(index, 0, range);
    this.#join(index);
  }

  /**
   * Opens [to, end) again, and nothing else: what lies beyond stays as it is. What was counted stays counted. The route begins
   * earlier than it did where `to` lies before its start.
   */
  seekBack(to: bigint, end = this.cursor): void {
    const { start, cursor } = this;
    const isRange = to <= end && end <= cursor && (end === cursor || (to < end && start <= end));
    assert(isRange, `the cursor goes back only, from ${cursor} and not to [${to}, ${end})`);
    if (end < cursor) {
      const nothing = { delivered: 0n, filtered: 0n, quarantined: 0n, handedOver: 0n };
      this.#beyond.unshift({ ...nothing, first: end, end: cursor, replayed: end - cursor });
    }
    const replayed = this.#below.replayed + cursor - (to > start ? to : start);
    this.#below = { ...this.#below, first: to < start ? to : start, end: to, replayed };
  }

  /** Puts neighbours that touch into one, and into the cursor what has reached it. */
  #join(index: number): void {
    for (const at of [index, index - 1]) {
      const left = this.#beyond[at];
      const right = this.#beyond[at + 1];
      if (left && right && left.end === right.first) this.#beyond.splice(at, 2, joined(left, right));
    }
    const [next] = this.#beyond;
    if (next?.first === this.cursor) {
      this.#below = joined(this.#below, next);
      this.#beyond.shift();
    }
  }

  encode(): string {
    assert(isBalanced(this.#below), "the ledger of a route is out of balance");
    return JSON.stringify({ below: toRow(this.#below), beyond: this.#beyond.map(toRow) });
  }

  /** Throws CollectorError `journal_unusable` when the row does not add up. */
  static decode(row: string): RouteState {
    try {
      const { below, beyond } = JSON.parse(row) as { below: string[]; beyond: string[][] };
      const ranges = [below, ...beyond].map(fromRow);
      const [first, ...rest] = ranges as [Range, ...Range[]];
      const inOrder = ranges.every((range, index) => index === 0 || (ranges[index - 1] as Range).end < range.first);
      if (!inOrder || !ranges.every(isBalanced)) throw new Error("the counts do not add up");
      const state = new RouteState(first.first);
      state.#below = first;
      state.#beyond = rest;
      return state;
    } catch (cause) {
      throw new CollectorError("journal_unusable", "the row of a route is damaged", { cause });
    }
  }
}

/** The key of a route's row in the meta database. */
export const ROUTE_PREFIX = "route/";

/** A route's state with its way to the disk. */
export class Cursor implements RouteLedger {
  readonly route: string;
  readonly #state: RouteState;
  readonly #meta: Meta;
  readonly #quarantine: Quarantine;
  readonly #onAdvance: () => void;
  #cursorOnDisk: bigint;

  /** `isNew`: nothing of it is on disk yet. `onAdvance` is told whenever a row has reached the disk. */
  constructor(
    route: string,
    state: RouteState,
    isNew: boolean,
    meta: Meta,
    quarantine: Quarantine,
    onAdvance: () => void,
  ) {
    this.route = route;
    this.#state = state;
    this.#meta = meta;
    this.#quarantine = quarantine;
    this.#onAdvance = onAdvance;
    this.#cursorOnDisk = isNew ? state.start : state.cursor;
    if (isNew) this.#changed();
  }

  get cursor(): bigint {
    return this.#state.cursor;
  }

  /** Where a crash would leave it: segments below may go. */
  get cursorOnDisk(): bigint {
    return this.#cursorOnDisk;
  }

  get start(): bigint {
    return this.#state.start;
  }

  get replayed(): bigint {
    return this.#state.replayed;
  }

  get handedOver(): bigint {
    return this.#state.handedOver;
  }

  get totals(): { delivered: bigint; filtered: bigint; quarantined: bigint } {
    return this.#state.totals;
  }

  /** Just past the last ordinal that is finished. */
  get furthest(): bigint {
    return this.#state.furthest;
  }

  openRanges(first: bigint, end: bigint): { first: bigint; end: bigint }[] {
    return this.#state.openRanges(first, end);
  }

  finish(first: bigint, end: bigint, counts: Counts): void {
    this.#state.finish(first, end, counts);
    this.#changed();
  }

  async quarantine(entry: QuarantineEntry): Promise<void> {
    this.#quarantine.assertRoom(this.route);
    // Only what is replayed can come a second time, and then takes the place of what is there.
    const replaced = this.replayed > 0n ? await this.#quarantine.bytesOf(this.route, entry.ordinal) : undefined;
    this.#state.finish(entry.ordinal, entry.ordinal + 1n, { delivered: 0, filtered: 0, quarantined: 1 });
    // The row and the entry are handed over in one turn of the event loop, so they are in one batch.
    this.#changed();
    await this.#quarantine.put(this.route, entry, replaced);
  }

  flush(): Promise<void> {
    return this.#meta.flush();
  }

  /** Throws CollectorError `precondition_failed` where [to, end) can't be opened again. `tail`: the oldest on disk. */
  assertGoesBack(tail: bigint, to: bigint, end: bigint): void {
    const { route, start, cursor } = this;
    if (to < tail || to > cursor) {
      const can = `route ${route} can go back to between ${tail}, the oldest log record on disk, and its cursor, ${cursor}`;
      throw new CollectorError("precondition_failed", `${can}: not to ${to}`);
    }
    if (end !== cursor && (end <= to || end > cursor || end < start)) {
      const can = `what is delivered again begins at ${to}, and can end beyond it, from where the route began, ${start}, up to its cursor, ${cursor}`;
      throw new CollectorError("precondition_failed", `${can}: not at ${end}`);
    }
  }

  /** Opens [to, end) again: see `RouteState.seekBack`. Nothing of the route may be under way. */
  seekBack(to: bigint, end?: bigint): void {
    this.#state.seekBack(to, end);
    this.#changed();
  }

  #changed(): void {
    this.#meta.mark(`${ROUTE_PREFIX}${this.route}`, () => {
      const { cursor } = this.#state;
      return {
        row: this.#state.encode(),
        onDisk: () => {
          this.#cursorOnDisk = cursor;
          this.#onAdvance();
        },
      };
    });
  }
}

function isBalanced(range: Range): boolean {
  const finished = range.delivered + range.filtered + range.quarantined + range.handedOver;
  return finished === range.end - range.first + range.replayed;
}

function joined(left: Range, right: Range): Range {
  return {
    first: left.first,
    end: right.end,
    delivered: left.delivered + right.delivered,
    filtered: left.filtered + right.filtered,
    quarantined: left.quarantined + right.quarantined,
    replayed: left.replayed + right.replayed,
    handedOver: left.handedOver + right.handedOver,
  };
}

function toRow(range: Range): string[] {
  const { first, end, delivered, filtered, quarantined, replayed, handedOver } = range;
  const rare = handedOver > 0n ? [replayed, handedOver] : replayed !== 0n ? [replayed] : [];
  return [first, end, delivered, filtered, quarantined, ...rare].map(String);
}

function fromRow(row: string[]): Range {
  const [first, end, delivered, filtered, quarantined, replayed = 0n, handedOver = 0n] = row.map(BigInt);
  if (first === undefined || end === undefined) throw new Error("a range is cut short");
  if (delivered === undefined || filtered === undefined || quarantined === undefined) throw new Error("no counts");
  return { first, end, delivered, filtered, quarantined, replayed, handedOver };
}
