/**
 * A value that is read from files and follows them: certificates, tokens, keys. The files may change at any time, as
 * cert-manager, Kubernetes and people change them: a new file in place, a rename, or a symbolic link that is swapped
 * (`..data`). So nothing is concluded from times or names: the files are read again every `pollMs`, and at once when the
 * system tells of a change in their folders, and their bytes decide.
 *
 *   unchanged ── other bytes ──> parsed? ── yes ──> the new value, and whoever listens is told
 *                                   └── no ──> read once more after a moment (it may be half written, or one file of
 *                                              two), then: the old value stays, and the log says what is wrong
 *
 * A bad file never takes a good value away; only the start insists on a good one.
 */
import { type FSWatcher, watch } from "node:fs";
import { open } from "node:fs/promises";
import { dirname } from "node:path";
import type { Clock } from "../clock.ts";
import { CollectorError } from "../errors.ts";
import type { Log } from "../log.ts";

/** Bytes of one file. Certificates, tokens and key sets are some kilobytes; a device or a log named by mistake is not. */
export const FILE_BYTES_MAX = 1024 * 1024;

/** How often files are read again, in milliseconds; the system's word comes sooner, where it comes. */
export const POLL_MS = 5_000;

/** How long what can't be used may be half of a change, in milliseconds. */
const SETTLE_MS = 250;

export interface RotatingOptions<Value> {
  /** What it is, for log and errors: "the certificate of ingest". */
  readonly what: string;
  readonly paths: readonly string[];
  /** The value, from the bytes of each file in the order of `paths`. Throws an Error of one sentence where it can't be. */
  readonly parse: (contents: readonly Buffer[]) => Value;
  readonly clock: Clock;
  readonly log: Log;
  /** @default POLL_MS */
  readonly pollMs?: number;
  /** Whether the system is asked to tell of changes as well. @default true */
  readonly isWatched?: boolean;
}

/** For status. */
export interface RotatingStatus {
  readonly what: string;
  /** Wall time in milliseconds since 1970 of the last change that could be used. */
  readonly loadedAtMs: number;
  /** How often a change was taken since the start. */
  readonly changes: number;
  /** Why the files as they are now are not used; undefined while they are. */
  readonly problem: string | undefined;
}

/** What others need of it: the value now, and the news. */
export interface Current<Value> {
  readonly value: Value;
  /** Calls `listener` with each later value. Returns the way to end that. */
  onChange(listener: (value: Value) => void): () => void;
}

export class Rotating<Value> implements Current<Value> {
  readonly #options: RotatingOptions<Value>;
  readonly #stopping = new AbortController();
  readonly #listeners = new Set<(value: Value) => void>();
  readonly #watchers: FSWatcher[] = [];
  #wake = new AbortController();
  #value: Value;
  /** Of the files as they were last looked at, whether they could be used or not. */
  #seen: readonly Buffer[];
  #loadedAtMs: number;
  #changes = 0;
  #problem: string | undefined;
  #run: Promise<void> = Promise.resolve();

  private constructor(options: RotatingOptions<Value>, contents: readonly Buffer[]) {
    this.#options = options;
    this.#value = options.parse(contents);
    this.#seen = contents;
    this.#loadedAtMs = options.clock.nowMs();
  }

  /** Reads it and follows it from now on. Rejects with CollectorError `config_invalid` when it can't be used. */
  static async open<Value>(options: RotatingOptions<Value>): Promise<Rotating<Value>> {
    const { what, paths } = options;
    let rotating: Rotating<Value>;
    try {
      rotating = new Rotating(options, await readAll(paths));
    } catch (cause) {
      throw new CollectorError("config_invalid", `${what} (${paths.join(", ")}) can't be used: ${wordsOf(cause)}`, {
        cause,
      });
    }
    if (options.isWatched ?? true) rotating.#watch();
    rotating.#run = rotating.#follow();
    return rotating;
  }

  get value(): Value {
    return this.#value;
  }

