/**
 * The loop: find files, give each its turn, send what was gathered, rest until something is due.
 *
 * One pass gives every file that is due one turn, so that a file of gigabytes does not keep the others waiting, and no two
 * files are ever read at once: what they share (buffer, writer) belongs to the one whose turn it is.
 */
import type { HeldBudget } from "./assembler.ts";
import type { Clock } from "./clock.ts";
import type { TailConfig } from "./config.ts";
import { baseFolders } from "./files/glob.ts";
import { Hints } from "./files/hints.ts";
import type { Positions } from "./files/positions.ts";
import { metadataOfPath } from "./kubernetes/path.ts";
import type { PodMetadata } from "./kubernetes/pods.ts";
import type { Log } from "./log.ts";
import { Reader, type ReaderCounts } from "./reader.ts";
import type { RecordCounts } from "./records.ts";
import type { Outbox } from "./send/outbox.ts";
import { Source } from "./source.ts";
import { type Followed, Tracker, type TrackerCounts } from "./tracker.ts";
import { type Envelope, encodeEnvelope, type Value } from "./wire/request.ts";

export interface FollowOptions {
  readonly config: TailConfig;
  readonly clock: Clock;
  readonly log: Log;
  readonly positions: Positions;
  readonly outbox: Outbox;
  /** Undefined where nobody asked for labels. */
  readonly pods: PodMetadata | undefined;
}

export interface SourceStatus extends RecordCounts {
  readonly name: string;
  readonly longLines: number;
}

export interface FollowStatus extends ReaderCounts, TrackerCounts {
  readonly files: number;
  readonly openFiles: number;
  readonly heldBytes: number;
  readonly unreadBytes: number;
  readonly sources: readonly SourceStatus[];
}

const REST_MS_MAX = 100;
/** Between the looks for what is due, where hints come. */
const HINT_REFRESH_MS = 100;

export class Follow {
  readonly #options: FollowOptions;
  readonly #sources: readonly Source[];
  readonly #tracker: Tracker;
  readonly #reader: Reader;
  readonly #budget: HeldBudget;
  readonly #hints: Hints;
  readonly #stopping = new AbortController();
  readonly #toldUnreadable = new Set<string>();
  #isRefreshWanted = true;
  #lastPassMs: number;
  #running: Promise<void> | undefined;

