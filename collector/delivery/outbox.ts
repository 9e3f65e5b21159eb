/**
 * The records that are in memory between the journal and Firehose, and which of them go next. No I/O, no time.
 *
 *   read-ahead -> fresh ─┐
 *                        ├─> a call in flight ─> taken: forgotten
 *   failed records: retries ─┤       │
 *   halves of a refused      │       ├─> failed: back into retries
 *   call: splits ────────────┘       └─> refused as invalid: splits, then suspects
 *
 * Order: splits, retries, fresh; suspects only when a probe finds nothing else. Whatever is in here or in flight counts
 * towards `bytesMax`, so memory does not grow with the backlog, nor while nothing is taken. (Halving adds the overhead of
 * the halves to what is held already, at most one for each line of it.)
 */
import { RecycledMemory } from "../memory/recycled-memory.ts";
import { Doorbell } from "./doorbell.ts";
import { halveRecord, type PackedRecord } from "./packing/pack.ts";

/** What a record weighs beyond its bytes: objects and headers. Keeps many tiny records from slipping under the bound. */
const RECORD_OVERHEAD_BYTES = 512;

export interface Call {
  readonly records: readonly PackedRecord[];
  readonly bytes: number;
  /** How many of `records`, from the front, were sent before. */
  readonly retried: number;
}

export interface CallLimits {
  readonly recordsMax: number;
  readonly bytesMax: number;
}

export interface OutboxOptions {
  readonly bytesMax: number;
  /** For the bytes of records. @default fresh memory */
  readonly memory?: RecycledMemory;
}

export class Outbox {
  readonly #bytesMax: number;
  /** For the bytes of records: those that are settled come back to it. */
  readonly memory: RecycledMemory;
  #heldBytes = 0;
  #fresh: PackedRecord[] = [];
  #retries: PackedRecord[] = [];
  readonly #splits: Call[] = [];
  #suspects: PackedRecord[] = [];
  /** Rings when there may be something to send. */
  readonly work = new Doorbell();
  /** Rings when there may be room for more. */
  readonly room = new Doorbell();

  constructor(options: OutboxOptions) {
    this.#bytesMax = options.bytesMax;
    this.memory = options.memory ?? new RecycledMemory(0);
  }

  /** Bytes of all that was added and not settled yet, in flight or not, with what it weighs besides. */
  get heldBytes(): number {
    return this.#heldBytes;
  }

