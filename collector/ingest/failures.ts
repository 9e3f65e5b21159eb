/** What happens beside the answer when something fails: it is counted, told in the log where nobody foresaw it, or the process stops. */
import type { StatusObject } from "@grpc/grpc-js";
import type { Clock, Random } from "../clock.ts";
import { type AssertionError, CollectorError } from "../errors.ts";
import type { Log } from "../log.ts";
import { answerFailure, toStatus } from "./boundary.ts";
import type { IngestCounters } from "./counters.ts";

/** Failures are logged at most this often: one line per request would fill the disk that the journal needs. */
const LOG_MS = 10_000;

export interface FailureParts {
  readonly counters: IngestCounters;
  readonly log: Log;
  readonly clock: Clock;
  readonly random: Random;
  /** Gets a broken invariant after its client was answered. */
  readonly onBug: (bug: AssertionError) => void;
}

export class Failures {
  readonly #parts: FailureParts;
  #lastLoggedAtMs = Number.NEGATIVE_INFINITY;

  constructor(parts: FailureParts) {
    this.#parts = parts;
  }

  /** Answers with what `reason` is to a client, and counts it. A broken invariant stops the process after the answer. */
  answer(reason: unknown, send: (failure: StatusObject, error: CollectorError) => void): void {
    const { counters, random, onBug } = this.#parts;
    const answer = (failure: StatusObject, error: CollectorError): void => {
      counters.refused[error.code]++;
      if (error.code === "internal") this.#tellUnforeseen(reason);
      send(failure, error);
    };
    answerFailure(reason, random, answer, onBug);
  }

  /** The same for a stream, whose client is named: one that breaks the protocol has to be mended by somebody. */
  answerStream(reason: unknown, client: string, send: (failure: StatusObject) => void): void {
    this.answer(reason, (failure, error) => {
      if (!error.retryable) this.#tell({ client, reason: error.message }, "a client broke the protocol of streams");
      send(failure);
    });
  }

  /** The status of what keeps a call from its handler, counted. */
  toStatus(reason: unknown): StatusObject {
    const error = CollectorError.from(reason);
    this.#parts.counters.refused[error.code]++;
    if (error.code === "internal") this.#tellUnforeseen(reason);
    return toStatus(error, this.#parts.random);
  }

  #tellUnforeseen(cause: unknown): void {
    const { log, counters } = this.#parts;
    if (!this.#mayTell()) return;
    log.error({ err: cause, failures: counters.refused.internal }, "export failed in a way nobody foresaw");
  }

  #tell(facts: Record<string, unknown>, words: string): void {
    if (this.#mayTell()) this.#parts.log.warn(facts, words);
  }

  #mayTell(): boolean {
    const nowMs = this.#parts.clock.monotonicMs();
    if (nowMs - this.#lastLoggedAtMs < LOG_MS) return false;
    this.#lastLoggedAtMs = nowMs;
    return true;
  }
}
