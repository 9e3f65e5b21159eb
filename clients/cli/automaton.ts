/**
 * Finds whether a text holds a match of a pattern, on its bytes and at a few of the processor's cycles a byte, where RE2 in
 * JavaScript takes twenty: `grep` looks through every line. In linear time like RE2, and in bounded memory.
 *
 * build   the pattern becomes a program over bytes (byte-program.ts).
 * run     a state is a set of steps of it, before anything that is asked about the place is answered: that takes the next byte.
 *         What a state and a byte come to is worked out once and kept in a table. Bytes that no step tells apart share a
 *         column.
 * bound   where the states are too many they are forgotten and the text is gone on with; where that happens often
 *         the automaton gives up, and RE2 has to look.
 *
 * The text must be UTF-8. automaton.test.ts holds it against RE2.
 */
import type { Node } from "../../collector/otlp/pattern-syntax.ts";
import { AT_START, afterByte, ByteProgram, END } from "./byte-program.ts";

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

/** Of all states together: four bytes each. */
const STEPS_KEPT_MAX = 500_000;
const STATES_MAX = 2_000;
/** A state that serves for less is made in vain. */
const BYTES_PER_STATE_MIN = 10;

/** Rows of the table. A state is where its row begins, in what is handed out as in the table; 0 there is not known yet. */
const MATCH_ROW = 1;
const UNKNOWN_ROW = 2;
const FIRST_ROW = 3;

export class Automaton {
  readonly #program: ByteProgram;
  readonly #columns: Uint8Array;
  readonly #width: number;
  #table: Int32Array;
  /** By state: its steps in order, and what comes before. */
  #states: State[] = [];
  #byKey = new Map<string, number>();
  #stepsKept = 0;
  /** Counts how often all states were forgotten. */
  #generation = 0;
  #bytesSince = 0;
  #isGivenUp = false;
  #begin = 0;
  readonly #reached = new Int32Array(2);

  /** Undefined where the pattern is too large. */
  static of(node: Node): Automaton | undefined {
    const program = ByteProgram.of(node);
    return program && new Automaton(program);
  }

  private constructor(program: ByteProgram) {
    this.#program = program;
    this.#columns = program.columns;
    this.#width = program.width;
    this.#table = new Int32Array(64 * this.#width);
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
    const isMatch = this.#program.next(steps, before, END) === undefined;
    this.#keep(state, END, this.#row(isMatch ? MATCH_ROW : FIRST_ROW));
    return isMatch;
  }

  #row(number: number): number {
    return number * this.#width;
  }

  /** Works out what comes after a state, and keeps it. */
  #follow(state: number, byte: number): number {
    const { steps, before } = this.#states[state / this.#width] as State;
    const next = this.#program.next(steps, before, byte);
    if (next === undefined) return this.#keep(state, byte, this.#row(MATCH_ROW));
    const generation = this.#generation;
    const found = this.#stateOf(next, afterByte(byte));
    return generation === this.#generation ? this.#keep(state, byte, found) : found;
  }

  #keep(state: number, byte: number, next: number): number {
    this.#table[state + (this.#columns[byte] as number)] = next;
    return next;
  }

  /** The state of these steps; `unknown` where there are too many too soon. */
  #stateOf(steps: readonly number[], before: number): number {
    const asked = before & this.#program.asked;
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
      const larger = new Int32Array(this.#table.length * 2);
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
}

/**
 * Takes up to so many steps on both lanes, from the states in `reached` and leaving those come to there; says how many. Stops
 * before a step that comes to no state. By itself and over plain values, so that it is compiled well.
 */
function runLanes(
  table: Int32Array,
  columns: Uint8Array,
  bytes: Uint8Array,
  at: number,
  otherAt: number,
  steps: number,
  last: number,
  reached: Int32Array,
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
