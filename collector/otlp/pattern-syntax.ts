/**
 * Reads patterns of RE2's syntax that RE2 itself has taken: what they are made of, for those who look for it in another
 * way than by RE2 (pattern-screen.ts, and the CLI's search). RE2 stays the judge of what is a pattern.
 *
 * What can't be said in these terms (classes of Unicode, folding beyond ASCII) is read as more than it is, and the pattern
 * is not exact: whatever it matches, the nodes match too. What is written in a way that is not known is not read at all.
 */

import { RE2JS } from "re2js";

export type Node =
  /** Any one of these in a row. */
  | { readonly kind: "sequence"; readonly of: readonly Node[] }
  | { readonly kind: "either"; readonly of: readonly Node[] }
  /** `most` is undefined where there is no end. */
  | { readonly kind: "repeat"; readonly of: Node; readonly least: number; readonly most: number | undefined }
  /** One character: of these below 0x80, or, if `isBeyond`, any other. */
  | { readonly kind: "character"; readonly ascii: ReadonlySet<number>; readonly isBeyond: boolean }
  /** A byte of a character that has several. */
  | { readonly kind: "byte"; readonly byte: number }
  | { readonly kind: "assertion"; readonly is: Assertion };

export type Assertion = "text start" | "text end" | "line start" | "line end" | "word edge" | "no word edge";

export interface Pattern {
  readonly node: Node;
  /** The nodes match what RE2 matches, and nothing else. */
  readonly isExact: boolean;
}

/** Undefined where something in it is not known. */
export function readPattern(pattern: string, ignoresCase = false): Pattern | undefined {
  try {
    return new PatternReader(pattern, ignoresCase).read();
  } catch (reason) {
    if (reason === NOT_KNOWN) return undefined;
    throw reason;
  }
}

const NOT_KNOWN = Symbol("not known");

const ASCII = range(0, 0x7f);
const DIGITS = range(0x30, 0x39);
const UPPER = range(0x41, 0x5a);
const LOWER = range(0x61, 0x7a);
const WORD = [...DIGITS, ...UPPER, ...LOWER, 0x5f];
const SPACE = [0x09, 0x0a, 0x0c, 0x0d, 0x20];
const PRINTED = range(0x21, 0x7e);
const CLASSES: Readonly<Record<string, readonly number[]>> = { d: DIGITS, w: WORD, s: SPACE };
const NAMED: Readonly<Record<string, readonly number[]>> = {
  alnum: [...DIGITS, ...UPPER, ...LOWER],
  alpha: [...UPPER, ...LOWER],
  ascii: ASCII,
  blank: [0x09, 0x20],
  cntrl: [...range(0, 0x1f), 0x7f],
  digit: DIGITS,
  graph: PRINTED,
  lower: LOWER,
  print: [0x20, ...PRINTED],
  punct: PRINTED.filter((code) => ![...DIGITS, ...UPPER, ...LOWER].includes(code)),
  space: [...SPACE, 0x0b],
  upper: UPPER,
  word: WORD,
  xdigit: [...DIGITS, ...range(0x41, 0x46), ...range(0x61, 0x66)],
};
const CONTROLS: Readonly<Record<string, number>> = { a: 0x07, f: 0x0c, n: 0x0a, r: 0x0d, t: 0x09, v: 0x0b };
const ASSERTIONS: Readonly<Record<string, Assertion>> = {
  A: "text start",
  z: "text end",
  b: "word edge",
  B: "no word edge",
};
/** Without regard to case these are the same as a character beyond ASCII: the Kelvin sign, the long s. */
const FOLDED_BEYOND: readonly { readonly codes: readonly number[]; readonly utf8: readonly number[] }[] = [
  { codes: [0x4b, 0x6b], utf8: [0xe2, 0x84, 0xaa] },
  { codes: [0x53, 0x73], utf8: [0xc5, 0xbf] },
];
/** What stands for bytes that are no UTF-8, in texts that are made of such. */
const REPLACEMENT = 0xfffd;
/** The longest thing that is matched by an expression of our own: the name of a group. */
const AHEAD_MAX = 128;

/** Codes below 0x80, and which of the others. */
interface Codes {
  readonly ascii: readonly number[];
  readonly beyond: "none" | "some" | "all";
}

class PatternReader {
  readonly #characters: readonly string[];
  #at = 0;
  #isFolded: boolean;
  #isDotAll = false;
  #isMultiline = false;
  #isExact = true;

  constructor(pattern: string, ignoresCase: boolean) {
    this.#characters = [...pattern];
    this.#isFolded = ignoresCase;
  }

