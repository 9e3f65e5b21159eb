/**
 * A log processor that never drops in silence: it hands full batches to a RetryingLogExporter at once, and has a
 * `ready()` to wait on.
 *
 * The stock BatchLogRecordProcessor has one export open at a time and drops what does not fit its queue (2,048 records
 * by default) without telling anybody but its own metrics. A loop that logs without ever awaiting can outrun any
 * processor; one that does `await processor.ready()` before each record can't lose one.
 */
import type { LogRecordProcessor, SdkLogRecord } from "@opentelemetry/sdk-logs";
import type { RetryingLogExporter } from "./retrying-log-exporter.ts";
import { systemTimers, type Timers } from "./timers.ts";

export interface BatchingLogProcessorOptions {
  readonly exporter: RetryingLogExporter;
  /** Records of one export. @default 512 */
  readonly batchRecordsMax?: number;
  /** How long a record waits for others. @default 200 ms */
  readonly delayMsMax?: number;
  readonly timers?: Timers;
}

export class BatchingLogProcessor implements LogRecordProcessor {
  readonly #exporter: RetryingLogExporter;
  readonly #batchRecordsMax: number;
  readonly #delayMsMax: number;
  readonly #timers: Timers;
  #batch: SdkLogRecord[] = [];
  /** Aborted when the batch that a timer was set for has gone. */
  #batchGone = new AbortController();
  /** Batches that wait for attributes of their resource. */
  readonly #delayed = new Set<Promise<void>>();

  constructor({
    exporter,
    batchRecordsMax = 512,
    delayMsMax = 200,
    timers = systemTimers,
  }: BatchingLogProcessorOptions) {
    if (!(batchRecordsMax >= 1)) throw new TypeError(`batchRecordsMax must be at least 1, and is ${batchRecordsMax}`);
    if (2 * batchRecordsMax > exporter.recordsMax) {
      throw new TypeError(
        `two batches of ${batchRecordsMax} must fit the exporter's recordsMax, ${exporter.recordsMax}`,
      );
    }
    this.#exporter = exporter;
    this.#batchRecordsMax = batchRecordsMax;
    this.#delayMsMax = delayMsMax;
    this.#timers = timers;
  }

  onEmit(record: SdkLogRecord): void {
    this.#batch.push(record);
    if (this.#batch.length >= this.#batchRecordsMax) this.#send();
    else if (this.#batch.length === 1) {
      const { signal } = this.#batchGone;
      void this.#timers.sleep(this.#delayMsMax, signal).then(() => {
        if (!signal.aborted) this.#send();
      });
    }
  }

  /**
   * Resolves when a whole batch more will be taken. Await it before each record: it costs next to nothing, and up to
   * `batchRecordsMax` loops may share a processor that way.
   */
  ready(): Promise<void> {
    return this.#exporter.ready(this.#batch.length + this.#batchRecordsMax);
  }

  /** As `RetryingLogExporter.forceFlush`, for all that was emitted before. */
  async forceFlush(): Promise<void> {
    await this.#sendAll();
    await this.#exporter.forceFlush();
  }

  /** As `RetryingLogExporter.shutdown`. What is emitted afterwards is dropped, and `onDrop` is told. */
  async shutdown(): Promise<void> {
    await this.#sendAll();
    await this.#exporter.shutdown();
  }

  async #sendAll(): Promise<void> {
    this.#send();
    await Promise.all(this.#delayed);
  }

  #send(): void {
    const batch = this.#batch;
    if (batch.length === 0) return;
    this.#batch = [];
    this.#batchGone.abort();
    this.#batchGone = new AbortController();
    // What becomes of it, the exporter counts and tells.
    const hand = (): void => this.#exporter.export(batch, () => {});
    const pending = new Set(batch.map((record) => record.resource).filter((one) => one.asyncAttributesPending));
    if (pending.size === 0) {
      hand();
      return;
    }
    // A resource whose attributes fail to come is sent with those it has.
    const settled = Promise.allSettled([...pending].map((one) => one.waitForAsyncAttributes?.())).then(hand);
    this.#delayed.add(settled);
    void settled.finally(() => this.#delayed.delete(settled));
  }
}
