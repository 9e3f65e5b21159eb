/**
 * An OpenTelemetry log exporter around any other, which keeps what was not acknowledged and sends it again.
 *
 * The stock OTLP exporter gives up at the first failure: a collector that restarts costs it every batch under way. This
 * one takes batches over, sends up to `concurrency` of them at a time, and sends each again, without a limit on
 * attempts, until it is acknowledged.
 *
 *   export() ──fits──> waiting ──> in flight ──acknowledged──> done
 *      │                  ^            │ failed: waits its delay, goes again
 *      │                  └────halves──┤ refused, more than one record: it may be one record's fault
 *      │                               └──refused, one record──> dropped ("refused")
 *      ├──no room──> dropped ("queue_full")
 *      └──after shutdown──> dropped ("shut_down")
 *
 * Invariant: accepted = acknowledged + waiting + dropped after having been accepted. Nothing is dropped without a call of
 * `onDrop` and a count. What is in memory is bounded by `recordsMax`, and what has not been acknowledged dies with the
 * process: an application that must not lose its last second awaits `forceFlush()` or `shutdown()` before it exits.
 */
import type { LogRecordExporter, ReadableLogRecord } from "@opentelemetry/sdk-logs";
import { systemTimers, type Timers } from "./timers.ts";
import { nextDelayMs, toVerdict } from "./verdict.ts";

type ExportResult = Parameters<Parameters<LogRecordExporter["export"]>[1]>[0];

export interface Drop {
  /**
   * `refused`: the collector can never take this record. `queue_full`: `recordsMax` log records wait already.
   * `shut_down`: not acknowledged when the time for shutting down was over, or exported after it.
   */
  readonly reason: "refused" | "queue_full" | "shut_down";
  readonly logs: readonly ReadableLogRecord[];
  /** What the wrapped exporter said last, where it did. */
  readonly error: unknown;
}

export interface RetryingLogExporterOptions {
  /** The exporter that does the sending, or what makes it. It must call back once for each export. */
  readonly exporter: LogRecordExporter | (() => LogRecordExporter);
  /** The first delay is anything up to this. @default 100 ms */
  readonly initialDelayMs?: number;
  /** The delay's limit doubles up to this. @default 5 s */
  readonly delayMsMax?: number;
  /** Log records in memory, waiting or in flight. @default 100,000 */
  readonly recordsMax?: number;
  /** Exports in flight at a time. @default 4 */
  readonly concurrency?: number;
  /** How long `forceFlush` and `shutdown` wait. @default 30 s */
  readonly flushMsMax?: number;
  /** Told of every log record that is given up. @default a line on console.error, at most one in ten seconds */
  readonly onDrop?: (drop: Drop) => void;
  readonly timers?: Timers;
  /** A number in [0, 1). */
  readonly random?: () => number;
}

export interface RetryingLogExporterSnapshot {
  /** Log records taken over, ever. */
  readonly accepted: number;
  readonly acknowledged: number;
  /** Waiting or in flight. */
  readonly waiting: number;
  /** Attempts that failed and were followed, or will be, by another. */
  readonly retries: number;
  readonly dropped: Readonly<Record<Drop["reason"], number>>;
}

/** One call of `export`; it may be split on its way. */
interface Batch {
  left: number;
  readonly settle: () => void;
  readonly settled: Promise<void>;
}

interface Part {
  readonly batch: Batch;
  readonly logs: ReadableLogRecord[];
}

const SUCCESS: ExportResult = { code: 0 };
const FAILED = 1;

export class RetryingLogExporter implements LogRecordExporter {
  readonly #delegate: LogRecordExporter;
  readonly #delays: { readonly initialDelayMs: number; readonly delayMsMax: number };
  readonly #recordsMax: number;
  readonly #concurrency: number;
  readonly #flushMsMax: number;
  readonly #onDrop: (drop: Drop) => void;
  readonly #timers: Timers;
  readonly #random: () => number;

  readonly #waiting: Part[] = [];
  /** Taken out of `#waiting`, not settled yet. */
  readonly #inFlight = new Set<Part>();
  readonly #batches = new Set<Batch>();
  readonly #readers: { records: number; wake: () => void }[] = [];
  #records = 0;
  #accepted = 0;
  #acknowledged = 0;
  #retries = 0;
  readonly #dropped = { refused: 0, queue_full: 0, shut_down: 0 };
  /** Aborted to wake everyone who waits for a delay. */
  #wake = new AbortController();
  #isStopped = false;
  #shutdown: Promise<void> | undefined;

