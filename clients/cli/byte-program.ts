/**
 * A pattern as a program over bytes, for automaton.ts: each step takes a byte of a set, goes on to several, asks for something
 * about the place (a word's edge, the end of a line), or is the match. Pure.
 */
import type { Assertion, Node } from "../../collector/otlp/pattern-syntax.ts";

type Step =
  | { readonly kind: "take"; readonly set: ReadonlySet<number>; readonly next: number }
  | { readonly kind: "split"; readonly next: number[] }
  | { readonly kind: "ask"; readonly is: Assertion; readonly next: number }
  | { readonly kind: "match" };

/** A pattern of more steps is not worth it. */
const STEPS_MAX = 20_000;

/** What stands for the end of the text, after all bytes. */
export const END = 256;
const NEWLINE = 0x0a;

/** What is known of what comes before a step, as bits. */
export const AT_START = 1;
const AFTER_WORD = 2;
const AFTER_NEWLINE = 4;

/** What is known of the place after a byte. */
export function afterByte(byte: number): number {
  return (isWord(byte) ? AFTER_WORD : 0) | (byte === NEWLINE ? AFTER_NEWLINE : 0);
}

export class ByteProgram {
  readonly #steps: Step[] = [];
  readonly #start: number;
  /** The column of each byte, and of the end: bytes that no step tells apart share one. */
  readonly columns = new Uint8Array(END + 1);
  /** How many columns there are. */
  readonly width: number;
  /** Which of what comes before is asked about at all. */
  readonly asked: number;

  /** Undefined where the pattern is too large. */
  static of(node: Node): ByteProgram | undefined {
    try {
      return new ByteProgram(node);
    } catch (reason) {
      if (reason === TOO_LARGE) return undefined;
      throw reason;
    }
  }

  private constructor(node: Node) {
    this.#start = this.#build(node, this.#add({ kind: "match" }));
    this.width = this.#assignColumns();
    const asked = new Set(this.#steps.map((step) => (step.kind === "ask" ? step.is : undefined)));
    this.asked =
      (asked.has("text start") || asked.has("line start") ? AT_START : 0) |
      (asked.has("word edge") || asked.has("no word edge") ? AFTER_WORD : 0) |
      (asked.has("line start") ? AFTER_NEWLINE : 0);
  }

  /** The steps after a byte (or the end), in order, from these and from the beginning; undefined where there is a match. */
  next(steps: readonly number[], before: number, byte: number): number[] | undefined {
    // A match may begin anywhere.
    const open = [...steps, this.#start];
    const seen = new Set<number>();
    const next = new Set<number>();
    for (let index = open.pop(); index !== undefined; index = open.pop()) {
      if (seen.has(index)) continue;
      seen.add(index);
      const step = this.#steps[index] as Step;
      if (step.kind === "match") return undefined;
      if (step.kind === "split") open.push(...step.next);
      else if (step.kind === "take" && step.set.has(byte)) next.add(step.next);
      else if (step.kind === "ask" && holds(step.is, before, byte)) open.push(step.next);
    }
    return [...next].sort((a, b) => a - b);
  }

  #add(step: Step): number {
    if (this.#steps.length >= STEPS_MAX) throw TOO_LARGE;
    return this.#steps.push(step) - 1;
  }

  /** Where the node begins that is followed by the step `next`. */
  #build(node: Node, next: number): number {
    switch (node.kind) {
      case "sequence":
        return node.of.reduceRight((after, each) => this.#build(each, after), next);
      case "either":
        return this.#add({ kind: "split", next: node.of.map((each) => this.#build(each, next)) });
      case "byte":
        return this.#add({ kind: "take", set: new Set([node.byte]), next });
      case "assertion":
        return this.#add({ kind: "ask", is: node.is, next });
      case "character": {
        const ways = node.ascii.size === 0 ? [] : [this.#add({ kind: "take", set: node.ascii, next })];
        if (node.isBeyond) ways.push(...this.#beyond(next));
        return ways.length === 1 && ways[0] !== undefined ? ways[0] : this.#add({ kind: "split", next: ways });
      }
      case "repeat": {
        let at = next;
        if (node.most === undefined) {
          const again: number[] = [next];
          at = this.#add({ kind: "split", next: again });
          again.push(this.#build(node.of, at));
        } else {
          for (let count = node.least; count < node.most; count++)
            at = this.#add({ kind: "split", next: [this.#build(node.of, at), next] });
        }
        for (let count = 0; count < node.least; count++) at = this.#build(node.of, at);
        return at;
      }
    }
  }

  /** A character of several bytes, as the first of them says how many. */
  #beyond(next: number): number[] {
    const two = this.#add({ kind: "take", set: CONTINUATION, next });
    const three = this.#add({ kind: "take", set: CONTINUATION, next: two });
    const four = this.#add({ kind: "take", set: CONTINUATION, next: three });
    return [
      this.#add({ kind: "take", set: FIRST_OF_TWO, next: two }),
      this.#add({ kind: "take", set: FIRST_OF_THREE, next: three }),
      this.#add({ kind: "take", set: FIRST_OF_FOUR, next: four }),
    ];
  }

  /** Bytes that every step treats alike get one column; says how many there are. */
  #assignColumns(): number {
    const sets = new Map<string, ReadonlySet<number>>();
    for (const set of new Set(this.#steps.flatMap((step) => (step.kind === "take" ? [step.set] : []))))
      sets.set([...set].sort().join(), set);
    const told: ((byte: number) => boolean)[] = [isWord, (byte) => byte === NEWLINE, (byte) => byte === END];
    for (const set of sets.values()) told.push((byte) => set.has(byte));
    let count = 1;
    for (const isOf of told) {
      const split = new Map<number, number>();
      const columns = Array.from(this.columns, (column, byte) => {
        const key = column * 2 + (isOf(byte) ? 1 : 0);
        if (!split.has(key)) split.set(key, split.size);
        return split.get(key) as number;
      });
      count = split.size;
      // 257 columns at most, of which the last one is the end's alone: it has to fit as well.
      if (count > 256) throw TOO_LARGE;
      this.columns.set(columns);
    }
    return count;
  }
}

const TOO_LARGE = Symbol("too large");

const CONTINUATION = between(0x80, 0xbf);
const FIRST_OF_TWO = between(0xc2, 0xdf);
const FIRST_OF_THREE = between(0xe0, 0xef);
const FIRST_OF_FOUR = between(0xf0, 0xf4);

/** Whether it is so at the place between what comes before and the byte that follows. */
function holds(assertion: Assertion, before: number, byte: number): boolean {
  switch (assertion) {
    case "text start":
      return (before & AT_START) !== 0;
    case "text end":
      return byte === END;
    case "line start":
      return (before & (AT_START | AFTER_NEWLINE)) !== 0;
    case "line end":
      return byte === END || byte === NEWLINE;
    case "word edge":
      return ((before & AFTER_WORD) !== 0) !== isWord(byte);
    case "no word edge":
      return ((before & AFTER_WORD) !== 0) === isWord(byte);
  }
}

function isWord(byte: number): boolean {
  return (
    (byte >= 0x30 && byte <= 0x39) || (byte >= 0x41 && byte <= 0x5a) || (byte >= 0x61 && byte <= 0x7a) || byte === 0x5f
  );
}

function between(first: number, last: number): ReadonlySet<number> {
  return new Set(Array.from({ length: last - first + 1 }, (_, index) => first + index));
}
