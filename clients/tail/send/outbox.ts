/**
 * Requests: parts of files gathered until there are enough, sent, and their positions moved on when they are acknowledged.
 *
 * What is not acknowledged is bounded in bytes; beyond that `room` is awaited, and nobody reads: the files are the buffer.
 * What the collector can never take is kept in a file of its own before the position moves on, so that nothing is lost
 * silently.
 */
import { closeSync, fsyncSync, mkdirSync, openSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { Clock } from "../clock.ts";
import { systemCodeOf } from "../errors.ts";
import type { Ledger, LedgerPart } from "../files/ledger.ts";
import { Litter, release } from "../litter.ts";
import type { Log } from "../log.ts";
import type { Sender } from "./sender.ts";

export interface OutboxOptions {
  readonly sender: Sender;
  readonly clock: Clock;
  readonly log: Log;
  readonly requestBytesMax: number;
  readonly inFlightBytesMax: number;
  readonly lingerMs: number;
  /** Where refused requests are kept. */
  readonly refusedDirectory: string;
  /** The position of this ledger has moved. */
  readonly onMoved: (ledger: Ledger) => void;
}

export interface OutboxCounts {
  sentRecords: number;
  sentBytes: number;
  acknowledgedRecords: number;
  refusedRecords: number;
}

interface Sent {
  readonly ledger: Ledger;
  readonly part: LedgerPart;
}

/** Records of one request: collectors bound them. */
const RECORDS_MAX = 20_000;
const REFUSED_BYTES_MAX = 1024 * 1024 * 1024;
const REFUSED_RETRY_MS = 10_000;

export class Outbox {
  readonly counts: OutboxCounts = { sentRecords: 0, sentBytes: 0, acknowledgedRecords: 0, refusedRecords: 0 };
  readonly #options: OutboxOptions;
  #parts: Uint8Array[] = [];
  #sent: Sent[] = [];
  #bytes = 0;
  #records = 0;
  #sinceMs = 0;
  #inFlightBytes = 0;
  #inFlight = 0;
  #refusedNumber = 0;
  #waiters: (() => void)[] = [];

  constructor(options: OutboxOptions) {
    this.#options = options;
  }

  /** Bytes that were read and are not acknowledged. */
  get waitingBytes(): number {
    return this.#inFlightBytes + this.#bytes;
  }

  get hasRoom(): boolean {
    return this.waitingBytes < this.#options.inFlightBytesMax;
  }

  get isEmpty(): boolean {
    return this.#inFlight === 0 && this.#parts.length === 0 && this.#sent.length === 0;
  }

  /** Adds a part of a file. A part without records only moves the position, in its order. */
  add(ledger: Ledger, part: LedgerPart, bytes: Uint8Array | undefined, records: number): void {
    if (this.#bytes > 0 && this.#bytes + (bytes?.length ?? 0) > this.#options.requestBytesMax) this.flush();
    if (this.#sent.length === 0) this.#sinceMs = this.#options.clock.monotonicMs();
    this.#sent.push({ ledger, part });
    if (bytes !== undefined) {
      this.#parts.push(bytes);
      this.#bytes += bytes.length;
      this.#records += records;
    }
    if (this.#bytes >= this.#options.requestBytesMax || this.#records >= RECORDS_MAX) this.flush();
  }

  /** When what is gathered is due; undefined when nothing is. Monotonic. */
  get dueMs(): number | undefined {
    return this.#sent.length === 0 ? undefined : this.#sinceMs + this.#options.lingerMs;
  }

  /** Sends what is gathered. */
  flush(): void {
    const sent = this.#sent;
    if (sent.length === 0) return;
    const request = this.#parts.length === 1 ? (this.#parts[0] as Uint8Array) : Buffer.concat(this.#parts);
    const records = this.#records;
    // What was copied is nobody's any more.
    if (this.#parts.length > 1) for (const part of this.#parts) release(part);
    this.#parts = [];
    this.#sent = [];
    this.#bytes = 0;
    this.#records = 0;
    if (request.length === 0) {
      this.#settle(sent);
      return;
    }
    this.#inFlightBytes += request.length;
    this.#inFlight++;
    this.counts.sentRecords += records;
    this.counts.sentBytes += request.length;
    // Rejects only when the sender is closed: then nothing moves on, and the next start sends it again.
    this.#send(request, records, sent).catch(() => this.#release(request.length));
  }

  async #send(request: Uint8Array, records: number, sent: readonly Sent[]): Promise<void> {
    const { refused, reason } = await this.#options.sender.send(request, records);
    if (refused > 0) {
      await this.#keepRefused(request, refused, reason);
      this.counts.refusedRecords += refused;
    }
    this.counts.acknowledgedRecords += records - refused;
    this.#settle(sent);
    const bytes = request.length;
    release(request);
    this.#release(bytes);
  }

  readonly #litter = new Litter();

  #settle(sent: readonly Sent[]): void {
    for (const { ledger, part } of sent) if (ledger.finish(part)) this.#options.onMoved(ledger);
  }

  #release(bytes: number): void {
    this.#inFlightBytes -= bytes;
    this.#inFlight--;
    // What the SDK and gRPC made of it.
    this.#litter.add(bytes);
    for (const wake of this.#waiters.splice(0)) wake();
  }

  /** Resolves when an acknowledgement has come, or the signal is aborted. */
  changed(signal: AbortSignal): Promise<void> {
    if (signal.aborted || this.#inFlight === 0) return Promise.resolve();
    return new Promise((resolve) => {
      this.#waiters.push(resolve);
      signal.addEventListener("abort", () => resolve(), { once: true });
    });
  }

  /** Resolves when the request is on disk. Tries for ever: it is the only copy that will be left. */
  async #keepRefused(request: Uint8Array, refused: number, reason: string): Promise<void> {
    const { refusedDirectory, clock, log } = this.#options;
    for (;;) {
      try {
        mkdirSync(refusedDirectory, { recursive: true });
        const keptBytes = readdirSync(refusedDirectory).reduce(
          (sum, name) => sum + statSync(join(refusedDirectory, name)).size,
          0,
        );
        if (keptBytes + request.length > REFUSED_BYTES_MAX)
          throw new Error(`the folder holds ${keptBytes} bytes already`);
        const path = join(refusedDirectory, `${clock.nowMs()}-${this.#refusedNumber++}.otlp`);
        writeWhole(path, request);
        log.error(
          { records: refused, reason, path },
          "the collector will never take these records: their request is kept in this file",
        );
        return;
      } catch (failure) {
        log.error(
          { records: refused, reason, failure: systemCodeOf(failure) },
          "the collector refused records and they can't be kept: their files are not read on until they can",
        );
        await clock.sleep(REFUSED_RETRY_MS);
      }
    }
  }
}

/** Makes a file that is whole and lasts, with its name, or none. */
function writeWhole(path: string, bytes: Uint8Array): void {
  try {
    writeFileSync(path, bytes, { flush: true, flag: "wx" });
  } catch (reason) {
    if ((reason as { code?: unknown }).code !== "EEXIST") rmSync(path, { force: true });
    throw reason;
  }
  const folder = openSync(dirname(path), "r");
  try {
    fsyncSync(folder);
  } finally {
    closeSync(folder);
  }
}
