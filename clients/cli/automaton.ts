/**
 * Finds whether a text holds a match of a pattern, on its bytes and at a few of the processor's cycles a byte, where RE2 in
 * JavaScript takes twenty: `grep` looks through every line. In linear time like RE2, and in bounded memory.
 *
 * build   the nodes of the pattern (pattern-syntax.ts) become a program over bytes: each step takes a byte of a set, goes on
 *         to several, asks for something about the place (a word's edge, the end of a line), or is the match.
 * run     a state is a set of steps, before anything that is asked about the place is answered: that takes the next byte.
 *         What a state and a byte come to is worked out once and kept in a table. Bytes that no step tells apart share a
 *         column.
 * bound   where the states are too many they are forgotten and the text is gone on with; where that happens often
 *         the automaton gives up, and RE2 has to look.
 *
 * The text must be UTF-8. automaton.test.ts holds it against RE2.
 */
import type { Assertion, Node } from "../../collector/otlp/pattern-syntax.ts";

type Step =
  | { readonly kind: "take"; readonly set: ReadonlySet<number>; readonly next: number }
  | { readonly kind: "split"; readonly next: number[] }
  | { readonly kind: "ask"; readonly is: Assertion; readonly next: number }
  | { readonly kind: "match" };

interface State {
  readonly steps: readonly number[];
  readonly before: number;
}

/** A text that is gone through: where it is, and what it has come to. */
export interface Lane {
  at: number;
  end: number;
  state: number;
}

/** A pattern of more steps is not worth it. */
const STEPS_MAX = 20_000;
/** Of all states together: four bytes each. */
const STEPS_KEPT_MAX = 500_000;
const STATES_MAX = 2_000;
/** A state that serves for less is made in vain. */
const BYTES_PER_STATE_MIN = 10;

/** What stands for the end of the text, after all bytes. */
const END = 256;
const NEWLINE = 0x0a;

/** Rows of the table. A state is where its row begins, in what is handed out as in the table; 0 there is not known yet. */
const MATCH_ROW = 1;
const UNKNOWN_ROW = 2;
const FIRST_ROW = 3;

/** What is known of what comes before a state, as bits. */
const AT_START = 1;
const AFTER_WORD = 2;
const AFTER_NEWLINE = 4;

export class Automaton {
  readonly #steps: Step[] = [];
  readonly #start: number;
  /** The column of each byte, and of the end. */
  readonly #columns = new Uint8Array(END + 1);
  readonly #width: number;
  /** Which of what comes before is asked about at all. */
  readonly #asked: number;

  #table: Uint32Array;
  /** By state: its steps in order, and what comes before. */
  #states: State[] = [];
  #byKey = new Map<string, number>();
  #stepsKept = 0;
  /** Counts how often all states were forgotten. */
  #generation = 0;
  #bytesSince = 0;
  #isGivenUp = false;
  #begin = 0;
  readonly #reached = new Uint32Array(2);

  /** Undefined where the pattern is too large. */
  static of(node: Node): Automaton | undefined {
    try {
      return new Automaton(node);
    } catch (reason) {
      if (reason === TOO_LARGE) return undefined;
      throw reason;
    }
  }

