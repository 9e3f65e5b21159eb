/**
 * The small database beside the segments: who this journal is, one row per route, and the quarantine.
 *
 * Rows change far more often than they need to be on disk, so a change only marks its row; one writer at a time puts all
 * marked rows, and whatever must go with them, into one synced batch. A write that fails is repeated until it succeeds,
 * with the database closed and opened again, since LevelDB refuses everything after its first failure.
 *
 * LevelDB does not verify what it reads from tables, so a row may be rubbish. That must cost what the row said and no
 * more: it is told, the folder is kept aside as it is, and whoever asked goes on without the row.
 */
import { mkdir, rename } from "node:fs/promises";
import { join } from "node:path";
import type { Clock } from "../clock.ts";
import { CollectorError } from "../errors.ts";
import type { Log } from "../log.ts";
import { keepCopy } from "./folder.ts";
import type { Store, StoreDriver, StoreWrite } from "./store.ts";

/** Rows are small; a small buffer keeps the log, and so the time to open, small too. */
const WRITE_BUFFER_BYTES = 1_048_576;

const RETRY_DELAY_MS = 500;

export interface MetaOptions {
  readonly driver: StoreDriver;
  readonly directory: string;
  /** Where the folder is kept as it was when damage was found. */
  readonly damagedDirectory: string;
  readonly clock: Clock;
  readonly log: Log;
  /** The least time between two writes of rows that nobody waits for. */
  readonly rowIntervalMs: number;
  /** A row that goes into every batch, for what is worth knowing but not worth a write of its own. */
  readonly alongside: () => { readonly key: string; readonly row: string };
  /** Told of every failed write: the disk may be full. */
  readonly onWriteFailure: (reason: unknown) => void;
}

/** A row as it is now, under its key, and whom to tell when it is on disk. */
export interface Row {
  readonly key: string;
  readonly row: string;
  readonly onDisk: () => void;
}

const encoder = new TextEncoder();
const decoder = new TextDecoder();

export class Meta {
  readonly #options: MetaOptions;
  #store: Store | undefined;
  readonly #marked = new Map<string, () => Row>();
  #extra: StoreWrite[] = [];
  #waiting: { resolve: () => void; reject: (reason: unknown) => void }[] = [];
  #writing: Promise<void> | undefined;
  readonly #closing = new AbortController();
  #hurry = new AbortController();
  #kept: Promise<string> | undefined;
  #isClosed = false;

  private constructor(store: Store, options: MetaOptions) {
    this.#store = store;
    this.#options = options;
  }

  /** Rejects with StoreError. */
  static async open(options: MetaOptions): Promise<Meta> {
    const store = await options.driver.open(options.directory, { create: true, writeBufferBytes: WRITE_BUFFER_BYTES });
    return new Meta(store, options);
  }

