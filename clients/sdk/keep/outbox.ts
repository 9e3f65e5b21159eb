/**
 * Keeps every record from `send` to its end, in bounded bytes.
 *
 *   send ──room──> open batch ──full, or its time is over, or nothing is under way──> ready ──> under way ──> settled
 *     │ no room                                                                         ^           │
 *     └──> waits (block) | rejects (error) | counted and told (drop)                    └─not answered
 *
 * An open batch waits for company only while something is under way: a lone `await send()` goes at once, and under load
 * batches fill while the one before is being written. A batch that is refused whole is halved until the records that are to
 * blame stand alone: those are refused, their neighbours go on.
 *
 * Invariant, at every instant: accepted = acknowledged + refused + abandoned + waiting (records).
 */
import type { ClientClock } from "../clock.ts";
import { ClientError } from "../errors.ts";
import type { Answer, Batch, BatchSource } from "../send/batch.ts";
import { halves, joinRuns, type Run, runBytes } from "../wire/records.ts";

export interface OutboxOptions {
  /** Bytes of records from `send` to their end, with what is around them. */
  readonly bytesMax: number;
  readonly batchRecordsMax: number;
  readonly batchBytesMax: number;
  /** How long a record waits for others while something is under way. */
  readonly delayMsMax: number;
  readonly clock: ClientClock;
  /** Something is ready to be sent. */
  readonly onReady: () => void;
  /** Records that the collector will never take. */
  readonly onRefused: (records: number, reason: string, request: Uint8Array | undefined) => void;
}

/** What became of one `send`. */
export interface Outcome {
  readonly acknowledged: number;
  readonly refused: number;
  readonly reason: string | undefined;
  readonly collectorId: string | undefined;
  /** Ordinal of the first record, where the collector told it and all records of the send lie in a row. */
  readonly ordinal: bigint | undefined;
}

/** One call of `send`. */
interface Sending {
  left: number;
  acknowledged: number;
  refused: number;
  reason: string | undefined;
  collectorId: string | undefined;
  ordinal: bigint | undefined;
  /** More than one batch held its records. */
  parts: number;
  readonly resolve: (outcome: Outcome) => void;
  readonly reject: (error: ClientError) => void;
}

interface Parcel {
  readonly run: Run;
  readonly sending: Sending;
}

interface Waiter {
  /** What must be free. */
  readonly bytes: number;
  /** What it holds in memory meanwhile. */
  readonly holds: number;
  readonly admit: () => void;
  readonly refuse: (error: ClientError) => void;
}

/** What stands around one parcel in memory: itself, its buffer, its promise, and the garbage of it that is not collected yet. */
const PARCEL_OVERHEAD_BYTES = 1_500;

class OutboxBatch implements Batch {
  readonly parcels: readonly Parcel[];
  readonly records: number;
  readonly bytes: number;

  constructor(parcels: readonly Parcel[]) {
    this.parcels = parcels;
    this.records = parcels.reduce((sum, { run }) => sum + run.records, 0);
    this.bytes = parcels.reduce((sum, { run }) => sum + runBytes(run), 0);
  }

  payload(): Uint8Array {
    return joinRuns(this.parcels.map(({ run }) => run));
  }
}

export class Outbox implements BatchSource {
  readonly #options: OutboxOptions;
  #open: Parcel[] = [];
  #openRecords = 0;
  #openBytes = 0;
  /** Aborted when the open batch has been closed. */
  #openClosed = new AbortController();
  #isSealSet = false;
  #isTimerSet = false;
  #ready: OutboxBatch[] = [];
  readonly #underWay = new Set<Batch>();
  readonly #waiters: Waiter[] = [];
  #bytes = 0;
  #blockedBytes = 0;
  #waiting = 0;
  #accepted = 0;
  #acknowledged = 0;
  #refused = 0;
  #abandoned = 0;
  #idleListeners: (() => void)[] = [];

  constructor(options: OutboxOptions) {
    this.#options = options;
  }

  get counts() {
    return {
      accepted: this.#accepted,
      acknowledged: this.#acknowledged,
      refused: this.#refused,
      abandoned: this.#abandoned,
      waiting: this.#waiting,
      bytes: this.#bytes,
      blockedBytes: this.#blockedBytes,
    };
  }

  /** Bytes that these take here. */
  static cost(runs: readonly Run[]): number {
    return runs.reduce((sum, { bytes }) => sum + bytes.length + PARCEL_OVERHEAD_BYTES, 0);
  }

