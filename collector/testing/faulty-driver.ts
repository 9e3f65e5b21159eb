import { levelDriver } from "../journal/level-store.ts";
import { type Store, type StoreDriver, StoreError, type StoreFailure, type StoreWrite } from "../journal/store.ts";

/**
 * LevelDB with faults: writes to folders whose path holds `path` fail, or wait at a gate, when a test says so. As with
 * LevelDB itself, a store that failed once refuses every further write until it is opened again.
 */
export class FaultyDriver implements StoreDriver {
  /** The failure of the next matching writes, and how many of them. */
  #failures: { path: string; kind: StoreFailure; reachesDisk: boolean; left: number }[] = [];
  #gates: { path: string; open: Promise<void> }[] = [];
  /** Every write that has resolved, by folder: what is on disk. */
  readonly written: { directory: string; batch: readonly StoreWrite[] }[] = [];

  failWrites(path: string, kind: StoreFailure, count = 1, reachesDisk = false): void {
    this.#failures.push({ path, kind, reachesDisk, left: count });
  }

  heal(): void {
    this.#failures = [];
  }

  /** Holds matching writes back until the returned function is called. */
  holdWrites(path: string): () => void {
    const { promise, resolve } = Promise.withResolvers<void>();
    const gate = { path, open: promise };
    this.#gates.push(gate);
    return () => {
      this.#gates = this.#gates.filter((other) => other !== gate);
      resolve();
    };
  }

  async open(directory: string, options: { create: boolean; writeBufferBytes: number }): Promise<Store> {
    const store = await levelDriver.open(directory, options);
    let failed: StoreError | undefined;
    return {
      read: (range) => store.read(range),
      close: () => store.close(),
      write: async (batch) => {
        if (failed !== undefined) throw failed;
        for (const gate of this.#gates) if (directory.includes(gate.path)) await gate.open;
        const failure = this.#failures.find((each) => each.left > 0 && directory.includes(each.path));
        if (failure !== undefined) {
          failure.left--;
          if (failure.reachesDisk) await store.write(batch);
          failed = new StoreError(failure.kind, "injected failure", undefined);
          throw failed;
        }
        await store.write(batch);
        this.written.push({ directory, batch });
      },
    };
  }

  openLog(directory: string): Promise<Store | undefined> {
    return levelDriver.openLog(directory);
  }

  repair(directory: string): Promise<void> {
    return levelDriver.repair(directory);
  }

  droppedOnOpen(directory: string): Promise<string | undefined> {
    return levelDriver.droppedOnOpen(directory);
  }
}