  /** Whether something waits to be sent. Suspects count only for a probe. */
  hasWork(probe: boolean): boolean {
    if (this.#splits.length > 0 || this.#retries.length > 0 || this.#fresh.length > 0) return true;
    return probe && this.#suspects.length > 0;
  }

  /** Whether a record that is added now would be the next to go. Suspects do not hold it up: it may clear them. */
  get caughtUp(): boolean {
    return !this.hasWork(false);
  }

  /** Whether the record fits now. When nothing is held, any does. */
  fits(record: PackedRecord): boolean {
    return this.#heldBytes === 0 || this.#heldBytes + weight(record) <= this.#bytesMax;
  }

  /** Counts a record that is to be added in another form; `release` takes it out again, and its bytes. */
  reserve(record: PackedRecord): void {
    this.#heldBytes += weight(record);
  }

  release(record: PackedRecord): void {
    this.#heldBytes -= weight(record);
    this.memory.handBack(record.bytes);
    this.room.ring();
  }

  add(record: PackedRecord): void {
    this.#heldBytes += weight(record);
    this.#fresh.push(record);
    this.work.ring();
  }

  /** Takes out the next call: at least one record, if there is one. It stays held until each record is settled. */
  next(limits: CallLimits, probe: boolean): Call | undefined {
    for (let split = this.#splits.pop(); split !== undefined; split = this.#splits.pop()) {
      const records = split.records.filter((record) => !this.#isLetGo(record));
      if (records.length === split.records.length) return sent(split);
      if (records.length > 0) return sent({ ...again(records), retried: Math.min(split.retried, records.length) });
    }
    const records: PackedRecord[] = [];
    let bytes = 0;
    const fill = (from: PackedRecord[]): void => {
      let count = 0;
      for (const record of from) {
        if (this.#isLetGo(record)) {
          count += 1;
          continue;
        }
        const fits = records.length < limits.recordsMax && bytes + record.bytes.length <= limits.bytesMax;
        if (!fits && records.length > 0) break;
        records.push(record);
        bytes += record.bytes.length;
        count += 1;
      }
      if (count > 0) from.splice(0, count);
    };
    fill(this.#retries);
    const retried = records.length;
    if (this.#retries.length === 0) fill(this.#fresh);
    // The room that read-ahead waits for to close a thin record may be there now.
    this.room.ring();
    if (records.length > 0) return sent({ records, bytes, retried });
    const suspect = probe ? this.#suspects.shift() : undefined;
    return suspect === undefined ? undefined : sent(again([suspect]));
  }

  /** A part of a line that another part has taken into quarantine is not sent: see parted-line.ts. */
  #isLetGo(record: PackedRecord): boolean {
    if (record.part?.line.isQuarantined !== true) return false;
    this.settled(record);
    return true;
  }

  /** Puts back a call that was not made. */
  putBack(call: Call): void {
    for (const { part } of call.records) part?.line.giveBack(part.number);
    // As it was, so that halves stay apart: a call of its own, before all others.
    this.#splits.push(call);
  }

  /** The record was taken, or put aside for good: nobody needs its bytes any more. */
  settled(record: PackedRecord): void {
    this.#heldBytes -= weight(record);
    this.memory.handBack(record.bytes);
    this.room.ring();
  }

  /** The record failed and goes again, before anything fresh. */
  retry(record: PackedRecord): void {
    record.part?.line.giveBack(record.part.number);
    this.#retries.push(record);
    this.work.ring();
  }

  /**
   * The call was refused because of something in it: both halves go again, each as a call of its own. Returns the
   * record where the call was a single line, which no half can be made of; it is still held.
   */
  split(call: Call, taken: number): PackedRecord | undefined {
    const records = call.records.map((record) => ({ ...record, refusedAtTaken: record.refusedAtTaken ?? taken }));
    const [only] = records;
    if (only === undefined) return undefined;
    for (const { part } of records) part?.line.giveBack(part.number);
    if (records.length > 1) {
      const half = records.length >>> 1;
      this.#splits.push(again(records.slice(half)), again(records.slice(0, half)));
    } else {
      const halves = halveRecord(only);
      if (halves === undefined) return only;
      this.#heldBytes += weight(halves[0]) + weight(halves[1]) - weight(only);
      this.#splits.push(again([halves[1]]), again([halves[0]]));
      this.memory.handBack(only.bytes);
    }
    this.work.ring();
    return undefined;
  }

  /** Keeps a line that was refused while nothing else was taken: it may be the stream that is wrong, not the line. */
  suspect(record: PackedRecord): void {
    record.part?.line.giveBack(record.part.number);
    this.#suspects.push(record);
    this.work.ring();
  }

  /** The stream takes records again: what was suspected is tried once more. */
  reconsider(): void {
    if (this.#suspects.length === 0) return;
    for (const record of this.#suspects) this.#splits.unshift(again([record]));
    this.#suspects = [];
    this.work.ring();
  }
}

function sent(call: Call): Call {
  for (const { part } of call.records) part?.line.send(part.number);
  return call;
}

/** A call of records that were all sent before. */
function again(records: readonly PackedRecord[]): Call {
  return { records, bytes: records.reduce((sum, record) => sum + record.bytes.length, 0), retried: records.length };
}

function weight(record: PackedRecord): number {
  return record.bytes.length + record.ends.byteLength + (record.offsets?.byteLength ?? 0) + RECORD_OVERHEAD_BYTES;
}
