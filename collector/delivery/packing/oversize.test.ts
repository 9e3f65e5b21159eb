import { expect, test } from "bun:test";
import fc from "fast-check";
import { planParts, splitLine, truncateLine } from "./oversize.ts";

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

interface Part {
  readonly recordId: string;
  readonly part: number;
  readonly parts: number;
  readonly fragment: string;
}

function partsOf(line: Uint8Array, recordId: string, partBytesMax: number): { text: string; part: Part }[] {
  return [...splitLine(line, recordId, planParts(line, recordId, partBytesMax))].map((bytes) => {
    expect(bytes.length).toBeLessThanOrEqual(partBytesMax);
    const text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
    expect(text.indexOf("\n")).toBe(text.length - 1);
    return { text, part: JSON.parse(text) as Part };
  });
}

/** Any characters, also those that JSON escapes and those of four bytes. */
const text = fc.string({
  unit: fc.oneof(
    fc.constantFrom('"', "\\", "\n", "\u0001", "\u007f", "é", "漢", "\u{1f6b0}", "\ufeff"),
    fc.string({ unit: "binary", minLength: 1, maxLength: 1 }),
  ),
  maxLength: 300,
});

test("the fragments of the parts, end to end, are the line; each part is a line of JSON within its limit", () => {
  fc.assert(
    fc.property(text, fc.integer({ min: 100, max: 400 }), (value, partBytesMax) => {
      const line = encoder.encode(JSON.stringify({ body: value, attributes: { a: value.slice(0, 9) } }));
      const parts = partsOf(line, "abc/18446744073709551615", partBytesMax);
      expect(encoder.encode(parts.map(({ part }) => part.fragment).join(""))).toEqual(line);
      for (const [index, { part }] of parts.entries()) {
        expect(part).toMatchObject({ recordId: "abc/18446744073709551615", part: index + 1, parts: parts.length });
      }
    }),
    { numRuns: 300 },
  );
});

test("a line that is no JSON comes in parts as well", () => {
  const line = encoder.encode(`\ufeff<svc> tab\there "quoted" \\ ${"漢字".repeat(40)}\r`);
  const parts = partsOf(line, "c/1", 120);
  expect(parts.length).toBeGreaterThan(3);
  expect(parts.map(({ part }) => part.fragment).join("")).toBe(decoder.decode(line));
});

test("parts are filled: a line of a megabyte makes no more of them than needed", () => {
  const line = encoder.encode(JSON.stringify({ body: "x".repeat(1_100_000) }));
  expect(planParts(line, "c/1", 256_000)).toHaveLength(5);
});

function truncated(value: unknown, bytesMax: number): { line: string; value: Record<string, unknown> } | undefined {
  const line = truncateLine(encoder.encode(typeof value === "string" ? value : JSON.stringify(value)), bytesMax);
  if (line === undefined) return undefined;
  expect(line.length).toBeLessThanOrEqual(bytesMax);
  const cut = new TextDecoder("utf-8", { fatal: true }).decode(line);
  return { line: cut, value: JSON.parse(cut) as Record<string, unknown> };
}

test("a line that is cut stays JSON within the limit, and loses nothing but what it says", () => {
  fc.assert(
    fc.property(text, text, fc.boolean(), fc.integer({ min: 200, max: 900 }), (body, other, inUnicode, bytesMax) => {
      const given = { timestamp: "2026-11-22T08:26:40Z", body, attributes: { "http.url": other, n: [1, other] } };
      const plain = JSON.stringify(given);
      // The same text with every character beyond ASCII as an escape: pairs must stay whole.
      const escaped = plain.replace(
        /[^\x20-\x7e]/g,
        (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`,
      );
      const line = inUnicode ? escaped : plain;
      const bytes = encoder.encode(line).length;
      fc.pre(bytes > bytesMax);
      const result = truncated(line, bytesMax);
      if (result === undefined) return;
      const { truncated: marks, ...rest } = result.value as typeof given & {
        truncated: { field: string; bytes: number }[];
      };
      const byField = new Map(marks.map((mark) => [mark.field, mark.bytes]));
      const [first, second] = rest.attributes.n as [number, string];
      const kept: [string, string, string][] = [
        ["body", rest.body, body],
        ["attributes.http.url", rest.attributes["http.url"], other],
        ["attributes.n.1", second, other],
      ];
      for (const [field, now, before] of kept) {
        expect(before.startsWith(now)).toBe(true);
        expect(now.isWellFormed()).toBe(before.slice(0, now.length).isWellFormed());
        if (!byField.has(field)) expect(now).toBe(before);
      }
      expect([rest.timestamp, first]).toEqual([given.timestamp, 1]);
      const missing = marks.reduce((sum, mark) => sum + mark.bytes, 0);
      const markText = `,"truncated":${JSON.stringify(marks)}`;
      expect(encoder.encode(result.line).length).toBe(bytes - missing + markText.length);
    }),
    { numRuns: 500 },
  );
});

test("the body is cut when that is enough, though an attribute is longer", () => {
  const cut = truncated({ body: "b".repeat(400), attributes: { long: "a".repeat(600) } }, 900);
  expect(cut?.value).toMatchObject({ attributes: { long: "a".repeat(600) }, truncated: [{ field: "body" }] });
});

test("the longest string is cut when the body alone is not enough, and the body stays", () => {
  const cut = truncated({ body: "short", attributes: { "http.url": "a".repeat(5000), b: "b".repeat(100) } }, 900);
  expect(cut?.value).toMatchObject({
    body: "short",
    attributes: { b: "b".repeat(100) },
    truncated: [{ field: "attributes.http.url" }],
  });
  expect(cut?.line.length).toBeGreaterThan(880);
});

test("numbers keep their digits, and names given twice stay twice", () => {
  const line = `{"body":"${"x".repeat(500)}","attributes":{"n":9007199254740993,"a":1,"a":2}}`;
  expect(truncated(line, 300)?.line).toContain('"n":9007199254740993,"a":1,"a":2}');
});

test("a line whose length is not in its strings, or that is no object, is not cut", () => {
  expect(truncated({ body: Array.from({ length: 500 }, (_, index) => index) }, 300)).toBeUndefined();
  expect(truncated(`just text ${"x".repeat(500)}`, 300)).toBeUndefined();
  expect(truncated(`["${"x".repeat(500)}"]`, 300)).toBeUndefined();
});
