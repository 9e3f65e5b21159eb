import { expect, test } from "bun:test";
import fc from "fast-check";
import { RouteState } from "./cursors.ts";

/** A way to cut [start, start + n) into ranges, and an order in which they finish. */
const workloads = fc
  .array(fc.record({ length: fc.integer({ min: 1, max: 20 }), order: fc.nat(), kind: fc.nat(2) }), { maxLength: 60 })
  .map((parts) => {
    let position = 1_000n;
    const ranges = parts.map(({ length, order, kind }) => {
      const first = position;
      position += BigInt(length);
      return { first, end: position, order, kind, length };
    });
    return { ranges, inOrderOfEnding: ranges.toSorted((a, b) => a.order - b.order), end: position };
  });

function counts(kind: number, length: number): { delivered: number; filtered: number; quarantined: number } {
  return {
    delivered: kind === 0 ? length : 0,
    filtered: kind === 1 ? length : 0,
    quarantined: kind === 2 ? length : 0,
  };
}

test("whatever the order in which ranges finish: the cursor stands before the first open ordinal, nothing is counted twice or left out", () => {
  fc.assert(
    fc.property(workloads, ({ inOrderOfEnding, end }) => {
      let state = new RouteState(1_000n);
      const finished = new Set<bigint>();
      const sums = [0n, 0n, 0n];
      for (const { first, end: rangeEnd, kind, length } of inOrderOfEnding) {
        state.finish(first, rangeEnd, counts(kind, length));
        for (let ordinal = first; ordinal < rangeEnd; ordinal++) finished.add(ordinal);
        sums[kind] = (sums[kind] as bigint) + BigInt(length);

        let expectedCursor = 1_000n;
        while (finished.has(expectedCursor)) expectedCursor++;
        expect(state.cursor).toBe(expectedCursor);
        expect(state.totals).toEqual({
          delivered: sums[0] as bigint,
          filtered: sums[1] as bigint,
          quarantined: sums[2] as bigint,
        });
        const open = new Set<bigint>();
        for (const range of state.openRanges(1_000n, end)) {
          for (let ordinal = range.first; ordinal < range.end; ordinal++) open.add(ordinal);
        }
        for (let ordinal = 1_000n; ordinal < end; ordinal++) expect(open.has(ordinal)).toBe(!finished.has(ordinal));
        // A restart at any moment knows the same.
        const row = state.encode();
        state = RouteState.decode(row);
        expect(state.encode()).toBe(row);
      }
      expect(state.cursor).toBe(end);
    }),
    { numRuns: 100 },
  );
});

test("a range that was finished before, or counts that do not add up, stop the process rather than the ledger's truth", () => {
  const state = new RouteState(0n);
  state.finish(10n, 20n, counts(0, 10));
  expect(() => state.finish(15n, 25n, counts(0, 10))).toThrow("finished before");
  expect(() => state.finish(5n, 11n, counts(0, 6))).toThrow("finished before");
  expect(() => state.finish(0n, 5n, counts(0, 4))).toThrow("add up");
  expect(() => state.finish(5n, 5n, counts(0, 0))).toThrow("add up");
  state.finish(0n, 10n, counts(2, 10));
  expect(() => state.finish(0n, 1n, counts(0, 1))).toThrow("finished before");
  expect(state.cursor).toBe(20n);
});

test("a row whose counts do not add up is refused", () => {
  const row = '{"below":["0","10","9","0","0"],"beyond":[]}';
  expect(() => RouteState.decode(row)).toThrow("the row of a route is damaged");
  expect(() => RouteState.decode("{}")).toThrow("the row of a route is damaged");
  expect(() => RouteState.decode('{"below":["0","10","10","0","0"],"beyond":[["9","12","3","0","0"]]}')).toThrow();
});
