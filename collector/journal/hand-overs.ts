/**
 * What journals give each other, kept so that nothing is lost and nothing is doubled in silence.
 *
 * **Taken**: a row for each collector and route of which something was taken, with the ranges of that collector's ordinals
 * that are in this journal, or were delivered from it. What is offered again is in a range, and is not written again. What
 * is given on leaves its range before it is offered, so that it can come back: in a rollout with Firehose down the same log
 * records go around, and a taker that took them for known would lose them.
 * **Given**: a row for each route, with the range that is being offered to another collector.
 *
 *   giver    row "giving [a, b)" ──> offer ─────────────────────────────────────────> settled as handed over
 *                                      │                                                ^
 *   taker                      row "taking [a, b)" ──> entry, synced ──> row "has [a, b)" ──> answer
 *
 * | it died | on restart |
 * |---|---|
 * | giver, before the taker had it | the giver has it, and delivers it |
 * | giver, after the taker had it and before that was on the giver's disk | both deliver it, at most one range a route; the giver says so at its start |
 * | taker, before its entry was synced | no answer was sent: the giver offers it again, or keeps it |
 * | taker, after the entry and before "has" | the giver offers it again, and it is taken again; the taker says so then |
 * | taker, after "has" and before the answer | offered again, it is known |
 * | giver, while it gave on what it had taken | it has it and does not know it by its origin: both may deliver it; the giver says so |
 * | the answer was lost and another one takes it | both deliver it; the giver says so, since it knows that an answer was lost |
 *
 * Every double has the same record id in both, since entries keep the ordinals of the one who accepted them.
 */
import type { Clock } from "../clock.ts";
import { CollectorError } from "../errors.ts";
import type { Log } from "../log.ts";
import { extractRecords } from "../otlp/edit.ts";
import type { Meta } from "./meta.ts";
import type { Origin } from "./port.ts";
import { Turns } from "./turns.ts";

/** Log records of another collector, for one route. */
export interface HandedOver {
  readonly origin: Origin;
  readonly route: string;
  readonly records: number;
  /** An ExportLogsServiceRequest of exactly these. */
  readonly request: Uint8Array;
}

interface Range {
  readonly first: bigint;
  readonly end: bigint;
}

const TAKEN_PREFIX = "taken/";
const GIVING_PREFIX = "giving/";

/** Collectors come and go; each leaves a row for each route. The oldest go, long after anybody offers again. */
const TAKEN_ROWS_MAX = 4_096;
const ROWS_READ_MAX = 100_000;

/** What was taken of one collector for one route. */
export interface TakenFrom {
  readonly collectorId: string;
  /** Ordinals of that collector that are here, or were delivered from here; in order. */
  readonly ranges: readonly Range[];
  /** Ordinals of this collector that were used for its log records, those given on among them, or may have been at a crash. */
  readonly records: bigint;
}

interface TakenRow {
  ranges: Range[];
  /** Ever written here, twice where that was in doubt. */
  records: bigint;
  /** Begun, and perhaps in the journal. */
  taking: Range | undefined;
  atMs: number;
}

export interface HandOversOptions {
  readonly meta: Meta;
  readonly clock: Clock;
  readonly log: Log;
  /** Writes an entry, synced. */
  readonly append: (request: Uint8Array, records: number, route: string, origin: Origin) => Promise<bigint>;
  /** Keeps older versions out: written with the first row. */
  readonly keepOut: { readonly key: string; readonly value: Uint8Array };
}

export class HandOvers {
  readonly #options: HandOversOptions;
  readonly #rows = new Map<string, TakenRow>();
  /** One at a time for each collector and route. */
  readonly #turns = new Turns();
  #takenRecords = 0;

  private constructor(options: HandOversOptions) {
    this.#options = options;
  }