  /**
   * Entries whose key begins with `prefix`, in key order, at most `limit`; with `after`, only those beyond that key.
   * Rejects with CollectorError `journal_io` while the disk refuses: that nothing is there would be a lie then.
   */
  async entries(prefix: string, limit: number, after?: string): Promise<{ key: string; value: Uint8Array }[]> {
    const from = encoder.encode(after === undefined ? prefix : `${after}\u0000`);
    const range = { from, to: encoder.encode(`${prefix}\u{10FFFF}`), limit };
    const found = await this.#store?.read(range).catch((cause: unknown) => {
      throw unreadable(cause);
    });
    if (found === undefined) throw unreadable(undefined);
    return found.map(({ key, value }) => ({ key: decoder.decode(key), value }));
  }

  /** What `read` makes of the rows whose key begins with `prefix`, by the rest of their key; and those it throws at. */
  async rows<T>(
    prefix: string,
    limit: number,
    read: (value: Uint8Array) => T,
  ): Promise<{ rows: Map<string, T>; damaged: string[] }> {
    const rows = new Map<string, T>();
    const damaged: string[] = [];
    for (const { key, value } of await this.entries(prefix, limit)) {
      const name = key.slice(prefix.length);
      try {
        rows.set(name, read(value));
      } catch (reason) {
        damaged.push(name);
        await this.#tellDamaged(key, reason);
      }
    }
    return { rows, damaged };
  }

  async #tellDamaged(row: string, reason: unknown): Promise<void> {
    const { log, directory } = this.#options;
    this.#kept ??= keepMeta(this.#options);
    const kept = await this.#kept.catch((trouble: unknown) => `nowhere, since ${String(trouble)}`);
    log.error(
      { directory, row, kept, reason: String(reason) },
      `the row ${row} of the journal's bookkeeping is damaged and does not count: some logs may be sent twice, none is lost; the folder is kept as it was`,
    );
  }

  /** Marks a row as changed. `render` is called when it is written, so that it says what is true then. */
  mark(key: string, render: () => Omit<Row, "key">): void {
    this.#marked.set(key, () => ({ key, ...render() }));
    this.#start();
  }

  /** Writes these, in one batch with all rows marked so far. Resolves when they are on disk; see `flush`. */
  write(writes: readonly { key: string; value: Uint8Array | undefined }[]): Promise<void> {
    this.#extra.push(...writes.map(({ key, value }) => toWrite(key, value)));
    return this.flush();
  }

  /** Resolves when all that was marked or written before is on disk. Rejects when the journal closes before that. */
  flush(): Promise<void> {
    if (!this.#isBusy) return Promise.resolve();
    return new Promise((resolve, reject) => {
      this.#waiting.push({ resolve, reject });
      this.#hurry.abort();
      this.#start();
    });
  }

  /** Writes what is marked, if the disk takes it at the first try, and closes. */
  async close(): Promise<void> {
    this.#closing.abort();
    this.#hurry.abort();
    this.#start();
    while (this.#isBusy) {
      this.#start();
      await this.#writing;
    }
    await this.#store?.close();
    this.#store = undefined;
    this.#isClosed = true;
  }

  get #isBusy(): boolean {
    return this.#writing !== undefined || this.#marked.size + this.#extra.length + this.#waiting.length > 0;
  }

  #start(): void {
    this.#writing ??= this.#run().finally(() => {
      this.#writing = undefined;
      if (this.#isBusy) this.#start();
    });
  }

  async #run(): Promise<void> {
    const { clock, rowIntervalMs } = this.#options;
    const nobodyWaits = this.#waiting.length === 0 && !this.#closing.signal.aborted;
    if (nobodyWaits) await clock.sleep(rowIntervalMs, this.#hurry.signal);
    this.#hurry = new AbortController();
    const waiting = this.#waiting;
    const rows = [...this.#marked.values()].map((render) => render());
    const batch = [...rows, this.#options.alongside()].map(({ key, row }) => toWrite(key, encoder.encode(row)));
    batch.push(...this.#extra);
    this.#waiting = [];
    this.#extra = [];
    this.#marked.clear();
    try {
      await this.#persist(batch);
      for (const { onDisk } of rows) onDisk();
      for (const { resolve } of waiting) resolve();
    } catch (reason) {
      for (const { reject } of waiting) reject(reason);
    }
  }

  /** Rejects only when the journal is closing: what is not on disk then is done again after the next start. */
  async #persist(batch: readonly StoreWrite[]): Promise<void> {
    const { log, clock, onWriteFailure } = this.#options;
    for (let attempt = 1; ; attempt++) {
      // The folder may be another process's by now.
      if (this.#isClosed) throw new CollectorError("shutting_down", "the journal was closed before this was settled");
      try {
        this.#store ??= await this.#reopen();
        await this.#store.write(batch);
        if (attempt > 1) log.info({ attempt }, "the journal's bookkeeping is on disk again");
        return;
      } catch (reason) {
        if (attempt === 1) {
          log.warn(
            { reason: String(reason) },
            "the journal's bookkeeping can't be written: delivery goes on, but a crash now would send some logs twice",
          );
        }
        onWriteFailure(reason);
        await this.#store?.close().catch(() => undefined);
        this.#store = undefined;
        if (this.#closing.signal.aborted) {
          throw new CollectorError("shutting_down", "the journal closed before this was on disk", { cause: reason });
        }
        await clock.sleep(RETRY_DELAY_MS, this.#closing.signal);
      }
    }
  }

  #reopen(): Promise<Store> {
    return this.#options.driver.open(this.#options.directory, { create: true, writeBufferBytes: WRITE_BUFFER_BYTES });
  }
}

/** Puts a copy of the folder under `damaged/`. Resolves with its path. */
export async function keepMeta({ directory, damagedDirectory, clock }: MetaOptions): Promise<string> {
  const kept = join(damagedDirectory, `meta-${clock.nowMs()}`);
  await mkdir(damagedDirectory, { recursive: true });
  await keepCopy(directory, `${kept}.part`);
  await rename(`${kept}.part`, kept);
  return kept;
}

function unreadable(cause: unknown): CollectorError {
  const words =
    "the journal's bookkeeping can't be read at present, since the disk takes no writes: make room, or ask again";
  return new CollectorError("journal_io", words, { cause });
}

function toWrite(key: string, value: Uint8Array | undefined): StoreWrite {
  return { key: encoder.encode(key), value };
}