  /** Whether that many bytes would be taken now, without passing by those who wait. */
  hasRoomFor(bytes: number): boolean {
    // Something larger than all the room there is goes alone, or it would wait for ever.
    return this.#waiters.length === 0 && (this.#bytes + bytes <= this.#options.bytesMax || this.#bytes === 0);
  }

  /** Resolves when that many bytes would be taken. Rejects when everything is given up. */
  async room(bytes: number): Promise<void> {
    if (this.hasRoomFor(bytes)) return;
    await new Promise<void>((resolve, reject) => {
      this.#waiters.push({ bytes, holds: 0, admit: resolve, refuse: reject });
      // What is in the way must leave, not wait for company.
      this.seal();
    });
  }

  /** Takes the records over, now. The caller has looked whether there is room. */
  add(runs: readonly Run[]): Promise<Outcome> {
    return new Promise((resolve, reject) => this.#accept(runs, resolve, reject));
  }

  /** Takes the records over without anybody waiting for them: what becomes of them is counted and told. */
  addUnwatched(runs: readonly Run[]): void {
    this.#accept(runs, ignore, ignore);
  }

  /** Takes the records over when it is their turn. Until then they are held beside `bytesMax`: `blockedBytes`. */
  addWhenRoom(runs: readonly Run[]): Promise<Outcome> {
    const bytes = Outbox.cost(runs);
    return new Promise((resolve, reject) => {
      const admit = (): void => this.#accept(runs, resolve, reject);
      this.#blockedBytes += bytes;
      this.#waiters.push({ bytes, holds: bytes, admit, refuse: reject });
      this.seal();
    });
  }

  #accept(runs: readonly Run[], resolve: Sending["resolve"], reject: Sending["reject"]): void {
    const sending: Sending = {
      left: 0,
      acknowledged: 0,
      refused: 0,
      reason: undefined,
      collectorId: undefined,
      ordinal: undefined,
      parts: runs.length,
      resolve,
      reject,
    };
    for (const { records } of runs) sending.left += records;
    this.#accepted += sending.left;
    this.#waiting += sending.left;
    this.#bytes += Outbox.cost(runs);
    for (const run of runs) this.#gather({ run, sending });
    this.#arrange();
  }