  static async open(options: HandOversOptions): Promise<HandOvers> {
    const { meta, log } = options;
    const handOvers = new HandOvers(options);
    const { rows: taken, damaged } = await meta.rows(TAKEN_PREFIX, ROWS_READ_MAX, decodeRow);
    for (const [name, row] of taken) handOvers.#rows.set(`${TAKEN_PREFIX}${name}`, row);
    const oldest = [...handOvers.#rows].sort(([, a], [, b]) => a.atMs - b.atMs).slice(0, -TAKEN_ROWS_MAX);
    for (const [key] of oldest) handOvers.#rows.delete(key);
    const { rows: given, damaged: lost } = await meta.rows(
      GIVING_PREFIX,
      ROWS_READ_MAX,
      (value) => JSON.parse(Buffer.from(value).toString()) as Record<string, string>,
    );
    for (const [route, { first, end, to }] of given) {
      log.warn(
        { route, first, end, to },
        "a hand-over was cut off: these log records are delivered here, and by the other one as well if it had taken them; their record ids are the same",
      );
    }
    const gone = [
      ...oldest.map(([key]) => key),
      ...damaged.map((name) => `${TAKEN_PREFIX}${name}`),
      ...[...given.keys(), ...lost].map((route) => `${GIVING_PREFIX}${route}`),
    ];
    if (gone.length > 0) await meta.write(gone.map((key) => ({ key, value: undefined })));
    return handOvers;
  }

  /** Log records that were taken since the start. */
  get takenRecords(): number {
    return this.#takenRecords;
  }

  /**
   * Takes what is not in the journal yet, and resolves when it is there. Rejects as an append does; then some of it may
   * have been taken, and is known when it is offered again.
   */
  take(handed: HandedOver): Promise<void> {
    const key = takenKey(handed.origin.collectorId, handed.route);
    return this.#turns.take(key, () => this.#take(key, handed));
  }

  /** What was taken for a route, by the collector that accepted it. */
  takenFor(route: string): TakenFrom[] {
    return takenIn(this.#rows, route);
  }

  /**
   * Notes, synced, what is offered to whom; with it goes to the disk whatever was settled before. `named` has the ordinals of
   * the collector that accepted them: when it is taken back, it is new.
   */
  async noteGiving(route: string, range: Range, to: string, named: Range & { collectorId: string }): Promise<void> {
    const giving = { first: String(range.first), end: String(range.end), to };
    const writes = [{ key: `${GIVING_PREFIX}${route}`, value: Buffer.from(JSON.stringify(giving)) as Uint8Array }];
    const key = takenKey(named.collectorId, route);
    const row = this.#rows.get(key);
    if (row?.ranges.some(({ first, end }) => first < named.end && named.first < end) === true) {
      row.ranges = row.ranges.flatMap((each) => subtract(each, [named]));
      writes.push({ key, value: encodeRow(row) });
    }
    await this.#options.meta.write(writes);
  }

  /** Nothing is offered any more, and what was is settled: synced. */
  async endGiving(route: string): Promise<void> {
    await this.#options.meta.write([{ key: `${GIVING_PREFIX}${route}`, value: undefined }]);
  }

  async #take(key: string, { origin, route, records, request }: HandedOver): Promise<void> {
    const { append, clock, log } = this.#options;
    const row = this.#rows.get(key) ?? { ranges: [], records: 0n, taking: undefined, atMs: 0 };
    this.#rows.set(key, row);
    const offered: Range = { first: origin.first, end: origin.first + BigInt(records) };
    for (const range of subtract(offered, row.ranges)) {
      const doubtful = row.taking;
      // It may have been written: then its ordinals here are used.
      if (doubtful !== undefined) row.records += doubtful.end - doubtful.first;
      if (doubtful !== undefined && doubtful.first < range.end && range.first < doubtful.end) {
        log.warn(
          { route, from: origin.collectorId, first: String(range.first), end: String(range.end) },
          "a hand-over that was cut off is repeated: these log records may be delivered twice, with the same record ids",
        );
      }
      row.taking = range;
      row.atMs = clock.nowMs();
      await this.#write(key, row);
      const from = Number(range.first - offered.first);
      const to = Number(range.end - offered.first);
      const part = to - from === records ? request : extractRecords(request, from, to);
      try {
        await append(part, to - from, route, { collectorId: origin.collectorId, first: range.first });
      } catch (reason) {
        // What the disk refused may be on it all the same: the row goes on to say so.
        if (reason instanceof CollectorError && reason.code !== "journal_io") row.taking = undefined;
        throw reason;
      }
      row.ranges = unite([...row.ranges, range]);
      row.records += range.end - range.first;
      row.taking = undefined;
      await this.#write(key, row);
      this.#takenRecords += to - from;
    }
  }

  async #write(key: string, row: TakenRow): Promise<void> {
    const { meta, keepOut } = this.#options;
    await meta.write([keepOut, { key, value: encodeRow(row) }]);
  }
}

