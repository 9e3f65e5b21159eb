/**
 * One simulated collector: the real Delivery with its pacer, rate controller, feedback and share. Only its ends are made
 * up: a journal of equal lines that are never written out, and a sink that asks the stream's quota model.
 */
import type { Clock, Random } from "../../clock.ts";
import { Delivery, type Sink } from "../../delivery/delivery.ts";
import { Feedback } from "../../delivery/pacing/feedback.ts";
import { Pacer, type Quota } from "../../delivery/pacing/pacer.ts";
import { RateController } from "../../delivery/pacing/rate.ts";
import { type Claim, Shares, wantsBytesPerSecond } from "../../delivery/peers/share.ts";
import type { Commit, JournalReader, RouteLedger } from "../../journal/port.ts";
import { silentLog } from "../../log.ts";

/** What every line weighs, with its newline. */
export const LINE_BYTES = 512;

/** Lines of one commit: as many as are read into memory at once. */
const COMMIT_LINES = 1_024;

const LINES = new Uint8Array(COMMIT_LINES * LINE_BYTES).fill(0x2e);
for (let line = 1; line <= COMMIT_LINES; line++) LINES[line * LINE_BYTES - 1] = 0x0a;
const ENDS = Uint32Array.from({ length: COMMIT_LINES }, (_, line) => (line + 1) * LINE_BYTES);
const INDEXES = Uint32Array.from({ length: COMMIT_LINES }, (_, line) => line);

/** Nobody reads it: the lines come from `LINES`. */
const EMPTY = new Uint8Array(0);

/** Commits of lines that all look alike: only where each begins, and when it came, is kept. */
class LineJournal implements JournalReader {
  readonly collectorId = "simulated";
  readonly #commits: Commit[] = [];
  readonly #waiting = new Set<() => void>();
  #head = 0;

