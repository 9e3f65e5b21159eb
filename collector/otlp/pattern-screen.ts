/**
 * What every match of a pattern must hold, as bytes: so that a log record is searched with the pattern's own engine only
 * where it may match. Most are looked through at a few bytes per position of the screen, without making a text.
 *
 * compile   each branch at the top of the pattern (pattern-syntax.ts) becomes runs of bytes that follow each other in every
 *           match, each one of a set (`[0-9]{13,16}` is thirteen digits, `(?i)bearer` six letters in both cases). The run
 *           that says most of each branch is its screen. What may be several things ends a run; a pattern that can't be
 *           read at all, or has a branch that may be anything, has no screen.
 * find      Horspool's search, with sets in place of letters.
 *
 * A screen may let pass what does not match, and never holds back what does: pattern-screen.test.ts tries.
 */
import { type Node, readPattern } from "./pattern-syntax.ts";

/** One of these bytes. */
type ByteSet = ReadonlySet<number>;
/** What lies between two bytes that are known: anything, or nothing. */
export const GAP = "gap";
export type Atom = ByteSet | typeof GAP;

/** The last byte of a character beyond ASCII, or all of what is no UTF-8. */
const HIGH: ByteSet = new Set(Array.from({ length: 128 }, (_, index) => 0x80 + index));

/** More branches take longer to look for than they save. */
const BRANCHES_MAX = 8;
const RUN_BYTES_MAX = 24;
/** In bits of what a run says: less is in too many texts. A single byte, or two digits and a bit. */
const RUN_BITS_MIN = 8;

/** A shorter run is looked for in short steps. */
const QUICK_BYTES_MIN = 5;

/** Finds whether bytes hold what any of the branches needs. */
export class PatternScreen {
  readonly #runs: readonly Run[];

  constructor(runs: readonly (readonly ByteSet[])[]) {
    this.#runs = runs.map((sets) => new Run(sets));
  }

  /** Whether looking takes large steps: it is for one run, and that is long. */
  get isQuick(): boolean {
    return this.#runs.length === 1 && (this.#runs[0]?.length ?? 0) >= QUICK_BYTES_MIN;
  }

  /** What is looked for has no more bytes. */
  get bytesMax(): number {
    return RUN_BYTES_MAX;
  }

  /** False: no text within [position, end) matches. */
  isIn(bytes: Uint8Array, position: number, end: number): boolean {
    for (const run of this.#runs) if (run.isIn(bytes, position, end)) return true;
    return false;
  }
}

class Run {
  readonly length: number;
  /** For each position a table by byte: 1 where it is of the set. */
  readonly #tables: readonly Uint8Array[];
  /** By the byte under the last position: how far the run may move on. */
  readonly #shifts: Uint8Array;

  constructor(sets: readonly ByteSet[]) {
    const last = sets.length - 1;
    this.length = sets.length;
    this.#tables = sets.map((set) => Uint8Array.from({ length: 256 }, (_, byte) => (set.has(byte) ? 1 : 0)));
    this.#shifts = new Uint8Array(256).fill(sets.length);
    for (const [index, set] of sets.slice(0, last).entries()) {
      for (const byte of set) this.#shifts[byte] = last - index;
    }
  }

  isIn(bytes: Uint8Array, position: number, end: number): boolean {
    const last = this.length - 1;
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
  const read = readPattern(pattern);
  return read && screenOfNode(read.node);
}

export function screenOfNode(node: Node): PatternScreen | undefined {
  const branches = node.kind === "either" ? node.of : [node];
  if (branches.length > BRANCHES_MAX) return undefined;
  const runs = branches.map((branch) => bestRun(atomsOf(branch)));
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

/** What every match of the node holds, in its order. */
export function atomsOf(node: Node): Atom[] {
  switch (node.kind) {
    case "sequence":
      return node.of.flatMap(atomsOf);
    case "either":
      return eitherOf(node.of.map(atomsOf));
    case "repeat": {
      const atoms = atomsOf(node.of);
      const often: Atom[] = [];
      for (let count = 0; count < node.least && often.length < RUN_BYTES_MAX; count++) often.push(...atoms);
      if (node.least === node.most && often.length === atoms.length * node.least) return often;
      // The last ones stand before what follows as the first ones stand after what came before.
      return often.length <= RUN_BYTES_MAX ? [...often, GAP, ...often] : [...often, GAP];
    }
    case "character":
      if (node.ascii.size === 0) return [GAP, HIGH];
      return [node.isBeyond ? GAP : node.ascii];
    case "byte":
      return [new Set([node.byte])];
    case "assertion":
      return [];
  }
}

/** How all of them begin, and how all of them end, position by position. */
function eitherOf(branches: readonly (readonly Atom[])[]): Atom[] {
  const front = togetherOf(branches);
  if (branches.every(({ length }) => length === front.length)) return front;
  return [...front, GAP, ...togetherOf(branches.map((atoms) => atoms.toReversed())).reverse()];
}

function togetherOf(branches: readonly (readonly Atom[])[]): ByteSet[] {
  const run: ByteSet[] = [];
  for (let at = 0; at < RUN_BYTES_MAX; at++) {
    const bytes = new Set<number>();
    for (const atoms of branches) {
      const atom = atoms[at];
      if (atom === undefined || atom === GAP) return run;
      for (const byte of atom) bytes.add(byte);
    }
    run.push(bytes);
  }
  return run;
}
