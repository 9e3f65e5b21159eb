/**
 * Keeps batches in a bounded folder until a collector has them: they survive the process and any outage.
 *
 *   outbox ──synced write──> rows on disk ──window in memory──> courier ──acknowledged──> row deleted
 *             then `send` resolves (kept: "spool")
 *
 * It stands between outbox and courier: to the one it is who takes batches and settles them, to the other it is the source.
 * Batches that are ready together become one row, so that small sends cost one synced write together. When the folder is full
 * batches stay in the outbox, whose own bound then makes senders wait, fail or drop.
 *
 * | it died                             | at the next start                                                   |
 * |-------------------------------------|---------------------------------------------------------------------|
 * | before the synced write             | `send` had not resolved: the application knows                      |
 * | after it, before the collector's OK | the row is sent; again, where the collector had it (same uid)       |
 * | after the OK, before the deletion   | the row is sent again: a duplicate that its uid tells               |
 */
import { readdirSync } from "node:fs";
import { join } from "node:path";
import type { ClientClock } from "../clock.ts";
import type { Answer, Batch, BatchSource } from "../send/batch.ts";
import { splitRequest } from "../wire/split.ts";
import { lockSpool } from "./spool-lock.ts";
import { ROW_OVERHEAD_BYTES, type Row, SpoolSegment } from "./spool-segment.ts";

export interface SpoolOptions {
  readonly directory: string;
  /** Bytes of the folder, nearly. */
  readonly bytesMax: number;
  /** Bytes of one row. */
  readonly rowBytesMax: number;
  readonly clock: ClientClock;
  /** Where batches come from. */
  readonly source: BatchSource;
  /** Something is ready to be sent. */
  readonly onReady: () => void;
  /** Records that the collector will never take. */
  readonly onRefused: (records: number, reason: string, request: Uint8Array | undefined) => void;
  /** The disk refused a write: it is tried again. */
  readonly onTrouble: (reason: string) => void;
}

const MIB = 1024 * 1024;
const SEGMENT_BYTES_MAX = 16 * MIB;
/** Rows that are read ahead of the courier. */
const WINDOW_BYTES = 8 * MIB;
const RETRY_MS = 1_000;

/** A row under way; one that was refused whole goes on as two halves of it. */
class SpoolBatch implements Batch {
  readonly row: Row;
  readonly records: number;
  readonly #request: Uint8Array;
  /** Batches that the row has become; the row is settled with the last. */
  readonly parts: { left: number };

  constructor(row: Row, records: number, request: Uint8Array, parts = { left: 1 }) {
    this.row = row;
    this.records = records;
    this.#request = request;
    this.parts = parts;
  }

  get bytes(): number {
    return this.#request.length;
  }

  payload(): Uint8Array {
    return this.#request;
  }

  halves(): [SpoolBatch, SpoolBatch] | undefined {
    const cut = splitRequest(this.#request);
    if (cut === undefined) return undefined;
    this.parts.left++;
    const first = Math.ceil(this.records / 2);
    return [
      new SpoolBatch(this.row, first, cut[0], this.parts),
      new SpoolBatch(this.row, this.records - first, cut[1], this.parts),
    ];
  }
}

export class Spool implements BatchSource {
  readonly #options: SpoolOptions;
  readonly #segmentBytesMax: number;
  readonly #unlock: () => Promise<void>;
  readonly #segments: SpoolSegment[] = [];
  /** On disk, not read yet. */
  #rows: Row[] = [];
  #rowsFrom = 0;
  #window: SpoolBatch[] = [];
  #windowBytes = 0;
  readonly #underWay = new Set<Batch>();
  #nextNumber = 1;
  #records = 0;
  #recovered = 0;
  #acknowledged = 0;
  #refused = 0;
  #isWriting = false;
  #isReading = false;
  #isClosed = false;
  #pending = Promise.resolve();
  #listeners: (() => void)[] = [];

  private constructor(options: SpoolOptions, unlock: () => Promise<void>) {
    this.#options = options;
    this.#unlock = unlock;
    this.#segmentBytesMax = Math.min(SEGMENT_BYTES_MAX, Math.max(MIB, Math.floor(options.bytesMax / 8)));
  }

