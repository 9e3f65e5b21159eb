/**
 * Reads one file after the other, each for a turn: bytes to lines to records to a part of a request. Nothing here waits but
 * for room in the outbox; reading itself is synchronous, since the bytes are nearly always in the page cache.
 */
import type { Clock } from "./clock.ts";
import { systemCodeOf } from "./errors.ts";
import { LOOK_MS_MAX } from "./files/followed.ts";
import type { Rest } from "./files/lines.ts";
import type { Outbox } from "./send/outbox.ts";
import type { Followed } from "./tracker.ts";
import { type Envelope, encodePart } from "./wire/request.ts";

export interface ReaderOptions {
  readonly clock: Clock;
  readonly outbox: Outbox;
  readonly rotateWaitMs: number;
  readonly lineBytesMax: number;
  readonly envelopeOf: (followed: Followed) => Envelope;
  readonly onTruncated: (followed: Followed) => void;
  readonly onFinished: (followed: Followed) => void;
  /** It is there and can't be opened, or read. */
  readonly onUnreadable: (followed: Followed, reason: string) => void;
}

export interface ReaderCounts {
  lines: number;
  bytes: number;
  /** Compressed files that could not be read to their end. */
  damaged: number;
}

const CHUNK_BYTES = 128 * 1024;
/** A part is handed on at this size, so that none is larger than a collector takes. */
const PART_BYTES = 128 * 1024;
/** What one file may read before the next one has its turn. */
const TURN_BYTES = 1024 * 1024;

/** What a turn came to. */
export type Turn =
  /** There is more. */
  | "more"
  /** It waits for the file to grow. */
  | "idle"
  /** The outbox has no room. */
  | "full";

export class Reader {
  readonly counts: ReaderCounts = { lines: 0, bytes: 0, damaged: 0 };
  readonly #options: ReaderOptions;
  readonly #buffer: Buffer;

  constructor(options: ReaderOptions) {
    this.#options = options;
    this.#buffer = Buffer.allocUnsafeSlow(Math.max(CHUNK_BYTES, options.lineBytesMax * 2));
  }

  /** One turn of a file. */
  async turn(followed: Followed): Promise<Turn> {
    const { clock, outbox } = this.#options;
    const { file } = followed;
    let readBytes = 0;
    while (readBytes < TURN_BYTES) {
      if (!outbox.hasRoom) return "full";
      const nowMs = clock.monotonicMs();
      followed.source.builder.observedAt(clock.nowMs());
      const bytes = file.isCompressed ? await this.#readCompressed(followed) : this.#readPlain(followed, nowMs);
      if (bytes === 0) {
        this.#flushHeld(followed, nowMs);
        file.schedule(nowMs, readBytes > 0);
        return "idle";
      }
      readBytes += bytes;
      file.quietSinceMs = nowMs;
    }
    return "more";
  }

