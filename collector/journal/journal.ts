/**
 * The journal: what was accepted, in order, on disk, until every route has finished with it.
 *
 *    <directory>/LOCK               one process at a time (lock.ts)
 *               /segments/<first>/  entries of [first, next folder's first), each one synced write (segment.ts, entry.ts)
 *               /meta/              identity, a row per route, quarantine (meta.ts, cursors.ts, quarantine.ts)
 *               /damaged/<first>/   segments as they were when damage was found; never deleted by us
 *               /opening/           short-lived copies; emptied at start
 *               /reserve            bytes held back for a full disk (disk-guard.ts)
 *
 *    0 ........... reclaimed ........... tail | delivered | in flight | waiting ...... head
 *                                             ^ cursor of a route                      ^ next ordinal
 *
 * Invariants
 * - An ordinal is given out once. The head is where the last entry ends. A row of the meta database remembers how far it
 *   had come when other rows were last written: a segment that ends before that is damaged.
 * - A request is acknowledged after the synced write that holds it, never before.
 * - A segment is deleted when the cursors ON DISK have all passed its end, never inside, never earlier.
 * - Whatever is in [tail, head) is readable, or reported as damage: a reader can't miss an ordinal.
 *
 * | it died | on restart |
 * |---|---|
 * | before the synced write | no OK was sent; LevelDB drops the torn end of its log |
 * | after the write, before the OK | the entry is there; the client sends again, under another ordinal |
 * | after a refused write that reached the disk | if nothing came after it, it counts (a duplicate); else the next folder's name hides it |
 * | while a segment was being made | the last folder holds no entry, and is removed |
 * | after a cursor's write, before the segment's deletion | deleted at start |
 * | with a segment damaged | kept aside, mended, served as far as it goes, the rest reported as damage |
 * | with a row of the meta database rubbish | the route begins at the tail again, the pause holds: duplicates, no loss (meta.ts) |
 * | with the meta database lost | every route begins at the tail again, under a new collector id: duplicates, no loss |
 */
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { CollectorError } from "../errors.ts";
import { release } from "../memory/release.ts";
import { type Books, openBooks } from "./books.ts";
import { type CommitGroup, CommitQueue } from "./commit.ts";
import { Cursor, ROUTE_PREFIX, RouteState } from "./cursors.ts";
import { DiskGuard, journalFull } from "./disk-guard.ts";
import { type EncodedPayload, encodePayload, routeTag, sealEntry } from "./entry.ts";
import { makeFolder, syncFolder } from "./folder.ts";
import type { HandOvers } from "./hand-overs.ts";
import { HeadWaiters } from "./head-waiters.ts";
import { HEAD_KEY, identityWithOrigins, openMeta } from "./identity.ts";
import { levelDriver } from "./level-store.ts";
import { type FolderLock, lockFolder } from "./lock.ts";
import type { JournalOptions, JournalStatus } from "./options.ts";
import { highest, toKey } from "./ordinal.ts";
import type { Pauses } from "./pauses.ts";
import type { Appender, Commit, Damage, Gone, JournalReader, Origin } from "./port.ts";
import { ORDINARY_REQUEST_BYTES } from "./port.ts";
import type { Quarantine } from "./quarantine.ts";
import { Reclaimer } from "./reclaimer.ts";
import { type SegmentFacts, Segments } from "./segments.ts";
import { StoreError } from "./store.ts";
import { Turns } from "./turns.ts";
import { withReserve } from "./with-reserve.ts";

/** The reserve holds two segments being opened (LevelDB rewrites its log into a table) and the meta database. */
const RESERVE_SEGMENTS = 2;
const RESERVE_META_BYTES = 4_194_304;

/** Room in the write buffer beyond a segment: for the largest entry that may end it, and for LevelDB's own part. */
const WRITE_BUFFER_SLACK = 1.25;

