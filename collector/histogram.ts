/** How often something took how long: counts in buckets with fixed bounds. A few dozen numbers, however long it runs. */
import { assert } from "./errors.ts";

/** What a histogram holds at one moment. */
export interface HistogramSnapshot {
  /** Upper bounds, included, in rising order; what lies above the last has a bucket of its own. */
  readonly bounds: readonly number[];
  /** One more than there are bounds. */
  readonly counts: readonly number[];
  readonly count: number;
  readonly sum: number;
}

/** Seconds, from a fast disk's sync to a call that times out: each bound about 1.6 times the one before. */
export const DURATION_BOUNDS_SECONDS: readonly number[] = [
  0.000_5, 0.001, 0.001_6, 0.002_5, 0.004, 0.006_3, 0.01, 0.016, 0.025, 0.04, 0.063, 0.1, 0.16, 0.25, 0.4, 0.63, 1, 1.6,
  2.5, 4, 6.3, 10, 30,
];

export class Histogram {
  readonly #bounds: readonly number[];
  readonly #counts: Float64Array;
  #count = 0;
  #sum = 0;

  constructor(bounds: readonly number[] = DURATION_BOUNDS_SECONDS) {
    assert(
      bounds.every((bound, index) => index === 0 || bound > (bounds[index - 1] as number)),
      "the bounds of a histogram rise",
    );
    this.#bounds = bounds;
    this.#counts = new Float64Array(bounds.length + 1);
  }

  /** Counts one value, in the unit of the bounds. */
  note(value: number): void {
    let low = 0;
    let high = this.#bounds.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (value <= (this.#bounds[middle] as number)) high = middle;
      else low = middle + 1;
    }
    this.#counts[low] = (this.#counts[low] as number) + 1;
    this.#count += 1;
    this.#sum += value;
  }

  snapshot(): HistogramSnapshot {
    return { bounds: this.#bounds, counts: [...this.#counts], count: this.#count, sum: this.#sum };
  }
}
