import type { Clock } from "../clock.ts";

interface Sleeper {
  readonly dueMs: number;
  readonly order: number;
  readonly wake: () => void;
}

/**
 * A clock that stands still until a test moves it. Sleepers wake in the order in which they are due, and everything
 * they set off (promise callbacks) runs before the next one wakes.
 */
export class VirtualClock implements Clock {
  #timeMs: number;
  #order = 0;
  #sleepers: Sleeper[] = [];

  constructor(startMs = Date.UTC(2026, 0, 1)) {
    this.#timeMs = startMs;
  }

  nowMs(): number {
    return this.#timeMs;
  }

  monotonicMs(): number {
    return this.#timeMs;
  }

  /** How many wait to be woken. */
  get sleeping(): number {
    return this.#sleepers.length;
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      if (signal?.aborted) {
        resolve();
        return;
      }
      const wake = (): void => {
        signal?.removeEventListener("abort", cancel);
        resolve();
      };
      const sleeper: Sleeper = { dueMs: this.#timeMs + Math.max(0, ms), order: this.#order++, wake };
      const cancel = (): void => {
        this.#sleepers = this.#sleepers.filter((other) => other !== sleeper);
        resolve();
      };
      signal?.addEventListener("abort", cancel, { once: true });
      this.#sleepers.push(sleeper);
    });
  }

  /** Moves time forward by `ms`, waking everyone who is due on the way. */
  async advance(ms: number): Promise<void> {
    const endMs = this.#timeMs + ms;
    await settle();
    for (;;) {
      const next = this.#next();
      if (next === undefined || next.dueMs > endMs) break;
      this.#sleepers.splice(this.#sleepers.indexOf(next), 1);
      this.#timeMs = Math.max(this.#timeMs, next.dueMs);
      next.wake();
      await settle();
    }
    this.#timeMs = endMs;
  }

  /** Who is due first; of those due together, who asked first. */
  #next(): Sleeper | undefined {
    let first: Sleeper | undefined;
    for (const sleeper of this.#sleepers) {
      const isSooner = first === undefined || sleeper.dueMs < first.dueMs;
      if (isSooner || (sleeper.dueMs === first?.dueMs && sleeper.order < first.order)) first = sleeper;
    }
    return first;
  }
}

/** Lets every promise callback that is ready run, and those that they make ready, and finished I/O as well. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 3; turn++) await new Promise<void>((resolve) => setImmediate(resolve));
}
