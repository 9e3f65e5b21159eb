/**
 * From the journal to the outbox: reads what the ledger says is open, from the cursor on, has it transcoded, and packs
 * the lines. Runs ahead of delivery by no more than the outbox holds; each ordinal is read once in the life of the process.
 *
 * A record that is not full waits for more lines until `packDelayMsMax` has passed since its first line was read, and
 * longer while others wait to be sent before it: closing it early would not bring it out earlier, and small records are
 * billed as if they were not small.
 *
 * A line that fits no record goes in parts, is cut short, or goes into quarantine, as the route says (oversize.ts). Where
 * records are compressed it is large only when it still is after that.
 */
import type { Clock, Random } from "../clock.ts";
import { assert } from "../errors.ts";
import type { Commit, JournalReader, Origin, QuarantineEntry, RouteLedger } from "../journal/port.ts";
import type { Log } from "../log.ts";
import { release } from "../memory/release.ts";
import type { extractRecord } from "../otlp/edit.ts";
import type { Lines, Transcoder } from "../otlp/transcode.ts";
import type { Outbox } from "./outbox.ts";
import { type Compress, type Compression, compressibleBytesMax } from "./packing/compress.ts";
import { type Oversize, planParts, splitLine, truncateLine } from "./packing/oversize.ts";
import { type PackedRecord, Packer } from "./packing/pack.ts";
import { PartedLine } from "./packing/parted-line.ts";
import { Press, pressRecord } from "./packing/press.ts";
import { untilDone } from "./until-done.ts";

/** What delivery needs of the transcoder. It may give fewer lines than asked for, at least one, and is then asked again. */
export type LineSource = Pick<Transcoder, "transcode">;

/**
 * Bytes of a part of an oversize line, at most: the same whatever the rate, so that parts from before and after a restart
 * belong together, and no more than Direct PUT's smallest quota takes in 250 ms.
 */
const PART_BYTES_MAX = 256_000;

/** One log record alone, as a request with its resource and scope. */
export type ExtractRecord = typeof extractRecord;

export interface ReadAheadOptions {
  readonly journal: JournalReader;
  readonly ledger: RouteLedger;
  readonly outbox: Outbox;
  readonly transcoder: LineSource;
  /** For log records that another collector accepted: their ids are that one's. @default transcoder */
  readonly transcoderOf?: (collectorId: string) => LineSource;
  readonly extractRecord: ExtractRecord;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly compression: Compression;
  readonly compress: Compress;
  readonly oversize: Oversize;
  readonly recordBytesMax: number;
  readonly linesPerRecordMax: number;
  /** Of the lines of one record that is compressed. */
  readonly pressedLineBytesMax: number;
  readonly packDelayMsMax: number;
  /** Bytes that the next record should aim at; it follows the rate. */
  readonly recordBytesTarget: () => number;
}

/** What became of log records before they reached the outbox. */
export interface ReadAheadCounts {
  /** Put into quarantine, or lost to damage. */
  readonly quarantined: number;
  /** Sent in parts. */
  readonly split: number;
  /** Cut short. */
  readonly truncated: number;
}

export class ReadAhead {
  readonly #options: ReadAheadOptions;
  readonly #packer: Packer;
  readonly #press: Press | undefined;
  /** A line up to this long fits a record, whatever it holds. */
  readonly #lineBytesMax: number;
  readonly #lineBytesTarget: () => number;
  #openedMs = 0;
  readonly #counts = { quarantined: 0, split: 0, truncated: 0 };