  get head(): bigint {
    return BigInt(this.#head);
  }

  append(lines: number, committedAtMs: number): void {
    for (let left = lines; left > 0; left -= COMMIT_LINES) {
      const records = Math.min(left, COMMIT_LINES);
      this.#commits.push({
        kind: "commit",
        first: BigInt(this.#head),
        records,
        committedAtMs,
        request: EMPTY,
        isFor: () => true,
      });
      this.#head += records;
    }
    for (const wake of [...this.#waiting]) wake();
  }

  commitOf(ordinal: bigint): Commit | undefined {
    let low = 0;
    let high = this.#commits.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >>> 1;
      if ((this.#commits[middle]?.first ?? 0n) <= ordinal) low = middle;
      else high = middle - 1;
    }
    return ordinal < this.head ? this.#commits[low] : undefined;
  }

  read(from: bigint): Promise<Commit | undefined> {
    return Promise.resolve(this.commitOf(from));
  }

  async waitForHead(ordinal: bigint, signal: AbortSignal): Promise<void> {
    while (this.head <= ordinal && !signal.aborted) {
      await new Promise<void>((resolve) => {
        const wake = (): void => {
          this.#waiting.delete(wake);
          signal.removeEventListener("abort", wake);
          resolve();
        };
        this.#waiting.add(wake);
        signal.addEventListener("abort", wake, { once: true });
      });
    }
  }
}

/** Counts only: nothing is settled twice here, which delivery's own tests show. */
class CountingLedger implements RouteLedger {
  readonly route = "simulated";
  readonly start = 0n;
  readonly replayed = 0n;
  readonly handedOver = 0n;
  readonly totals = { delivered: 0n, filtered: 0n, quarantined: 0n };

  /** About right: what fails is sent again at once, so little lies beyond it. */
  get cursor(): bigint {
    return this.totals.delivered;
  }

  openRanges(first: bigint, end: bigint): { first: bigint; end: bigint }[] {
    return [{ first, end }];
  }

  finish(first: bigint, end: bigint): void {
    this.totals.delivered += end - first;
  }

  quarantine(): Promise<void> {
    return Promise.reject(new Error("nothing is refused for good in a simulation"));
  }

  flush(): Promise<void> {
    return Promise.resolve();
  }
}

export interface ReplicaOptions {
  readonly name: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly sink: Sink;
  readonly ceiling: Quota;
  readonly backlogAgeMsObjective: number;
}

export class Replica {
  readonly name: string;
  readonly #clock: Clock;
  readonly #journal = new LineJournal();
  readonly #ledger = new CountingLedger();
  readonly #shares: Shares;
  readonly #controller: RateController;
  readonly #feedback: Feedback;
  readonly #delivery: Delivery;
  #owedLines = 0;
  #arriving = 0;

  constructor(options: ReplicaOptions) {
    const { name, clock, random, sink, ceiling, backlogAgeMsObjective } = options;
    this.name = name;
    this.#clock = clock;
    this.#shares = new Shares({ replica: name });
    this.#controller = new RateController({ ceiling, backlogAgeMsObjective });
    const pacer = new Pacer({ clock, quota: ceiling });
    this.#feedback = new Feedback({
      controller: this.#controller,
      pacer,
      clock,
      random,
      backlogAgeMs: () => this.#backlogAgeMs(),
    });
    this.#delivery = new Delivery({
      journal: this.#journal,
      ledger: this.#ledger,
      sink,
      transcoder: {
        transcode: (_request, _first, from, upTo) => {
          const count = upTo - from;
          const lines = { bytes: LINES.subarray(0, count * LINE_BYTES), ends: ENDS.subarray(0, count), count };
          return { ...lines, indexes: INDEXES.subarray(from, upTo), from, to: upTo };
        },
      },
      extractRecord: (request) => request,
      pacer,
      clock,
      random,
      log: silentLog,
      onOutcome: (outcome) => this.#feedback.noteCall(outcome),
    });
  }

  /** Logs come in: `bytes` of lines, at this moment. */
  arrive(bytes: number): void {
    this.#owedLines += bytes / LINE_BYTES;
    const lines = Math.floor(this.#owedLines);
    this.#owedLines -= lines;
    if (lines > 0) this.#journal.append(lines, this.#clock.monotonicMs());
  }

  /** `listed` is how many others the name service knows. */
  start(listed: number): void {
    this.divide(listed);
    this.#delivery.start();
    void this.#feedback.run();
  }

  /** It dies: nothing more is sent, and nobody is told. */
  async die(): Promise<void> {
    this.#feedback.stop();
    await this.#delivery.stop(0);
  }

  get backlogBytes(): number {
    return Number(this.#journal.head - this.#ledger.totals.delivered) * LINE_BYTES;
  }

  get bytesPerSecond(): number {
    return this.#controller.quota.bytesPerSecond;
  }

  get level(): number {
    return this.#controller.status().level;
  }

  /** Bytes per second that come in now, as the scenario has it; a collector measures that at ingest. */
  set arriving(bytesPerSecond: number) {
    this.#arriving = bytesPerSecond;
  }

  get claim(): Claim {
    const wants = wantsBytesPerSecond(this.#arriving, this.backlogBytes);
    return {
      replica: this.name,
      wantsBytesPerSecond: wants,
      weight: 1,
      streamBytesPerSecond: this.#controller.streamBytesPerSecond,
    };
  }

  hear(claim: Claim): void {
    this.#shares.hear(claim, this.#clock.monotonicMs());
  }

  /** Takes the part of the quota that follows from what was heard. */
  divide(listed: number): void {
    const capacity = this.#controller.status().believedBytesPerSecond;
    this.#controller.setShare(this.#shares.divide(this.claim, capacity, this.#clock.monotonicMs(), listed));
    this.#feedback.apply();
  }

  #backlogAgeMs(): number {
    const oldest = this.#journal.commitOf(this.#ledger.cursor);
    return oldest === undefined ? 0 : this.#clock.monotonicMs() - oldest.committedAtMs;
  }
}