  read(): Pattern {
    const node = this.#alternation();
    if (this.#at < this.#characters.length) throw NOT_KNOWN;
    return { node, isExact: this.#isExact };
  }

  #alternation(): Node {
    const flags = [this.#isFolded, this.#isDotAll, this.#isMultiline] as const;
    const branches: Node[][] = [[]];
    for (;;) {
      const character = this.#characters[this.#at];
      if (character === undefined || character === ")") break;
      if (character === "|") {
        this.#at++;
        branches.push([]);
      } else branches.at(-1)?.push(this.#repeated(this.#item()));
    }
    // Flags hold to the end of the group that they are in.
    [this.#isFolded, this.#isDotAll, this.#isMultiline] = flags;
    const nodes = branches.map((of): Node => (of.length === 1 && of[0] ? of[0] : { kind: "sequence", of }));
    return nodes.length === 1 && nodes[0] ? nodes[0] : { kind: "either", of: nodes };
  }

  #item(): Node {
    const character = this.#next();
    switch (character) {
      case "(":
        return this.#group();
      case "[":
        return this.#class();
      case ".":
        return this.#one({ ascii: this.#isDotAll ? ASCII : ASCII.filter((code) => code !== 0x0a), beyond: "all" });
      case "^":
        return { kind: "assertion", is: this.#isMultiline ? "line start" : "text start" };
      case "$":
        return { kind: "assertion", is: this.#isMultiline ? "line end" : "text end" };
      case "\\":
        return this.#escape();
      default:
        return this.#literal(character.codePointAt(0) ?? 0);
    }
  }

  #group(): Node {
    const [, letters, closing] = this.#match(/^\?([a-zA-Z-]*)([:)])/) ?? [];
    if (letters === undefined) {
      if (this.#match(/^\?P?<\w+>/) === undefined && this.#characters[this.#at] === "?") throw NOT_KNOWN;
      return this.#grouped();
    }
    const flags = [this.#isFolded, this.#isDotAll, this.#isMultiline] as const;
    let isOn = true;
    for (const letter of letters) {
      if (letter === "-") isOn = false;
      else if (letter === "i") this.#isFolded = isOn;
      else if (letter === "s") this.#isDotAll = isOn;
      else if (letter === "m") this.#isMultiline = isOn;
      // Which of several matches is taken does not change whether there is one.
      else if (letter !== "U") throw NOT_KNOWN;
    }
    if (closing === ")") return { kind: "sequence", of: [] };
    const node = this.#grouped();
    [this.#isFolded, this.#isDotAll, this.#isMultiline] = flags;
    return node;
  }

  #grouped(): Node {
    const node = this.#alternation();
    if (this.#next() !== ")") throw NOT_KNOWN;
    return node;
  }

  #repeated(of: Node): Node {
    const [, one, low, comma, high] = this.#match(/^(?:([*+?])|\{(\d+)(,?)(\d*)\})\??/) ?? [];
    if (one === undefined && low === undefined) return of;
    const least = one === undefined ? Number(low) : one === "+" ? 1 : 0;
    const most = one === undefined ? (comma === "" ? least : high === "" ? undefined : Number(high)) : undefined;
    return this.#repeated({ kind: "repeat", of, least, most: one === "?" ? 1 : most });
  }

  #literal(code: number): Node {
    if (code < 0x80) return this.#one({ ascii: [code], beyond: "none" });
    if (this.#isFolded || code === REPLACEMENT || (code >= 0xd800 && code <= 0xdfff))
      return this.#one({ ascii: [], beyond: "some" });
    return inARow(Buffer.from(String.fromCodePoint(code)));
  }

  #escape(): Node {
    const [, letter = ""] = this.#match(/^([AbBz])/) ?? [];
    const is = ASSERTIONS[letter];
    if (is !== undefined) return { kind: "assertion", is };
    const escaped = this.#escaped();
    return typeof escaped === "number" ? this.#literal(escaped) : this.#one(escaped);
  }

  /** What an escape stands for, after its backslash: one character, or those of a class. */
  #escaped(): number | Codes {
    const [, hex, braced] = this.#match(/^x(?:([0-9a-fA-F]{2})|\{([0-9a-fA-F]+)\})/) ?? [];
    if (hex !== undefined || braced !== undefined) return Number.parseInt(hex ?? braced ?? "", 16);
    const [unicode] = this.#match(/^[pP](?:\{\^?\w+\}|\w)/) ?? [];
    if (unicode !== undefined) return this.#unicode(`\\${unicode}`);
    const character = this.#next();
    const known = CLASSES[character];
    if (known !== undefined) return { ascii: known, beyond: "none" };
    const negated = CLASSES[character.toLowerCase()];
    if (negated !== undefined) return this.#others(this.#folded({ ascii: negated, beyond: "none" }));
    const control = CONTROLS[character];
    if (control !== undefined) return control;
    // Whatever else has a meaning is a letter or a digit.
    if (/[a-zA-Z0-9]/.test(character)) throw NOT_KNOWN;
    return character.codePointAt(0) ?? 0;
  }

  /** A class of Unicode: RE2 says what of ASCII is in it. */
  #unicode(written: string): Codes {
    const re2 = RE2JS.compile(written, this.#isFolded ? RE2JS.CASE_INSENSITIVE : 0);
    return { ascii: ASCII.filter((code) => re2.test(String.fromCharCode(code))), beyond: "some" };
  }

  #class(): Node {
    const isNegated = this.#match(/^\^/) !== undefined;
    const ascii: number[] = [];
    let beyond: Codes["beyond"] = "none";
    const add = (codes: Codes): void => {
      ascii.push(...codes.ascii);
      if (beyond !== "all" && codes.beyond !== "none") beyond = codes.beyond;
    };
    for (let isFirst = true; ; isFirst = false) {
      const [, sign, name = ""] = this.#match(/^\[:(\^?)(\w+):\]/) ?? [];
      if (sign !== undefined) {
        const codes: Codes = { ascii: NAMED[name] ?? unknown(), beyond: "none" };
        add(sign === "" ? codes : this.#others(this.#folded(codes)));
        continue;
      }
      const character = this.#next();
      if (character === "]" && !isFirst) break;
      const low = character === "\\" ? this.#escaped() : (character.codePointAt(0) ?? 0);
      if (typeof low !== "number") {
        add(low);
        continue;
      }
      const isRange = this.#characters[this.#at] === "-" && this.#characters[this.#at + 1] !== "]";
      if (!isRange) {
        add(codesBetween(low, low));
        continue;
      }
      this.#at++;
      const end = this.#next();
      const high = end === "\\" ? this.#escaped() : (end.codePointAt(0) ?? 0);
      if (typeof high !== "number") throw NOT_KNOWN;
      add(codesBetween(low, high));
    }
    const codes = { ascii, beyond };
    return this.#one(isNegated ? this.#others(this.#folded(codes)) : codes);
  }

  /** All that are not of these, which are folded already. What is read as more than it is would leave too few. */
  #others({ ascii, beyond }: Codes): Codes {
    if (beyond === "some" && this.#isFolded) return { ascii: ASCII, beyond };
    const others = ASCII.filter((code) => !ascii.includes(code));
    return { ascii: others, beyond: beyond === "all" ? "none" : beyond === "none" ? "all" : "some" };
  }

  #folded({ ascii, beyond }: Codes): Codes {
    if (!this.#isFolded) return { ascii, beyond };
    const folded = ascii.flatMap((code) => (isLetter(code) ? [code & ~0x20, code | 0x20] : [code]));
    // Some beyond ASCII are the same as some of it.
    if (beyond === "some") folded.push(...FOLDED_BEYOND.flatMap(({ codes }) => codes));
    const isMore = beyond === "none" && FOLDED_BEYOND.some(({ codes }) => codes.some((code) => folded.includes(code)));
    return { ascii: folded, beyond: isMore ? "some" : beyond };
  }

  #one(codes: Codes): Node {
    // Those that are the same as a letter are known, and stay exact.
    const isKnown = this.#isFolded && codes.beyond === "none";
    const folded = this.#folded(codes);
    if (folded.beyond === "some" && !isKnown) this.#isExact = false;
    const ascii = new Set(folded.ascii);
    const node: Node = { kind: "character", ascii, isBeyond: folded.beyond !== "none" && !isKnown };
    if (!isKnown) return node;
    const same = FOLDED_BEYOND.filter(({ codes: [code = 0] }) => ascii.has(code)).map(({ utf8 }) => inARow(utf8));
    return same.length === 0 ? node : { kind: "either", of: [node, ...same] };
  }

  #next(): string {
    const character = this.#characters[this.#at];
    if (character === undefined) throw NOT_KNOWN;
    this.#at++;
    return character;
  }

  /** Takes what `expression` matches here. */
  #match(expression: RegExp): RegExpExecArray | undefined {
    const found = expression.exec(this.#characters.slice(this.#at, this.#at + AHEAD_MAX).join(""));
    if (found === null) return undefined;
    this.#at += [...found[0]].length;
    return found;
  }
}

function inARow(bytes: Iterable<number>): Node {
  return { kind: "sequence", of: [...bytes].map((byte) => ({ kind: "byte", byte })) };
}

function codesBetween(low: number, high: number): Codes {
  const isAll = low <= 0x80 && high >= 0x10ffff;
  return { ascii: range(low, Math.min(high, 0x7f)), beyond: isAll ? "all" : high >= 0x80 ? "some" : "none" };
}

function unknown(): never {
  throw NOT_KNOWN;
}

function isLetter(code: number): boolean {
  return (code >= 0x41 && code <= 0x5a) || (code >= 0x61 && code <= 0x7a);
}

function range(first: number, last: number): number[] {
  return Array.from({ length: Math.max(0, last - first + 1) }, (_, index) => first + index);
}
