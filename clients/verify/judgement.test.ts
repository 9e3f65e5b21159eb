import { expect, test } from "bun:test";
import fc from "fast-check";
import { expectedOf, type Judgement, judge as judgeAll, type LedgerFacts } from "./judgement.ts";
import { Tally } from "./tally.ts";

const ledger: LedgerFacts = {
  collectorId: "abc",
  route: "default",
  start: 10n,
  cursor: 90n,
  head: 100n,
  delivered: 75n,
  filtered: 4n,
  quarantined: 1n,
  replayed: 0n,
  handedOver: 0n,
  taken: [],
};

function judge(one: LedgerFacts, tally: Tally, rangesMax: number): Judgement {
  return judgeAll([one], tally, rangesMax).judgements[0] as Judgement;
}

function tallyOf(ordinals: Iterable<bigint>): Tally {
  const tally = new Tally(expectedOf([ledger]));
  for (const ordinal of ordinals) tally.note({ collectorId: "abc", ordinal, part: 1, parts: 1 });
  return tally;
}

test("whatever arrived: missing and doubled are what a plain count says, and lost is what the ledger does not explain", () => {
  fc.assert(
    fc.property(fc.array(fc.bigInt({ min: 10n, max: 99n }), { maxLength: 300 }), (ordinals) => {
      const { missing, lost, late, doubled, waiting, arrived } = judge(ledger, tallyOf(ordinals), 10);
      const distinct = new Set(ordinals);
      const below = [...distinct].filter((ordinal) => ordinal < 90n).length;
      expect(missing).toBe(80n - BigInt(below));
      expect(lost).toBe(BigInt(Math.max(0, 80 - below - 5)));
      const last = ordinals.reduce((most, each) => (each > most ? each : most), 9n);
      expect(late).toBe(lost > 0n && last < 89n ? 89n - last : 0n);
      expect(arrived).toBe(BigInt(distinct.size));
      expect(waiting).toBe(10n - BigInt(distinct.size - below));
      expect(doubled).toBe(
        BigInt([...distinct].filter((o) => ordinals.filter((other) => other === o).length > 1).length),
      );
    }),
  );
});

test("ranges are told in order, and no more than asked for", () => {
  const { missingRanges } = judge(ledger, tallyOf([20n, 30n, 40n]), 2);
  expect(missingRanges).toEqual([
    { first: 10n, end: 20n },
    { first: 21n, end: 30n },
  ]);
});

test("lines of other collectors, without an id, or with an ordinal never given out are told apart", () => {
  const tally = tallyOf([5n, 100n]);
  tally.note({ collectorId: "other", ordinal: 1n, part: 1, parts: 1 });
  tally.note(undefined);
  expect(judge(ledger, tally, 0).beyond).toBe(2n);
  expect(tally.foreign).toEqual({ lines: 1, collectors: { other: 1 } });
  expect(tally.linesWithoutId).toBe(1);
});

test("a log record in parts is there when all its parts are, in any order, some of them twice", () => {
  const tally = tallyOf([]);
  const note = (part: number): void => tally.note({ collectorId: "abc", ordinal: 50n, part, parts: 3 });
  for (const part of [3, 1, 3]) note(part);
  expect(judge(ledger, tally, 0)).toMatchObject({ arrived: 0n, incomplete: 1 });
  note(2);
  expect(judge(ledger, tally, 0)).toMatchObject({ arrived: 1n, incomplete: 0, doubled: 0n });
});

test("a tally that was put aside and taken up again goes on as if nothing had been", () => {
  const before = tallyOf([20n, 20n, 21n]);
  before.note({ collectorId: "abc", ordinal: 50n, part: 1, parts: 2 });
  const after = new Tally(expectedOf([ledger]));
  after.restore(JSON.parse(JSON.stringify(before.encode())));
  for (const tally of [before, after]) tally.note({ collectorId: "abc", ordinal: 50n, part: 2, parts: 2 });
  expect(judge(ledger, after, 10)).toEqual(judge(ledger, before, 10));
});

/** Collectors that accept, give to each other and deliver, as a plain model: who holds which name under which ordinal. */
class Fleet {
  readonly #heads = new Map<string, bigint>();
  readonly #held = new Map<string, string[]>();
  readonly #handedOver = new Map<string, bigint>();
  readonly #has = new Map<string, Set<string>>();
  readonly #records = new Map<string, bigint>();
  readonly arrived: string[] = [];

  accept(id: string, records: number): void {
    for (let each = 0; each < records; each++) this.#hold(id, `${id}/${this.#heads.get(id) ?? 0n}`);
  }

  give(from: string, to: string): void {
    const given = this.#held.get(from) ?? [];
    this.#held.set(from, []);
    this.#handedOver.set(from, (this.#handedOver.get(from) ?? 0n) + BigInt(given.length));
    for (const name of given) {
      const [origin = ""] = name.split("/");
      this.#has.get(`${from} ${origin}`)?.delete(name);
      this.#has.set(`${to} ${origin}`, (this.#has.get(`${to} ${origin}`) ?? new Set()).add(name));
      this.#records.set(`${to} ${origin}`, (this.#records.get(`${to} ${origin}`) ?? 0n) + 1n);
      this.#hold(to, name);
    }
  }

