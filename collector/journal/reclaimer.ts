/**
 * When segments are deleted: one sweep at a time, asked for whenever a cursor has reached the disk, and when the active
 * segment was ended by a roll or a failed write, since all of it may have been delivered before. A seek holds sweeps back
 * from what it is about to open again, from before it looks until its row is on disk.
 */
import { lowest } from "./ordinal.ts";

export class Reclaimer {
  readonly #sweep: () => Promise<void>;
  readonly #held = new Set<{ readonly ordinal: bigint }>();
  #running: Promise<void> | undefined;
  #again = false;

  /** `sweep` deletes what lies below `floorOf` all cursors on disk. */
  constructor(sweep: () => Promise<void>) {
    this.#sweep = sweep;
  }

  /** Resolves when a sweep that began after this call has ended. */
  run(): Promise<void> {
    this.#again = true;
    this.#running ??= this.#runAll().finally(() => {
      this.#running = undefined;
    });
    return this.#running;
  }

  /** Resolves when no sweep is under way. */
  async idle(): Promise<void> {
    await this.#running;
  }

  /** What lies below may go; undefined where there is no route, since then nothing is passed. */
  floorOf(cursors: readonly bigint[]): bigint | undefined {
    if (cursors.length === 0) return undefined;
    return lowest([...cursors, ...[...this.#held].map(({ ordinal }) => ordinal)]);
  }

  /** From when this resolves nothing at or beyond `ordinal` goes, until the returned function is called. */
  async hold(ordinal: bigint): Promise<() => void> {
    const mine = { ordinal };
    this.#held.add(mine);
    // A sweep under way has taken its floor before.
    await this.#running;
    return () => {
      this.#held.delete(mine);
      void this.run();
    };
  }

  async #runAll(): Promise<void> {
    while (this.#again) {
      this.#again = false;
      await this.#sweep();
    }
  }
}
