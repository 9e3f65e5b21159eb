/**
 * The row of segments: one is written, the ones before it are read and, once every cursor has passed, removed.
 * Only the active one and the ones being read are open, so memory does not grow with the backlog.
 */
import { rm } from "node:fs/promises";
import { join } from "node:path";
import type { Clock } from "../clock.ts";
import type { Log } from "../log.ts";
import { toName } from "./ordinal.ts";
import type { Commit, Damage, Gone } from "./port.ts";
import { recoverSegments } from "./recovery.ts";
import { Segment, type SegmentOptions } from "./segment.ts";

/** Sealed segments that may be open at once: those that routes are reading, each of which weighs little. */
const SEALED_OPEN_MAX = 8;

export interface SegmentsOptions extends Omit<SegmentOptions, "directory"> {
  /** Holds one folder per segment. */
  readonly directory: string;
  readonly segmentBytesMax: number;
  readonly clock: Clock;
  readonly log: Log;
}

/** One folder, for a person to look at. */
export interface SegmentFacts {
  readonly first: bigint;
  readonly end: bigint;
  readonly bytes: number;
  /** `active` takes writes; `open` is sealed and being read; `closed` is sealed and takes no memory. */
  readonly state: "active" | "open" | "closed";
}

export class Segments {
  readonly #options: SegmentsOptions;
  /** In order; the last one may be the active one. */
  #all: Segment[] = [];
  #active: Segment | undefined;
  #openSealed: Segment[] = [];
  /** The sealed segment that somebody beside delivery has looked into last. */
  #peeked: Segment | undefined;
  #sealedBytes = 0;

  constructor(options: SegmentsOptions) {
    this.#options = options;
  }

