/**
 * From the journal to Firehose, for one route (one delivery stream).
 *
 *   journal ─ read-ahead.ts ─> outbox.ts ─ #dispatch ─> pacer.ts ─> sink.put ─ #settle ─> ledger
 *              (reads, packs)   (bounded)   (one loop)                (≤ callsInFlightMax)
 *
 * States, and who may change them:
 *
 *   new ──start()──> delivering <──> backing_off, holding
 *                        └──stop()──> stopping ──calls settled, or deadline──> stopped
 *
 * start() and stop() change the first and the last; between delivering, backing off (Firehose is over its quota or out
 * of order) and holding (a person must act) only trouble.ts decides, told by #settle what became of each call.
 *
 * Nothing counts tries. A record leaves in three ways only: taken by Firehose, or (one line, proven to be refused for
 * itself) in quarantine, or with the process, and then it is read again from the journal.
 *
 * | the process died | on restart |
 * |---|---|
 * | with records read ahead, packed or waiting to be sent again | the ledger has them open: read again, sent once |
 * | while a call was open | its records are sent again: doubled if Firehose had taken them |
 * | after the answer, before the ledger's write | the same |
 * | while a refused call was being halved | what of it was not settled is read, sent, refused and halved again |
 * | after a line went into quarantine | nothing: the entry and its settling were one synced write |
 */
import type { Clock, Random } from "../clock.ts";
import { assert } from "../errors.ts";
import type { JournalReader, RouteLedger } from "../journal/port.ts";
import type { Log } from "../log.ts";
import {
  assertLimits,
  callBytesAim,
  DELIVERY_LIMITS_DEFAULT,
  type DeliveryLimits,
  pressedLineBytesMax,
  recordBytesAim,
} from "./delivery-limits.ts";
import { classify, classifyRecord, type RecordAnswer, type Verdict } from "./firehose/outcome.ts";
import { type Ticket, Trouble } from "./firehose/trouble.ts";
import { type Call, Outbox, type OutboxOptions } from "./outbox.ts";
import type { CallOutcome } from "./pacing/feedback.ts";
import type { Pacer } from "./pacing/pacer.ts";
import { type Compress, type Compression, compress } from "./packing/compress.ts";
import type { Oversize } from "./packing/oversize.ts";
import { billedBytes, ordinalOf, type PackedRecord } from "./packing/pack.ts";
import type { ExtractRecord, LineSource, ReadAheadOptions } from "./read-ahead.ts";
import { quarantineEntry, ReadAhead } from "./read-ahead.ts";
import { untilDone } from "./until-done.ts";

/** Where records go. */
export interface Sink {
  /**
   * One call. Resolves with an answer per record, in order: undefined where it was taken. Rejects when the call failed
   * as a whole, or `signal` was aborted; whether anything was taken is then unknown. The bytes do not change meanwhile.
   */
  put(records: readonly Uint8Array[], signal: AbortSignal): Promise<readonly RecordAnswer[]>;
}

export type { CallOutcome };

export interface DeliveryOptions extends Pick<ReadAheadOptions, "transcoderOf">, Pick<OutboxOptions, "memory"> {
  readonly journal: JournalReader;
  readonly ledger: RouteLedger;
  readonly sink: Sink;
  readonly transcoder: LineSource;
  readonly extractRecord: ExtractRecord;
  readonly pacer: Pacer;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** What is done to each record: nothing, unless told. */
  readonly compression?: Compression;
  /** How that is done: beside the event loop, unless told. */
  readonly compress?: Compress;
  /** What is done with a line that fits no record: it goes in parts, unless told. */
  readonly oversize?: Oversize;
  /** Told of every call that was answered, or failed. */
  readonly onOutcome?: (outcome: CallOutcome) => void;
  /** What differs from `DELIVERY_LIMITS_DEFAULT`. */
  readonly limits?: Partial<DeliveryLimits>;
}

export type DeliveryState = "new" | "delivering" | "backing_off" | "holding" | "stopping" | "stopped";

