import { expect, test } from "bun:test";
import fc from "fast-check";
import { RE2JS, RE2JSSyntaxException } from "re2js";
import { screenOf } from "./pattern-screen.ts";

function isIn(pattern: string, text: string): boolean | undefined {
  const bytes = Buffer.from(`<<${text}>>`);
  return screenOf(pattern)?.isIn(bytes, 2, bytes.length - 2);
}

test.each([
  ["[0-9]{13,16}", "card 4111111111111", "4111-1111-1111-1111"],
  ["(?i)bearer [a-z0-9._-]+", "Authorization: BeArEr x", "bear"],
  ["customer [0-9a-f]+ after", "customer 12 after", "customers only"],
  ["password=\\S+|secret=\\S+", "a secret=1", "a secre t=1"],
  ["\\bAKIA[0-9A-Z]{16}\\b", "AKIAABCDEFGHIJKLMNOP", "AKIA ABCDEFGHIJKLMNOP"],
  ["(?:ab){3}c?", "xababab", "ababxab"],
  ["日本", "in 日本", "in 日 本"],
  ["(?P<user>user)-\\d\\d", "user-12", "user-1x"],
  ["^(?i:ERR)or$", "errOr error", "ERROR"],
  ["\\x41\\x{42}\\.\\n", "AB.\n", "AB,\n"],
])("%p lets %p pass, and not %p", (pattern, passing, held) => {
  expect(isIn(pattern, passing)).toBe(true);
  expect(isIn(pattern, held)).toBe(false);
});

test.each([".*", "a|.", "[^a]+", "a", "\\d", "x*y*", "\\pL+", "\\S{9}", "[\\Da]{9}", "\\pN{16}", "\\Qa.b\\E", "(?i)k"])(
  "%p has no screen that would be worth it",
  (pattern) => {
    expect(isIn(pattern, "") ?? "none").toBe(pattern === "a" ? false : "none");
  },
);

test("letters that fold to others beyond ASCII hold nothing back", () => {
  expect(isIn("(?i)token=[0-9]+", "TO\u212aEN=1")).toBe(true);
  expect(isIn("(?i)password", "pa\u017f\u017fword")).toBe(true);
});

const SIMPLE = [
  "a",
  "b",
  "k",
  "1",
  "é",
  "\\d",
  "\\w",
  "\\b",
  "\\.",
  "[ab]",
  "[a-c1-3]",
  "\\x61",
  "[\\d-]",
  "[]a]",
  "[b-\\x63]",
  "s",
];
const ODD = [
  "^",
  "$",
  ".",
  "[^a]",
  "[^]a]",
  "[é-ü]",
  "\\x{e9}",
  "\\S",
  "[\\Wa]",
  "[[:alpha:]]",
  "\\pL",
  "\\Qa.\\E",
  "\\n",
  "(?i)",
  "(?-i)",
  "K",
];
const OFTEN = ["*", "+", "?", "{2}", "{1,2}", "{0,1}", "{2,}", "+?", "{2}?"];

/** Patterns of all kinds, over letters that texts are made of too. */
const pattern = fc.letrec<{ any: string; item: string; simple: string }>((tie) => ({
  simple: fc.constantFrom(...SIMPLE),
  item: fc.oneof(
    { weight: 8, arbitrary: tie("simple") },
    { weight: 1, arbitrary: fc.constantFrom(...ODD) },
    {
      weight: 1,
      arbitrary: fc
        .tuple(fc.constantFrom("(", "(?:", "(?i:", "(?P<n>"), tie("any"))
        .map(([open, inner]) => `${open}${inner})`),
    },
    { weight: 2, arbitrary: fc.tuple(tie("simple"), fc.constantFrom(...OFTEN)).map(([inner, often]) => inner + often) },
  ),
  any: fc
    .array(
      fc.array(tie("item"), { minLength: 2, maxLength: 4 }).map((items) => items.join("")),
      { minLength: 1, maxLength: 2 },
    )
    .map((branches) => branches.join("|")),
})).any;
const text = fc.array(
  fc.constantFrom("a", "b", "c", "A", "k", "\u212a", "s", "\u017f", "1", "2", ".", " ", "é", "\n", "]", "-"),
  { maxLength: 24 },
);

test("whatever matches passes the screen", () => {
  let screened = 0;
  let matched = 0;
  fc.assert(
    fc.property(pattern, fc.array(text, { minLength: 20, maxLength: 20 }), (written, texts) => {
      const screen = screenOf(written);
      if (screen === undefined) return;
      let compiled: RE2JS;
      try {
        compiled = RE2JS.compile(written);
      } catch (reason) {
        if (reason instanceof RE2JSSyntaxException) return;
        throw reason;
      }
      screened++;
      for (const each of texts) {
        const whole = each.join("");
        if (!compiled.test(whole)) continue;
        matched++;
        const bytes = Buffer.from(whole);
        expect({ written, whole, isIn: screen.isIn(bytes, 0, bytes.length) }).toEqual({ written, whole, isIn: true });
      }
    }),
    { numRuns: 2_000 },
  );
  expect(screened).toBeGreaterThan(200);
  expect(matched).toBeGreaterThan(100);
});