  private constructor(node: Node) {
    this.#start = this.#build(node, this.#add({ kind: "match" }));
    this.#width = this.#assignColumns();
    const asked = new Set(this.#steps.map((step) => (step.kind === "ask" ? step.is : undefined)));
    this.#asked =
      (asked.has("text start") || asked.has("line start") ? AT_START : 0) |
      (asked.has("word edge") || asked.has("no word edge") ? AFTER_WORD : 0) |
      (asked.has("line start") ? AFTER_NEWLINE : 0);
    this.#table = new Uint32Array(64 * this.#width);
    this.#forget();
  }

  /** RE2 has to look: a state is `unknown`, or too many were. */
  get isGivenUp(): boolean {
    return this.#isGivenUp;
  }

  /** Changes when states become invalid. */
  get generation(): number {
    return this.#generation;
  }

  /** The state before any byte. */
  begin(): number {
    return this.#isGivenUp ? this.#row(UNKNOWN_ROW) : this.#begin;
  }

  /** Whether no byte can change what a state comes to. */
  isSettled(state: number): boolean {
    return state <= this.#row(UNKNOWN_ROW);
  }

  /**
   * Goes on with two texts side by side, until one of them is at its end or settled: the processor waits for one while it
   * takes a byte of the other. The bytes must outlast the call; both lanes must be open.
   */
  runBoth(bytes: Uint8Array, one: Lane, other: Lane): void {
    const last = this.#row(UNKNOWN_ROW);
    const reached = this.#reached;
    while (one.at < one.end && other.at < other.end) {
      const steps = Math.min(one.end - one.at, other.end - other.at);
      reached[0] = one.state;
      reached[1] = other.state;
      const taken = runLanes(this.#table, this.#columns, bytes, one.at, other.at, steps, last, reached);
      one.at += taken;
      other.at += taken;
      one.state = reached[0] as number;
      other.state = reached[1] as number;
      this.#bytesSince += 2 * taken;
      if (taken === steps) return;
      this.#take(bytes, one, other);
      this.#take(bytes, other, one);
      if (this.isSettled(one.state) || this.isSettled(other.state)) return;
    }
  }

  /** Goes on to the end of the text, or until it is settled. `other` keeps what it has come to. */
  run(bytes: Uint8Array, lane: Lane, other: Lane | undefined): void {
    while (lane.at < lane.end && !this.isSettled(lane.state)) {
      const table = this.#table;
      const last = this.#row(UNKNOWN_ROW);
      let { at, state } = lane;
      for (; at < lane.end; at++) {
        const next = table[state + (this.#columns[bytes[at] as number] as number)] as number;
        if (next <= last) break;
        state = next;
      }
      this.#bytesSince += at - lane.at;
      lane.at = at;
      lane.state = state;
      if (at < lane.end) this.#take(bytes, lane, other);
    }
  }

  /** Takes one byte. `other` keeps what it has come to, even where all states are forgotten. */
  #take(bytes: Uint8Array, lane: Lane, other: Lane | undefined): void {
    const byte = bytes[lane.at] as number;
    const states = this.#states;
    lane.state = this.#table[lane.state + (this.#columns[byte] as number)] || this.#follow(lane.state, byte);
    lane.at += 1;
    if (other === undefined || states === this.#states || this.isSettled(other.state)) return;
    const { steps, before } = states[other.state / this.#width] as State;
    other.state = this.#stateOf(steps, before);
  }

  /** Whether the text that ends in this state holds a match; undefined where that is not known. */
  end(state: number): boolean | undefined {
    if (state === this.#row(UNKNOWN_ROW)) return undefined;
    if (this.isSettled(state)) return true;
    const known = this.#table[state + (this.#columns[END] as number)];
    if (known !== 0) return known === this.#row(MATCH_ROW);
    const { steps, before } = this.#states[state / this.#width] as State;
    const isMatch = this.#reach(steps, before, END) === undefined;
    this.#keep(state, END, this.#row(isMatch ? MATCH_ROW : FIRST_ROW));
    return isMatch;
  }

  #row(number: number): number {
    return number * this.#width;
  }

  /** Works out what comes after a state, and keeps it. */
  #follow(state: number, byte: number): number {
    const { steps, before } = this.#states[state / this.#width] as State;
    const reached = this.#reach(steps, before, byte);
    if (reached === undefined) return this.#keep(state, byte, this.#row(MATCH_ROW));
    const next = new Set<number>();
    for (const index of reached) {
      const step = this.#steps[index] as Step;
      if (step.kind === "take" && step.set.has(byte)) next.add(step.next);
    }
    const after = (isWord(byte) ? AFTER_WORD : 0) | (byte === NEWLINE ? AFTER_NEWLINE : 0);
    const generation = this.#generation;
    const found = this.#stateOf([...next].sort(ascending), after);
    return generation === this.#generation ? this.#keep(state, byte, found) : found;
  }

  #keep(state: number, byte: number, next: number): number {
    this.#table[state + (this.#columns[byte] as number)] = next;
    return next;
  }

  /** The steps that take a byte and can be come to; undefined where the match is among them. */
  #reach(steps: readonly number[], before: number, byte: number): Set<number> | undefined {
    // A match may begin anywhere.
    const open = [...steps, this.#start];
    const seen = new Set<number>();
    for (let index = open.pop(); index !== undefined; index = open.pop()) {
      if (seen.has(index)) continue;
      seen.add(index);
      const step = this.#steps[index] as Step;
      if (step.kind === "match") return undefined;
      if (step.kind === "split") open.push(...step.next);
      else if (step.kind === "ask" && holds(step.is, before, byte)) open.push(step.next);
    }
    return seen;
  }

  /** The state of these steps; `unknown` where there are too many too soon. */
  #stateOf(steps: readonly number[], before: number): number {
    const asked = before & this.#asked;
    const key = `${asked}:${steps.join()}`;
    const known = this.#byKey.get(key);
    if (known !== undefined) return known;
    if (this.#states.length >= STATES_MAX || this.#stepsKept > STEPS_KEPT_MAX) {
      if (this.#bytesSince < this.#states.length * BYTES_PER_STATE_MIN) {
        this.#isGivenUp = true;
        return this.#row(UNKNOWN_ROW);
      }
      this.#forget();
      return this.#stateOf(steps, before);
    }
    return this.#addState(key, { steps, before: asked });
  }

  #addState(key: string, state: State): number {
    const row = this.#row(this.#states.push(state) - 1);
    this.#byKey.set(key, row);
    this.#stepsKept += state.steps.length + 1;
    if (row + this.#width > this.#table.length) {
      const larger = new Uint32Array(this.#table.length * 2);
      larger.set(this.#table);
      this.#table = larger;
    }
    return row;
  }

  #forget(): void {
    const nothing: State = { steps: [], before: 0 };
    this.#states = Array.from({ length: FIRST_ROW }, () => nothing);
    this.#byKey.clear();
    this.#table.fill(0);
    this.#stepsKept = 0;
    this.#bytesSince = 0;
    this.#generation += 1;
    // Once there, nothing leads away.
    for (const row of [MATCH_ROW, UNKNOWN_ROW]) {
      this.#table.fill(this.#row(row), this.#row(row), this.#row(row + 1));
    }
    this.#begin = this.#stateOf([], AT_START);
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
      const columns = Array.from(this.#columns, (column, byte) => {
        const key = column * 2 + (isOf(byte) ? 1 : 0);
        if (!split.has(key)) split.set(key, split.size);
        return split.get(key) as number;
      });
      count = split.size;
      // 257 columns at most, of which the last one is the end's alone: it has to fit as well.
      if (count > 256) throw TOO_LARGE;
      this.#columns.set(columns);
    }
    return count;
  }
}