  /** What an earlier process left is ready to be sent. Rejects with ClientError `spool_unusable`. */
  static async open(options: SpoolOptions): Promise<Spool> {
    const spool = new Spool(options, await lockSpool(options.directory));
    try {
      await spool.#recover();
    } catch (error) {
      await spool.#unlock();
      throw error;
    }
    return spool;
  }

  get counts() {
    return {
      records: this.#records,
      recovered: this.#recovered,
      acknowledged: this.#acknowledged,
      refused: this.#refused,
      bytes: this.#segments.reduce((sum, { bytes }) => sum + bytes, 0),
    };
  }

  /** Takes what the outbox has ready, as far as there is room. Called whenever that may have changed. */
  pump(): void {
    if (this.#isWriting || this.#isClosed || !this.#hasRoomFor(this.#options.source.nextBytes())) return;
    this.#isWriting = true;
    this.#pending = this.#write().finally(() => {
      this.#isWriting = false;
      this.pump();
    });
  }

  nextBytes(): number | undefined {
    return this.#window[0]?.bytes;
  }

  take(): Batch | undefined {
    const batch = this.#window.shift();
    if (batch === undefined) return undefined;
    this.#windowBytes -= batch.bytes;
    this.#underWay.add(batch);
    this.#read();
    return batch;
  }

