/**
 * Closes the loop of one route: gathers what became of its calls, tells the rate controller at the end of every epoch,
 * and gives the pacer the rate that comes of it. Decides nothing: see rate.ts.
 *
 * An epoch lasts about half a second, its length varied by chance, so that replicas do not act in step. It ends early with the
 * first call that was throttled, where that call was made after the last cut: an older one tells nothing of the new rate.
 */
import type { Clock, Random } from "../../clock.ts";
import type { Pacer } from "./pacer.ts";
import type { RateController } from "./rate.ts";

/** What became of one call, as delivery tells it. Bytes that failed for other reasons count as neither. */
export interface CallOutcome {
  /** On the clock that never goes back. */
  readonly sentMs: number;
  readonly acceptedBytes: number;
  readonly throttledBytes: number;
  /** What it was about: ranges of ordinals. */
  readonly records?: readonly { readonly first: bigint; readonly end: bigint }[];
}

export interface FeedbackOptions {
  readonly controller: RateController;
  readonly pacer: Pacer;
  readonly clock: Clock;
  readonly random: Random;
  /** How long the oldest log record that is not delivered has waited, in milliseconds. */
  readonly backlogAgeMs: () => number;
  readonly epochMs?: number;
}

/** The pacer was what limited when it held calls back for this part of an epoch. */
const WAITED_PART_MIN = 0.3;

/** How long a cut goes deeper than it will stay. */
const PAUSE_MS = 200;

export class Feedback {
  readonly #options: FeedbackOptions;
  readonly #epochMs: number;
  #wake = new AbortController();
  #isStopped = false;
  #acceptedBytes = 0;
  #throttledBytes = 0;
  #lateThrottledBytes = 0;
  #epochStartMs: number;
  #lastCutMs = Number.NEGATIVE_INFINITY;
  #waitedMs = 0;

  constructor(options: FeedbackOptions) {
    this.#options = options;
    this.#epochMs = options.epochMs ?? 500;
    this.#epochStartMs = options.clock.monotonicMs();
  }

  /** For `onOutcome` of the route's delivery. */
  noteCall(outcome: CallOutcome): void {
    this.#acceptedBytes += outcome.acceptedBytes;
    if (outcome.throttledBytes === 0) return;
    if (outcome.sentMs < this.#lastCutMs) {
      this.#lateThrottledBytes += outcome.throttledBytes;
      return;
    }
    this.#throttledBytes += outcome.throttledBytes;
    // A pause runs its course: while the stream's bucket is empty, one call more or less that it refuses tells little.
    if (this.#options.controller.isPausing) return;
    this.#endEpoch();
    this.#wake.abort();
  }

  /** Ends epochs until `stop`. */
  async run(): Promise<void> {
    const { clock, random, controller } = this.#options;
    while (!this.#isStopped) {
      this.#wake = new AbortController();
      const { signal } = this.#wake;
      await clock.sleep((controller.isPausing ? PAUSE_MS : this.#epochMs) * (0.8 + 0.4 * random()), signal);
      if (!signal.aborted) this.#endEpoch();
    }
  }

  stop(): void {
    this.#isStopped = true;
    this.#wake.abort();
  }

  /** Gives the pacer the rate as it is now: after a new ceiling or share. */
  apply(): void {
    this.#options.pacer.setQuota(this.#options.controller.quota);
  }

  #endEpoch(): void {
    const { controller, pacer, clock, backlogAgeMs } = this.#options;
    const nowMs = clock.monotonicMs();
    const durationMs = nowMs - this.#epochStartMs;
    const throttledBytes = this.#throttledBytes;
    const isPacerLimited = pacer.waitedMs - this.#waitedMs >= durationMs * WAITED_PART_MIN;
    controller.observe({
      durationMs,
      acceptedBytes: this.#acceptedBytes,
      throttledBytes,
      lateThrottledBytes: this.#lateThrottledBytes,
      isPacerLimited,
      backlogAgeMs: backlogAgeMs(),
    });
    if (throttledBytes > 0) this.#lastCutMs = nowMs;
    this.#acceptedBytes = 0;
    this.#throttledBytes = 0;
    this.#lateThrottledBytes = 0;
    this.#epochStartMs = nowMs;
    this.#waitedMs = pacer.waitedMs;
    this.apply();
  }
}