  /** Closes the open batch: what was sent so far goes as soon as it can. */
  seal(): void {
    if (this.#open.length === 0) return;
    this.#ready.push(new OutboxBatch(this.#open));
    this.#open = [];
    this.#openRecords = 0;
    this.#openBytes = 0;
    if (this.#isTimerSet) {
      this.#isTimerSet = false;
      this.#openClosed.abort();
      this.#openClosed = new AbortController();
    }
    this.#options.onReady();
  }

  /** Resolves when nothing of what was accepted before is waiting any more. */
  async empty(): Promise<void> {
    this.seal();
    const until = this.#accepted;
    while (this.#accepted - this.#waiting < until && this.#waiting > 0) {
      await new Promise<void>((resolve) => this.#idleListeners.push(resolve));
    }
  }

  /** Gives up everything that is left: each `send` of it rejects with the error. Returns how many records. */
  abandon(error: ClientError): number {
    for (const waiter of this.#waiters.splice(0)) waiter.refuse(error);
    this.#blockedBytes = 0;
    this.seal();
    const batches = [...this.#ready, ...this.#underWay] as OutboxBatch[];
    this.#ready = [];
    this.#underWay.clear();
    let records = 0;
    for (const { parcels } of batches) {
      for (const { run, sending } of parcels) {
        records += run.records;
        this.#release(run);
        sending.reject(error);
      }
    }
    this.#abandoned += records;
    this.#tellIdle();
    return records;
  }

  nextBytes(): number | undefined {
    return this.#ready[0]?.bytes;
  }

  take(): Batch | undefined {
    const batch = this.#ready.shift();
    if (batch !== undefined) this.#underWay.add(batch);
    return batch;
  }

  giveBack(batches: readonly Batch[]): void {
    const own = batches.filter((batch) => this.#underWay.delete(batch)) as OutboxBatch[];
    this.#ready.unshift(...own);
  }

  settle(batch: Batch, answer: Answer): void {
    if (!this.#underWay.delete(batch)) return;
    const { parcels } = batch as OutboxBatch;
    if (answer.kind === "refused") this.#refuse(parcels, answer.reason);
    else this.#taken(batch as OutboxBatch, answer);
    this.#wakeWaiters();
    this.#tellIdle();
    if (this.#underWay.size === 0) this.seal();
  }

  #gather(parcel: Parcel): void {
    const { batchRecordsMax, batchBytesMax } = this.#options;
    const { records } = parcel.run;
    const bytes = runBytes(parcel.run);
    const isTooMuch = this.#openRecords + records > batchRecordsMax || this.#openBytes + bytes > batchBytesMax;
    if (this.#open.length > 0 && isTooMuch) this.seal();
    this.#open.push(parcel);
    this.#openRecords += records;
    this.#openBytes += bytes;
    if (this.#openRecords >= batchRecordsMax || this.#openBytes >= batchBytesMax) this.seal();
  }

  /** Decides when the open batch goes, where that is not decided yet. */
  #arrange(): void {
    if (this.#open.length === 0) return;
    const { clock, delayMsMax } = this.#options;
    if (this.#underWay.size === 0 && this.#ready.length === 0) {
      if (this.#isSealSet) return;
      this.#isSealSet = true;
      // After everything that is being logged right now.
      setImmediate(() => {
        this.#isSealSet = false;
        this.seal();
      });
    } else if (!this.#isTimerSet) {
      this.#isTimerSet = true;
      const { signal } = this.#openClosed;
      void clock.sleep(delayMsMax, signal).then(() => {
        if (!signal.aborted) this.seal();
      });
    }
  }

  #taken(batch: OutboxBatch, answer: Extract<Answer, { kind: "taken" }>): void {
    const { refused, reason, collectorId, firstOrdinal } = answer;
    let offset = 0n;
    // Which records were refused is not said: with several sends in the batch, the first ones bear the count.
    let refusedLeft = Math.min(refused, batch.records);
    for (const { run, sending } of batch.parcels) {
      const refusedHere = Math.min(refusedLeft, run.records);
      refusedLeft -= refusedHere;
      if (sending.parts === 1 && refused === 0 && firstOrdinal !== undefined) sending.ordinal = firstOrdinal + offset;
      offset += BigInt(run.records);
      sending.collectorId = collectorId;
      this.#acknowledged += run.records - refusedHere;
      this.#refused += refusedHere;
      sending.acknowledged += run.records - refusedHere;
      sending.refused += refusedHere;
      if (refusedHere > 0) sending.reason = reason;
      this.#release(run);
      this.#finish(run, sending);
    }
    if (refused > 0) this.#options.onRefused(Math.min(refused, batch.records), reason ?? "refused", undefined);
  }

  #refuse(parcels: readonly Parcel[], reason: string): void {
    const [first] = parcels;
    if (first === undefined) return;
    if (parcels.length > 1) {
      const middle = Math.ceil(parcels.length / 2);
      this.#putFirst(parcels.slice(0, middle), parcels.slice(middle));
      return;
    }
    const { run, sending } = first;
    const cut = halves(run);
    if (cut !== undefined) {
      sending.parts++;
      this.#bytes += PARCEL_OVERHEAD_BYTES;
      this.#putFirst(
        cut.slice(0, 1).map((half) => ({ run: half, sending })),
        cut.slice(1).map((half) => ({ run: half, sending })),
      );
      return;
    }
    this.#refused += run.records;
    sending.refused += run.records;
    sending.reason = reason;
    this.#options.onRefused(run.records, reason, joinRuns([run]));
    this.#release(run);
    this.#finish(run, sending);
  }

  #putFirst(...groups: readonly Parcel[][]): void {
    this.#ready.unshift(...groups.map((parcels) => new OutboxBatch(parcels)));
    this.#options.onReady();
  }

  #release(run: Run): void {
    this.#bytes -= run.bytes.length + PARCEL_OVERHEAD_BYTES;
    this.#waiting -= run.records;
  }

  #finish(run: Run, sending: Sending): void {
    sending.left -= run.records;
    if (sending.left > 0) return;
    const { acknowledged, refused, reason, collectorId, ordinal } = sending;
    if (acknowledged === 0 && refused > 0) {
      sending.reject(new ClientError("refused", `the collector can never take these records: ${reason ?? "refused"}`));
    } else sending.resolve({ acknowledged, refused, reason, collectorId, ordinal });
  }

  #wakeWaiters(): void {
    for (let first = this.#waiters[0]; first !== undefined; first = this.#waiters[0]) {
      if (this.#bytes + first.bytes > this.#options.bytesMax && this.#bytes > 0) return;
      this.#waiters.shift();
      this.#blockedBytes -= first.holds;
      first.admit();
    }
  }

  #tellIdle(): void {
    for (const tell of this.#idleListeners.splice(0)) tell();
  }
}

function ignore(): void {}