/** Counted since the start of the process. "Records" are Firehose's; log records are called so. */
export interface DeliveryStatus {
  readonly state: DeliveryState;
  readonly calls: number;
  readonly delivered: {
    readonly logRecords: number;
    readonly records: number;
    readonly bytes: number;
    /** Before compression. */
    readonly lineBytes: number;
    /** As AWS counts them for the bill: each record rounded up to a multiple of 5,120. */
    readonly billedBytes: number;
  };
  /** Refused because the stream is over its quota. */
  readonly throttled: { readonly records: number; readonly bytes: number };
  /** Sent once more, for whatever reason. */
  readonly retried: { readonly records: number; readonly bytes: number };
  readonly quarantinedLogRecords: number;
  /** Log records whose line fitted no record: sent in parts, and cut short. */
  readonly oversize: { readonly split: number; readonly truncated: number };
  readonly inFlight: { readonly calls: number; readonly bytes: number };
  /** Bytes of packed records in memory, in flight or not. */
  readonly readAheadBytes: number;
  /** The last failure, in AWS's words. It stays when the trouble is over. */
  readonly lastError: { readonly code: string; readonly message: string; readonly atMs: number } | undefined;
  /** What is left of the present pause, in milliseconds. */
  readonly backoffMs: number;
}

export class Delivery {
  readonly #options: DeliveryOptions;
  readonly #limits: DeliveryLimits;
  readonly #log: Log;
  readonly #outbox: Outbox;
  readonly #readAhead: ReadAhead;
  readonly #trouble: Trouble;
  /** Ends the loops: nothing new is read or sent. */
  readonly #halt = new AbortController();
  /** One for each call in flight: aborted when a stop has run out of time. */
  readonly #open = new Map<AbortController, Promise<void>>();
  /** Writes to quarantine under way. */
  readonly #writes = new Set<Promise<void>>();
  #loops: Promise<unknown> = Promise.resolve();
  #stopped: Promise<void> | undefined;
  #state: "new" | "running" | "stopping" | "stopped" = "new";
  #inFlightBytes = 0;
  #calls = 0;
  #lastError: DeliveryStatus["lastError"];
  #quarantined = 0;
  readonly #delivered = { logRecords: 0, records: 0, bytes: 0, lineBytes: 0, billedBytes: 0 };
  readonly #throttled = { records: 0, bytes: 0 };
  readonly #retried = { records: 0, bytes: 0 };

