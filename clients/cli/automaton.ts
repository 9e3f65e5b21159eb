/**
 * Finds whether a text holds a match of a pattern, on its bytes and at a few of the processor's cycles a byte, where RE2 in
 * JavaScript takes twenty: `grep` looks through every line. In linear time like RE2, and in bounded memory.
 *
 * build   the pattern becomes a program over bytes (byte-program.ts).
 * run     a state is a set of steps of it, before anything that is asked about the place is answered: that takes the next byte.
 *         What a state and a byte come to is worked out once and kept in a table, for all bytes that no step tells apart.
 * lanes   four texts are gone through side by side.
 * bound   where the states are too many they are forgotten and the text is gone on with; where that happens often
 *         the automaton gives up, and RE2 has to look.
 *
 * The text must be UTF-8. line-matcher.test.ts holds it against RE2.
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

/** Texts that are gone through at once, since each step waits for the one before: with two of them still a third longer. */
export type Lanes<T extends Lane = Lane> = readonly [T, T, T, T];
const LANES = 4;

/** Of all states together: four bytes each. */
const STEPS_KEPT_MAX = 500_000;
const STATES_MAX = 2_000;
/** A state that serves for less is made in vain. */
const BYTES_PER_STATE_MIN = 10;

/**
 * Rows of the table, with a place for each byte: with one for all that are alike they would be smaller, and each byte looked
 * up first. A state is where its row begins, in what is handed out as in the table; 0 there is not known yet.
 */
const ROW = 256;
const MATCH = 1 * ROW;
const UNKNOWN = 2 * ROW;
const RESERVED_ROWS = 3;
/** What a lane is in that is not in use. */
export const SETTLED = MATCH;
const ENDS_IN_MATCH = 1;
const ENDS_WITHOUT = 2;

export class Automaton {
  readonly #program: ByteProgram;
  /** By column the bytes that share it: what one of them comes to all do. */
  readonly #alike: readonly (readonly number[])[];
  #table = new Int32Array(64 * ROW);
  /** By state what its text comes to where it ends there; 0 is not known yet. */
  readonly #ends = new Uint8Array(RESERVED_ROWS + STATES_MAX);
  /** By state: its steps in order, and what comes before. */
  #states: State[] = [];
  #byKey = new Map<string, number>();
  #stepsKept = 0;
  /** Counts how often all states were forgotten. */
  #generation = 0;
  #bytesSince = 0;
  #isGivenUp = false;
  #begin = 0;
  readonly #reached = new Int32Array(LANES);

  /** Undefined where the pattern is too large. */
  static of(node: Node): Automaton | undefined {
    const program = ByteProgram.of(node);
    return program && new Automaton(program);
  }

  private constructor(program: ByteProgram) {
    this.#program = program;
    const alike: number[][] = Array.from({ length: program.width }, () => []);
    for (let byte = 0; byte < ROW; byte++) alike[program.columns[byte] as number]?.push(byte);
    this.#alike = alike;
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
    return this.#isGivenUp ? UNKNOWN : this.#begin;
  }

  /** Whether no byte can change what a state comes to. */
  isSettled(state: number): boolean {
    return state <= UNKNOWN;
  }

  /**
   * Goes on with as many texts as there are lanes side by side, until one of them is at its end or settled: the processor
   * waits for one while it takes bytes of the others. The bytes must outlast the call; all lanes must be open.
   */
  runAbreast(bytes: Uint8Array, lanes: Lanes): void {
    const reached = this.#reached;
    const [one, two, three, four] = lanes;
    for (;;) {
      const steps = Math.min(one.end - one.at, two.end - two.at, three.end - three.at, four.end - four.at);
      for (let index = 0; index < LANES; index++) reached[index] = (lanes[index] as Lane).state;
      const taken = runLanes(this.#table, bytes, one.at, two.at, three.at, four.at, steps, reached);
      for (let index = 0; index < LANES; index++) {
        const lane = lanes[index] as Lane;
        lane.at += taken;
        lane.state = reached[index] as number;
      }
      this.#bytesSince += LANES * taken;
      if (taken === steps) return;
      for (const lane of lanes) this.#take(bytes, lane, lanes);
      if (lanes.some((lane) => lane.at === lane.end || this.isSettled(lane.state))) return;
    }
  }

  /** Goes on to the end of the text, or until it is settled. The other lanes keep what they have come to. */
  run(bytes: Uint8Array, lane: Lane, lanes: readonly Lane[]): void {
    while (lane.at < lane.end && !this.isSettled(lane.state)) {
      const table = this.#table;
      let { at, state } = lane;
      for (; at < lane.end; at++) {
        const next = table[state + (bytes[at] as number)] as number;
        if (next <= UNKNOWN) break;
        state = next;
      }
      this.#bytesSince += at - lane.at;
      lane.at = at;
      lane.state = state;
      if (at < lane.end) this.#take(bytes, lane, lanes);
    }
  }

  /** Takes one byte. The other lanes keep what they have come to, even where all states are forgotten. */
  #take(bytes: Uint8Array, lane: Lane, lanes: readonly Lane[]): void {
    const byte = bytes[lane.at] as number;
    const states = this.#states;
    lane.state = this.#table[lane.state + byte] || this.#follow(lane.state, byte);
    lane.at += 1;
    if (states === this.#states) return;
    for (const other of lanes) {
      if (other === lane || this.isSettled(other.state)) continue;
      const { steps, before } = states[other.state / ROW] as State;
      other.state = this.#stateOf(steps, before);
    }
  }

  /** Whether the text that ends in this state holds a match; undefined where that is not known. */
  end(state: number): boolean | undefined {
    if (state === UNKNOWN) return undefined;
    if (state === MATCH) return true;
    const row = state / ROW;
    if (this.#ends[row] === 0) {
      const { steps, before } = this.#states[row] as State;
      this.#ends[row] = this.#program.next(steps, before, END) === undefined ? ENDS_IN_MATCH : ENDS_WITHOUT;
    }
    return this.#ends[row] === ENDS_IN_MATCH;
  }

  /** Works out what comes after a state, and keeps it. */
  #follow(state: number, byte: number): number {
    const { steps, before } = this.#states[state / ROW] as State;
    const next = this.#program.next(steps, before, byte);
    if (next === undefined) return this.#keep(state, byte, MATCH);
    const generation = this.#generation;
    const found = this.#stateOf(next, afterByte(byte));
    return generation === this.#generation ? this.#keep(state, byte, found) : found;
  }

