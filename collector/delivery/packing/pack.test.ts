import { expect, test } from "bun:test";
import fc from "fast-check";
import type { Lines } from "../../otlp/transcode.ts";
import { compressNow, decompressNow } from "./compress.ts";
import {
  billedBytes,
  callBytesTarget,
  halveRecord,
  ordinalOf,
  type PackedRecord,
  Packer,
  recordBytesTarget,
} from "./pack.ts";

const decoder = new TextDecoder();

/** `dropped`: the places, among all log records, of those that were filtered out. */
function toLines(texts: readonly string[], dropped: readonly number[] = [], before = 0): Lines {
  const bytes = new TextEncoder().encode(texts.join(""));
  const ends = new Uint32Array(texts.length);
  const indexes = new Uint32Array(texts.length);
  let end = 0;
  let index = before;
  for (const [line, text] of texts.entries()) {
    while (dropped.includes(index)) index += 1;
    end += text.length;
    ends[line] = end;
    indexes[line] = index;
    index += 1;
  }
  while (dropped.includes(index)) index += 1;
  return { bytes, ends, count: texts.length, indexes, from: before, to: index };
}

/** Commits of lines by their lengths (0: filtered out), with gaps of ordinals between some. */
const commits = fc.array(
  fc.record({
    gap: fc.oneof({ weight: 4, arbitrary: fc.constant(0) }, fc.integer({ min: 1, max: 9 })),
    before: fc.integer({ min: 0, max: 2 }),
    lengths: fc.array(fc.oneof({ weight: 3, arbitrary: fc.integer({ min: 1, max: 90 }) }, fc.constant(0)), {
      minLength: 1,
      maxLength: 20,
    }),
  }),
  { maxLength: 12 },
);

interface Seen {
  readonly ordinal: bigint;
  /** Empty for what was filtered out. */
  readonly text: string;
}

/** What a record settles, in order: its lines, and what lies between and around them. */
function contentOf(record: PackedRecord): Seen[] {
  const seen: Seen[] = [];
  let next = record.first;
  let start = 0;
  for (const [line, end] of record.ends.entries()) {
    const ordinal = ordinalOf(record, line);
    for (; next < ordinal; next++) seen.push({ ordinal: next, text: "" });
    seen.push({ ordinal, text: decoder.decode(record.bytes.subarray(start, end)) });
    start = end;
    next = ordinal + 1n;
  }
  expect(start).toBe(record.bytes.length);
  for (; next < record.end; next++) seen.push({ ordinal: next, text: "" });
  return seen;
}

test("nothing is lost, doubled or cut: records, lines too large and what was filtered out make up the input", () => {
  const limits = fc.record({
    target: fc.integer({ min: 1, max: 80 }),
    linesMax: fc.integer({ min: 1, max: 9 }),
    lineBytesMax: fc.constantFrom(40, 64, 80),
  });
  fc.assert(
    fc.property(commits, limits, (groups, { target, linesMax, lineBytesMax }) => {
      const recordBytesMax = 64;
      const packer = new Packer({ recordBytesMax, lineBytesMax, linesMax });
      const given: Seen[] = [];
      const got: Seen[] = [];
      const keep = (record: PackedRecord | undefined): void => {
        if (record === undefined) return;
        expect(record.ends.length).toBeLessThanOrEqual(linesMax);
        const bytesMax = record.ends.length > 1 ? Math.min(target, recordBytesMax) : lineBytesMax;
        expect(record.bytes.length).toBeLessThanOrEqual(bytesMax);
        expect(contentOf(record).every(({ text }) => text.length <= lineBytesMax)).toBe(true);
        got.push(...contentOf(record));
      };
      let ordinal = 0n;
      for (const { gap, before, lengths } of groups) {
        ordinal += BigInt(gap);
        const all = lengths.map((length, index) => {
          const text = length === 0 ? "" : `${"abcdefgh"[index % 8]?.repeat(length - 1)}\n`;
          given.push({ ordinal: ordinal + BigInt(before + index), text });
          return text;
        });
        const texts = all.filter((text) => text !== "");
        const dropped = [...all.keys()].filter((index) => all[index] === "").map((index) => before + index);
        const lines = toLines(texts, dropped, before);
        for (const packed of packer.add(lines, ordinal, () => target)) {
          if (packed.kind === "record") keep(packed.record);
          else if (packed.kind === "filtered") {
            for (let next = packed.first; next < packed.end; next++) got.push({ ordinal: next, text: "" });
          } else {
            const text = texts[packed.line] ?? "";
            expect(packed.bytes).toBe(text.length);
            expect(packed.bytes).toBeGreaterThan(lineBytesMax);
            got.push({ ordinal: packed.ordinal, text });
          }
        }
        // The transcoder writes over its buffers with the next commit.
        lines.bytes.fill(0);
        lines.ends.fill(0);
        lines.indexes.fill(0);
        ordinal += BigInt(before + lengths.length);
      }
      keep(packer.close());
      expect(got).toEqual(given);
      expect(packer.close()).toBeUndefined();
    }),
    { numRuns: 300 },
  );
});

