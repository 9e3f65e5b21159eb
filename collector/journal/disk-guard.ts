/**
 * Keeps the disk from filling up under the journal, and gets it out again when something else has filled it.
 *
 *    open ──free space below the minimum, or a write was refused──> full ──space is back──> open
 *
 * While open, a reserve file takes up space that nobody else can then use. When the disk is full it is deleted: that room
 * is for what makes more room (cursors, and opening old segments, which LevelDB can't do without writing), not for
 * ingest, which stays refused until the reserve stands again.
 */
import { statfsSync } from "node:fs";
import { open, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import type { Clock } from "../clock.ts";
import { CollectorError } from "../errors.ts";
import type { Log } from "../log.ts";

const CHECK_INTERVAL_MS = 250;
const WRITE_CHUNK_BYTES = 1_048_576;

export interface DiskGuardOptions {
  readonly directory: string;
  /** Bytes to hold back for recovery. */
  readonly reserveBytes: number;
  /** Bytes that stay free on the disk beside the reserve. */
  readonly freeBytesMin: number;
  readonly clock: Clock;
  readonly log: Log;
  /** Bytes free on the disk of a folder. */
  readonly freeBytes?: (directory: string) => number;
}

export class DiskGuard {
  readonly #options: DiskGuardOptions;
  readonly #path: string;
  readonly #stopping = new AbortController();
  #isFull = false;
  #freeBytes = 0;
  #checkedAtMs = Number.NEGATIVE_INFINITY;
  #reserved = false;
  #watching: Promise<void> | undefined;
  /** Called when the disk has room again. */
  onRoom: () => void = () => undefined;

  constructor(options: DiskGuardOptions) {
    this.#options = options;
    this.#path = join(options.directory, "reserve");
  }

  /**
   * Sets the reserve up. A disk too small for it is full from the start, which is told and tried again; so is told where there is
   * less room than the journal may still take.
   */
  async start(journalBytes: number): Promise<void> {
    if (this.#isFull) return;
    const { reserveBytes, freeBytesMin, directory, log } = this.#options;
    const before = await stat(this.#path).catch(() => undefined);
    this.#reserved = before?.size === reserveBytes;
    this.#look(true);
    if (!this.#reserved && this.#freeBytes >= reserveBytes + freeBytesMin) await this.#reserve();
    if (!this.#reserved) this.fill(`${this.#freeBytes} bytes are free, ${reserveBytes + freeBytesMin} are needed`);
    if (this.#freeBytes - freeBytesMin >= journalBytes) return;
    log.warn(
      { directory, freeBytes: this.#freeBytes, journalBytes },
      "the disk has less room than the journal may take: senders are held when the disk is full, before journal.bytesMax is reached; give it a larger volume, or lower journal.bytesMax",
    );
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#watching;
  }

  get isFull(): boolean {
    return this.#isFull;
  }

  get freeBytes(): number {
    this.#look();
    return this.#freeBytes;
  }

  /** Whether that many more bytes can be written. Looks at the disk a few times a second, and counts in between. */
  hasRoom(bytes: number): boolean {
    if (this.#isFull) return false;
    this.#look();
    if (this.#freeBytes - bytes >= this.#options.freeBytesMin) return true;
    this.fill(`${this.#freeBytes} bytes are free`);
    return false;
  }

  /** Tells that bytes were written since the last look. */
  wrote(bytes: number): void {
    this.#freeBytes -= bytes;
  }

  /** Tells that the disk is full: room is made from the reserve, and looked for until there is enough again. */
  fill(reason: string): void {
    if (!this.#isFull) {
      this.#isFull = true;
      this.#options.log.warn(
        { directory: this.#options.directory, reason },
        "the disk is full: senders are held back, delivery goes on and makes room",
      );
    }
    this.#watching ??= this.#watch();
  }

  async #watch(): Promise<void> {
    const { clock, freeBytesMin, reserveBytes, log, directory } = this.#options;
    await rm(this.#path, { force: true }).catch(() => undefined);
    this.#reserved = false;
    while (!this.#stopping.signal.aborted) {
      await clock.sleep(CHECK_INTERVAL_MS, this.#stopping.signal);
      this.#look(true);
      if (this.#freeBytes < freeBytesMin + reserveBytes) continue;
      await this.#reserve();
      if (!this.#reserved) continue;
      // Before it is told: whoever takes the room may fill the disk in the same turn, and then it must be watched anew.
      this.#watching = undefined;
      this.#isFull = false;
      log.info({ directory, freeBytes: this.#freeBytes }, "the disk has room again");
      this.onRoom();
      return;
    }
  }

  async #reserve(): Promise<void> {
    const { reserveBytes } = this.#options;
    try {
      const file = await open(this.#path, "w");
      try {
        const zeros = new Uint8Array(Math.min(WRITE_CHUNK_BYTES, reserveBytes));
        for (let written = 0; written < reserveBytes; written += zeros.byteLength) {
          await file.write(zeros, 0, Math.min(zeros.byteLength, reserveBytes - written));
        }
        await file.sync();
      } finally {
        await file.close();
      }
      this.#reserved = true;
    } catch {
      await rm(this.#path, { force: true }).catch(() => undefined);
      this.#reserved = false;
    }
    this.#look(true);
  }

  #look(now = false): void {
    const timeMs = this.#options.clock.monotonicMs();
    if (!now && timeMs - this.#checkedAtMs < CHECK_INTERVAL_MS) return;
    this.#checkedAtMs = timeMs;
    this.#freeBytes = (this.#options.freeBytes ?? freeBytesOf)(this.#options.directory);
  }
}

/** 0 where the folder can't be asked: then nothing is taken until it can. */
function freeBytesOf(directory: string): number {
  try {
    const found = statfsSync(directory);
    return found.bavail * found.bsize;
  } catch {
    return 0;
  }
}

/** What a sender is told to wait when there is no room: space comes back a segment at a time. */
const FULL_RETRY_AFTER_MS = 5_000;

export function journalFull(): CollectorError {
  return new CollectorError("journal_full", "the journal is full: it takes more as soon as logs are delivered", {
    retryAfterMs: FULL_RETRY_AFTER_MS,
  });
}
