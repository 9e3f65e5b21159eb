/**
 * What every match of a pattern must hold, as bytes: so that a log record is searched with the pattern's own engine only
 * where it may match. Most are looked through at a few bytes per position of the screen, without making a text.
 *
 * compile   the pattern is read as far as it is simple: each branch at its top becomes runs of bytes that follow each other
 *           in every match, each one of a set (`[0-9]{13,16}` is thirteen digits, `(?i)bearer` six letters in both cases).
 *           The run that says most of each branch is its screen. What is not simple ends a run; a pattern that can't be
 *           read at all, or has a branch that may be anything, has no screen.
 * find      Horspool's search, with sets in place of letters.
 *
 * A screen may let pass what does not match, and never holds back what does: pattern-screen.test.ts tries.
 */

/** One of these bytes. */
type ByteSet = ReadonlySet<number>;
/** What lies between two bytes that are known: anything, or nothing. */
const GAP = "gap";
type Atom = ByteSet | typeof GAP;

/** More branches take longer to look for than they save. */
const BRANCHES_MAX = 8;
const RUN_BYTES_MAX = 24;
/** In bits of what a run says: less is in too many texts. A single byte, or two digits and a bit. */
const RUN_BITS_MIN = 8;

/** Finds whether bytes hold what any of the branches needs. */
export class PatternScreen {
  readonly #runs: readonly Run[];

  constructor(runs: readonly (readonly ByteSet[])[]) {
    this.#runs = runs.map((sets) => new Run(sets));
  }

  /** False: no text within [position, end) matches. */
  isIn(bytes: Uint8Array, position: number, end: number): boolean {
    for (const run of this.#runs) if (run.isIn(bytes, position, end)) return true;
    return false;
  }
}

class Run {
  readonly #length: number;
  /** For each position a table by byte: 1 where it is of the set. */
  readonly #tables: readonly Uint8Array[];
  /** By the byte under the last position: how far the run may move on. */
  readonly #shifts: Uint8Array;

  constructor(sets: readonly ByteSet[]) {
    const last = sets.length - 1;
    this.#length = sets.length;
    this.#tables = sets.map((set) => Uint8Array.from({ length: 256 }, (_, byte) => (set.has(byte) ? 1 : 0)));
    this.#shifts = new Uint8Array(256).fill(sets.length);
    for (const [index, set] of sets.slice(0, last).entries()) {
      for (const byte of set) this.#shifts[byte] = last - index;
    }
  }

  isIn(bytes: Uint8Array, position: number, end: number): boolean {
    const last = this.#length - 1;
    const tables = this.#tables;
    const lastTable = tables[last] as Uint8Array;
    const shifts = this.#shifts;
    let at = position + last;
    while (at < end) {
      const byte = bytes[at] as number;
      if (lastTable[byte] === 1) {
        let index = last - 1;
        while (index >= 0 && (tables[index] as Uint8Array)[bytes[at - last + index] as number] === 1) index--;
        if (index < 0) return true;
      }
      at += shifts[byte] as number;
    }
    return false;
  }
}

/** The screen of a pattern that RE2 has taken; undefined where there is none. */
export function screenOf(pattern: string): PatternScreen | undefined {
  const branches = new PatternReader(pattern).read();
  if (branches === undefined || branches.length > BRANCHES_MAX) return undefined;
  const runs = branches.map(bestRun);
  return runs.every((run) => run !== undefined) ? new PatternScreen(runs) : undefined;
}

/** The run of at most RUN_BYTES_MAX bytes that says most. */
function bestRun(atoms: readonly Atom[]): ByteSet[] | undefined {
  let best: { sets: ByteSet[]; bits: number } | undefined;
  let open: ByteSet[] = [];
  for (const atom of [...atoms, GAP] as const) {
    if (atom !== GAP) open.push(atom);
    const sets = open.slice(-RUN_BYTES_MAX);
    const bits = sets.reduce((sum, set) => sum + Math.log2(256 / set.size), 0);
    if (bits >= Math.max(RUN_BITS_MIN, best?.bits ?? 0)) best = { sets, bits };
    if (atom === GAP) open = [];
  }
  return best?.sets;
}

/** Thrown where a pattern is not simple enough to be read. */
const NOT_SIMPLE = Symbol("not simple");

const DIGITS = range(0x30, 0x39);
const WORD = [...DIGITS, ...range(0x41, 0x5a), ...range(0x61, 0x7a), 0x5f];
const SPACE = [0x09, 0x0a, 0x0c, 0x0d, 0x20];
const CLASSES: Readonly<Record<string, readonly number[]>> = { d: DIGITS, w: WORD, s: SPACE };
const CONTROLS: Readonly<Record<string, number>> = { a: 0x07, f: 0x0c, n: 0x0a, r: 0x0d, t: 0x09, v: 0x0b };
/** Without regard to case these stand for a letter beyond ASCII as well: the Kelvin sign, the long s. */
const FOLDED_BEYOND_ASCII = [0x4b, 0x6b, 0x53, 0x73];
/** Characters that may have several bytes: as a set it is a gap. */
const MANY = [0x80, 0x81];
/** What stands for bytes that are no UTF-8. */
const REPLACEMENT = 0xfffd;

/** Reads RE2's syntax as far as it is simple. */
class PatternReader {
  readonly #characters: readonly string[];
  #at = 0;
  #isFolded = false;

