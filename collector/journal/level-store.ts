/** `Store` on LevelDB, through the `level` package. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { Level } from "level";
import { openLog } from "./log-store.ts";
import { type Store, type StoreDriver, type StoreEntry, StoreError, type StoreWrite } from "./store.ts";

/** LevelDB's own repair is there under Bun and Node; only the types of `level`, which also serve browsers, leave it out. */
type LevelRepair = { repair(directory: string): Promise<void> };

type Database = Level<Uint8Array, Uint8Array>;

/** How much of an iterator's read-ahead may be held at once; a value larger than that is read alone. */
const READ_AHEAD_BYTES = 1_048_576;

export const levelDriver: StoreDriver = {
  async open(directory, options) {
    const database: Database = new Level(directory, {
      keyEncoding: "view",
      valueEncoding: "view",
      createIfMissing: options.create,
      // Values are compressed by the journal, or not worth it.
      compression: false,
      writeBufferSize: options.writeBufferBytes,
      // Tables are memory-mapped and read once, so a cache of blocks would only hold what nobody asks for again.
      cacheSize: 0,
      maxOpenFiles: 64,
    });
    try {
      await database.open();
    } catch (reason) {
      await database.close().catch(() => undefined);
      throw toStoreError(reason, `can't open ${directory}`);
    }
    return new LevelStore(database);
  },

  openLog,

  async repair(directory) {
    try {
      await (Level as unknown as LevelRepair).repair(directory);
    } catch (reason) {
      throw toStoreError(reason, `can't repair ${directory}`);
    }
  },

  async droppedOnOpen(directory) {
    // LevelDB passes over damaged parts of its log in silence, but for a line in the file LOG, which is new at each open.
    const text = await readFile(join(directory, "LOG"), "utf8").catch(() => "");
    const lines = text.split("\n").filter((line) => line.includes(": dropping "));
    return lines.length === 0 ? undefined : lines.map((line) => line.slice(line.indexOf(" ", 28) + 1)).join("; ");
  },
};

class LevelStore implements Store {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  async write(batch: readonly StoreWrite[]): Promise<void> {
    try {
      const [only] = batch;
      if (batch.length === 1 && only?.value !== undefined) {
        await this.#database.put(only.key, only.value, { sync: true });
        return;
      }
      await this.#database.batch(
        batch.map(({ key, value }) => (value === undefined ? { type: "del", key } : { type: "put", key, value })),
        { sync: true },
      );
    } catch (reason) {
      throw toStoreError(reason, "a write failed");
    }
  }

  async read(range: { from?: Uint8Array; to?: Uint8Array; reverse?: boolean; limit?: number }): Promise<StoreEntry[]> {
    const iterator = this.#database.iterator({
      ...(range.from === undefined ? {} : { gte: range.from }),
      ...(range.to === undefined ? {} : { lt: range.to }),
      reverse: range.reverse ?? false,
      limit: range.limit ?? 1,
      fillCache: false,
      highWaterMarkBytes: READ_AHEAD_BYTES,
    });
    try {
      return (await iterator.all()).map(([key, value]) => ({ key, value }));
    } catch (reason) {
      throw toStoreError(reason, "a read failed");
    } finally {
      await iterator.close();
    }
  }

  async close(): Promise<void> {
    await this.#database.close();
  }
}

/** LevelDB's trouble arrives as a code, sometimes one cause deeper, sometimes only as words. */
function toStoreError(reason: unknown, what: string): StoreError {
  const deepest = reason instanceof Error && reason.cause instanceof Error ? reason.cause : reason;
  const code = (deepest as { code?: unknown }).code;
  const words = deepest instanceof Error ? deepest.message : String(deepest);
  const damaged =
    code === "LEVEL_CORRUPTION" || /corrupt|does not exist|no such file|bad record|not an sstable/i.test(words);
  const full = /no space left|disk quota/i.test(words);
  return new StoreError(full ? "full" : damaged ? "damaged" : "io", `${what}: ${words}`, reason);
}
