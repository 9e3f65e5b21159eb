import { expect, test } from "bun:test";
import fc from "fast-check";
import type { Lines } from "../otlp/transcode.ts";
import { callBytesTarget, halveRecord, type PackedRecord, Packer, recordBytesTarget } from "./pack.ts";

const decoder = new TextDecoder();

function toLines(texts: readonly string[]): Lines {
  const bytes = new TextEncoder().encode(texts.join(""));
  const ends = new Uint32Array(texts.length);
  let end = 0;
  for (const [index, text] of texts.entries()) {
    end += text.length;
    ends[index] = end;
  }
  return { bytes, ends, count: texts.length };
}

/** Commits of lines by their lengths, with gaps of ordinals between some. */
const commits = fc.array(
  fc.record({
    gap: fc.oneof({ weight: 4, arbitrary: fc.constant(0) }, fc.integer({ min: 1, max: 9 })),
    lengths: fc.array(fc.integer({ min: 1, max: 90 }), { maxLength: 20 }),
  }),
  { maxLength: 12 },
);

test("nothing is lost, doubled or cut: records and lines told as too large make up the input, in order", () => {
  fc.assert(
    fc.property(
      commits,
      fc.integer({ min: 1, max: 80 }),
      fc.integer({ min: 1, max: 9 }),
      (groups, target, linesMax) => {
        const recordBytesMax = 64;
        const packer = new Packer({ recordBytesMax, lineBytesMax: recordBytesMax, linesMax });
        const given: { ordinal: bigint; text: string }[] = [];
        const got: { ordinal: bigint; text: string }[] = [];
        const keep = (record: PackedRecord | undefined): void => {
          if (record === undefined) return;
          const texts = decoder.decode(record.bytes).split(/(?<=\n)/);
          expect(BigInt(texts.length)).toBe(record.end - record.first);
          expect(record.bytes.length).toBeLessThanOrEqual(recordBytesMax);
          expect(texts.length).toBeLessThanOrEqual(linesMax);
          if (texts.length > 1) expect(record.bytes.length).toBeLessThanOrEqual(target);
          for (const [index, text] of texts.entries()) got.push({ ordinal: record.first + BigInt(index), text });
        };
        let ordinal = 0n;
        for (const { gap, lengths } of groups) {
          ordinal += BigInt(gap);
          const texts = lengths.map((length, index) => `${"abcdefgh"[index % 8]?.repeat(length - 1)}\n`);
          for (const [index, text] of texts.entries()) given.push({ ordinal: ordinal + BigInt(index), text });
          const lines = toLines(texts);
          for (const packed of packer.add(lines, ordinal, () => target)) {
            if (packed.kind === "record") keep(packed.record);
            else {
              const text = texts[packed.line] ?? "";
              expect(packed.bytes).toBe(text.length);
              expect(packed.bytes).toBeGreaterThan(recordBytesMax);
              got.push({ ordinal: packed.ordinal, text });
            }
          }
          // The transcoder writes over its buffer with the next commit.
          lines.bytes.fill(0);
          ordinal += BigInt(lengths.length);
        }
        keep(packer.close());
        expect(got).toEqual(given);
        expect(packer.close()).toBeUndefined();
      },
    ),
    { numRuns: 300 },
  );
});

test("a record is closed only when the next line does not fit any more", () => {
  const packer = new Packer({ recordBytesMax: 100, lineBytesMax: 100, linesMax: 9 });
  const closed = [...packer.add(toLines(["aaaa\n", "bbbb\n", "cccc\n"]), 0n, () => 10)];
  expect(closed.map((packed) => packed.kind === "record" && decoder.decode(packed.record.bytes))).toEqual([
    "aaaa\nbbbb\n",
  ]);
  expect(packer.openBytes).toBe(5);
});

test("a record is closed when it has as many lines as it may, also over several commits", () => {
  const packer = new Packer({ recordBytesMax: 100, lineBytesMax: 100, linesMax: 3 });
  const closed = [
    ...packer.add(toLines(["a\n", "b\n"]), 0n, () => 100),
    ...packer.add(toLines(["c\n", "d\n", "e\n", "f\n", "g\n"]), 2n, () => 100),
  ];
  expect(closed.map((packed) => packed.kind === "record" && decoder.decode(packed.record.bytes))).toEqual([
    "a\nb\nc\n",
    "d\ne\nf\n",
  ]);
  expect(packer.close()).toMatchObject({ first: 6n, end: 7n });
});

test("a line longer than a record of lines, and within its own limit, stands alone", () => {
  const packer = new Packer({ recordBytesMax: 6, lineBytesMax: 9, linesMax: 3 });
  const lines = toLines(["a\n", "12345678\n", "b\n", "123456789\n", "c\n"]);
  const told = [...packer.add(lines, 0n, () => 100)].map((packed) =>
    packed.kind === "record" ? decoder.decode(packed.record.bytes) : packed.bytes,
  );
  expect(told).toEqual(["a\n", "12345678\n", "b\n", 10]);
});

test("a record grows to the full size that Firehose takes", () => {
  const packer = new Packer({ recordBytesMax: 1_024_000, lineBytesMax: 1_024_000, linesMax: 9_999 });
  const line = `${"x".repeat(1023)}\n`;
  const closed = [...packer.add(toLines(Array.from({ length: 1001 }, () => line)), 0n, () => 1_024_000)];
  expect(closed).toHaveLength(1);
  expect(closed[0]?.kind === "record" && closed[0].record.bytes.length).toBe(1_024_000);
});

test("a record aims at a share of the rate, in whole billing units, within Firehose's limit", () => {
  expect(recordBytesTarget(1_048_576, 200, 1_024_000)).toBe(40 * 5_120);
  expect(recordBytesTarget(5 * 1_048_576, 200, 1_024_000)).toBe(1_024_000);
  expect(recordBytesTarget(1000, 200, 1_024_000)).toBe(5_120);
  expect(recordBytesTarget(1e9, 200, 1_000)).toBe(1_000);
});

test("a call holds a share of the rate, within Firehose's limit", () => {
  expect(callBytesTarget(1_048_576, 200, 4_194_000)).toBe(209_715);
  expect(callBytesTarget(1e9, 200, 4_194_000)).toBe(4_194_000);
});

test("halves of a record hold its lines between them, and halving ends at single lines", () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: 30 }), { minLength: 1, maxLength: 40 }), (lengths) => {
      const texts = lengths.map((length, index) => `${String(index).padEnd(length - 1, "x")}\n`);
      const bytes = new TextEncoder().encode(texts.join(""));
      const pending: PackedRecord[] = [{ bytes, first: 7n, end: 7n + BigInt(texts.length), refusedAtTaken: 3 }];
      const single: string[] = [];
      for (let record = pending.pop(); record !== undefined; record = pending.pop()) {
        const halves = halveRecord(record);
        if (halves === undefined) {
          expect(Number(record.first)).toBe(7 + single.length);
          expect(record.refusedAtTaken).toBe(3);
          single.push(decoder.decode(record.bytes));
        } else {
          pending.push(halves[1], halves[0]);
        }
      }
      expect(single).toEqual(texts);
    }),
    { numRuns: 100 },
  );
});