export class Journal implements Appender, JournalReader {
  readonly #options: JournalOptions;
  readonly #lock: FolderLock;
  readonly #disk: DiskGuard;
  readonly #segments: Segments;
  readonly #queue: CommitQueue<EncodedPayload>;
  #books: Books | undefined;
  #collectorId = "";
  #head = 0n;
  #commits = 0;
  #committedBytes = 0;
  #writtenBytes = 0;
  /** Since when a write has been under way. */
  #writingSinceMs: number | undefined;
  readonly #cursors = new Map<string, Cursor>();
  /** Rows of routes that nobody has asked for in this run: they hold on to their segments all the same. */
  #dormant = new Map<string, RouteState>();
  readonly #headWaiters = new HeadWaiters();
  readonly #roomListeners = new Set<() => void>();
  readonly #reclaimer: Reclaimer;
  readonly #requeues = new Turns();
  #isClosed = false;

  private constructor(options: JournalOptions, lock: FolderLock) {
    const { directory, segmentBytesMax, commitBytesMax } = options;
    this.#options = options;
    this.#lock = lock;
    this.#disk = new DiskGuard({ ...options, reserveBytes: RESERVE_SEGMENTS * segmentBytesMax + RESERVE_META_BYTES });
    this.#disk.onRoom = () => this.#tellRoom();
    this.#segments = new Segments({
      ...options,
      driver: options.driver ?? levelDriver,
      directory: join(directory, "segments"),
      openingDirectory: join(directory, "opening"),
      damagedDirectory: join(directory, "damaged"),
      writeBufferBytes: Math.ceil(WRITE_BUFFER_SLACK * (segmentBytesMax + commitBytesMax)),
      onDiskFull: (reason) => this.#disk.fill(reason),
    });
    const { compression, compressionLevel } = options;
    this.#queue = new CommitQueue(commitBytesMax, {
      prepare: ({ request }) => encodePayload(request, compression, compressionLevel),
      write: (payload, group) => this.#write(payload, group),
    });
    this.#reclaimer = new Reclaimer(async () => {
      const cursors = [
        ...[...this.#cursors.values()].map((cursor) => cursor.cursorOnDisk),
        ...[...this.#dormant.values()].map((state) => state.cursor),
      ];
      const floor = this.#reclaimer.floorOf(cursors);
      if (floor !== undefined && (await this.#segments.reclaim(floor))) this.#tellRoom();
    });
  }

  /** Recovers what is there. Rejects with CollectorError `journal_locked` or `journal_unusable`. */
  static async open(options: JournalOptions): Promise<Journal> {
    await makeFolder(options.directory);
    const journal = new Journal(options, lockFolder(options.directory));
    try {
      await journal.#recover();
    } catch (reason) {
      await journal.close();
      throw reason;
    }
    return journal;
  }

  async #recover(): Promise<void> {
    const { directory, driver, cursorIntervalMs, log } = this.#options;
    await rm(join(directory, "opening"), { recursive: true, force: true });
    const opened = await withReserve(this.#disk, this.#options, () =>
      openMeta({
        ...this.#options,
        driver: driver ?? levelDriver,
        directory: join(directory, "meta"),
        damagedDirectory: join(directory, "damaged"),
        rowIntervalMs: cursorIntervalMs,
        alongside: () => ({ key: HEAD_KEY, row: String(this.#head) }),
        onWriteFailure: (reason) => this.#noteFailure(reason),
      }),
    );
    this.#collectorId = opened.collectorId;
    // Before anything is written, since the head goes along with it.
    this.#head = opened.headAtLeast;
    this.#books = await openBooks(this.#options.quarantineBytesMax, {
      ...this.#options,
      meta: opened.meta,
      append: (request, records, route, origin) => this.#appendFor(routeTag(route), request, records, origin),
      keepOut: identityWithOrigins(opened.collectorId),
    });
    this.#dormant = opened.routes;
    this.#head = highest([
      this.#head,
      await withReserve(this.#disk, this.#options, () => this.#segments.recover(this.#head)),
    ]);
    for (const name of opened.damagedRoutes) this.#dormant.set(name, new RouteState(this.tail));
    // A synced file is lost with the name of a folder above it.
    await withReserve(this.#disk, this.#options, () => syncFolder(directory));
    await this.#reclaimer.run();
    await this.#disk.start(this.#options.bytesMax - this.#segments.bytes);
    const { collectorId, head, tail, bytes, segments } = this.status();
    log.info(
      { directory, collectorId, head: String(head), tail: String(tail), segments, bytes },
      "the journal is open",
    );
  }

  get collectorId(): string {
    return this.#collectorId;
  }

  get head(): bigint {
    return this.#head;
  }

  /** The oldest ordinal that is still on disk. */
  get tail(): bigint {
    return this.#segments.tail ?? this.#head;
  }

  status(): JournalStatus {
    return {
      collectorId: this.#collectorId,
      head: this.#head,
      tail: this.tail,
      segments: this.#segments.count,
      bytes: this.#segments.bytes,
      bytesMax: this.#options.bytesMax,
      diskFreeBytes: this.#disk.freeBytes,
      isFull: !this.hasRoom(ORDINARY_REQUEST_BYTES),
      commits: this.#commits,
      committedBytes: this.#committedBytes,
      writtenBytes: this.#writtenBytes,
      writingMs: this.#writingSinceMs === undefined ? 0 : this.#options.clock.monotonicMs() - this.#writingSinceMs,
    };
  }

  /** The cursor of a route, which begins at the tail or at the head when it is new. */
  route(name: string, startAt: "tail" | "head" = "tail"): Cursor {
    let cursor = this.#cursors.get(name);
    if (cursor === undefined) {
      const known = this.#dormant.get(name);
      const state = known ?? new RouteState(startAt === "tail" ? this.tail : this.#head);
      cursor = new Cursor(
        name,
        state,
        known === undefined,
        this.#open.meta,
        this.quarantine,
        () => void this.#reclaimer.run(),
      );
      this.#cursors.set(name, cursor);
      this.#dormant.delete(name);
    }
    return cursor;
  }

  /** Routes that the journal knows and nobody has asked for in this run. */
  get dormantRoutes(): readonly string[] {
    return [...this.#dormant.keys()];
  }

  /** Deletes the cursor of a route that is not in use any more, for good: its logs are nobody's to deliver. */
  async forget(name: string): Promise<void> {
    this.#cursors.delete(name);
    this.#dormant.delete(name);
    await Promise.all([
      this.#open.meta.write([{ key: `${ROUTE_PREFIX}${name}`, value: undefined }]),
      this.pauses.end(name),
    ]);
    await this.#reclaimer.run();
  }

  /** Bytes of the segments that hold `ordinal` or something beyond it. */
  bytesFrom(ordinal: bigint): number {
    return this.#segments.bytesFrom(ordinal);
  }

  hasRoom(bytes: number): boolean {
    const coming = this.#queue.pendingBytes + bytes;
    return !this.#isClosed && this.#segments.bytes + coming <= this.#options.bytesMax && this.#disk.hasRoom(coming);
  }

  onRoom(listener: () => void): () => void {
    this.#roomListeners.add(listener);
    return () => this.#roomListeners.delete(listener);
  }

  append(request: Uint8Array, records: number): Promise<bigint> {
    return this.#appendFor(0, request, records);
  }

  #appendFor(onlyRoute: number, request: Uint8Array, records: number, origin?: Origin): Promise<bigint> {
    if (this.#isClosed) return Promise.reject(new CollectorError("shutting_down", "the collector is stopping"));
    if (!this.hasRoom(request.byteLength)) return Promise.reject(journalFull());
    return this.#queue.append(request, records, onlyRoute, origin);
  }

  /** One synced write: the only place where ordinals are given out. */
  async #write(encoded: EncodedPayload, { request, records, onlyRoute, origin }: CommitGroup): Promise<bigint> {
    const { clock, observer } = this.#options;
    const sinceMs = clock.monotonicMs();
    const first = this.#head;
    const requestBytes = request.byteLength;
    const facts = { records, committedAtMs: clock.nowMs(), onlyRoute, origin, requestBytes };
    const entry = sealEntry(toKey(first), encoded, facts);
    if (encoded.payload !== request) release(encoded.payload);
    this.#writingSinceMs = sinceMs;
    try {
      const bytes = await this.#segments.append(first, entry, records);
      this.#disk.wrote(bytes);
      this.#writtenBytes += bytes;
    } catch (reason) {
      this.#noteFailure(reason);
      void this.#reclaimer.run();
      this.#options.log.warn(
        { reason: String(reason) },
        "a write to the journal failed: nothing of it was acknowledged",
      );
      if (this.#disk.isFull) throw journalFull();
      throw new CollectorError("journal_io", "the disk refused the write: send it again", { cause: reason });
    } finally {
      release(entry);
      this.#writingSinceMs = undefined;
    }
    this.#commits++;
    this.#committedBytes += requestBytes;
    this.#head += BigInt(records);
    observer?.committed({ first, records, bytes: requestBytes, ms: clock.monotonicMs() - sinceMs });
    this.#headWaiters.wake();
    return first;
  }

  async read(from: bigint): Promise<Commit | Damage | undefined> {
    return from < this.#head ? this.#segments.read(from, this.#head) : undefined;
  }

  waitForHead(ordinal: bigint, signal: AbortSignal): Promise<void> {
    return this.#headWaiters.until(() => this.#head > ordinal, signal);
  }

  /** As `read`, for somebody beside delivery, who may also ask for what has gone. See `Segments.peek`. */
  async peek(from: bigint): Promise<Commit | Damage | Gone | undefined> {
    return from < this.#head ? this.#segments.peek(from, this.#head) : undefined;
  }

  /** Nobody peeks any more, for now. */
  endPeek(): void {
    this.#segments.endPeek();
  }

  listSegments(): SegmentFacts[] {
    return this.#segments.list();
  }

  /** Ends the active segment, between two writes; the next write makes a new one. It goes, where all routes have passed it. */
  async roll(): Promise<void> {
    await this.#queue.between(() => this.#segments.seal());
    await this.#reclaimer.run();
  }

  /**
   * Sets the cursor of a route back to `to`, which must be on disk still: [to, end) is delivered again, or all up to where the
   * cursor is. Nothing of the route may be under way. Resolves when it is on disk; before that a crash leaves the cursor where it was. Rejects with
   * CollectorError `precondition_failed`, and then nothing has changed.
   */
  async seek(name: string, to: bigint, end = this.route(name).cursor): Promise<void> {
    const cursor = this.route(name);
    const release = await this.#reclaimer.hold(to);
    try {
      cursor.assertGoesBack(this.tail, to, end);
      cursor.seekBack(to, end);
      await cursor.flush();
    } finally {
      release();
    }
  }

  /** Which routes an operator has paused. */
  get pauses(): Pauses {
    return this.#open.pauses;
  }

  /** What other collectors have handed over to this one, and this one to others. */
  get handOvers(): HandOvers {
    return this.#open.handOvers;
  }

  /** What routes have put aside: to list, read, export, let go. */
  get quarantine(): Quarantine {
    return this.#open.quarantine;
  }

  /**
   * Sends a quarantined log record again, mended (`request`) or as it is, to its own route alone and under a new ordinal.
   * It leaves the quarantine after it is in the journal: a crash in between leaves it in both. Resolves with the new
   * ordinal, undefined when there was no such record; one that is being sent again already is gone after that.
   */
  requeue(route: string, ordinal: bigint, request?: Uint8Array): Promise<bigint | undefined> {
    return this.#requeues.take(`${route}/${ordinal}`, async () => {
      const entry = await this.quarantine.get(route, ordinal);
      if (entry === undefined) return undefined;
      const requeued = await this.#appendFor(routeTag(route), request ?? entry.request, 1);
      await this.quarantine.remove(route, ordinal);
      return requeued;
    });
  }

  /**
   * Lets go of the folder: takes nothing more, ends the writes under way, and puts the cursors on disk if it takes them.
   * Whoever reads must have stopped before.
   */
  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    await this.#queue.drain();
    await this.#books?.meta.close();
    await this.#reclaimer.idle();
    await this.#segments.close();
    await this.#disk.stop();
    this.#lock.release();
  }

  get #open(): Books {
    if (this.#books === undefined) throw new CollectorError("shutting_down", "the journal is not open");
    return this.#books;
  }

  #noteFailure(reason: unknown): void {
    if (reason instanceof StoreError && reason.kind === "full") this.#disk.fill(reason.message);
  }

  #tellRoom(): void {
    for (const listener of this.#roomListeners) listener();
  }
}
