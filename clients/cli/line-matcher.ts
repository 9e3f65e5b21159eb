/**
 * Whether lines match a pattern of RE2's syntax: by its plain text where it has some, by an automaton over the bytes, and by
 * RE2 itself where these can't say. line-matcher.test.ts holds it against RE2 alone.
 *
 * The lines of one request end alike: with their resource and scope, which are more than half of them. What the automaton
 * comes to by such an end is remembered for the next line.
 */
import { RE2JS, RE2JSSyntaxException } from "re2js";
import { atomsOf, GAP, type PatternScreen, screenOfNode } from "../../collector/otlp/pattern-screen.ts";
import { type Node, type Pattern, readPattern } from "../../collector/otlp/pattern-syntax.ts";
import { Automaton, type Lane, type Lanes, SETTLED } from "./automaton.ts";
import { Failure } from "./failure.ts";

export interface Words {
  readonly pattern: string;
  readonly ignoresCase: boolean;
  /** The pattern is plain text. */
  readonly isFixed: boolean;
}

/** A shorter end is not worth being compared. */
const SAME_END_BYTES_MIN = 96;
/** So many lines show whether the screen is of use. */
const SCREENED_MIN = 500;

export class LineMatcher {
  /** What every match holds, each of them: looking for these is ten times cheaper than anything else. */
  readonly plainParts: readonly Buffer[];
  /** The pattern is one plain part, and whatever holds it matches. */
  readonly isPlain: boolean;
  readonly #re2: RE2JS;
  readonly #pattern: Pattern | undefined;
  readonly #automaton: Automaton | undefined;

  #screen: PatternScreen | undefined;
  #screened = 0;
  #passed = 0;
  #screenedSince = -1;
  #isInSameEnd = false;
  readonly #lanes: Lanes<LineLane> = [newLane(), newLane(), newLane(), newLane()];
  #verdicts = new Uint8Array(0);
  /** The line that was begun before: where it lies, how much of its end the one before it has as well, and since when. */
  #startBefore = 0;
  #endBefore = 0;
  #sameBytes = 0;
  #sameSince = 0;
  /** What states at the beginning of that end came to. */
  readonly #known = new Map<number, number>();
  #knownSince = -1;
  #knownGeneration = -1;

  /** Throws Failure where the pattern can't be read. */
  constructor({ pattern, ignoresCase, isFixed }: Words) {
    const written = isFixed ? RE2JS.quote(pattern) : pattern;
    this.#re2 = compile(written, ignoresCase);
    this.#pattern = readPattern(written, ignoresCase);
    this.#automaton = this.#pattern && Automaton.of(this.#pattern.node);
    this.isPlain =
      !ignoresCase && pattern !== "" && pattern.isWellFormed() && (isFixed || !/[\\^$.|?*+()[\]{}]/.test(pattern));
    this.plainParts = this.isPlain ? [Buffer.from(pattern)] : this.#pattern ? plainPartsOf(this.#pattern.node) : [];
    const screen = this.#pattern && screenOfNode(this.#pattern.node);
    // Another one takes as long as the automaton itself.
    this.#screen = screen?.isQuick === true ? screen : undefined;
  }