  #keep(state: number, byte: number, next: number): number {
    for (const each of this.#alike[this.#program.columns[byte] as number] ?? []) this.#table[state + each] = next;
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
        return UNKNOWN;
      }
      this.#forget();
      return this.#stateOf(steps, before);
    }
    return this.#addState(key, { steps, before: asked });
  }

  #addState(key: string, state: State): number {
    const row = (this.#states.push(state) - 1) * ROW;
    this.#byKey.set(key, row);
    this.#stepsKept += state.steps.length + 1;
    if (row + ROW > this.#table.length) {
      const larger = new Int32Array(this.#table.length * 2);
      larger.set(this.#table);
      this.#table = larger;
    }
    return row;
  }

  #forget(): void {
    const nothing: State = { steps: [], before: 0 };
    this.#states = Array.from({ length: RESERVED_ROWS }, () => nothing);
    this.#byKey.clear();
    this.#table.fill(0);
    this.#ends.fill(0);
    this.#stepsKept = 0;
    this.#bytesSince = 0;
    this.#generation += 1;
    // Once there, nothing leads away.
    for (const state of [MATCH, UNKNOWN]) this.#table.fill(state, state, state + ROW);
    this.#begin = this.#stateOf([], AT_START);
  }
}

/**
 * Takes up to so many steps on all lanes, from the states in `reached` and leaving those come to there; says how many. Stops
 * before a step that comes to no state. By itself and over plain values, so that it is compiled well.
 */
function runLanes(
  table: Int32Array,
  bytes: Uint8Array,
  one: number,
  two: number,
  three: number,
  four: number,
  steps: number,
  reached: Int32Array,
): number {
  let a = reached[0] as number;
  let b = reached[1] as number;
  let c = reached[2] as number;
  let d = reached[3] as number;
  let step = 0;
  // Four at a time: what is no state leads to none, so that it is enough to ask after the fourth.
  for (; step + 4 <= steps; step += 4) {
    let nextA = table[a + (bytes[one + step] as number)] as number;
    let nextB = table[b + (bytes[two + step] as number)] as number;
    let nextC = table[c + (bytes[three + step] as number)] as number;
    let nextD = table[d + (bytes[four + step] as number)] as number;
    nextA = table[nextA + (bytes[one + step + 1] as number)] as number;
    nextB = table[nextB + (bytes[two + step + 1] as number)] as number;
    nextC = table[nextC + (bytes[three + step + 1] as number)] as number;
    nextD = table[nextD + (bytes[four + step + 1] as number)] as number;
    nextA = table[nextA + (bytes[one + step + 2] as number)] as number;
    nextB = table[nextB + (bytes[two + step + 2] as number)] as number;
    nextC = table[nextC + (bytes[three + step + 2] as number)] as number;
    nextD = table[nextD + (bytes[four + step + 2] as number)] as number;
    nextA = table[nextA + (bytes[one + step + 3] as number)] as number;
    nextB = table[nextB + (bytes[two + step + 3] as number)] as number;
    nextC = table[nextC + (bytes[three + step + 3] as number)] as number;
    nextD = table[nextD + (bytes[four + step + 3] as number)] as number;
    if (Math.min(nextA, nextB, nextC, nextD) <= UNKNOWN) break;
    a = nextA;
    b = nextB;
    c = nextC;
    d = nextD;
  }
  for (; step < steps; step++) {
    const nextA = table[a + (bytes[one + step] as number)] as number;
    const nextB = table[b + (bytes[two + step] as number)] as number;
    const nextC = table[c + (bytes[three + step] as number)] as number;
    const nextD = table[d + (bytes[four + step] as number)] as number;
    if (nextA <= UNKNOWN || nextB <= UNKNOWN || nextC <= UNKNOWN || nextD <= UNKNOWN) break;
    a = nextA;
    b = nextB;
    c = nextC;
    d = nextD;
  }
  reached[0] = a;
  reached[1] = b;
  reached[2] = c;
  reached[3] = d;
  return step;
}
