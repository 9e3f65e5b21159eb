/** What arrived, counted line by line: per collector which ordinals, and which more than once. Pure but for its own memory. */
import { OrdinalSet, type Range } from "./ordinal-set.ts";
import type { LineIdentity } from "./record-id.ts";

interface Arrived {
  readonly once: OrdinalSet;
  /** Those that came again, and how many lines that were. */
  readonly again: OrdinalSet;
  lines: bigint;
  /** Ordinals that the ledger does not know. */
  beyond: bigint;
  /** Of log records sent in parts: which parts came, until all have. */
  readonly parts: Map<string, { readonly of: number; readonly came: Set<number> }>;
}

/** Which ordinals of a collector may arrive. */
export interface Expected {
  readonly collectorId: string;
  readonly ranges: readonly Range[];
  /** What lies outside of the ranges is then beyond its ledger; otherwise it is foreign, as all of others without a ledger. */
  readonly hasLedger: boolean;
}

/** Collectors that no ledger names are told by name up to so many. */
const FOREIGN_NAMES_MAX = 100;

export class Tally {
  readonly #expected: ReadonlyMap<string, Expected>;
  readonly #arrived = new Map<string, Arrived>();
  readonly #foreign = new Map<string, number>();
  #foreignLines = 0;
  #linesWithoutId = 0;
  #lines = 0;

  constructor(expected: readonly Expected[]) {
    this.#expected = new Map(expected.map((each) => [each.collectorId, each]));
    for (const { collectorId } of expected) this.#arrived.set(collectorId, emptyArrived());
  }

  /** One line: undefined where it has no record id. */
  note(identity: LineIdentity | undefined): void {
    this.#lines += 1;
    if (identity === undefined) {
      this.#linesWithoutId += 1;
      return;
    }
    const { collectorId, ordinal } = identity;
    const expected = this.#expected.get(collectorId);
    const arrived = this.#arrived.get(collectorId);
    const isExpected = expected?.ranges.some(({ first, end }) => ordinal >= first && ordinal < end) === true;
    if (expected === undefined || arrived === undefined || (!isExpected && !expected.hasLedger)) {
      this.#foreignLines += 1;
      const known = this.#foreign.get(collectorId);
      if (known !== undefined || this.#foreign.size < FOREIGN_NAMES_MAX)
        this.#foreign.set(collectorId, (known ?? 0) + 1);
      return;
    }
    arrived.lines += 1n;
    if (!isExpected) {
      arrived.beyond += 1n;
      return;
    }
    if (!isComplete(arrived, identity)) return;
    if (!arrived.once.add(ordinal)) arrived.again.add(ordinal);
  }

  get lines(): number {
    return this.#lines;
  }

  get linesWithoutId(): number {
    return this.#linesWithoutId;
  }

  /** Lines of collectors that no ledger names, and these by how many. */
  get foreign(): { readonly lines: number; readonly collectors: Readonly<Record<string, number>> } {
    return { lines: this.#foreignLines, collectors: Object.fromEntries(this.#foreign) };
  }

  /** Of a collector that is expected. */
  of(collectorId: string): Pick<Arrived, "once" | "again" | "beyond"> & { readonly incomplete: number } {
    const { once, again, beyond, parts } = this.#arrived.get(collectorId) ?? emptyArrived();
    return { once, again, beyond, incomplete: parts.size };
  }

  /** For a file that an interrupted run goes on from. */
  encode(): unknown {
    return {
      lines: this.#lines,
      linesWithoutId: this.#linesWithoutId,
      foreignLines: this.#foreignLines,
      foreign: Object.fromEntries(this.#foreign),
      arrived: [...this.#arrived].map(([collectorId, { once, again, lines, beyond, parts }]) => ({
        collectorId,
        once: once.encode(),
        again: again.encode(),
        lines: String(lines),
        beyond: String(beyond),
        parts: [...parts].map(([ordinal, { of, came }]) => ({ ordinal, of, came: [...came] })),
      })),
    };
  }

  /** Takes up what `encode` has left. Throws where it is no such thing. */
  restore(encoded: unknown): void {
    const left = encoded as {
      lines: number;
      linesWithoutId: number;
      foreignLines: number;
      foreign: Record<string, number>;
      arrived: {
        collectorId: string;
        once: [string, string][];
        again: [string, string][];
        lines: string;
        beyond: string;
        parts: { ordinal: string; of: number; came: number[] }[];
      }[];
    };
    this.#lines = left.lines;
    this.#linesWithoutId = left.linesWithoutId;
    this.#foreignLines = left.foreignLines;
    for (const [collectorId, lines] of Object.entries(left.foreign)) this.#foreign.set(collectorId, lines);
    for (const { collectorId, once, again, lines, beyond, parts } of left.arrived) {
      this.#arrived.set(collectorId, {
        once: OrdinalSet.decode(once),
        again: OrdinalSet.decode(again),
        lines: BigInt(lines),
        beyond: BigInt(beyond),
        parts: new Map(parts.map(({ ordinal, of, came }) => [ordinal, { of, came: new Set(came) }])),
      });
    }
  }
}

/** Whether with this line the whole log record is there. Parts that come again after that count as the record again. */
function isComplete(arrived: Arrived, { ordinal, part, parts }: LineIdentity): boolean {
  if (parts === 1 || arrived.once.has(ordinal)) return true;
  const key = String(ordinal);
  const known = arrived.parts.get(key) ?? { of: parts, came: new Set<number>() };
  known.came.add(part);
  if (known.came.size < known.of) {
    arrived.parts.set(key, known);
    return false;
  }
  arrived.parts.delete(key);
  return true;
}

function emptyArrived(): Arrived {
  return { once: new OrdinalSet(), again: new OrdinalSet(), lines: 0n, beyond: 0n, parts: new Map() };
}
