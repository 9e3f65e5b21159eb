/**
 * From the journal to the outbox: reads what the ledger says is open, from the cursor on, has it transcoded, and packs
 * the lines. Runs ahead of delivery by no more than the outbox holds; each ordinal is read once in the life of the process.
 *
 * A record that is not full waits for more lines until `packDelayMsMax` has passed since its first line was read, and
 * longer while others wait to be sent before it: closing it early would not bring it out earlier, and small records are
 * billed as if they were not small.
 */
import type { Clock, Random } from "../clock.ts";
import { assert } from "../errors.ts";
import type { Commit, JournalReader, QuarantineEntry, RouteLedger } from "../journal/port.ts";
import type { Log } from "../log.ts";
import type { extractRecord } from "../otlp/edit.ts";
import type { Lines, Transcoder } from "../otlp/transcode.ts";
import type { Outbox } from "./outbox.ts";
import { type PackedRecord, Packer } from "./pack.ts";
import { untilDone } from "./until-done.ts";

/** What delivery needs of the transcoder. It may give fewer lines than asked for, at least one, and is then asked again. */
export type LineSource = Pick<Transcoder, "transcode">;

/** One log record alone, as a request with its resource and scope. */
export type ExtractRecord = typeof extractRecord;

export interface ReadAheadOptions {
  readonly journal: JournalReader;
  readonly ledger: RouteLedger;
  readonly outbox: Outbox;
  readonly transcoder: LineSource;
  readonly extractRecord: ExtractRecord;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly recordBytesMax: number;
  readonly packDelayMsMax: number;
  /** Bytes that the next record should aim at; it follows the rate. */
  readonly recordBytesTarget: () => number;
}

export class ReadAhead {
  readonly #options: ReadAheadOptions;
  readonly #packer: Packer;
  #openedMs = 0;
  #quarantined = 0;

  constructor(options: ReadAheadOptions) {
    this.#options = options;
    this.#packer = new Packer({ recordBytesMax: options.recordBytesMax });
  }

  /** Log records put into quarantine, or lost to damage, before they reached the outbox. */
  get quarantined(): number {
    return this.#quarantined;
  }

  /** Reads until `signal` is aborted. What is open then stays in the journal. */
  async run(signal: AbortSignal): Promise<void> {
    const { journal, ledger } = this.#options;
    let position = ledger.cursor;
    while (!signal.aborted) {
      if (position >= journal.head) {
        await this.#waitAtHead(position, signal);
        continue;
      }
      const from = position;
      const item = await untilDone("reading the journal", () => journal.read(from), { ...this.#options, signal });
      if (item === undefined) {
        assert(signal.aborted, "the journal holds nothing at an ordinal below its head");
        return;
      }
      const end = item.kind === "damage" ? item.end : item.first + BigInt(item.records);
      assert(end > position, "the journal gave what was read before");
      for (const range of ledger.openRanges(position, end)) {
        if (signal.aborted) return;
        if (item.kind === "damage") this.#passOver(range.first, range.end, item.reason);
        else if (!item.isFor(ledger.route)) this.#leaveOut(range.first, range.end);
        else await this.#take(item, range.first, range.end, signal);
      }
      position = end;
    }
  }

  /** Sent again from another route's quarantine: not for this one. */
  #leaveOut(first: bigint, end: bigint): void {
    this.#options.ledger.finish(first, end, { delivered: 0, filtered: Number(end - first), quarantined: 0 });
  }

  #passOver(first: bigint, end: bigint, reason: string): void {
    const { ledger, log } = this.#options;
    const records = Number(end - first);
    ledger.finish(first, end, { delivered: 0, filtered: 0, quarantined: records });
    this.#quarantined += records;
    log.error(
      { first: String(first), end: String(end), records, reason },
      "log records can't be read from the journal any more; their segment was set aside",
    );
  }

