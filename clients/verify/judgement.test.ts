import { expect, test } from "bun:test";
import fc from "fast-check";
import { judge, type LedgerFacts } from "./judgement.ts";
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
};

function tallyOf(ordinals: Iterable<bigint>): Tally {
  const tally = new Tally([ledger]);
  for (const ordinal of ordinals) tally.note({ collectorId: "abc", ordinal, part: 1, parts: 1 });
  return tally;
}

test("whatever arrived: missing and doubled are what a plain count says, and lost is what the ledger does not explain", () => {
  fc.assert(
    fc.property(fc.array(fc.bigInt({ min: 10n, max: 99n }), { maxLength: 300 }), (ordinals) => {
      const { missing, lost, doubled, waiting, arrived } = judge(ledger, tallyOf(ordinals), 10);
      const distinct = new Set(ordinals);
      const below = [...distinct].filter((ordinal) => ordinal < 90n).length;
      expect(missing).toBe(80n - BigInt(below));
      expect(lost).toBe(BigInt(Math.max(0, 80 - below - 5)));
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
  const after = new Tally([ledger]);
  after.restore(JSON.parse(JSON.stringify(before.encode())));
  for (const tally of [before, after]) tally.note({ collectorId: "abc", ordinal: 50n, part: 2, parts: 2 });
  expect(judge(ledger, after, 10)).toEqual(judge(ledger, before, 10));
});