  /**
   * Of the lines of a buffer that are `asked` for by number, which match: for each a 1 or a 0, valid until the next call.
   * Line n lies between the end before it and `ends[n]`, where its line break is.
   */
  matching(lines: Buffer, ends: Uint32Array, asked: readonly number[]): Uint8Array {
    if (this.#verdicts.length < asked.length) this.#verdicts = new Uint8Array(asked.length * 2);
    const verdicts = this.#verdicts;
    const startOf = (line: number): number => (line === 0 ? 0 : (ends[line - 1] as number));
    const endOf = (line: number): number => (ends[line] as number) - 1;
    const byRe2 = (line: number): boolean => this.#re2.test(lines.toString("utf8", startOf(line), endOf(line)));
    const [plainPart] = this.plainParts;
    if (this.isPlain && plainPart !== undefined) {
      for (const [position, line] of asked.entries())
        verdicts[position] = lines.subarray(startOf(line), endOf(line)).includes(plainPart) ? 1 : 0;
      return verdicts;
    }
    const automaton = this.#automaton;
    let next = 0;
    if (automaton !== undefined) {
      this.#sameBytes = 0;
      this.#endBefore = 0;
      this.#startBefore = 0;
      const begin = (lane: LineLane): boolean => {
        for (; next < asked.length && !automaton.isGivenUp; next++) {
          const line = asked[next] as number;
          const start = startOf(line);
          lane.lineEnd = endOf(line);
          lane.end = this.#sameEndOf(lines, start, lane.lineEnd);
          if (this.#isHeldBack(lines, start, lane.end, lane.lineEnd)) {
            verdicts[next] = 0;
            continue;
          }
          lane.at = start;
          lane.state = automaton.begin();
          lane.sameSince = this.#sameSince;
          lane.position = next++;
          return true;
        }
        return false;
      };
      const finish = (lane: LineLane): void => {
        const verdict = this.#finish(automaton, lane, lines);
        const isSure = verdict === false || (verdict === true && this.#pattern?.isExact === true);
        verdicts[lane.position] = (isSure ? verdict : byRe2(asked[lane.position] as number)) ? 1 : 0;
        lane.state = SETTLED;
      };
      const lanes = this.#lanes;
      const open = new Set(lanes.filter(begin));
      while (open.size === lanes.length) {
        automaton.runAbreast(lines, lanes);
        for (const lane of lanes) {
          if (!isAtEnd(automaton, lane)) continue;
          finish(lane);
          if (!begin(lane)) open.delete(lane);
        }
      }
      for (const lane of open) finish(lane);
    }
    for (; next < asked.length; next++) verdicts[next] = byRe2(asked[next] as number) ? 1 : 0;
    return verdicts;
  }

  /** Whether the line can't match, by the screen; that part of it which others have as well is asked once. */
  #isHeldBack(lines: Buffer, start: number, sameFrom: number, end: number): boolean {
    const screen = this.#screen;
    if (screen === undefined) return false;
    if (this.#screenedSince !== this.#sameSince) {
      this.#screenedSince = this.#sameSince;
      this.#isInSameEnd = screen.isIn(lines, sameFrom, end);
    }
    this.#screened += 1;
    if (!this.#isInSameEnd && !screen.isIn(lines, start, Math.min(end, sameFrom + screen.bytesMax - 1))) return true;
    this.#passed += 1;
    // One that lets most pass costs more than it saves.
    if (this.#screened > SCREENED_MIN && this.#passed * 4 > this.#screened) this.#screen = undefined;
    return false;
  }

  /** Whether the line matches; undefined where the automaton can't say. */
  #finish(automaton: Automaton, lane: LineLane, lines: Buffer): boolean | undefined {
    automaton.run(lines, lane, this.#lanes);
    if (!automaton.isSettled(lane.state) && lane.end < lane.lineEnd) {
      const { state, sameSince } = lane;
      const { generation } = automaton;
      if (sameSince !== this.#knownSince || generation !== this.#knownGeneration) {
        this.#known.clear();
        this.#knownSince = sameSince;
        this.#knownGeneration = generation;
      }
      const known = this.#known.get(state);
      if (known !== undefined) lane.state = known;
      else {
        lane.end = lane.lineEnd;
        automaton.run(lines, lane, this.#lanes);
        if (generation === automaton.generation) this.#known.set(state, lane.state);
      }
    }
    return automaton.end(lane.state);
  }

  /** From where on the line is the same as the one before was at its end. */
  #sameEndOf(lines: Buffer, start: number, end: number): number {
    const startBefore = this.#startBefore;
    const endBefore = this.#endBefore;
    this.#startBefore = start;
    this.#endBefore = end;
    const same = this.#sameBytes;
    if (same > 0 && same <= end - start && lines.compare(lines, end - same, end, endBefore - same, endBefore) === 0)
      return end - same;
    this.#sameSince += 1;
    const most = Math.min(end - start, endBefore - startBefore);
    let length = 0;
    while (length < most && lines[end - 1 - length] === lines[endBefore - 1 - length]) length++;
    this.#sameBytes = length < SAME_END_BYTES_MIN ? 0 : length;
    return end - this.#sameBytes;
  }
}

interface LineLane extends Lane {
  /** `end` is where the end begins that it has in common with others, from this count of `#sameSince` on. */
  lineEnd: number;
  sameSince: number;
  /** Among those that are asked for. */
  position: number;
}

function newLane(): LineLane {
  return { at: 0, end: 0, state: SETTLED, lineEnd: 0, sameSince: 0, position: 0 };
}

function isAtEnd(automaton: Automaton, lane: Lane): boolean {
  return lane.at >= lane.end || automaton.isSettled(lane.state);
}

function plainPartsOf(node: Node): Buffer[] {
  const parts: number[][] = [[]];
  for (const atom of atomsOf(node)) {
    const [byte, ...others] = atom === GAP ? [] : atom;
    if (byte === undefined || others.length > 0) parts.push([]);
    else parts.at(-1)?.push(byte);
  }
  return parts.filter((part) => part.length >= 2).map((part) => Buffer.from(part));
}

function compile(pattern: string, ignoresCase: boolean): RE2JS {
  try {
    return RE2JS.compile(pattern, ignoresCase ? RE2JS.CASE_INSENSITIVE : 0);
  } catch (reason) {
    if (!(reason instanceof RE2JSSyntaxException)) throw reason;
    const words = reason.message.replace(/^error parsing regexp: /, "");
    throw new Failure(`the pattern can't be read: ${words} (the syntax is RE2's; --fixed takes it as plain text)`);
  }
}