  deliver(id: string): void {
    this.arrived.push(...(this.#held.get(id) ?? []));
    this.#held.set(id, []);
  }

  /** Nothing is finished out of order in this model. */
  ledger(id: string): LedgerFacts {
    const head = this.#heads.get(id) ?? 0n;
    const waiting = BigInt(this.#held.get(id)?.length ?? 0);
    const handedOver = this.#handedOver.get(id) ?? 0n;
    const taken = [...this.#records]
      .filter(([key]) => key.startsWith(`${id} `))
      .map(([key, records]) => {
        const names = [...(this.#has.get(key) ?? [])].map((name) => BigInt(name.split("/")[1] ?? 0));
        const ranges = names.map((first) => ({ first, end: first + 1n }));
        return { collectorId: key.slice(id.length + 1), ranges, records };
      });
    const sums = { delivered: head - waiting - handedOver, filtered: 0n, quarantined: 0n, replayed: 0n, handedOver };
    return { collectorId: id, route: "default", start: 0n, cursor: head - waiting, head, ...sums, taken };
  }

  #hold(id: string, name: string): void {
    this.#heads.set(id, (this.#heads.get(id) ?? 0n) + 1n);
    this.#held.set(id, [...(this.#held.get(id) ?? []), name]);
  }
}

const NAMES = ["a", "b", "c"];
const name = fc.constantFrom(...NAMES);
const steps = fc.array(
  fc.oneof(
    fc.record({ kind: fc.constant("accept" as const), id: name, records: fc.integer({ min: 1, max: 5 }) }),
    fc.record({ kind: fc.constant("give" as const), id: name, to: name }),
    fc.record({ kind: fc.constant("deliver" as const), id: name }),
  ),
  { maxLength: 30 },
);

function run(actions: readonly (typeof steps extends fc.Arbitrary<infer T> ? T : never)[number][]): Fleet {
  const fleet = new Fleet();
  for (const action of actions) {
    if (action.kind === "accept") fleet.accept(action.id, action.records);
    else if (action.kind === "deliver") fleet.deliver(action.id);
    else if (action.id !== action.to) fleet.give(action.id, action.to);
  }
  return fleet;
}

function judgeFleet(fleet: Fleet, ids: readonly string[], removed: ReadonlySet<number>) {
  const ledgers = ids.map((id) => fleet.ledger(id));
  const tally = new Tally(expectedOf(ledgers));
  for (const [index, each] of fleet.arrived.entries()) {
    const [collectorId = "", ordinal = "0"] = each.split("/");
    if (!removed.has(index)) tally.note({ collectorId, ordinal: BigInt(ordinal), part: 1, parts: 1 });
  }
  const { judgements, origins } = judgeAll(ledgers, tally, 10);
  const lost = [...judgements, ...origins].reduce((sum, each) => sum + each.lost, 0n);
  return { lost, unproved: judgements.reduce((sum, each) => sum + each.unproved, 0n), tally };
}

test("however logs were handed around, and whatever waits: exactly what was delivered and is not there is lost", () => {
  fc.assert(
    fc.property(steps, fc.array(fc.nat(40)), (actions, removals) => {
      const fleet = run(actions);
      const removed = new Set(removals.filter((index) => index < fleet.arrived.length));
      const { lost, unproved, tally } = judgeFleet(fleet, NAMES, removed);
      expect([lost, unproved, tally.foreign.lines]).toEqual([BigInt(removed.size), 0n, 0]);
    }),
    { numRuns: 500 },
  );
});

test("with ledgers that are not named, nothing that arrived counts as lost, and what may wait with them is unproved", () => {
  fc.assert(
    fc.property(steps, fc.subarray(NAMES, { minLength: 1 }), (actions, ids) => {
      expect(judgeFleet(run(actions), ids, new Set()).lost).toBe(0n);
    }),
    { numRuns: 500 },
  );
  // It took one and gave one away: the one that it took does not explain the one that is gone.
  const between = new Fleet();
  for (const id of ["b", "c"]) between.accept(id, 1);
  between.give("c", "a");
  between.give("b", "c");
  expect(judgeFleet(between, ["c"], new Set())).toMatchObject({ lost: 0n, unproved: 1n });
  const fleet = new Fleet();
  fleet.accept("a", 5);
  fleet.give("a", "b");
  expect(judgeFleet(fleet, ["a"], new Set()).unproved).toBe(5n);
  // Who adopted a volume explains what it took; what the one that is gone had delivered itself is foreign to it.
  fleet.deliver("b");
  expect(judgeFleet(fleet, ["b"], new Set([1, 3]))).toMatchObject({ lost: 2n, unproved: 0n });
});