/** What was taken for a route, as the bookkeeping has it. */
export async function readTaken(meta: Meta, route: string): Promise<TakenFrom[]> {
  const { rows } = await meta.rows(TAKEN_PREFIX, ROWS_READ_MAX, decodeRow);
  return takenIn(new Map([...rows].map(([name, row]) => [`${TAKEN_PREFIX}${name}`, row])), route);
}

/** Ids hold no slash, and names of routes neither. */
function takenKey(collectorId: string, route: string): string {
  return `${TAKEN_PREFIX}${collectorId}/${route}`;
}

function takenIn(rows: ReadonlyMap<string, TakenRow>, route: string): TakenFrom[] {
  return [...rows]
    .filter(([key]) => key.endsWith(`/${route}`))
    .map(([key, { ranges, records, taking }]) => ({
      collectorId: key.slice(TAKEN_PREFIX.length, -route.length - 1),
      ranges,
      records: records + (taking === undefined ? 0n : taking.end - taking.first),
    }));
}

/** The parts of a range that lie in none of `others`, which are in order. */
export function subtract({ first, end }: Range, others: readonly Range[]): Range[] {
  const left: Range[] = [];
  let position = first;
  for (const other of others) {
    if (other.end <= position) continue;
    if (other.first >= end) break;
    if (other.first > position) left.push({ first: position, end: other.first });
    position = other.end;
  }
  if (position < end) left.push({ first: position, end });
  return left;
}

/** In order, with those that touch in one. */
export function unite(ranges: readonly Range[]): Range[] {
  const united: Range[] = [];
  for (const range of [...ranges].sort((a, b) => (a.first < b.first ? -1 : 1))) {
    const last = united.at(-1);
    if (last === undefined || last.end < range.first) united.push(range);
    else if (range.end > last.end) united[united.length - 1] = { first: last.first, end: range.end };
  }
  return united;
}

function encodeRow({ ranges, records, taking, atMs }: TakenRow): Uint8Array {
  const toText = ({ first, end }: Range): string[] => [String(first), String(end)];
  const begun = taking === undefined ? {} : { taking: toText(taking) };
  return Buffer.from(JSON.stringify({ ranges: ranges.map(toText), records: String(records), ...begun, atMs }));
}

function decodeRow(value: Uint8Array): TakenRow {
  const row = JSON.parse(Buffer.from(value).toString()) as {
    ranges: string[][];
    records?: string;
    taking?: string[];
    atMs: number;
  };
  const fromText = ([first = "0", end = "0"]: string[]): Range => ({ first: BigInt(first), end: BigInt(end) });
  const ranges = row.ranges.map(fromText);
  return {
    ranges,
    // Rows of earlier versions have the ranges alone.
    records: BigInt(row.records ?? ranges.reduce((sum, { first, end }) => sum + end - first, 0n)),
    taking: row.taking === undefined ? undefined : fromText(row.taking),
    atMs: row.atMs,
  };
}
