/**
 * Reading the journal for somebody beside delivery. It never slows delivery: readers are few, each has one entry in
 * memory, waits while its caller does, and rests as long as it worked. Whoever follows what comes in is shown no more than
 * a person could read; what is left out is counted and said.
 */
import type { Clock } from "../../clock.ts";
import { CollectorError } from "../../errors.ts";
import type { Commit, Damage, Gone } from "../../journal/port.ts";
import type { SegmentFacts } from "../../journal/segments.ts";

export interface PeekableJournal {
  readonly head: bigint;
  readonly tail: bigint;
  peek(from: bigint): Promise<Commit | Damage | Gone | undefined>;
  endPeek(): void;
  listSegments(): SegmentFacts[];
  waitForHead(ordinal: bigint, signal: AbortSignal): Promise<void>;
}

export type Found = Commit | Damage | Gone;

/** Calls that read at once. */
const READERS_MAX = 4;

/** How long a reader works before it rests as long. */
const WORK_MS = 5;

/** What somebody who follows is shown, per second: far more than anybody reads, and nothing beside what ingest takes. */
const FOLLOW_BYTES_PER_SECOND = 1_048_576;

/** How far behind it may fall before it goes on at the head. */
const FOLLOW_BEHIND_RECORDS_MAX = 10_000n;

export function endOf(found: Found): bigint {
  return found.kind === "commit" ? found.first + BigInt(found.records) : found.end;
}

export class Readers {
  readonly #journal: PeekableJournal;
  readonly #clock: Clock;
  #reading = 0;

  constructor(journal: PeekableJournal, clock: Clock) {
    this.#journal = journal;
    this.#clock = clock;
  }

  /** Counts as a reader while `body` runs. Rejects with CollectorError `too_many_readers`. */
  async read<T>(body: () => Promise<T>): Promise<T> {
    if (this.#reading >= READERS_MAX) {
      throw new CollectorError("too_many_readers", `${READERS_MAX} calls read the journal already: end one, or wait`);
    }
    this.#reading++;
    try {
      return await body();
    } finally {
      this.#reading--;
      if (this.#reading === 0) this.#journal.endPeek();
    }
  }

  /** What holds [first, end), in order. What was deleted below the tail is passed over at the beginning. */
  async *range(first: bigint, end: bigint): AsyncGenerator<Found> {
    let sinceMs = this.#clock.monotonicMs();
    for (let at = first; at < end; ) {
      const found = await this.#journal.peek(at);
      if (found === undefined) return;
      const isBefore = at === first && found.kind === "gone";
      if (!isBefore) yield found;
      at = endOf(found);
      const workedMs = this.#clock.monotonicMs() - sinceMs;
      if (workedMs < WORK_MS) continue;
      await this.#clock.sleep(workedMs);
      sinceMs = this.#clock.monotonicMs();
    }
  }

  /** Where the first segment begins that may hold something written at `sinceMs` or later; segments are in order of time. */
  async firstSince(sinceMs: number): Promise<bigint> {
    const segments = this.#journal.listSegments();
    let low = 0;
    let high = segments.length - 1;
    while (low < high) {
      const middle = Math.ceil((low + high) / 2);
      const found = await this.#journal.peek(segments[middle]?.first ?? 0n);
      if (found?.kind === "commit" && found.committedAtMs >= sinceMs) high = middle - 1;
      else low = middle;
    }
    return segments[low]?.first ?? this.#journal.tail;
  }

  /** What comes in from ordinal `from` on, and how much of it was left out, until `signal` is aborted. */
  async *follow(from: bigint, signal: AbortSignal): AsyncGenerator<Found | { kind: "skipped"; logRecords: bigint }> {
    const journal = this.#journal;
    let freeAtMs = this.#clock.monotonicMs();
    for (let at = from; !signal.aborted; ) {
      await this.#clock.sleep(Math.max(0, freeAtMs - this.#clock.monotonicMs()), signal);
      await journal.waitForHead(at, signal);
      if (signal.aborted) return;
      if (journal.head - at > FOLLOW_BEHIND_RECORDS_MAX) {
        const newest = await journal.peek(journal.head - 1n);
        if (newest !== undefined && newest.kind === "commit" && newest.first > at) {
          yield { kind: "skipped", logRecords: newest.first - at };
          at = newest.first;
        }
      }
      const found = await journal.peek(at);
      if (found === undefined) continue;
      yield found;
      at = endOf(found);
      const bytes = found.kind === "commit" ? found.request.byteLength : 0;
      freeAtMs = Math.max(freeAtMs, this.#clock.monotonicMs()) + (bytes / FOLLOW_BYTES_PER_SECOND) * 1_000;
    }
  }
}