  /**
   * Finds what is on disk, which must reach `headAtLeast`. All of it is sealed: what comes is written to a new one.
   * Resolves with the end, 0 when there is no segment.
   */
  async recover(headAtLeast: bigint): Promise<bigint> {
    this.#all = await recoverSegments({
      ...this.#options,
      headAtLeast,
      makeSegment: (first, end) => new Segment(first, end, this.#optionsOf(first)),
    });
    this.#sealedBytes = this.#all.reduce((sum, segment) => sum + segment.bytes, 0);
    return this.#all.at(-1)?.end ?? 0n;
  }

  get count(): number {
    return this.#all.length;
  }

  get bytes(): number {
    return this.#sealedBytes + (this.#active?.bytes ?? 0);
  }

  /** Bytes of the segments that end beyond `ordinal`. */
  bytesFrom(ordinal: bigint): number {
    return this.#all.reduce((sum, segment) => (segment.end > ordinal ? sum + segment.bytes : sum), 0);
  }

  /** The oldest ordinal that is still here, and not about to go; undefined when there is no such segment. */
  get tail(): bigint | undefined {
    return this.#all.find((segment) => !segment.isRemoved)?.first;
  }

  /**
   * Writes an entry of `records` log records under ordinal `first`, synced, in the active segment or, when that is full,
   * in a new one. Resolves with the bytes that went to the disk. Rejects with StoreError, and then LevelDB would take
   * nothing more: what is in the active segment stays readable, what comes next goes into a new one.
   */
  async append(first: bigint, value: Uint8Array, records: number): Promise<number> {
    if (this.#active !== undefined && this.#active.bytes + value.byteLength > this.#options.segmentBytesMax)
      this.seal();
    this.#active ??= await this.#create(first);
    const active = this.#active;
    const bytesBefore = active.bytes;
    try {
      await active.append(value, records);
    } catch (reason) {
      this.seal();
      if (active.end === active.first) await this.#discard(active);
      throw reason;
    }
    return active.bytes - bytesBefore;
  }

  async #create(first: bigint): Promise<Segment> {
    const options = this.#optionsOf(first);
    try {
      const segment = await Segment.create(first, options);
      this.#all.push(segment);
      return segment;
    } catch (reason) {
      await rm(options.directory, { recursive: true, force: true }).catch(() => undefined);
      throw reason;
    }
  }

  /** An empty segment has the name that the next one needs. */
  async #discard(segment: Segment): Promise<void> {
    this.#all = this.#all.filter((other) => other !== segment);
    this.#openSealed = this.#openSealed.filter((other) => other !== segment);
    this.#sealedBytes -= segment.bytes;
    await segment.remove().catch(() => undefined);
  }

  /** Ends the active segment; the next append makes a new one. */
  seal(): void {
    const segment = this.#active;
    if (segment === undefined) return;
    this.#active = undefined;
    this.#sealedBytes += segment.bytes;
    // Whoever reads on reads its log: LevelDB would keep all of it in memory.
    this.#closeQuietly(segment);
  }

  /** What holds ordinal `from`, which is below `head`. Rejects with CollectorError `journal_io`, which may pass. */
  async read(from: bigint, head: bigint): Promise<Commit | Damage> {
    const index = this.#all.findLastIndex((candidate) => candidate.first <= from);
    const segment = this.#all[index];
    if (segment === undefined || from >= segment.end) {
      const end = this.#all[index + 1]?.first ?? head;
      return { kind: "damage", first: from, end, reason: "the folder of these log records is missing" };
    }
    const found = await segment.read(from);
    if (segment !== this.#active && this.#all.includes(segment)) this.#keepOpen(segment);
    return found;
  }

  /**
   * What holds ordinal `from`, for somebody beside delivery: it does not change which segments delivery finds open, and
   * keeps one more open at most.
   */
  async peek(from: bigint, head: bigint): Promise<Commit | Damage | Gone> {
    const index = this.#all.findLastIndex((candidate) => candidate.first <= from);
    const segment = this.#all[index];
    const end = this.#all.slice(index + 1).find((later) => !later.isRemoved)?.first ?? head;
    if (segment === undefined || segment.isRemoved) return { kind: "gone", first: from, end };
    if (from >= segment.end) {
      return { kind: "damage", first: from, end, reason: "the folder of these log records is missing" };
    }
    try {
      return await segment.read(from);
    } catch (reason) {
      if (segment.isRemoved) return { kind: "gone", first: from, end: segment.end };
      throw reason;
    } finally {
      this.#keepPeeked(segment);
    }
  }

  #keepPeeked(segment: Segment): void {
    const before = this.#peeked;
    this.#peeked = segment;
    if (before === undefined || before === segment || before === this.#active) return;
    if (!this.#openSealed.includes(before)) this.#closeQuietly(before);
  }

  /** Lets go of what was opened for `peek`. */
  endPeek(): void {
    const before = this.#peeked;
    this.#peeked = undefined;
    if (before === undefined || before === this.#active || this.#openSealed.includes(before)) return;
    this.#closeQuietly(before);
  }

  /** All of them, in order. */
  list(): SegmentFacts[] {
    return this.#all.map((segment) => ({
      first: segment.first,
      end: segment.end,
      bytes: segment.bytes,
      state: segment === this.#active ? "active" : segment.isOpen ? "open" : "closed",
    }));
  }

  /** Deletes what lies wholly below `ordinal`. Resolves with whether there was something. */
  async reclaim(ordinal: bigint): Promise<boolean> {
    const passed = this.#all.filter((segment) => segment !== this.#active && segment.end <= ordinal);
    // All of them at once, before the first is gone: who begins at the tail meanwhile must not begin in one of the next.
    for (const segment of passed) segment.retire();
    let removed = false;
    for (const oldest of passed) {
      try {
        await oldest.remove();
      } catch (reason) {
        this.#options.log.warn(
          { segment: oldest.directory, reason: String(reason) },
          "a delivered segment can't be deleted",
        );
        return removed;
      }
      this.#all.shift();
      this.#openSealed = this.#openSealed.filter((other) => other !== oldest);
      this.#sealedBytes -= oldest.bytes;
      removed = true;
    }
    return removed;
  }

  async close(): Promise<void> {
    this.seal();
    await Promise.all(this.#all.map((segment) => segment.close()));
  }

  #keepOpen(segment: Segment): void {
    this.#openSealed = [...this.#openSealed.filter((other) => other !== segment), segment];
    while (this.#openSealed.length > SEALED_OPEN_MAX) this.#closeQuietly(this.#openSealed.shift() as Segment);
  }

  #closeQuietly(segment: Segment): void {
    segment.close().catch((reason: unknown) => {
      this.#options.log.warn({ segment: segment.directory, reason: String(reason) }, "a segment did not close");
    });
  }

  #optionsOf(first: bigint): SegmentOptions {
    return { ...this.#options, directory: join(this.#options.directory, toName(first)) };
  }
}
