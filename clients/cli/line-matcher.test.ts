import { expect, test } from "bun:test";
import fc from "fast-check";
import { RE2JS, RE2JSSyntaxException } from "re2js";
import { readPattern } from "../../collector/otlp/pattern-syntax.ts";
import { Automaton, type Lane } from "./automaton.ts";
import { LineMatcher } from "./line-matcher.ts";

const RUNS = 800;

function run(automaton: Automaton, bytes: Uint8Array): boolean | undefined {
  const lane: Lane = { at: 0, end: bytes.length, state: automaton.begin() };
  automaton.run(bytes, lane, []);
  return automaton.end(lane.state);
}

const matcherOf = (pattern: string): LineMatcher => new LineMatcher({ pattern, ignoresCase: false, isFixed: false });

test("the plain parts of a pattern are found, and none where there are none", () => {
  for (const [pattern, ...plainParts] of [
    ["timeout", "timeout"],
    ["order \\d+ failed", "order ", " failed"],
    ["a\\.b\\.c", "a.b.c"],
    ["colou?rs of", "colo", "rs of"],
    ["x{3}yz", "xxxyz"],
    ["(abc)def", "abcdef"],
    ["[]abc]de+f", "de", "ef"],
    ["(foo|boo)bar", "oobar"],
    ["(GET|POST) /x", "T /x"],
    ["(get|put|)x(a|bb)y"],
    ["\\berr(or)?\\b.*time", "err", "time"],
    ["naïve \\w", "naïve "],
    ["a|b"],
    ["(?i)error"],
    ["\\w+"],
    [".*"],
  ] as const) {
    expect({ pattern, plainParts: matcherOf(pattern).plainParts.map(String) }).toEqual({ pattern, plainParts });
  }
});

const ONE = [..."abkKsS1é ſK\n", "\u{1f600}", "\\d", "\\w", "\\s", "\\S", "\\W", "\\D", "\\.", ".", "\\x61", "\\x{e9}"];
const CLASSES = [
  "[ab]",
  "[^ab]",
  "[a-k1]",
  "[^\\d\\n]",
  "[\\Wk]",
  "[^\\Wk]",
  "[é-ü]",
  "[^é]",
  "[a-é]",
  "[[:alpha:]]",
  "[^[:^space:]]",
  "[[:punct:]k]",
  "[\\pLs]",
  "[^\\pL]",
  "\\pL",
  "\\PN",
  "[]a-]",
  "[\\x00-\\x{10FFFF}]",
];
const PLACES = ["^", "$", "\\b", "\\B", "\\A", "\\z"];
const OFTEN = ["*", "+", "?", "{2}", "{1,3}", "{0,1}", "{2,}", "+?", "*?", "{0}"];
const OPENINGS = ["(", "(?:", "(?i:", "(?s:", "(?m:", "(?ims:", "(?-i:", "(?P<n>"];

const pattern = fc.letrec<{ any: string; item: string }>((tie) => ({
  item: fc.oneof(
    { weight: 6, arbitrary: fc.constantFrom(...ONE) },
    { weight: 3, arbitrary: fc.constantFrom(...CLASSES) },
    { weight: 2, arbitrary: fc.constantFrom(...PLACES, "(?i)", "(?m)", "(?s)") },
    {
      weight: 3,
      arbitrary: fc
        .tuple(fc.constantFrom(...OPENINGS), tie("any"), fc.constantFrom("", ...OFTEN))
        .map(([open, inner, often]) => `${open}${inner})${often}`),
    },
    {
      weight: 3,
      arbitrary: fc
        .tuple(fc.constantFrom(...ONE, ...CLASSES), fc.constantFrom(...OFTEN))
        .map((parts) => parts.join("")),
    },
  ),
  any: fc
    .array(
      fc.array(tie("item"), { maxLength: 4 }).map((items) => items.join("")),
      { minLength: 1, maxLength: 3 },
    )
    .map((branches) => branches.join("|")),
})).any;

const letters = fc.constantFrom(..."aabbkKsS11é ſK.-_]\n", "\u{1f600}", "ü", "ab", "\ufffd");
const text = fc.array(letters, { maxLength: 20 }).map((parts) => parts.join(""));

