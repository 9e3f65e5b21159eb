import { expect, test } from "bun:test";
import fc from "fast-check";
import { OrdinalSet, type Range } from "./ordinal-set.ts";

/** Stretches that reach over the edges of chunks, also far out on the line. */
const stretch = fc.record({
  first: fc.oneof(
    fc.bigInt({ min: 0n, max: 400n }),
    fc.bigInt({ min: 65_300n, max: 65_700n }),
    fc.bigInt({ min: 2n ** 63n - 300n, max: 2n ** 63n + 300n }),
  ),
  length: fc.bigInt({ min: 1n, max: 200n }),
});

function rangesOf(ordinals: Iterable<bigint>): Range[] {
  const ranges: { first: bigint; end: bigint }[] = [];
  for (const ordinal of [...ordinals].sort((a, b) => (a < b ? -1 : 1))) {
    const last = ranges.at(-1);
    if (last !== undefined && last.end === ordinal) last.end += 1n;
    else ranges.push({ first: ordinal, end: ordinal + 1n });
  }
  return ranges;
}

test("it holds what a plain set holds, in whatever order and how often it comes", () => {
  fc.assert(
    fc.property(fc.array(stretch, { maxLength: 12 }), fc.array(stretch, { maxLength: 4 }), (stretches, others) => {
      const set = new OrdinalSet();
      const model = new Set<bigint>();
      for (const { first, length } of stretches) {
        for (let ordinal = first; ordinal < first + length; ordinal++) {
          expect(set.add(ordinal)).toBe(!model.has(ordinal));
          model.add(ordinal);
        }
      }
      expect(set.size).toBe(BigInt(model.size));
      expect([...set.ranges()]).toEqual(rangesOf(model));
      for (const { first, length } of others) {
        const end = first + length;
        const absent: bigint[] = [];
        for (let ordinal = first; ordinal < end; ordinal++) {
          expect(set.has(ordinal)).toBe(model.has(ordinal));
          if (!model.has(ordinal)) absent.push(ordinal);
        }
        expect([...set.missing(first, end)]).toEqual(rangesOf(absent));
      }
      const again = OrdinalSet.decode(JSON.parse(JSON.stringify(set.encode())));
      expect([...again.ranges()]).toEqual([...set.ranges()]);
      expect(again.size).toBe(set.size);
    }),
    { numRuns: 60 },
  );
});

test("a whole stretch of millions takes next to nothing, and reads as one range", () => {
  const set = new OrdinalSet();
  for (let ordinal = 0n; ordinal < 1_000_000n; ordinal++) set.add(ordinal);
  expect([...set.ranges()]).toEqual([{ first: 0n, end: 1_000_000n }]);
  expect(JSON.stringify(set.encode()).length).toBeLessThan(12_000);
  expect(set.add(70_000n)).toBe(false);
});

test("what is no such text is refused", () => {
  expect(() => OrdinalSet.decode([["0", "AAAA"]])).toThrow("length of a chunk");
});