  onChange(listener: (value: Value) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  status(): RotatingStatus {
    const { what } = this.#options;
    return { what, loadedAtMs: this.#loadedAtMs, changes: this.#changes, problem: this.#problem };
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    this.#wake.abort();
    for (const watcher of this.#watchers.splice(0)) watcher.close();
    await this.#run;
  }

  async #follow(): Promise<void> {
    const { clock, pollMs = POLL_MS } = this.#options;
    while (!this.#stopping.signal.aborted) {
      await clock.sleep(pollMs, this.#wake.signal);
      if (this.#stopping.signal.aborted) return;
      this.#wake = new AbortController();
      await this.#look();
    }
  }

  async #look(): Promise<void> {
    const { clock } = this.#options;
    let found = await this.#tryOnce();
    if (found.problem !== undefined && found.problem !== this.#problem) {
      await clock.sleep(SETTLE_MS, this.#stopping.signal);
      found = await this.#tryOnce();
    }
    this.#settle(found);
  }

  /** A value where the files changed, or what is wrong with them; neither where all is as before. */
  async #tryOnce(): Promise<{ value?: Value; contents?: readonly Buffer[]; problem?: string | undefined }> {
    const { paths, parse } = this.#options;
    try {
      const contents = await readAll(paths);
      const isSame = contents.every((bytes, index) => this.#seen[index]?.equals(bytes) === true);
      return isSame ? {} : { value: parse(contents), contents };
    } catch (reason) {
      return { problem: wordsOf(reason) };
    }
  }

  #settle(found: { value?: Value; contents?: readonly Buffer[]; problem?: string | undefined }): void {
    const { what, paths, clock, log } = this.#options;
    if (found.problem !== undefined) {
      if (found.problem !== this.#problem) {
        log.error({ paths, reason: found.problem }, `${what} changed and can't be used: the one before stays in use`);
      }
      this.#problem = found.problem;
      return;
    }
    const isMended = this.#problem !== undefined;
    this.#problem = undefined;
    if (found.contents === undefined || found.value === undefined) {
      if (isMended) log.info({ paths }, `${what} is as it was before`);
      return;
    }
    this.#value = found.value;
    this.#seen = found.contents;
    this.#loadedAtMs = clock.nowMs();
    this.#changes++;
    log.info({ paths }, `${what} changed and is in use`);
    for (const listener of this.#listeners) listener(found.value);
  }

  /** The system's word, where it can be had; whoever looks every `pollMs` can do without it. */
  #watch(): void {
    for (const folder of new Set(this.#options.paths.map(dirname))) {
      try {
        const watcher = watch(folder, { persistent: false }, () => this.#wake.abort());
        watcher.on("error", () => watcher.close());
        this.#watchers.push(watcher);
      } catch {
        // No watches left, or a file system without them.
      }
    }
  }
}

async function readAll(paths: readonly string[]): Promise<Buffer[]> {
  return await Promise.all(paths.map(readBounded));
}

async function readBounded(path: string): Promise<Buffer> {
  const file = await open(path, "r");
  try {
    if (!(await file.stat()).isFile()) throw new Error(`${path} is not a file`);
    const bytes = Buffer.alloc(FILE_BYTES_MAX + 1);
    let length = 0;
    for (;;) {
      const { bytesRead } = await file.read(bytes, length, bytes.length - length, length);
      if (bytesRead === 0) break;
      length += bytesRead;
    }
    if (length > FILE_BYTES_MAX) throw new Error(`${path} is larger than ${FILE_BYTES_MAX} bytes`);
    return Buffer.from(bytes.subarray(0, length));
  } finally {
    await file.close();
  }
}

function wordsOf(reason: unknown): string {
  const { code, path } = reason as { code?: unknown; path?: unknown };
  if (code === "ENOENT") return `${String(path)} is not there`;
  if (code === "EACCES") return `${String(path)} can't be read by this user`;
  return reason instanceof Error ? reason.message : String(reason);
}