  constructor(options: RetryingLogExporterOptions) {
    const { exporter, initialDelayMs = 100, delayMsMax = 5_000, recordsMax = 100_000, concurrency = 4 } = options;
    for (const [name, value] of Object.entries({ initialDelayMs, delayMsMax, recordsMax, concurrency })) {
      if (!(value >= 1)) throw new TypeError(`${name} must be at least 1, and is ${value}`);
    }
    this.#delegate = typeof exporter === "function" ? exporter() : exporter;
    this.#delays = { initialDelayMs, delayMsMax };
    this.#recordsMax = recordsMax;
    this.#concurrency = concurrency;
    this.#flushMsMax = options.flushMsMax ?? 30_000;
    this.#timers = options.timers ?? systemTimers;
    this.#onDrop = options.onDrop ?? sayOnConsole(this.#timers);
    this.#random = options.random ?? Math.random;
  }

  /** The bound on log records in memory. */
  get recordsMax(): number {
    return this.#recordsMax;
  }

  snapshot(): RetryingLogExporterSnapshot {
    return {
      accepted: this.#accepted,
      acknowledged: this.#acknowledged,
      waiting: this.#records,
      retries: this.#retries,
      dropped: { ...this.#dropped },
    };
  }

  /**
   * Takes the records over. SUCCESS says that they are in this exporter's hands, not yet that they were acknowledged
   * (`forceFlush` waits for that): a processor that waits for each export could otherwise have only one in flight, and
   * would drop in silence what does not fit its own queue. FAILED says that they were dropped, as `onDrop` was told.
   */
  export(logs: ReadableLogRecord[], resultCallback: (result: ExportResult) => void): void {
    const refusal =
      this.#shutdown !== undefined
        ? "shut_down"
        : this.#records + logs.length > this.#recordsMax
          ? "queue_full"
          : undefined;
    if (refusal !== undefined) {
      this.#drop({ reason: refusal, logs, error: undefined });
      resultCallback({ code: FAILED, error: new Error(`log records dropped: ${refusal}`) });
      return;
    }
    if (logs.length > 0) {
      // Not Promise.withResolvers: Node 20 has none.
      let settle = (): void => {};
      const settled = new Promise<void>((resolve) => {
        settle = resolve;
      });
      const batch = { left: logs.length, settle, settled };
      this.#batches.add(batch);
      this.#records += logs.length;
      this.#accepted += logs.length;
      this.#waiting.push({ batch, logs });
      this.#pump();
    }
    resultCallback(SUCCESS);
  }

  /** Resolves when `records` more would be taken (or this exporter was shut down), in the order of asking. */
  ready(records = 1): Promise<void> {
    const wanted = Math.min(records, this.#recordsMax);
    if (this.#shutdown !== undefined) return Promise.resolve();
    if (this.#readers.length === 0 && this.#records + wanted <= this.#recordsMax) return Promise.resolve();
    return new Promise((wake) => this.#readers.push({ records: wanted, wake }));
  }

  /**
   * Resolves when all that was exported before has been acknowledged (or given up, as `onDrop` was told). Rejects when
   * that takes longer than `flushMsMax`; the records are kept and sent on.
   */
  async forceFlush(): Promise<void> {
    if (!(await this.#flush(this.#flushMsMax))) {
      throw new Error(`${this.#records} log records are still not acknowledged; they are kept and sent again`);
    }
  }

  /**
   * Takes no more records, tries for `flushMsMax` to have all acknowledged, and then drops what is left (`shut_down`).
   * The last attempts' answers are not waited for beyond that. Never rejects.
   */
  shutdown(flushMsMax = this.#flushMsMax): Promise<void> {
    this.#shutdown ??= this.#shutDown(flushMsMax);
    return this.#shutdown;
  }

  async #shutDown(flushMsMax: number): Promise<void> {
    for (const reader of this.#readers.splice(0)) reader.wake();
    this.#wakeAll();
    const isFlushed = await this.#flush(flushMsMax);
    this.#isStopped = true;
    this.#wakeAll();
    for (const part of [...this.#waiting.splice(0), ...this.#inFlight]) {
      this.#drop({ reason: "shut_down", logs: part.logs, error: undefined });
      this.#settle(part);
    }
    const closed = this.#delegate.shutdown().catch(() => {});
    if (isFlushed) await closed;
  }

  /** Whether all that was taken before was settled in time. */
  async #flush(flushMsMax: number): Promise<boolean> {
    const finished = new AbortController();
    const all = Promise.all([...this.#batches].map((batch) => batch.settled)).then(() => true);
    const late = this.#timers.sleep(flushMsMax, finished.signal).then(() => false);
    const isFlushed = await Promise.race([all, late]);
    finished.abort();
    return isFlushed;
  }

  #pump(): void {
    while (this.#inFlight.size < this.#concurrency) {
      const part = this.#waiting.shift();
      if (part === undefined) return;
      this.#inFlight.add(part);
      void this.#deliver(part).then(() => this.#pump());
    }
  }

  /** Sends one part until it is acknowledged, split or dropped. Never rejects. */
  async #deliver(part: Part): Promise<void> {
    for (let failures = 1; ; failures++) {
      const { code, error, threw } = await this.#attempt(part.logs);
      if (!this.#inFlight.has(part)) return; // Dropped by shutdown while it was under way.
      if (code !== FAILED) {
        this.#acknowledged += part.logs.length;
        break;
      }
      const verdict = threw ? { kind: "refused" as const } : toVerdict(error);
      if (verdict.kind === "refused") {
        this.#refuse(part, error);
        return;
      }
      this.#retries++;
      const delayMs = nextDelayMs(failures, verdict.retryAfterMs, this.#delays, this.#random());
      await this.#timers.sleep(delayMs, this.#wake.signal);
      if (this.#isStopped) return;
    }
    this.#settle(part);
  }

  /** One attempt. An exporter that throws could not even begin: the logs can't be serialised. */
  #attempt(logs: ReadableLogRecord[]): Promise<{ code: number; error?: unknown; threw?: boolean }> {
    return new Promise((resolve) => {
      try {
        this.#delegate.export(logs, resolve);
      } catch (error) {
        resolve({ code: FAILED, error, threw: true });
      }
    });
  }

  /** Halves a part, so that one bad record does not take the others with it; one alone is dropped. */
  #refuse(part: Part, error: unknown): void {
    const { batch, logs } = part;
    if (logs.length === 1) {
      this.#drop({ reason: "refused", logs, error });
      this.#settle(part);
      return;
    }
    this.#inFlight.delete(part);
    const middle = Math.ceil(logs.length / 2);
    this.#waiting.unshift({ batch, logs: logs.slice(0, middle) }, { batch, logs: logs.slice(middle) });
  }

  #settle(part: Part): void {
    this.#inFlight.delete(part);
    this.#records -= part.logs.length;
    part.batch.left -= part.logs.length;
    if (part.batch.left === 0) {
      this.#batches.delete(part.batch);
      part.batch.settle();
    }
    for (let first = this.#readers[0]; first !== undefined; first = this.#readers[0]) {
      if (this.#records + first.records > this.#recordsMax) return;
      this.#readers.shift();
      first.wake();
    }
  }

  #drop(drop: Drop): void {
    this.#dropped[drop.reason] += drop.logs.length;
    try {
      this.#onDrop(drop);
    } catch (error) {
      // The application's callback must not stop the others' logs.
      console.error("onDrop failed:", error);
    }
  }

  #wakeAll(): void {
    this.#wake.abort();
    this.#wake = new AbortController();
  }
}

const SAY_EVERY_MS = 10_000;

function sayOnConsole(timers: Timers): (drop: Drop) => void {
  let lastMs = Number.NEGATIVE_INFINITY;
  let unsaid = 0;
  return ({ reason, logs, error }) => {
    unsaid += logs.length;
    if (timers.nowMs() - lastMs < SAY_EVERY_MS) return;
    console.error(`${unsaid} log records were dropped (${reason})`, error ?? "");
    lastMs = timers.nowMs();
    unsaid = 0;
  };
}