test("what was filtered out is told at once where no line waits, and with the record where one does", () => {
  const packer = new Packer({ recordBytesMax: 100, lineBytesMax: 100, linesMax: 9 });
  const none = { ...toLines([]), to: 5 };
  expect([...packer.add(none, 0n, () => 100)]).toEqual([{ kind: "filtered", first: 0n, end: 5n }]);
  expect([...packer.add(toLines(["a\n"], [0, 2]), 5n, () => 100)]).toEqual([]);
  expect([...packer.add(none, 8n, () => 100)]).toEqual([]);
  expect(packer.close()).toMatchObject({ first: 5n, end: 13n, offsets: Uint32Array.of(1) });
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
    packed.kind === "record" ? decoder.decode(packed.record.bytes) : packed.kind === "too_large" && packed.bytes,
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

test("halves of a record hold its lines and its range between them, and halving ends at single lines", () => {
  const lengths = fc.array(fc.integer({ min: 0, max: 30 }), { minLength: 1, maxLength: 40 });
  fc.assert(
    fc.property(lengths, fc.constantFrom(undefined, "gzip", "zstd"), (given, codec) => {
      fc.pre(given.some((length) => length > 0));
      const all = given.map((length, index) => (length === 0 ? "" : `${String(index).padEnd(length, "x")}\n`));
      const dropped = [...all.keys()].filter((index) => all[index] === "");
      const packer = new Packer({ recordBytesMax: 9_999, lineBytesMax: 9_999, linesMax: 9_999 });
      const texts = all.filter((text) => text !== "");
      expect([...packer.add(toLines(texts, dropped), 7n, () => 9_999)]).toEqual([]);
      const plain = packer.close() as PackedRecord;
      const lineBytes = plain.bytes.length;
      const pressed =
        codec === undefined
          ? plain
          : { ...plain, bytes: compressNow(codec, plain.bytes), pressed: { codec, lineBytes } };
      const pending: PackedRecord[] = [{ ...pressed, refusedAtTaken: 3 }];
      const seen: Seen[] = [];
      for (let record = pending.pop(); record !== undefined; record = pending.pop()) {
        const halves = halveRecord(record);
        if (halves === undefined) {
          expect(record.refusedAtTaken).toBe(3);
          expect(record.ends).toHaveLength(1);
          expect(record.pressed?.codec).toBe(codec);
          const bytes = codec === undefined ? record.bytes : decompressNow(codec, record.bytes);
          seen.push(...contentOf({ ...record, bytes }));
        } else {
          pending.push(halves[1], halves[0]);
        }
      }
      expect(seen).toEqual(all.map((text, index) => ({ ordinal: 7n + BigInt(index), text })));
    }),
    { numRuns: 100 },
  );
});

test("a record is billed in whole units of 5,120 bytes", () => {
  expect([1, 5_120, 5_121, 1_024_000].map(billedBytes)).toEqual([5_120, 5_120, 10_240, 1_024_000]);
});
