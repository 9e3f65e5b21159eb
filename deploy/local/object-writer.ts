/**
 * Carries drafts to the object store: compresses, stages, publishes, in the order in which they were cut. While the
 * store is down (a fault, or a full disk) staged objects wait and are tried again; one that is older than 24 hours is
 * given up, and counted, as Firehose does. Nothing here is bounded but what is in memory: `room()` holds callers while
 * more than `memoryBytesMax` has not been staged.
 */
import { promisify } from "node:util";
import { gzip } from "node:zlib";
import type { Clock } from "./clock.ts";
import { RETENTION_MS } from "./limits.ts";
import type { ObjectDraft } from "./object-buffer.ts";
import type { ObjectStore, StagedObject } from "./object-store.ts";

export type Compression = "UNCOMPRESSED" | "GZIP";

/** A draft with everything that its object needs. */
export interface ObjectOrder {
  readonly draft: ObjectDraft;
  readonly bucket: string;
  readonly key: string;
  readonly compression: Compression;
  onPublished(): void;
  onExpired(): void;
}

export interface ObjectWriterOptions {
  readonly store: ObjectStore;
  readonly clock: Clock;
  /** Whether S3 can be written now. */
  isDown(): boolean;
  /** Told once per trouble that isn't a fault, for example a full disk. */
  onTrouble(reason: unknown): void;
  readonly retryMs?: number;
  readonly memoryBytesMax?: number;
}

interface Waiting {
  readonly order: ObjectOrder;
  readonly staged: StagedObject;
}

const gzipAsync = promisify(gzip);
const RETRY_MS = 5_000;
const MEMORY_BYTES_MAX = 64 * 1024 * 1024;

export class ObjectWriter {
  readonly #options: Required<ObjectWriterOptions>;
  readonly #unstaged: ObjectOrder[] = [];
  readonly #waiting: Waiting[] = [];
  #unstagedBytes = 0;
  #staging: Promise<void> | undefined;
  #publishing: Promise<void> | undefined;
  #troubled = false;
  #hurry = new AbortController();
  #forced = false;
  #roomListeners: (() => void)[] = [];

  constructor(options: ObjectWriterOptions) {
    this.#options = { retryMs: RETRY_MS, memoryBytesMax: MEMORY_BYTES_MAX, ...options };
  }

  add(order: ObjectOrder): void {
    this.#unstaged.push(order);
    this.#unstagedBytes += order.draft.bytes;
    this.#staging ??= this.#stageAll();
  }

  /** Resolves when another object may be taken; at once, usually. */
  async room(): Promise<void> {
    while (this.#unstagedBytes > this.#options.memoryBytesMax) {
      await new Promise<void>((resolve) => this.#roomListeners.push(resolve));
    }
  }

  /** Whether `room()` would resolve at once. */
  get hasRoom(): boolean {
    return this.#unstagedBytes <= this.#options.memoryBytesMax;
  }

  /** Resolves when all that was added is visible, or waits only because S3 is down. */
  async settled(): Promise<void> {
    await this.#staging;
    if (!this.#options.isDown()) {
      this.#hurry.abort();
      await this.#publishing;
    }
  }

  /** Publishes everything, down or not: a fault ends with the process that plays it. */
  async close(): Promise<void> {
    this.#forced = true;
    this.#hurry.abort();
    await this.#staging;
    await this.#publishing;
  }

  async #stageAll(): Promise<void> {
    for (let order = this.#unstaged[0]; order !== undefined; order = this.#unstaged[0]) {
      try {
        const content = Buffer.concat(order.draft.parts);
        const staged = await this.#options.store.stage(
          order.compression === "GZIP" ? await gzipAsync(content) : content,
        );
        this.#unstaged.shift();
        this.#unstagedBytes -= order.draft.bytes;
        this.#waiting.push({ order, staged });
        this.#troubled = false;
        this.#wakeRoom();
        this.#publishing ??= this.#publishAll();
      } catch (reason) {
        this.#tell(reason);
        if (this.#forced) break;
        await this.#pause();
      }
    }
    this.#staging = undefined;
  }

  async #publishAll(): Promise<void> {
    for (let first = this.#waiting[0]; first !== undefined; first = this.#waiting[0]) {
      if (await this.#tryPublish(first)) this.#waiting.shift();
      else if (this.#forced) break;
      else await this.#pause();
    }
    this.#publishing = undefined;
  }

  /** Whether the object is dealt with: visible, or too old. */
  async #tryPublish({ order, staged }: Waiting): Promise<boolean> {
    try {
      if (!this.#options.isDown() || this.#forced) {
        await staged.publish(order.bucket, order.key);
        order.onPublished();
        return true;
      }
    } catch (reason) {
      this.#tell(reason);
    }
    if (this.#options.clock.nowMs() - order.draft.arrivedMs < RETENTION_MS || this.#forced) return false;
    await staged.discard();
    order.onExpired();
    return true;
  }

  async #pause(): Promise<void> {
    if (this.#hurry.signal.aborted) this.#hurry = new AbortController();
    await this.#options.clock.sleep(this.#options.retryMs, this.#hurry.signal);
  }

  #tell(reason: unknown): void {
    if (!this.#troubled) this.#options.onTrouble(reason);
    this.#troubled = true;
  }

  #wakeRoom(): void {
    if (!this.hasRoom) return;
    const listeners = this.#roomListeners;
    this.#roomListeners = [];
    for (const wake of listeners) wake();
  }
}