  /** Transcodes and packs [first, end) of a commit, in as many pieces as the transcoder makes of it. */
  async #take(commit: Commit, first: bigint, end: bigint, signal: AbortSignal): Promise<void> {
    let next = first;
    while (next < end && !signal.aborted) {
      const from = Number(next - commit.first);
      const to = Number(end - commit.first);
      let lines: Lines;
      try {
        lines = this.#options.transcoder.transcode(commit.request, commit.first, from, to);
      } catch (error) {
        await this.#takeEach(commit, next, end, error, signal);
        return;
      }
      assert(lines.count > 0 && lines.count <= to - from, "the transcoder gave lines that it was not asked for");
      if (!(await this.#pack(commit, lines, next, signal))) return;
      next += BigInt(lines.count);
    }
  }

  /** One of the log records in [first, end) could not be transcoded: it goes into quarantine, the others go on. */
  async #takeEach(commit: Commit, first: bigint, end: bigint, error: unknown, signal: AbortSignal): Promise<void> {
    if (end - first === 1n) {
      const message = error instanceof Error ? error.message : String(error);
      await this.#quarantine(commit, first, "transcode_failed", message, signal);
      return;
    }
    for (let ordinal = first; ordinal < end && !signal.aborted; ordinal++) {
      await this.#take(commit, ordinal, ordinal + 1n, signal);
    }
  }

  /** Packs lines, the first of which has ordinal `first`. False when the signal came before all were packed. */
  async #pack(commit: Commit, lines: Lines, first: bigint, signal: AbortSignal): Promise<boolean> {
    const { clock, recordBytesMax, recordBytesTarget } = this.#options;
    if (this.#packer.openBytes === 0) this.#openedMs = clock.monotonicMs();
    for (const packed of this.#packer.add(lines, first, recordBytesTarget)) {
      if (packed.kind === "record") {
        await this.#push(packed.record, signal);
      } else {
        const message = `the line has ${packed.bytes} bytes, and a Firehose record at most ${recordBytesMax}`;
        await this.#quarantine(commit, packed.ordinal, "line_too_large", message, signal);
      }
      if (signal.aborted) return false;
      this.#openedMs = clock.monotonicMs();
    }
    return true;
  }

  /** Hands the record over as soon as there is room; not at all when the signal comes first. */
  async #push(record: PackedRecord, signal: AbortSignal): Promise<void> {
    const { outbox } = this.#options;
    while (!signal.aborted && !outbox.fits(record.bytes.length)) await outbox.room.wait(signal);
    if (!signal.aborted) outbox.add(record);
  }

  async #quarantine(
    commit: Commit,
    ordinal: bigint,
    reason: string,
    message: string,
    signal: AbortSignal,
  ): Promise<void> {
    const { ledger, clock, log, extractRecord } = this.#options;
    const entry = quarantineEntry(commit, ordinal, { reason, message, atMs: clock.nowMs() }, extractRecord);
    const put = async (): Promise<true> => {
      await ledger.quarantine(entry);
      return true;
    };
    const done = await untilDone("writing to quarantine", put, { ...this.#options, signal });
    if (done === undefined) return;
    this.#quarantined += 1;
    log.error({ ordinal: String(ordinal), reason, message }, "a log record went into quarantine");
  }

  /** Everything is read: waits for more, and meanwhile closes the open record when its time has come. */
  async #waitAtHead(position: bigint, signal: AbortSignal): Promise<void> {
    const { journal, clock, outbox, packDelayMsMax } = this.#options;
    if (this.#packer.openBytes === 0) {
      await journal.waitForHead(position, signal);
      return;
    }
    const leftMs = this.#openedMs + packDelayMsMax - clock.monotonicMs();
    if (leftMs <= 0 && outbox.caughtUp) {
      const record = this.#packer.close();
      if (record !== undefined) await this.#push(record, signal);
      return;
    }
    const until = new AbortController();
    const stop = (): void => until.abort();
    signal.addEventListener("abort", stop, { once: true });
    const due = leftMs > 0 ? clock.sleep(leftMs, until.signal) : outbox.room.wait(until.signal);
    await Promise.race([journal.waitForHead(position, until.signal), due]);
    until.abort();
    signal.removeEventListener("abort", stop);
  }
}

/** The log record alone; where it can't even be cut out, the request that it is in, so that nothing is lost. */
export function quarantineEntry(
  commit: Commit,
  ordinal: bigint,
  why: Pick<QuarantineEntry, "reason" | "message" | "atMs">,
  extractRecord: ExtractRecord,
): QuarantineEntry {
  const index = Number(ordinal - commit.first);
  try {
    return { ordinal, ...why, request: extractRecord(commit.request, index) };
  } catch (error) {
    const message = `${why.message}; it is log record ${index} of this request, and can't be cut out of it: ${error}`;
    return { ordinal, ...why, message, request: commit.request.slice() };
  }
}
