import { expect, test } from "bun:test";
import fc from "fast-check";
import { RE2JS } from "re2js";
import { literalOf } from "./literal.ts";

test("the plain part of a pattern is found, and nothing where there is none", () => {
  for (const [pattern, literal] of [
    ["timeout", "timeout"],
    ["order \\d+ failed", " failed"],
    ["a\\.b\\.c", "a.b.c"],
    ["colou?rs of", "rs of"],
    ["x{3}yz", "yz"],
    ["(abc)def", "def"],
    ["[]abc]de+f", "de"],
    ["a|b", undefined],
    ["(?i)error", undefined],
    ["\\w+", undefined],
    [".*", undefined],
  ] as const) {
    expect({ pattern, literal: literalOf(pattern) }).toEqual({ pattern, literal });
  }
});

test("whatever a pattern matches contains its plain part", () => {
  const piece = fc.constantFrom(
    "ab",
    "c",
    "\\d",
    "\\.",
    "[xy]",
    "(de)",
    "(de)?",
    "f*",
    "g+",
    ".",
    "h{0,2}",
    "[^z]",
    "i?",
    "^",
    "$",
  );
  fc.assert(
    fc.property(
      fc.array(piece, { maxLength: 6 }),
      fc.string({ unit: fc.constantFrom(..."abcdefghixyz19."), maxLength: 16 }),
      (pieces, text) => {
        const pattern = pieces.join("");
        const literal = literalOf(pattern);
        const matcher = RE2JS.compile(pattern).matcher(text);
        if (literal === undefined || !matcher.find()) return;
        expect(text.includes(literal)).toBe(true);
      },
    ),
    { numRuns: 2_000 },
  );
});