test("a line matches exactly where RE2 says so, whatever the pattern, the line, and the lines before", () => {
  let exact = 0;
  let matched = 0;
  fc.assert(
    fc.property(
      pattern,
      fc.boolean(),
      fc.boolean(),
      fc.array(text, { minLength: 12, maxLength: 12 }),
      fc.tuple(text, text),
      fc.subarray(Array.from({ length: 12 }, (_, index) => index)),
      (written, ignoresCase, isFixed, beginnings, endings, asked) => {
        let re2: RE2JS;
        try {
          re2 = RE2JS.compile(isFixed ? RE2JS.quote(written) : written, ignoresCase ? RE2JS.CASE_INSENSITIVE : 0);
        } catch (reason) {
          if (reason instanceof RE2JSSyntaxException) return;
          throw reason;
        }
        const matcher = new LineMatcher({ pattern: written, ignoresCase, isFixed });
        if (readPattern(written, ignoresCase)?.isExact) exact++;
        // Long enough to be taken for an end that lines have in common.
        const lines = beginnings.map((each, index) => each + (endings[index > 6 ? 1 : 0] as string).repeat(12));
        const all = Buffer.from(lines.map((line) => `${line}\n`).join(""));
        let end = 0;
        const ends = Uint32Array.from(lines, (line) => {
          end += Buffer.byteLength(line) + 1;
          return end;
        });
        const found = [...matcher.matching(all, ends, asked)].slice(0, asked.length);
        for (const [position, number] of asked.entries()) {
          const line = lines[number] as string;
          const expected = re2.test(line);
          if (expected) matched++;
          const isFound = found[position] === 1;
          const holdsPlainPart = matcher.plainParts.every((part) => line.includes(part.toString()));
          expect({ written, ignoresCase, line, isFound }).toEqual({ written, ignoresCase, line, isFound: expected });
          if (expected) expect({ written, line, holdsPlainPart }).toEqual({ written, line, holdsPlainPart: true });
        }
      },
    ),
    { numRuns: RUNS },
  );
  expect(exact).toBeGreaterThan(RUNS / 10);
  expect(matched).toBeGreaterThan(RUNS);
}, 60_000);

test("an automaton whose states are too many says so, and RE2 looks", () => {
  const written = "a[^z]{18}b";
  const automaton = Automaton.of(readPattern(written)?.node ?? { kind: "sequence", of: [] });
  if (automaton === undefined) throw new Error("it is no large pattern");
  const random = fc.sample(fc.string({ unit: fc.constantFrom("a", "c"), minLength: 40_000, maxLength: 40_000 }), {
    numRuns: 1,
    seed: 1,
  });
  const bytes = Buffer.from(random.join(""));
  expect(run(automaton, bytes)).toBe(undefined);
  expect(automaton.isGivenUp).toBe(true);
  const lines = [bytes.toString(), `${bytes}a${"c".repeat(18)}b${bytes}`, "x", bytes.toString()];
  const all = Buffer.from(lines.map((line) => `${line}\n`).join(""));
  let end = 0;
  const ends = Uint32Array.from(lines, (line) => {
    end += line.length + 1;
    return end;
  });
  expect([...matcherOf(written).matching(all, ends, [0, 1, 2, 3])].slice(0, 4)).toEqual([0, 1, 0, 0]);
});

test("states that are forgotten in the middle of a text change nothing", () => {
  const written = "a[^z]{18}b";
  const automaton = Automaton.of(readPattern(written)?.node ?? { kind: "sequence", of: [] });
  if (automaton === undefined) throw new Error("it is no large pattern");
  const blocks = fc.sample(fc.string({ unit: fc.constantFrom("a", "c"), minLength: 18, maxLength: 18 }), {
    numRuns: 400,
    seed: 1,
  });
  // Between those that make states there are long rests.
  const text = blocks.map((each) => each + " ".repeat(600)).join("");
  const generation = automaton.generation;
  for (const [line, expected] of [
    [text, false],
    [`${text}a${"c".repeat(18)}b`, true],
  ] as const) {
    const bytes = Buffer.from(line);
    expect(run(automaton, bytes)).toBe(expected);
  }
  expect(automaton.generation).toBeGreaterThan(generation + 2);
});

test("states that are forgotten while several lines are gone through change nothing", () => {
  const written = "a[^z]{18}b";
  const blocks = fc.sample(fc.string({ unit: fc.constantFrom("a", "c"), minLength: 18, maxLength: 18 }), {
    numRuns: 900,
    seed: 2,
  });
  const lines = Array.from({ length: 9 }, (_, line) => {
    // Each line is of its own length, and they end in the middle of each other.
    const own = blocks.slice(line * 100, line * 100 + 60 + 4 * line).map((each) => each + " ".repeat(600));
    return `${own.join("")}${line % 3 === 0 ? `a${"c".repeat(18)}b` : "a"}${"-".repeat(line)}`;
  });
  const all = Buffer.from(lines.map((line) => `${line}\n`).join(""));
  let end = 0;
  const ends = Uint32Array.from(lines, (line) => {
    end += line.length + 1;
    return end;
  });
  const asked = [...lines.keys()];
  const expected = lines.map((_, line) => (line % 3 === 0 ? 1 : 0));
  const matcher = matcherOf(written);
  for (let round = 0; round < 3; round++) expect([...matcher.matching(all, ends, asked)].slice(0, 9)).toEqual(expected);
});
