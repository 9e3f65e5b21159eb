import { expect, test } from "bun:test";
import fc from "fast-check";
import { TailError } from "../errors.ts";
import { type LineOptions, LineSplitter, type Rest } from "./lines.ts";

/** Feeds `content` in pieces, as a growing file is read: what is not consumed is given again. */
function feed(content: Uint8Array, cuts: readonly number[], options: Partial<LineOptions> = {}): string[] {
  const splitter = new LineSplitter({ charset: "utf-8", lineBytesMax: 100, longLines: "split", ...options });
  const lines: string[] = [];
  let offset = 0;
  let rest: Rest = "none";
  for (const [index, cut] of [...cuts, content.length].entries()) {
    const isEnd = index === cuts.length;
    const chunk = Buffer.from(content.subarray(offset, Math.max(offset, cut)));
    const base = offset;
    const done = splitter.split(chunk, offset, rest, isEnd, (bytes, start, end, at, mark) => {
      expect(at).toBeGreaterThanOrEqual(0);
      expect(base + at).toBeLessThanOrEqual(content.length);
      lines.push(`${Buffer.from(bytes.subarray(start, end)).toString()}${mark === "" ? "" : `<${mark}>`}`);
    });
    offset += done.consumed;
    rest = done.rest;
  }
  return lines;
}

test("whatever the pieces in which a file grows, its lines are those of the whole", () => {
  const line = fc.string({ unit: "grapheme", maxLength: 15 }).filter((text) => !/[\r\n\ufeff]/.test(text));
  fc.assert(
    fc.property(
      fc.array(line, { maxLength: 20 }),
      fc.constantFrom("\n", "\r\n"),
      fc.array(fc.nat(400)),
      (lines, end, cuts) => {
        const content = Buffer.from(lines.map((each) => each + end).join(""));
        expect(
          feed(
            content,
            cuts.toSorted((a, b) => a - b),
            { lineBytesMax: 1_000 },
          ),
        ).toEqual(lines);
      },
    ),
  );
});

test("a line beyond the limit is split without a loss, cut short, or passed over, whatever the pieces", () => {
  fc.assert(
    fc.property(fc.integer({ min: 65, max: 500 }), fc.array(fc.nat(600)), (length, cuts) => {
      const long = Array.from({ length }, (_, index) => String.fromCharCode(97 + (index % 26))).join("");
      const content = Buffer.from(`first\n${long}\nlast\n`);
      const order = cuts.toSorted((a, b) => a - b);
      const split = feed(content, order, { lineBytesMax: 64 });
      expect([split[0], split.at(-1)]).toEqual(["first", "last"]);
      expect(split.slice(1, -1).join("").replaceAll("<split>", "")).toBe(long);
      expect(split.slice(1, -1).every((piece) => piece.endsWith("<split>"))).toBe(true);
      expect(feed(content, order, { lineBytesMax: 64, longLines: "truncate" })).toEqual([
        "first",
        `${long.slice(0, 64)}<truncated>`,
        "last",
      ]);
      expect(feed(content, order, { lineBytesMax: 64, longLines: "skip" })).toEqual(["first", "last"]);
    }),
  );
});

test("a split line is not split within a character", () => {
  expect(feed(Buffer.from(`${"é".repeat(60)}\n`), [], { lineBytesMax: 65 })).toEqual([
    `${"é".repeat(32)}<split>`,
    `${"é".repeat(28)}<split>`,
  ]);
});

test("other character sets become UTF-8, UTF-16 in both orders with its own line breaks", () => {
  const text = "日本\r\nĊ + 䄊\n";
  const little = Buffer.from(`\ufeff${text}`, "utf16le");
  expect(feed(little, [3, 7, 9], { charset: "utf-16le" })).toEqual(["日本", "Ċ + 䄊"]);
  expect(feed(Buffer.from(text, "utf16le").swap16(), [5], { charset: "utf-16be" })).toEqual(["日本", "Ċ + 䄊"]);
  expect(feed(Buffer.from([0x93, 0xfa, 0x96, 0x7b, 0x0a]), [], { charset: "shift_jis" })).toEqual(["日本"]);
  expect(feed(Buffer.from([0xe9, 0x0a]), [], { charset: "windows-1252" })).toEqual(["é"]);
  expect(feed(Buffer.from("\ufeffa\nb\n"), [])).toEqual(["a", "b"]);
  expect(() => new LineSplitter({ charset: "klingon", lineBytesMax: 64, longLines: "split" })).toThrow(TailError);
});