  constructor(options: DeliveryOptions) {
    this.#options = options;
    const limits = { ...DELIVERY_LIMITS_DEFAULT, ...options.limits };
    assertLimits(limits);
    this.#limits = limits;
    this.#log = options.log.child({ route: options.ledger.route });
    this.#outbox = new Outbox({ ...options, bytesMax: limits.readAheadBytesMax });
    const { compression = "none" } = options;
    this.#readAhead = new ReadAhead({
      compress,
      oversize: "split",
      ...options,
      ...limits,
      compression,
      pressedLineBytesMax: pressedLineBytesMax(limits),
      log: this.#log,
      outbox: this.#outbox,
      recordBytesTarget: () => recordBytesAim(limits, compression, options.pacer.quota.bytesPerSecond),
    });
    this.#trouble = new Trouble({ ...options, log: this.#log, limits });
  }

  /** Begins to deliver. What fails in a loop is a broken invariant: it is nobody's to catch. */
  start(): void {
    assert(this.#state === "new", "delivery was started twice");
    this.#state = "running";
    this.#loops = Promise.all([this.#readAhead.run(this.#halt.signal), this.#dispatch()]);
  }

  /**
   * Takes no new work, waits for the calls in flight up to `deadlineMs` milliseconds, aborts what is left then, and has
   * the ledger written. What was not delivered is still in the journal.
   */
  stop(deadlineMs: number): Promise<void> {
    this.#stopped ??= this.#stop(deadlineMs);
    return this.#stopped;
  }

  async #stop(deadlineMs: number): Promise<void> {
    this.#state = "stopping";
    this.#halt.abort();
    const settled = new AbortController();
    const all = this.#drained().finally(() => settled.abort());
    await Promise.race([all, this.#options.clock.sleep(deadlineMs, settled.signal)]);
    this.#state = "stopped";
    for (const call of this.#open.keys()) call.abort();
    await this.#options.ledger.flush();
  }

  /** A snapshot, for telemetry and progress. */
  status(): DeliveryStatus {
    const { quarantined, split, truncated } = this.#readAhead.counts;
    return {
      state: this.#state === "running" ? (this.#trouble.kind ?? "delivering") : this.#state,
      calls: this.#calls,
      delivered: { ...this.#delivered },
      throttled: { ...this.#throttled },
      retried: { ...this.#retried },
      quarantinedLogRecords: this.#quarantined + quarantined,
      oversize: { split, truncated },
      inFlight: { calls: this.#open.size, bytes: this.#inFlightBytes },
      readAheadBytes: this.#outbox.heldBytes,
      lastError: this.#lastError,
      backoffMs: this.#trouble.pauseMs,
    };
  }

  async #drained(): Promise<void> {
    await this.#loops;
    await Promise.all(this.#open.values());
    await Promise.all(this.#writes);
  }

  /** The loop: chooses the next call, waits for the pacer, sends, and does not wait for the answer. */
  async #dispatch(): Promise<void> {
    const { clock, pacer } = this.#options;
    const { signal } = this.#halt;
    while (!signal.aborted) {
      const { pauseMs } = this.#trouble;
      if (pauseMs > 0) {
        await clock.sleep(Math.ceil(pauseMs), signal);
        continue;
      }
      const call = this.#mayCall() ? this.#nextCall() : undefined;
      if (call === undefined) {
        await this.#outbox.work.wait(signal);
        continue;
      }
      const records = call.records.length;
      if (!(await pacer.take(call.bytes, records, signal))) return;
      if (!this.#mayCall() || this.#trouble.pauseMs > 0) {
        // Trouble began while this call waited for its turn.
        pacer.giveBack(call.bytes, records);
        this.#outbox.putBack(call);
        continue;
      }
      this.#send(call);
    }
  }

  #mayCall(): boolean {
    return this.#open.size < this.#limits.callsInFlightMax && this.#trouble.mayCall;
  }

  #nextCall(): Call | undefined {
    const { callRecordsMax } = this.#limits;
    const bytesMax = callBytesAim(this.#limits, this.#open.size, this.#options.pacer.quota.bytesPerSecond);
    return this.#outbox.next({ recordsMax: callRecordsMax, bytesMax }, this.#trouble.kind !== undefined);
  }

  #send(call: Call): void {
    const controller = new AbortController();
    const ticket = this.#trouble.open();
    const sentMs = this.#options.clock.monotonicMs();
    this.#calls += 1;
    this.#inFlightBytes += call.bytes;
    for (const record of call.records.slice(0, call.retried)) count(this.#retried, record);
    const made = this.#put(call, controller.signal).then((outcome) => {
      this.#open.delete(controller);
      this.#inFlightBytes -= call.bytes;
      this.#trouble.close(ticket);
      // Whoever stopped has given up on it: the ledger is closed, and the journal still has the records.
      if (this.#state !== "stopped") this.#settle(call, ticket, outcome, sentMs);
      this.#outbox.work.ring();
    });
    this.#open.set(controller, made);
  }

  /** The answer of each record, or the verdict on the whole call. */
  async #put(call: Call, signal: AbortSignal): Promise<readonly RecordAnswer[] | Verdict> {
    try {
      const answers = await this.#options.sink.put(
        call.records.map((record) => record.bytes),
        signal,
      );
      if (answers.length === call.records.length) return answers;
      // Nobody can say which ones were taken: sending all again may double some, and loses none.
      const message = `the answer is about ${answers.length} records, the call was of ${call.records.length}`;
      return { kind: "passing", code: "AnswerMismatch", message };
    } catch (error) {
      return classify(error);
    }
  }

  #settle(call: Call, ticket: Ticket, outcome: readonly RecordAnswer[] | Verdict, sentMs: number): void {
    const delivered = this.#delivered.bytes;
    const throttled = this.#throttled.bytes;
    this.#judge(call, ticket, outcome);
    const acceptedBytes = this.#delivered.bytes - delivered;
    const throttledBytes = this.#throttled.bytes - throttled;
    this.#options.onOutcome?.({ sentMs, acceptedBytes, throttledBytes, records: call.records });
  }

  #judge(call: Call, ticket: Ticket, outcome: readonly RecordAnswer[] | Verdict): void {
    if ("kind" in outcome) {
      this.#note(outcome);
      if (outcome.kind === "throttle") for (const record of call.records) count(this.#throttled, record);
      if (outcome.kind === "split") this.#halve(call, outcome);
      else this.#again(call.records, outcome, ticket, call.records.length);
      return;
    }
    const failed: PackedRecord[] = [];
    let verdict: Verdict | undefined;
    for (const [index, record] of call.records.entries()) {
      const answer = outcome[index];
      if (answer === undefined) {
        this.#take(record);
        continue;
      }
      const own = classifyRecord(answer);
      if (own.kind === "throttle") count(this.#throttled, record);
      // One word for all: over the quota, where any of them is.
      if (verdict === undefined || own.kind === "throttle") verdict = own;
      failed.push(record);
    }
    if (failed.length < call.records.length) {
      this.#trouble.recover(ticket);
      this.#outbox.reconsider();
    }
    if (verdict === undefined) return;
    this.#note(verdict);
    this.#again(failed, verdict, ticket, call.records.length, true);
  }

  /** Records that failed: they go again, before anything fresh. `of` is how many the call had. */
  #again(records: readonly PackedRecord[], verdict: Verdict, ticket: Ticket, of: number, isAnswered = false): void {
    for (const record of records) this.#outbox.retry(record);
    if (records.length === of && isAnswered && verdict.kind === "passing") this.#trouble.falter(ticket, verdict);
    else if (records.length === of) this.#trouble.stumble(ticket, verdict);
    else if (verdict.kind === "throttle") this.#trouble.slowDown(records.length / of);
  }

  #take(record: PackedRecord): void {
    const { part, first, end } = record;
    count(this.#delivered, record);
    this.#delivered.lineBytes += record.pressed?.lineBytes ?? record.bytes.length;
    this.#delivered.billedBytes += billedBytes(record.bytes.length);
    this.#outbox.settled(record);
    if (part !== undefined && !part.line.take(part.number)) return;
    const logRecords = record.ends.length;
    const filtered = Number(end - first) - logRecords;
    this.#options.ledger.finish(first, end, { delivered: logRecords, filtered, quarantined: 0 });
    this.#delivered.logRecords += logRecords;
  }

  /** Something in the call can never be taken. When it is down to one line, that line goes into quarantine. */
  #halve(call: Call, verdict: Verdict): void {
    const taken = this.#delivered.records;
    const line = this.#outbox.split(call, taken);
    if (line === undefined) return;
    if (taken > (line.refusedAtTaken ?? taken)) {
      const written = this.#quarantine(line, verdict).finally(() => this.#writes.delete(written));
      this.#writes.add(written);
      return;
    }
    // Nothing else was taken since: perhaps this stream takes nothing at all, and then the line is not to blame.
    this.#outbox.suspect(line);
    const advice = "check the stream: it refuses a record as invalid, and has taken no other since";
    this.#trouble.stumble(this.#trouble.latest, { ...verdict, kind: "hold", advice });
  }

  async #quarantine(line: PackedRecord, verdict: Verdict): Promise<void> {
    const { ledger, journal, clock, extractRecord } = this.#options;
    const { part } = line;
    if (part?.line.isQuarantined) {
      // Another part of it has taken the whole log record there.
      this.#outbox.settled(line);
      return;
    }
    const ordinal = ordinalOf(line, 0);
    const others = part === undefined ? "" : ` (${part.line.refuse(part.number)})`;
    const message = `${verdict.code}: ${verdict.message}${others}`;
    const put = async (): Promise<true> => {
      const commit = await journal.read(ordinal);
      // Its segment was set aside since it was read ahead: after a restart the whole range is told as damage.
      if (commit?.kind !== "commit") throw new Error("the journal can't read the log record again");
      const why = { reason: "refused", message, atMs: clock.nowMs() };
      await ledger.quarantine(quarantineEntry(commit, ordinal, why, extractRecord));
      return true;
    };
    const options = { ...this.#options, log: this.#log, signal: this.#halt.signal };
    if ((await untilDone("writing to quarantine", put, options)) === undefined) return;
    for (const [first, end] of [
      [line.first, ordinal],
      [ordinal + 1n, line.end],
    ] as const) {
      if (first < end) ledger.finish(first, end, { delivered: 0, filtered: Number(end - first), quarantined: 0 });
    }
    this.#outbox.settled(line);
    this.#quarantined += 1;
    this.#log.error({ ordinal: String(ordinal), reason: "refused", message }, "a log record went into quarantine");
  }

  #note({ code, message }: Verdict): void {
    this.#lastError = { code, message, atMs: this.#options.clock.nowMs() };
  }
}

function count(into: { records: number; bytes: number }, record: PackedRecord): void {
  into.records += 1;
  into.bytes += record.bytes.length;
}
