/** What a bench tells: figures, what they are to reach, and the absolute numbers behind a ratio. Pure. */
import { median } from "./statistics.ts";

export type Unit = "logs/s" | "us" | "ms" | "bytes" | "B" | "seconds";

/** One absolute number: the median of its rounds. */
export interface Part {
  readonly label: string;
  readonly value: number;
  readonly unit: Unit;
}

export interface Figure {
  readonly name: string;
  readonly value: number;
  readonly unit: "ratio" | Unit;
  /** Undefined where a figure only informs. */
  readonly reach: { readonly bound: "least" | "most"; readonly of: number } | undefined;
  /** Behind a ratio: what was held to what. Else what helps to read the value. */
  readonly parts: readonly Part[];
  /** The value of each round, where there were several. */
  readonly rounds: readonly number[];
  readonly note?: string;
}

/** The median, over rounds, of one series over another; each round's two sides were measured one right after the other. */
export function ratioFigure(options: {
  readonly name: string;
  readonly reach: Figure["reach"];
  readonly over: { readonly label: string; readonly unit: Unit; readonly rounds: readonly number[] };
  readonly under: { readonly label: string; readonly unit: Unit; readonly rounds: readonly number[] };
  readonly note?: string;
}): Figure {
  const { name, reach, over, under, note } = options;
  if (over.rounds.length !== under.rounds.length) throw new RangeError(`${name}: the rounds of both sides go in pairs`);
  const rounds = over.rounds.map((value, round) => value / (under.rounds[round] as number));
  const parts = [over, under].map(({ label, unit, rounds }) => ({ label, unit, value: median(rounds) }));
  return { name, value: median(rounds), unit: "ratio", reach, parts, rounds, ...(note === undefined ? {} : { note }) };
}

/** Whether the figure is where it is to be; undefined where it only informs. */
export function isReached({ value, reach }: Figure): boolean | undefined {
  if (reach === undefined) return undefined;
  return reach.bound === "least" ? value >= reach.of : value <= reach.of;
}