  constructor(pattern: string) {
    this.#characters = [...pattern];
  }

  /** The branches at the top; undefined where something is not simple. */
  read(): Atom[][] | undefined {
    try {
      const branches = this.#alternation();
      return this.#at === this.#characters.length ? branches : undefined;
    } catch (reason) {
      if (reason === NOT_SIMPLE) return undefined;
      throw reason;
    }
  }

  #alternation(): Atom[][] {
    const wasFolded = this.#isFolded;
    const branches: Atom[][] = [[]];
    for (;;) {
      const character = this.#characters[this.#at];
      if (character === undefined || character === ")") break;
      if (character === "|") {
        this.#at++;
        branches.push([]);
      } else branches.at(-1)?.push(...this.#repeated(this.#item()));
    }
    // Flags hold to the end of the group that they are in.
    this.#isFolded = wasFolded;
    return branches;
  }

  #item(): Atom[] {
    const character = this.#next();
    switch (character) {
      case "(":
        return this.#group();
      case "[":
        return [this.#class()];
      case ".":
        return [GAP];
      case "^":
      case "$":
        return [];
      case "\\":
        return this.#escape();
      default:
        return this.#literal(character.codePointAt(0) ?? 0);
    }
  }

  #group(): Atom[] {
    const flags = this.#match(/^\?([a-zA-Z-]*)([:)])/);
    if (flags !== undefined) {
      const [, letters = "", closing] = flags;
      const wasFolded = this.#isFolded;
      if (/^[^-]*i/.test(letters)) this.#isFolded = true;
      else if (letters.includes("i")) this.#isFolded = false;
      if (closing === ")") return [];
      const atoms = this.#grouped();
      this.#isFolded = wasFolded;
      return atoms;
    }
    if (this.#match(/^\?P?<\w+>/) === undefined && this.#characters[this.#at] === "?") throw NOT_SIMPLE;
    return this.#grouped();
  }

  #grouped(): Atom[] {
    const branches = this.#alternation();
    if (this.#next() !== ")") throw NOT_SIMPLE;
    return branches.length === 1 ? (branches[0] ?? []) : [GAP];
  }

  /** What follows an item says how often it must be there. */
  #repeated(atoms: Atom[]): Atom[] {
    const [, one, low, comma, high] = this.#match(/^(?:([*+?])|\{(\d+)(,?)(\d*)\})\??/) ?? [];
    if (one === undefined && low === undefined) return atoms;
    const least = one === undefined ? Number(low) : one === "+" ? 1 : 0;
    const isExact = one === undefined && (comma === "" || low === high);
    const often: Atom[] = [];
    for (let count = 0; count < least && often.length < RUN_BYTES_MAX; count++) often.push(...atoms);
    const isShort = often.length < atoms.length * least;
    return this.#repeated(isExact && !isShort ? often : [...often, GAP]);
  }