  constructor(options: ReadAheadOptions) {
    this.#options = options;
    const { compression, recordBytesMax, linesPerRecordMax: linesMax, pressedLineBytesMax } = options;
    const { memory } = options.outbox;
    if (compression === "none") {
      this.#lineBytesMax = recordBytesMax;
      this.#lineBytesTarget = options.recordBytesTarget;
      this.#packer = new Packer({ recordBytesMax, lineBytesMax: recordBytesMax, linesMax, memory });
    } else {
      const press = new Press({ ...options, codec: compression, lineBytesMax: pressedLineBytesMax });
      this.#press = press;
      this.#lineBytesMax = compressibleBytesMax(recordBytesMax);
      this.#lineBytesTarget = press.lineBytesTarget;
      this.#packer = new Packer({
        recordBytesMax: pressedLineBytesMax,
        lineBytesMax: this.#lineBytesMax,
        linesMax,
        memory,
      });
    }
  }

  get counts(): ReadAheadCounts {
    return { ...this.#counts };
  }

  /** Reads until `signal` is aborted. What is open then stays in the journal. */
  async run(signal: AbortSignal): Promise<void> {
    await this.#read(signal);
    await this.#press?.handedOver;
  }

  async #read(signal: AbortSignal): Promise<void> {
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
      if (item.kind === "commit") release(item.request);
      // A filter may leave so little that a record takes long to fill, however much there is to read.
      if (this.#isDue()) await this.#close(signal);
    }
  }

  /** Whether the open record has waited long enough, and would be the next to go. */
  #isDue(): boolean {
    const { clock, outbox, packDelayMsMax } = this.#options;
    return this.#packer.openBytes > 0 && clock.monotonicMs() >= this.#openedMs + packDelayMsMax && outbox.caughtUp;
  }

  async #close(signal: AbortSignal): Promise<void> {
    const record = this.#packer.close();
    if (record !== undefined) await this.#push(record, signal);
  }

  /** Filtered out, or sent again from another route's quarantine: not for this one. */
  #leaveOut(first: bigint, end: bigint): void {
    this.#options.ledger.finish(first, end, { delivered: 0, filtered: Number(end - first), quarantined: 0 });
  }

  #passOver(first: bigint, end: bigint, reason: string): void {
    const { ledger, log } = this.#options;
    const records = Number(end - first);
    ledger.finish(first, end, { delivered: 0, filtered: 0, quarantined: records });
    this.#counts.quarantined += records;
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
        const { origin } = commit;
        lines = this.#transcoderOf(origin).transcode(commit.request, origin?.first ?? commit.first, from, to);
      } catch (error) {
        await this.#takeEach(commit, next, end, error, signal);
        return;
      }
      assert(
        lines.from === from && lines.to > from && lines.to <= to,
        "the transcoder took other records than asked for",
      );
      if (!(await this.#pack(commit, lines, signal))) return;
      next = commit.first + BigInt(lines.to);
    }
  }

  #transcoderOf(origin: Origin | undefined): LineSource {
    const { transcoder, transcoderOf } = this.#options;
    return origin === undefined || transcoderOf === undefined ? transcoder : transcoderOf(origin.collectorId);
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

  /** Packs lines of a commit. False when the signal came before all were packed. */
  async #pack(commit: Commit, lines: Lines, signal: AbortSignal): Promise<boolean> {
    const { clock } = this.#options;
    if (this.#packer.openBytes === 0) this.#openedMs = clock.monotonicMs();
    for (const packed of this.#packer.add(lines, commit.first, this.#lineBytesTarget)) {
      if (packed.kind === "record") {
        await this.#push(packed.record, signal);
      } else if (packed.kind === "filtered") {
        this.#leaveOut(packed.first, packed.end);
      } else {
        const start = packed.line === 0 ? 0 : (lines.ends[packed.line - 1] ?? 0);
        const bytes = lines.bytes.subarray(start, start + packed.bytes);
        await this.#takeOversize(commit, singleLine(packed.ordinal, bytes), signal);
      }
      if (signal.aborted) return false;
      this.#openedMs = clock.monotonicMs();
    }
    return true;
  }

  /** A line that may fit no record, with bytes that are not its own. */
  async #takeOversize(commit: Commit, line: PackedRecord, signal: AbortSignal): Promise<void> {
    const { compression, compress, oversize, recordBytesMax } = this.#options;
    let bytes = line.bytes.length;
    if (compression !== "none") {
      const pressed = await pressRecord(line, compression, compress);
      bytes = pressed.bytes.length;
      if (bytes <= recordBytesMax) {
        await this.#press?.handedOver;
        await this.#add(pressed, signal);
        return;
      }
    }
    if (oversize === "quarantine") {
      const message = `the line has ${bytes} bytes, and a Firehose record at most ${recordBytesMax}`;
      await this.#quarantine(commit, line.first, "line_too_large", message, signal);
      return;
    }
    const text = line.bytes.subarray(0, -1);
    const cut = oversize === "truncate" ? truncateLine(text, this.#lineBytesMax - 1) : undefined;
    if (cut === undefined) {
      await this.#takeParts(commit, line.first, text, signal);
      return;
    }
    await this.#push(singleLine(line.first, Buffer.concat([cut, NEWLINE])), signal);
    this.#counts.truncated += 1;
  }

  async #takeParts(commit: Commit, ordinal: bigint, text: Uint8Array, signal: AbortSignal): Promise<void> {
    const { collectorId, first } = commit.origin ?? {
      collectorId: this.#options.journal.collectorId,
      first: commit.first,
    };
    const recordId = `${collectorId}/${ordinal - commit.first + first}`;
    const plan = planParts(text, recordId, Math.min(PART_BYTES_MAX, this.#lineBytesMax));
    const line = new PartedLine(plan.length);
    let number = 0;
    for (const bytes of splitLine(text, recordId, plan)) {
      number += 1;
      await this.#push({ ...singleLine(ordinal, bytes), part: { line, number } }, signal);
      if (signal.aborted) return;
    }
    this.#counts.split += 1;
  }

  /** Hands lines over as soon as there is room, compressed if need be; not at all when the signal comes first. */
  #push(record: PackedRecord, signal: AbortSignal): Promise<void> {
    return this.#press === undefined ? this.#add(record, signal) : this.#press.take(record, signal);
  }

  async #add(record: PackedRecord, signal: AbortSignal): Promise<void> {
    const { outbox } = this.#options;
    while (!signal.aborted && !outbox.fits(record)) await outbox.room.wait(signal);
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
    this.#counts.quarantined += 1;
    log.error({ ordinal: String(ordinal), reason, message }, "a log record went into quarantine");
  }

  /** Everything is read: waits for more, and meanwhile closes the open record when its time has come. */
  async #waitAtHead(position: bigint, signal: AbortSignal): Promise<void> {
    const { journal, clock, outbox, packDelayMsMax } = this.#options;
    if (this.#packer.openBytes === 0) {
      await journal.waitForHead(position, signal);
      return;
    }
    if (this.#isDue()) {
      await this.#close(signal);
      return;
    }
    const leftMs = this.#openedMs + packDelayMsMax - clock.monotonicMs();
    const until = new AbortController();
    const stop = (): void => until.abort();
    signal.addEventListener("abort", stop, { once: true });
    const due = leftMs > 0 ? clock.sleep(leftMs, until.signal) : outbox.room.wait(until.signal);
    await Promise.race([journal.waitForHead(position, until.signal), due]);
    until.abort();
    signal.removeEventListener("abort", stop);
  }
}

const NEWLINE = Uint8Array.of(0x0a);

function singleLine(ordinal: bigint, bytes: Uint8Array): PackedRecord {
  return { bytes, first: ordinal, end: ordinal + 1n, ends: Uint32Array.of(bytes.length) };
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
