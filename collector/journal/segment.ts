/**
 * One segment: a small database in a folder named by its first ordinal, holding the entries of [first, end).
 *
 *    created ──append──> sealed ──(every cursor has passed)──> removed
 *
 * Its write buffer is larger than a segment ever gets, so that LevelDB writes its log and nothing else. The end of a
 * segment is the name of the next one: an entry at or beyond it (a write that was refused but reached the disk) does not
 * count. A sealed segment is read from that log as it lies there (log-store.ts), and let go of when the reading has moved
 * on. Where the log is not what it should be, LevelDB opens it, which turns it into a table.
 *
 * Damage. Opening may find the folder unusable, or leave parts of the log out. Then the folder as it was before is kept
 * whole under `damaged/`, what can be read is served, and the ordinals in between are reported as damage when they are
 * read. So a flipped byte costs the entry it is in, and never keeps the rest from being delivered.
 */
import { mkdir, rename, rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { assert, CollectorError } from "../errors.ts";
import type { Log } from "../log.ts";
import { release } from "../memory/release.ts";
import { checkEntry, openEntry, peekEntry, routeTag } from "./entry.ts";
import { folderBytes, keepCopy, syncFolder } from "./folder.ts";
import { fromKey, highest, lowest, toKey } from "./ordinal.ts";
import type { Commit, Damage } from "./port.ts";
import { type Store, type StoreDriver, type StoreEntry, StoreError } from "./store.ts";

/** Bytes that LevelDB adds to an entry in its log: key, sequence, lengths, block headers; rounded up. */
const ENTRY_OVERHEAD_BYTES = 64;

export interface SegmentOptions {
  readonly driver: StoreDriver;
  readonly log: Log;
  readonly directory: string;
  readonly writeBufferBytes: number;
  /** Where folders are kept as they were before opening, for as long as that takes. */
  readonly openingDirectory: string;
  /** Where damaged folders are kept for a person to look at. */
  readonly damagedDirectory: string;
  /** Told when the disk had no room for what reading needs. */
  readonly onDiskFull: (reason: string) => void;
}

export class Segment {
  readonly first: bigint;
  /** Just past the last ordinal. Grows with appends until the segment is sealed. */
  end: bigint;
  /** Bytes on disk, as far as is known without asking the disk. */
  bytes = 0;

  readonly #options: SegmentOptions;
  #store: Store | undefined;
  #opening: Promise<void> | undefined;
  #closing: Promise<void> | undefined;
  #users = 0;
  #isRemoved = false;
  /** Whether `end` is where the entries end. Not so for the last segment of a start, until that was recovered. */
  #isEndKnown = true;
  #onIdle: (() => void) | undefined;

  constructor(first: bigint, end: bigint, options: SegmentOptions) {
    this.first = first;
    this.end = end;
    this.#options = options;
  }

  /** Makes a new one; its names are on disk when this resolves. Rejects with StoreError. */
  static async create(first: bigint, options: SegmentOptions): Promise<Segment> {
    const segment = new Segment(first, first, options);
    const { directory, writeBufferBytes, driver } = options;
    try {
      segment.#store = await driver.open(directory, { create: true, writeBufferBytes });
      await syncFolder(directory);
      await syncFolder(dirname(directory));
    } catch (reason) {
      await segment.close().catch(() => undefined);
      if (reason instanceof StoreError) throw reason;
      throw toStoreError(reason, `can't make ${directory}`);
    }
    return segment;
  }

  get directory(): string {
    return this.#options.directory;
  }

  /** Writes an entry at the end, synced. Rejects with StoreError; then seal this segment and go on in a new one. */
  async append(value: Uint8Array, records: number): Promise<void> {
    await this.#use((store) => store.write([{ key: toKey(this.end), value }]));
    this.end += BigInt(records);
    this.bytes += value.byteLength + ENTRY_OVERHEAD_BYTES;
  }

  /**
   * What holds ordinal `from`, which must lie in the segment. Rejects with CollectorError `journal_io` when the system
   * refuses to read now; that may pass.
   */
  async read(from: bigint): Promise<Commit | Damage> {
    assert(this.first <= from && from < this.end, `ordinal ${from} is not in segment ${this.first}`);
    try {
      return await this.#use((store) => this.#readFrom(store, from));
    } catch (reason) {
      if (reason instanceof StoreError && reason.kind === "damaged")
        return this.#damage(from, this.end, reason.message);
      throw this.#unreadable(reason);
    }
  }

  #unreadable(reason: unknown): CollectorError {
    if (reason instanceof StoreError && reason.kind === "full") this.#options.onDiskFull(reason.message);
    return new CollectorError("journal_io", `can't read segment ${this.#options.directory}: ${String(reason)}`, {
      cause: reason,
    });
  }

  async #readFrom(store: Store, from: bigint): Promise<Commit | Damage> {
    const [floor] = await store.read({ to: toKey(from + 1n), reverse: true });
    if (floor !== undefined) {
      const first = fromKey(floor.key);
      const facts = peekEntry(floor.value);
      if (facts !== undefined && first + BigInt(facts.records) > from) {
        const entry = await openEntry(floor.key, floor.value).catch(() => undefined);
        if (entry !== undefined) {
          const { onlyRoute, ...rest } = entry;
          // What was compressed has bytes of its own by now.
          if (entry.request.buffer !== floor.value.buffer) release(floor.value);
          return { kind: "commit", first, ...rest, isFor: (route) => onlyRoute === 0 || onlyRoute === routeTag(route) };
        }
        return this.#damage(
          from,
          await this.#nextFirst(store, from),
          `the entry of ordinal ${first} is not what was written`,
        );
      }
    }
    return this.#damage(from, await this.#nextFirst(store, from), "entries are missing");
  }

  /** Where the next entry beyond `ordinal` begins, or the end. */
  async #nextFirst(store: Store, ordinal: bigint): Promise<bigint> {
    const [next] = await store.read({ from: toKey(ordinal + 1n) });
    return next === undefined ? this.end : lowest([fromKey(next.key), this.end]);
  }

  async #damage(first: bigint, end: bigint, reason: string): Promise<Damage> {
    const kept = await this.#tryKeepDamaged(this.#options.directory);
    this.#options.log.error(
      { segment: this.#options.directory, kept, first: String(first), end: String(end), reason },
      `${end - first} acknowledged log records can't be read: the rest goes on; the folder as it was found is kept for repair`,
    );
    return { kind: "damage", first, end, reason: `${reason}; the segment is kept in ${kept}` };
  }

  /**
   * Finds the end of the newest segment, which is at least where `end` stands. Rejects with CollectorError `journal_io`.
   */
  async recoverEnd(): Promise<bigint> {
    this.#isEndKnown = false;
    try {
      this.end = highest([this.end, await this.#use((store) => lastEnd(store, this.first))]);
    } catch (reason) {
      if (!(reason instanceof StoreError) || reason.kind !== "damaged") throw this.#unreadable(reason);
      // What can't be opened, though mended, ends where it is known to. That may be where it began, and then it goes.
      const kept = await this.#keepDamaged(this.#options.directory).catch((cause: unknown) => {
        throw this.#unreadable(toStoreError(cause, "can't keep it as it is"));
      });
      this.#options.log.error(
        { segment: this.#options.directory, kept, reason: reason.message },
        "the newest segment of the journal can't be read at all: acknowledged log records in it may be missing; the folder as it was found is kept for repair",
      );
    }
    this.#isEndKnown = true;
    return this.end;
  }

  /** The entries that are what was written, as they are on disk, `limit` in memory at a time. */
  async *wholeEntries(limit: number): AsyncGenerator<StoreEntry[]> {
    for (let from: Uint8Array = toKey(this.first); ; ) {
      const page = await this.#use((store) => store.read({ from, limit }));
      const last = page.at(-1);
      if (last === undefined) return;
      yield page.filter(({ key, value }) => checkEntry(key, value) !== undefined && fromKey(key) < this.end);
      from = toKey(fromKey(last.key) + 1n);
    }
  }

  /** Deleted, or about to be. */
  get isRemoved(): boolean {
    return this.#isRemoved;
  }

  /** It is about to be deleted: no read begins any more, since opening a folder that is half gone would look like damage. */
  retire(): void {
    this.#isRemoved = true;
  }

  get isOpen(): boolean {
    return this.#store !== undefined;
  }

  /** Lets go of memory and files once nobody reads; the next read opens it again. */
  close(): Promise<void> {
    if (this.#closing === undefined && this.#store !== undefined) {
      const store = this.#store;
      this.#store = undefined;
      const idle = this.#users === 0 ? Promise.resolve() : new Promise<void>((resolve) => (this.#onIdle = resolve));
      this.#closing = idle
        .then(() => store.close())
        .finally(() => {
          this.#closing = undefined;
        });
    }
    return this.#closing ?? Promise.resolve();
  }

  /** Deletes the folder. What is damaged in it was kept before. Reads under way end first, and none begins any more. */
  async remove(): Promise<void> {
    this.retire();
    await this.#opening?.catch(() => undefined);
    await this.close();
    await rm(this.#options.directory, { recursive: true, force: true });
  }

  async #use<T>(action: (store: Store) => Promise<T>): Promise<T> {
    const store = await this.#lease();
    try {
      return await action(store);
    } finally {
      this.#users--;
      if (this.#users === 0) {
        this.#onIdle?.();
        this.#onIdle = undefined;
      }
    }
  }

  /** The open store, counted as in use before anything else can run. */
  async #lease(): Promise<Store> {
    for (;;) {
      if (this.#isRemoved) throw new StoreError("io", "the segment is being deleted", undefined);
      if (this.#closing !== undefined) {
        await this.#closing;
      } else if (this.#store !== undefined) {
        this.#users++;
        return this.#store;
      } else {
        this.#opening ??= this.#open().finally(() => {
          this.#opening = undefined;
        });
        await this.#opening;
      }
    }
  }

  async #open(): Promise<void> {
    this.#store = (await this.#openLog()) ?? (await this.#openMended());
  }

  /** Undefined where LevelDB has to look at it. */
  async #openLog(): Promise<Store | undefined> {
    if (!this.#isEndKnown) return undefined;
    const store = await this.#options.driver.openLog(this.#options.directory);
    if (store === undefined || (await lastEnd(store, this.first)) >= this.end) return store;
    await store.close();
    return undefined;
  }

  async #openMended(): Promise<Store> {
    const { directory, driver, writeBufferBytes, openingDirectory } = this.#options;
    const before = join(openingDirectory, basename(directory));
    // Opening rewrites the log into a table and deletes it: what it leaves out would be gone.
    await keepCopy(directory, before).catch((reason: unknown) => {
      throw toStoreError(reason, `can't keep ${directory} as it is`);
    });
    let store: Store;
    let trouble: string | undefined;
    let kept: string | undefined;
    try {
      store = await driver.open(directory, { create: false, writeBufferBytes });
    } catch (reason) {
      if (!(reason instanceof StoreError) || reason.kind !== "damaged") throw reason;
      trouble = reason.message;
      kept = await this.#tryKeepDamaged(before);
      await driver.repair(directory);
      store = await driver.open(directory, { create: false, writeBufferBytes });
    }
    trouble ??= await driver.droppedOnOpen(directory);
    const end = await lastEnd(store, this.first);
    if (end < this.end) trouble ??= `it ends before ordinal ${end}, and held all up to ${this.end}`;
    if (trouble === undefined) {
      await rm(before, { recursive: true, force: true });
    } else {
      kept ??= await this.#tryKeepDamaged(before);
      this.#options.log.error(
        { segment: directory, kept, trouble },
        "a segment of the journal is damaged: what can be read of it is delivered, the folder as it was found is kept",
      );
    }
    return store;
  }

  /** Puts a folder under `damaged/`, once: what was kept first is nearest to what was written. */
  async #keepDamaged(from: string): Promise<string> {
    const { damagedDirectory, directory } = this.#options;
    const target = join(damagedDirectory, basename(directory));
    await mkdir(damagedDirectory, { recursive: true });
    const isKept = (await folderBytes(target)) > 0;
    if (from !== directory) {
      if (isKept) await rm(from, { recursive: true, force: true });
      else await rename(from, target);
    } else if (!isKept) {
      await keepCopy(from, `${target}.part`);
      await rename(`${target}.part`, target);
    }
    return target;
  }

  async #tryKeepDamaged(from: string): Promise<string> {
    const { damagedDirectory, directory, log } = this.#options;
    try {
      return await this.#keepDamaged(from);
    } catch (reason) {
      log.error({ segment: directory, error: String(reason) }, "a damaged segment could not be kept aside");
      return join(damagedDirectory, basename(directory));
    }
  }
}

