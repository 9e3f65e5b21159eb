/**
 * The live tail: shows log records as they are committed, as many as may be looked at for 2 % of one core's time. What is passed
 * over is counted and told, so that nobody takes a sample for everything. While nobody watches it costs nothing.
 *
 * What it shows is what a route would send: its redaction is applied, and its filter, unless another is given.
 */
import type { Clock } from "../../clock.ts";
import type { RouteConfig } from "../../config/config.ts";
import { createTranscoder } from "../../delivery/lines.ts";
import { CollectorError } from "../../errors.ts";
import type { CommitEvent } from "../../observer.ts";
import type { Transcoder } from "../../otlp/transcode.ts";

/** What the tail needs of the journal: reading beside delivery. */
export interface TailJournal {
  readonly collectorId: string;
  peek(
    from: bigint,
  ): Promise<
    | { readonly kind: "commit"; readonly request: Uint8Array; readonly first: bigint; readonly records: number }
    | { readonly kind: "damage" | "gone" }
    | undefined
  >;
  endPeek(): void;
}

export interface TailOptions {
  readonly journal: TailJournal;
  readonly clock: Clock;
  /** The routes as they are configured now. */
  readonly routes: () => readonly RouteConfig[];
  /** Calls back for every commit, until what it returns is called. */
  readonly tap: (listener: (commit: CommitEvent) => void) => () => void;
}

export interface TailPiece {
  /** Lines of JSON. */
  readonly lines: readonly string[];
  /** Log records that were not looked at since the piece before. */
  readonly skipped: number;
}

/** After looking for a while it rests for so many times as long: 1 in 50 is 2 %. */
const REST_FACTOR = 49;

/** Lines of one piece: what a person can see go by. */
const LINES_MAX = 50;

/** Log records of a commit that are looked at: a commit of many small ones would take long. */
const RECORDS_MAX = 500;

const LINE_CHARACTERS_MAX = 8_192;

export class Tail {
  readonly #options: TailOptions;
  #watching = 0;

  constructor(options: TailOptions) {
    this.#options = options;
  }

  /**
   * Shows log records to `show` until what it returns is called. Throws CollectorError `invalid_request` where there is no such
   * route, or the filter can't be understood.
   */
  watch(routeName: string | undefined, filter: string | undefined, show: (piece: TailPiece) => void): () => void {
    const { journal, clock, tap } = this.#options;
    const transcoder = this.#transcoder(routeName, filter);
    let restUntilMs = 0;
    let isLooking = false;
    let skipped = 0;
    const look = async ({ first }: CommitEvent): Promise<void> => {
      const commit = await journal.peek(first);
      if (commit?.kind === "commit") {
        const looked = Math.min(commit.records, RECORDS_MAX);
        const lines = linesOf(transcoder, commit.request, commit.first, looked);
        skipped += commit.records - looked + Math.max(0, lines.length - LINES_MAX);
        if (lines.length > 0 || skipped > 0) show({ lines: lines.slice(0, LINES_MAX), skipped });
        skipped = 0;
      }
    };
    const rest = (sinceMs: number): void => {
      const nowMs = clock.monotonicMs();
      restUntilMs = nowMs + (nowMs - sinceMs) * REST_FACTOR;
      isLooking = false;
    };
    const stop = tap((commit) => {
      if (isLooking || clock.monotonicMs() < restUntilMs) {
        skipped += commit.records;
        return;
      }
      isLooking = true;
      const sinceMs = clock.monotonicMs();
      // A commit that can't be read is delivery's to report.
      look(commit)
        .catch(() => undefined)
        .finally(() => rest(sinceMs));
    });
    this.#watching += 1;
    return () => {
      stop();
      this.#watching -= 1;
      if (this.#watching === 0) journal.endPeek();
    };
  }

  #transcoder(routeName: string | undefined, filter: string | undefined): Transcoder {
    const { journal, routes } = this.#options;
    const route = routeName === undefined ? routes()[0] : routes().find(({ name }) => name === routeName);
    if (route === undefined) throw new CollectorError("invalid_request", `there is no route ${routeName}`);
    const config = { ...route, filter: filter ?? route.filter, shape: "json" as const, recordId: true };
    try {
      return createTranscoder(config, journal.collectorId);
    } catch (reason) {
      throw reason instanceof CollectorError ? new CollectorError("invalid_request", reason.message) : reason;
    }
  }
}

function linesOf(transcoder: Transcoder, request: Uint8Array, first: bigint, records: number): string[] {
  const { bytes, ends, count } = transcoder.transcode(request, first, 0, records);
  const decoder = new TextDecoder();
  return Array.from({ length: count }, (_, index) => {
    const line = decoder.decode(bytes.subarray(index === 0 ? 0 : ends[index - 1], (ends[index] as number) - 1));
    return line.length > LINE_CHARACTERS_MAX ? `${line.slice(0, LINE_CHARACTERS_MAX)}…` : line;
  });
}