/**
 * Takes up to so many steps on both lanes, from the states in `reached` and leaving those come to there; says how many. Stops
 * before a step that comes to no state. By itself and over plain values, so that it is compiled well.
 */
function runLanes(
  table: Uint32Array,
  columns: Uint8Array,
  bytes: Uint8Array,
  at: number,
  otherAt: number,
  steps: number,
  last: number,
  reached: Uint32Array,
): number {
  let now = reached[0] as number;
  let otherNow = reached[1] as number;
  let step = 0;
  // Four at a time: what is no state leads to none, so that it is enough to ask after the fourth.
  for (; step + 4 <= steps; step += 4) {
    const here = at + step;
    const there = otherAt + step;
    let next = table[now + (columns[bytes[here] as number] as number)] as number;
    let otherNext = table[otherNow + (columns[bytes[there] as number] as number)] as number;
    next = table[next + (columns[bytes[here + 1] as number] as number)] as number;
    otherNext = table[otherNext + (columns[bytes[there + 1] as number] as number)] as number;
    next = table[next + (columns[bytes[here + 2] as number] as number)] as number;
    otherNext = table[otherNext + (columns[bytes[there + 2] as number] as number)] as number;
    next = table[next + (columns[bytes[here + 3] as number] as number)] as number;
    otherNext = table[otherNext + (columns[bytes[there + 3] as number] as number)] as number;
    if (next <= last || otherNext <= last) break;
    now = next;
    otherNow = otherNext;
  }
  for (; step < steps; step++) {
    const next = table[now + (columns[bytes[at + step] as number] as number)] as number;
    const otherNext = table[otherNow + (columns[bytes[otherAt + step] as number] as number)] as number;
    if (next <= last || otherNext <= last) break;
    now = next;
    otherNow = otherNext;
  }
  reached[0] = now;
  reached[1] = otherNow;
  return step;
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

function ascending(a: number, b: number): number {
  return a - b;
}

function isWord(byte: number): boolean {
  return (
    (byte >= 0x30 && byte <= 0x39) || (byte >= 0x41 && byte <= 0x5a) || (byte >= 0x61 && byte <= 0x7a) || byte === 0x5f
  );
}

function between(first: number, last: number): ReadonlySet<number> {
  return new Set(Array.from({ length: last - first + 1 }, (_, index) => first + index));
}