  #literal(code: number): Atom[] {
    if (code >= 0x80) {
      if (this.#isFolded || code === REPLACEMENT || (code >= 0xd800 && code <= 0xdfff)) return [GAP];
      return [...Buffer.from(String.fromCodePoint(code))].map((byte) => new Set([byte]));
    }
    return [this.#setOf([code])];
  }

  #setOf(codes: readonly number[]): Atom {
    if (codes.length === 0 || codes.some((code) => code >= 0x80)) return GAP;
    if (!this.#isFolded) return new Set(codes);
    if (codes.some((code) => FOLDED_BEYOND_ASCII.includes(code))) return GAP;
    return new Set(codes.flatMap((code) => (isLetter(code) ? [code & ~0x20, code | 0x20] : [code])));
  }

  #escape(): Atom[] {
    const [, letter = ""] = this.#match(/^([AbBz])/) ?? [];
    if (letter !== "") return [];
    const codes = this.#escaped();
    return codes.length === 1 ? this.#literal(codes[0] ?? 0) : [this.#setOf(codes)];
  }

  /** The characters that an escape stands for, after its backslash. */
  #escaped(): readonly number[] {
    const [, hex, braced] = this.#match(/^x(?:([0-9a-fA-F]{2})|\{([0-9a-fA-F]+)\})/) ?? [];
    if (hex !== undefined || braced !== undefined) return [Number.parseInt(hex ?? braced ?? "", 16)];
    if (this.#match(/^(?:[DSW]|[pP](?:\{\^?\w+\}|\w))/) !== undefined) return MANY;
    const character = this.#next();
    const known = CLASSES[character] ?? (CONTROLS[character] === undefined ? undefined : [CONTROLS[character]]);
    if (known !== undefined) return known;
    // Whatever else has a meaning is a letter or a digit.
    if (/[a-zA-Z0-9]/.test(character)) throw NOT_SIMPLE;
    return [character.codePointAt(0) ?? 0];
  }

  #class(): Atom {
    const codes: number[] = this.#match(/^\^/) === undefined ? [] : [...MANY];
    for (let isFirst = true; ; isFirst = false) {
      const character = this.#next();
      if (character === "]" && !isFirst) break;
      if (character === "[" && this.#characters[this.#at] === ":") throw NOT_SIMPLE;
      const low = character === "\\" ? this.#escaped() : [character.codePointAt(0) ?? 0];
      const isRange = this.#characters[this.#at] === "-" && this.#characters[this.#at + 1] !== "]";
      if (!isRange) {
        codes.push(...low);
        continue;
      }
      this.#at++;
      const end = this.#next();
      const high = end === "\\" ? this.#escaped() : [end.codePointAt(0) ?? 0];
      const [from = 0] = low;
      const [to = 0] = high;
      // Beyond ASCII it is no single byte, and how far it goes does not matter.
      codes.push(...range(from, Math.min(to, 0x80)), to);
    }
    return this.#setOf(codes);
  }

  #next(): string {
    const character = this.#characters[this.#at];
    if (character === undefined) throw NOT_SIMPLE;
    this.#at++;
    return character;
  }

  /** Takes what `expression` matches here. */
  #match(expression: RegExp): RegExpExecArray | undefined {
    const found = expression.exec(this.#characters.slice(this.#at, this.#at + 64).join(""));
    if (found === null) return undefined;
    this.#at += [...found[0]].length;
    return found;
  }
}

function isLetter(code: number): boolean {
  return (code >= 0x41 && code <= 0x5a) || (code >= 0x61 && code <= 0x7a);
}

function range(first: number, last: number): number[] {
  return Array.from({ length: Math.max(0, last - first + 1) }, (_, index) => first + index);
}