function toStoreError(reason: unknown, what: string): StoreError {
  const isFull = ["ENOSPC", "EDQUOT"].includes(String((reason as { code?: unknown }).code));
  return new StoreError(isFull ? "full" : "io", `${what}: ${String(reason)}`, reason);
}

/**
 * Where the last whole entry of a segment ends. Entries behind it that are not whole, but lie where the next must, count
 * too: they were written, so their ordinals are not given out again. However many these are: a segment that seems to hold
 * nothing is removed.
 */
async function lastEnd(store: Store, first: bigint): Promise<bigint> {
  let end = first;
  const broken: { first: bigint; records: number }[] = [];
  for (let to: Uint8Array | undefined; ; ) {
    const [last] = await store.read({ ...(to === undefined ? {} : { to }), reverse: true });
    if (last === undefined) break;
    const { key, value } = last;
    const facts = checkEntry(key, value);
    const records = facts?.records ?? peekEntry(value)?.records ?? 1;
    // Each sealed segment is looked at when it is opened, and an entry may have megabytes.
    release(value);
    if (facts !== undefined) {
      end = fromKey(key) + BigInt(records);
      break;
    }
    broken.push({ first: fromKey(key), records });
    to = key;
  }
  for (const each of broken.reverse()) if (each.first === end) end += BigInt(each.records);
  return end;
}
