/**
 * What a route wants of its stream, told by positions on the number line alone: how fast the head moves, how much lies
 * before it, and how many bytes a log record has had so far. Pure: looked at every second or so, and told of time.
 */
import { wantsBytesPerSecond } from "../peers/share.ts";

/** One look at a route. */
export interface Sighting {
  /** By the monotonic clock. */
  readonly nowMs: number;
  readonly head: bigint;
  /** Log records that are not finished. */
  readonly waiting: bigint;
  /** Log records that have left since the process started, delivered or not. */
  readonly finished: bigint;
  /** Bytes that they were delivered as, since then: those that Firehose counts. */
  readonly deliveredBytes: number;
}

/** Until something was delivered: as a common log line. */
const BYTES_PER_LOG_RECORD_GUESS = 500;

/** What comes in, and what leaves, is averaged over that long. */
const MEAN_MS = 5_000;

/** So often a position is kept, to tell how old the backlog is; and that many, then the gaps between them double. */
const MARK_MS = 1_000;
const MARKS_MAX = 128;

export class Demand {
  #last: Sighting | undefined;
  #arrivingRecordsPerSecond = 0;
  #deliveredBytesPerSecond = 0;
  /** Where the head was, and when: oldest first. */
  #marks: { readonly head: bigint; readonly nowMs: number }[] = [];
  #markMs = MARK_MS;

  look(sighting: Sighting): void {
    const last = this.#last;
    this.#last = sighting;
    this.#mark(sighting);
    if (last === undefined) return;
    const elapsedMs = sighting.nowMs - last.nowMs;
    if (elapsedMs <= 0) return;
    const part = 1 - Math.exp(-elapsedMs / MEAN_MS);
    const arriving = (Number(sighting.head - last.head) * 1_000) / elapsedMs;
    this.#arrivingRecordsPerSecond += (arriving - this.#arrivingRecordsPerSecond) * part;
    const delivered = ((sighting.deliveredBytes - last.deliveredBytes) * 1_000) / elapsedMs;
    this.#deliveredBytesPerSecond += (delivered - this.#deliveredBytesPerSecond) * part;
  }

  /** What comes in, as Firehose will count it; undefined until something was delivered, and its size is known. */
  get arrivingBytesPerSecond(): number | undefined {
    return (this.#last?.deliveredBytes ?? 0) > 0 ? this.#arrivingRecordsPerSecond * this.#bytesPerLogRecord : undefined;
  }

  get deliveredBytesPerSecond(): number {
    return this.#deliveredBytesPerSecond;
  }

  get wantsBytesPerSecond(): number {
    return wantsBytesPerSecond(this.#arrivingRecordsPerSecond * this.#bytesPerLogRecord, this.backlogBytes);
  }

  /** An estimate, as Firehose will count them. */
  get backlogBytes(): number {
    return Number(this.#last?.waiting ?? 0n) * this.#bytesPerLogRecord;
  }

  /**
   * How long the oldest log record has waited, as far as this process has seen: what was there when it started has
   * waited since then at least.
   */
  backlogAgeMs(nowMs: number): number {
    if (this.#last === undefined || this.#last.waiting === 0n) return 0;
    const oldest = this.#last.head - this.#last.waiting;
    // It came after the last mark that does not count it.
    const before = this.#marks.findLast(({ head }) => head <= oldest) ?? this.#marks[0];
    return before === undefined ? 0 : nowMs - before.nowMs;
  }

  get #bytesPerLogRecord(): number {
    const { finished = 0n, deliveredBytes = 0 } = this.#last ?? {};
    return finished === 0n || deliveredBytes === 0 ? BYTES_PER_LOG_RECORD_GUESS : deliveredBytes / Number(finished);
  }

  #mark({ head, nowMs, waiting }: Sighting): void {
    // All before it is finished: nobody will ask for what was earlier.
    if (waiting === 0n) this.#marks = [];
    const last = this.#marks.at(-1);
    if (last !== undefined && nowMs - last.nowMs < this.#markMs) return;
    this.#marks.push({ head, nowMs });
    if (this.#marks.length <= MARKS_MAX) return;
    this.#marks = this.#marks.filter((_, index) => index % 2 === 0);
    this.#markMs *= 2;
  }
}