  /** Reads and hands on one chunk. Returns 0 when there is nothing to be had now. */
  #readPlain(followed: Followed, nowMs: number): number {
    const { file } = followed;
    let bytes: number;
    try {
      const found = this.#readChunk(followed, nowMs);
      if (found === undefined) return 0;
      bytes = found;
    } catch (reason) {
      // A bad disk, or a server that is away. Nothing was taken; it is opened anew and tried again.
      if ((reason as { code?: unknown }).code === undefined) throw reason;
      file.close();
      this.#options.onUnreadable(followed, systemCodeOf(reason));
      return 0;
    }
    const chunk = this.#buffer.subarray(0, bytes);
    const isEnd =
      file.isGone && file.offset + bytes >= file.size && nowMs - file.quietSinceMs >= this.#options.rotateWaitMs;
    const consumed = this.#consume(followed, chunk, isEnd, nowMs);
    // What is left is a line without an end: it is read again when there is more.
    if (consumed === 0 && isEnd) this.#finish(followed);
    return consumed;
  }

  /** Reads into the buffer. Undefined when there is nothing to be had now. Throws what the system says. */
  #readChunk(followed: Followed, nowMs: number): number | undefined {
    const { file } = followed;
    const look = file.look(nowMs);
    if (look === "truncated") {
      this.#restart(followed);
      return undefined;
    }
    if (look === "unreadable") {
      this.#finish(followed);
      return undefined;
    }
    if (look === "end") {
      const isOver = file.isGone && nowMs - file.quietSinceMs >= this.#options.rotateWaitMs;
      if (isOver) this.#finish(followed);
      return undefined;
    }
    if (!file.open()) {
      this.#options.onUnreadable(followed, "can't be opened");
      return undefined;
    }
    const bytes = file.read(this.#buffer);
    if (file.isSame()) return bytes;
    this.#restart(followed);
    return undefined;
  }

  #restart(followed: Followed): void {
    this.#options.onTruncated(followed);
    // What was held of an original without a copy has been let go.
    if (followed.source.builder.partRecords > 0) this.#cut(followed, followed.file.offset, "none");
  }

  async #readCompressed(followed: Followed): Promise<number> {
    const { file } = followed;
    let chunk: Buffer;
    try {
      chunk = await file.readCompressed(this.#buffer.length);
    } catch {
      // Damaged, or gone: what came out of it until here was taken.
      this.counts.damaged++;
      this.#finish(followed);
      return 0;
    }
    const isEnd = chunk.length < this.#buffer.length;
    const consumed = this.#consume(followed, chunk, isEnd, this.#options.clock.monotonicMs());
    if (consumed < chunk.length) file.unread(chunk.subarray(consumed));
    if (isEnd) this.#finish(followed);
    return isEnd ? 0 : consumed;
  }

  #consume(followed: Followed, chunk: Buffer, isEnd: boolean, nowMs: number): number {
    const { file, source, assembler } = followed;
    const { builder, splitter } = source;
    const base = file.offset;
    let lines = 0;
    const { consumed, rest } = splitter.split(chunk, base, file.rest, isEnd, (bytes, start, end, at, mark, isKnown) => {
      if (builder.partBytes >= PART_BYTES) this.#cut(followed, base + at, mark === "split" ? "split" : "none");
      lines++;
      assembler.line(bytes, start, end, base + at, mark, isKnown, nowMs);
    });
    this.counts.lines += lines;
    this.counts.bytes += consumed;
    file.rest = rest;
    file.advance(consumed);
    if (consumed > 0) this.#cut(followed, file.offset, rest);
    return consumed;
  }

  /** Hands on what there is as a part that ends at `end`, or before what is held. */
  #cut(followed: Followed, end: number, rest: Rest): void {
    const { file, source, assembler } = followed;
    const { records, count } = source.builder.takePart();
    const held = assembler.heldFrom;
    const safe = held === undefined ? end : Math.min(held, end);
    const part = file.ledger.add(
      safe,
      file.isCompressed ? file.ledger.tail : file.tailAt(safe),
      safe === end ? rest : "none",
    );
    const bytes = count === 0 ? undefined : encodePart(this.#options.envelopeOf(followed), records);
    this.#options.outbox.add(file.ledger, part, bytes, count);
  }

  #flushHeld(followed: Followed, nowMs: number): void {
    const { assembler, file } = followed;
    const { dueMs } = assembler;
    if (dueMs === undefined || dueMs > nowMs) return;
    assembler.flush(nowMs, false);
    this.#cut(followed, file.offset, file.rest);
  }

  #finish(followed: Followed): void {
    const { assembler, file } = followed;
    if (file.isFinished) return;
    if (assembler.heldFrom !== undefined) {
      assembler.flush(0, true);
      this.#cut(followed, file.offset, file.rest);
    }
    file.isFinished = true;
    this.#options.onFinished(followed);
  }

  /** When the file wants its next turn. */
  nextTurnMs(followed: Followed): number {
    const due = followed.assembler.dueMs;
    const { nextLookMs } = followed.file;
    return due === undefined ? nextLookMs : Math.min(nextLookMs, Math.max(due, nextLookMs - LOOK_MS_MAX));
  }
}