  /** Throws TailError `config_invalid` for what a source can't be made of. */
  constructor(options: FollowOptions) {
    const { config, clock, log, positions, outbox } = options;
    this.#options = options;
    this.#budget = { bytes: 0, bytesMax: config.files.heldBytesMax };
    this.#sources = config.sources.map((each) => new Source(each, this.#budget, () => clock.nowMs()));
    const { keepMs } = config.positions;
    this.#tracker = new Tracker({ sources: this.#sources, positions, log, keepMs, startedAtMs: clock.nowMs() });
    this.#lastPassMs = clock.monotonicMs();
    this.#reader = new Reader({
      clock,
      outbox,
      rotateWaitMs: config.files.rotateWaitMs,
      lineBytesMax: Math.max(...config.sources.map(({ lineBytesMax }) => lineBytesMax)),
      envelopeOf: (followed) => this.#envelopeOf(followed),
      onTruncated: (followed) => this.#tracker.restart(followed),
      onFinished: ({ file }) => log.debug({ path: file.path }, "read to its end"),
      onUnreadable: ({ file }, reason) => this.#tellUnreadable(file.path, reason),
    });
    this.#hints = new Hints({
      isOn: config.files.watch,
      onChange: (path) => this.#onChange(path),
      log,
    });
  }

  /** Begins. `onFault` gets what ends the loop against all expectation. */
  start(onFault: (reason: unknown) => void): void {
    this.#running = this.#run().catch(onFault);
  }

  /** Reads nothing more. What was gathered is in the outbox; what was held is read again by the next start. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#running;
    this.#hints.close();
    for (const { file } of this.#tracker.followed) {
      const { path, unreachableBytes: unreadBytes } = file;
      if (unreadBytes > 0)
        this.#options.log.error(
          { path, unreadBytes },
          "this file was deleted before it was read to its end, and reading stops now: what was not read of it is lost; keep rotated files for longer than the collector may be away",
        );
      file.close();
    }
  }

  /** How long ago the loop last went round; monotonic. Long: it is stuck. */
  get lastPassMs(): number {
    return this.#lastPassMs;
  }

  status(): FollowStatus {
    let openFiles = 0;
    let unreadBytes = 0;
    for (const { file } of this.#tracker.followed) {
      if (file.isOpen) openFiles++;
      unreadBytes += file.unreadBytes;
    }
    return {
      ...this.#reader.counts,
      ...this.#tracker.counts,
      files: this.#tracker.size,
      openFiles,
      heldBytes: this.#budget.bytes,
      unreadBytes,
      sources: this.#sources.map(({ config, builder, splitter }) => ({
        name: config.name,
        ...builder.counts,
        longLines: splitter.longLines,
      })),
    };
  }

  async #run(): Promise<void> {
    const { clock, outbox, config } = this.#options;
    const { signal } = this.#stopping;
    let refreshMs = Number.NEGATIVE_INFINITY;
    while (!signal.aborted) {
      const nowMs = clock.monotonicMs();
      this.#lastPassMs = nowMs;
      const sinceMs = nowMs - refreshMs;
      if (sinceMs >= config.files.refreshMs || (this.#isRefreshWanted && sinceMs >= HINT_REFRESH_MS)) {
        this.#isRefreshWanted = false;
        refreshMs = nowMs;
        this.#tracker.refresh(nowMs, clock.nowMs());
        this.#watchFolders();
      }
      const hasMore = await this.#pass();
      if (outbox.dueMs !== undefined && outbox.dueMs <= clock.monotonicMs()) outbox.flush();
      if (!hasMore && !signal.aborted) await this.#hints.rest(REST_MS_MAX, signal, clock);
    }
    outbox.flush();
  }

  /** A turn for every file that is due. Resolves with whether one has more. */
  async #pass(): Promise<boolean> {
    const { clock, outbox } = this.#options;
    const { signal } = this.#stopping;
    let hasMore = false;
    for (const followed of [...this.#tracker.followed]) {
      if (signal.aborted) return false;
      const { file } = followed;
      if (file.isFinished) {
        if (file.ledger.isIdle) this.#tracker.release(followed, file.isDeleted);
        continue;
      }
      const nowMs = clock.monotonicMs();
      if (this.#reader.nextTurnMs(followed) > nowMs || this.#isWaiting(followed, nowMs)) continue;
      const before = this.#reader.counts.bytes;
      const turn = await this.#reader.turn(followed);
      if (turn === "full") {
        outbox.flush();
        await outbox.changed(signal);
      }
      if (turn !== "idle") {
        file.nextLookMs = 0;
        hasMore = true;
      }
      // Answers and acknowledgements have their turn, too.
      if (this.#reader.counts.bytes !== before) await new Promise((resolve) => setImmediate(resolve));
    }
    this.#closeIdle();
    return hasMore;
  }

  /** Whether its pod's labels are still to come. */
  #isWaiting(followed: Followed, nowMs: number): boolean {
    const { pods, config } = this.#options;
    if (pods === undefined || !followed.source.config.kubernetes || followed.envelope !== undefined) return false;
    const { "k8s.namespace.name": namespace, "k8s.pod.name": pod } = metadataOfPath(followed.file.ledger.name);
    if (namespace === undefined || pod === undefined) return false;
    if (pods.has(String(namespace), String(pod))) return false;
    followed.waitUntilMs ??= nowMs + config.kubernetes.waitMsMax;
    return nowMs < followed.waitUntilMs;
  }

  #envelopeOf(followed: Followed): Envelope {
    const { pods, config } = this.#options;
    const { file, source } = followed;
    const extra: Record<string, Value> = {};
    if (source.config.kubernetes) {
      if (config.kubernetes.nodeName !== undefined) extra["k8s.node.name"] = config.kubernetes.nodeName;
      const { "k8s.namespace.name": namespace, "k8s.pod.name": pod } = metadataOfPath(file.ledger.name);
      const known = pods?.get(String(namespace), String(pod));
      if (known !== undefined) Object.assign(extra, known.attributes);
      if (known !== undefined && known.version !== followed.podVersion) followed.envelope = undefined;
      followed.podVersion = known?.version;
    }
    // A rotated file keeps the name that it had when it was written.
    followed.envelope ??= encodeEnvelope(
      source.attributesOf(file.ledger.name, file.ledger.path, extra),
      source.scopeName,
    );
    return followed.envelope;
  }

  /** Idle files are closed where more are open than may be; those that were quiet for longest first. */
  #closeIdle(): void {
    const { openFilesMax } = this.#options.config.files;
    const open = [...this.#tracker.followed].filter(({ file }) => file.isOpen);
    if (open.length <= openFilesMax) return;
    const idle = open
      .filter(({ file }) => file.offset >= file.size && !file.isGone)
      .sort((a, b) => a.file.quietSinceMs - b.file.quietSinceMs);
    for (const { file } of idle.slice(0, open.length - openFilesMax)) file.close();
  }

  #watchFolders(): void {
    const folders = new Set(this.#sources.flatMap(({ config }) => baseFolders(config.include)));
    for (const { file } of this.#tracker.followed) folders.add(file.folder);
    this.#hints.watch(folders);
  }

  #onChange(path: string): void {
    for (const { file } of this.#tracker.followedAt(path)) {
      file.nextLookMs = 0;
      return;
    }
    this.#isRefreshWanted = true;
  }

  #tellUnreadable(path: string, reason: string): void {
    if (this.#toldUnreadable.has(path)) return;
    this.#toldUnreadable.add(path);
    this.#options.log.error({ path, reason }, "this file can't be read: its lines wait until it can");
  }
}