  giveBack(batches: readonly Batch[]): void {
    const own = batches.filter((batch) => this.#underWay.delete(batch)) as SpoolBatch[];
    for (const { bytes } of own) this.#windowBytes += bytes;
    this.#window.unshift(...own);
  }

  settle(batch: Batch, answer: Answer): void {
    if (!this.#underWay.delete(batch)) return;
    const own = batch as SpoolBatch;
    if (answer.kind === "refused") {
      const halves = own.halves();
      if (halves !== undefined) {
        this.#window.unshift(...halves);
        this.#windowBytes += own.bytes;
        this.#options.onReady();
        return;
      }
      this.#refused += own.records;
      this.#options.onRefused(own.records, answer.reason, own.payload());
    } else {
      const refused = Math.min(answer.refused, own.records);
      this.#refused += refused;
      this.#acknowledged += own.records - refused;
      if (refused > 0) this.#options.onRefused(refused, answer.reason ?? "refused", undefined);
    }
    this.#records -= own.records;
    own.parts.left--;
    if (own.parts.left === 0) void this.#remove(own.row);
    for (const tell of this.#listeners.splice(0)) tell();
  }

  /** Resolves when nothing is left. */
  async empty(): Promise<void> {
    for (;;) {
      await this.#pending;
      if (this.#records === 0 && this.#options.source.nextBytes() === undefined) return;
      await new Promise<void>((resolve) => this.#listeners.push(resolve));
    }
  }

  /** What is left stays on disk. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#pending;
    await Promise.all(this.#segments.map((segment) => segment.close().catch(() => undefined)));
    await this.#unlock();
  }

  async #recover(): Promise<void> {
    const { directory } = this.#options;
    const names = readdirSync(directory).filter((name) => /^\d{16}$/.test(name));
    for (const name of names.sort()) {
      const { segment, rows, trouble } = await SpoolSegment.open(join(directory, name), this.#segmentBytesMax);
      // When whoever connects can listen.
      if (trouble !== undefined) setImmediate(() => this.#options.onTrouble(trouble));
      this.#nextNumber = Math.max(this.#nextNumber, Number(name) + 1);
      if (rows.length === 0) {
        await segment.destroy();
        continue;
      }
      this.#segments.push(segment);
      for (const row of rows) this.#records += row.records;
      this.#rows.push(...rows);
      this.#nextNumber = Math.max(this.#nextNumber, Number(rows.at(-1)?.key.slice(0, 16)) + 1);
    }
    this.#recovered = this.#records;
    this.#read();
  }

  #hasRoomFor(bytes: number | undefined): boolean {
    return bytes !== undefined && this.counts.bytes + bytes + ROW_OVERHEAD_BYTES <= this.#options.bytesMax;
  }

  async #write(): Promise<void> {
    const { source, rowBytesMax, clock, onTrouble } = this.#options;
    const batches: Batch[] = [];
    let bytes = 0;
    for (let next = source.nextBytes(); next !== undefined; next = source.nextBytes()) {
      if (batches.length > 0 && (bytes + next > rowBytesMax || !this.#hasRoomFor(bytes + next))) break;
      const batch = source.take();
      if (batch === undefined) break;
      batches.push(batch);
      bytes += next;
    }
    const records = batches.reduce((sum, batch) => sum + batch.records, 0);
    const request = Buffer.concat(batches.map((batch) => batch.payload()));
    try {
      const segment = await this.#segment();
      const [row] = await segment.append([{ number: this.#nextNumber++, records, request }]);
      this.#records += records;
      this.#keep(row as Row, request);
    } catch (error) {
      source.giveBack(batches);
      // A LevelDB that could not write takes nothing more until it is opened again: the next rows get a new one.
      const failed = this.#segments.at(-1);
      if (failed !== undefined) failed.bytes = Math.max(failed.bytes, this.#segmentBytesMax);
      onTrouble(error instanceof Error ? error.message : String(error));
      if (!this.#isClosed) await clock.sleep(RETRY_MS);
      return;
    }
    for (const batch of batches) source.settle(batch, SPOOLED);
    this.#options.onReady();
  }

  /** The segment that is written to. */
  async #segment(): Promise<SpoolSegment> {
    const last = this.#segments.at(-1);
    if (last !== undefined && last.bytes < this.#segmentBytesMax) return last;
    const path = join(this.#options.directory, String(this.#nextNumber).padStart(16, "0"));
    const { segment } = await SpoolSegment.open(path, this.#segmentBytesMax);
    // Not before: while the disk refuses, the same one is tried again, and none is left over.
    this.#nextNumber++;
    this.#segments.push(segment);
    if (last?.open === 0) await this.#drop(last);
    return segment;
  }

  /** What fits the window goes into it, what comes later is read later. */
  #keep(row: Row, request: Uint8Array): void {
    const isNext = this.#rowsFrom === this.#rows.length && !this.#isReading;
    if (isNext && this.#windowBytes + row.bytes <= WINDOW_BYTES) {
      this.#window.push(new SpoolBatch(row, row.records, request));
      this.#windowBytes += row.bytes;
    } else {
      this.#rows.push(row);
      this.#read();
    }
  }

  #read(): void {
    if (this.#isReading || this.#isClosed) return;
    if (this.#rowsFrom === this.#rows.length || this.#windowBytes >= WINDOW_BYTES / 2) return;
    this.#isReading = true;
    void this.#readOn().finally(() => {
      this.#isReading = false;
      // Rows that came while the last ones were being read.
      this.#read();
      this.#options.onReady();
    });
  }

  async #readOn(): Promise<void> {
    while (this.#rowsFrom < this.#rows.length && this.#windowBytes < WINDOW_BYTES && !this.#isClosed) {
      const row = this.#rows[this.#rowsFrom++] as Row;
      const request = await row.segment.read(row).catch((error: unknown) => {
        this.#options.onTrouble(error instanceof Error ? error.message : String(error));
        return undefined;
      });
      if (request === undefined) {
        // Damaged on disk: told, counted, and gone.
        this.#records -= row.records;
        this.#refused += row.records;
        this.#options.onRefused(row.records, "the spool could not be read", undefined);
        continue;
      }
      this.#window.push(new SpoolBatch(row, row.records, request));
      this.#windowBytes += row.bytes;
    }
    if (this.#rowsFrom < this.#rows.length) return;
    this.#rows = [];
    this.#rowsFrom = 0;
  }

  async #remove(row: Row): Promise<void> {
    const { segment } = row;
    try {
      await segment.remove(row);
      if (segment.open === 0 && segment !== this.#segments.at(-1)) await this.#drop(segment);
    } catch (error) {
      // It will be sent again after a restart, which its uid tells.
      if (!this.#isClosed) this.#options.onTrouble(error instanceof Error ? error.message : String(error));
    }
    this.pump();
  }

  async #drop(segment: SpoolSegment): Promise<void> {
    const index = this.#segments.indexOf(segment);
    if (index < 0) return;
    this.#segments.splice(index, 1);
    await segment.destroy();
  }
}

const SPOOLED: Answer = {
  kind: "taken",
  refused: 0,
  reason: undefined,
  collectorId: undefined,
  firstOrdinal: undefined,
};
