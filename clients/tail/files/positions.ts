/**
 * Where each file has been read and acknowledged to, in LevelDB: one row per file, under `file!device:inode`.
 *
 * A row is written after the collector's acknowledgement, never before; together with others of its time, in one synced
 * batch. Rows of files that are gone are deleted after a while. What was acknowledged within the last interval before a
 * crash is sent again: that, and what was under way, is all that can come twice.
 *
 * Damage must not keep the agent from starting: files are rotated away while it does not read. What LevelDB can't open is
 * kept aside and mended; a row that can't be understood is left out, and its file is read from its beginning.
 */
import { cpSync, existsSync } from "node:fs";
import { Level } from "level";
import { systemCodeOf, TailError } from "../errors.ts";
import type { Log } from "../log.ts";
import { type Fingerprint, NO_FINGERPRINT } from "./identity.ts";
import type { Rest } from "./lines.ts";

export interface Position {
  readonly id: string;
  /** The name that it was written under, links resolved: rotation goes by that. */
  readonly path: string;
  /** The name that a pattern matched: what its lines are sent under. */
  readonly name: string;
  /** All before is acknowledged. Of a compressed file: in what comes out of it. */
  readonly offset: number;
  readonly head: Fingerprint;
  /** Of the bytes just before `offset`. */
  readonly tail: Fingerprint;
  /** Whether `offset` lies within a line that was longer than the limit. */
  readonly rest: Rest;
}

const FILE_PREFIX = "file!";
const SOURCE_PREFIX = "source!";

export class Positions {
  readonly #database: Level<string, string>;
  readonly #rows = new Map<string, Position>();
  readonly #sources = new Set<string>();
  readonly #dirty = new Set<string>();
  readonly #newSources = new Set<string>();
  #writing: Promise<void> = Promise.resolve();

  private constructor(database: Level<string, string>) {
    this.#database = database;
  }

  /** Throws TailError `positions_unusable`. */
  static async open(directory: string, log: Log): Promise<Positions> {
    const database = new Level<string, string>(directory, { keyEncoding: "utf8", valueEncoding: "utf8" });
    try {
      await database.open().catch((cause: unknown) => mend(database, directory, cause, log));
    } catch (cause) {
      const inner = (cause as { cause?: unknown }).cause ?? cause;
      const words =
        systemCodeOf(inner) === "LEVEL_LOCKED"
          ? "(another agent has them open: two would send every line twice)"
          : `(${inner instanceof Error ? inner.message : String(inner)}): no line is lost, nothing was started; make the folder usable, or name another in positions.directory, with which every file is read anew`;
      throw new TailError("positions_unusable", `the positions in ${directory} can't be opened ${words}`, { cause });
    }
    const positions = new Positions(database);
    for await (const [key, value] of database.iterator()) {
      if (key.startsWith(SOURCE_PREFIX)) positions.#sources.add(key.slice(SOURCE_PREFIX.length));
      else if (key.startsWith(FILE_PREFIX)) {
        try {
          positions.#load(key.slice(FILE_PREFIX.length), value);
        } catch (reason) {
          const words = "a position is damaged: its file is read again from its beginning";
          log.error({ row: key, reason: String(reason) }, words);
        }
      }
    }
    return positions;
  }

  #load(id: string, value: string): void {
    const row = JSON.parse(value) as Partial<Position>;
    const { path = "", name = path, offset = 0, head = NO_FINGERPRINT, tail = NO_FINGERPRINT, rest = "none" } = row;
    this.#rows.set(id, { id, path, name, offset, head, tail, rest });
  }

  get size(): number {
    return this.#rows.size;
  }

  get(id: string): Position | undefined {
    return this.#rows.get(id);
  }

  all(): IterableIterator<Position> {
    return this.#rows.values();
  }

  /** Whether the source was followed before: only at its very first start does `readFrom: end` mean anything. */
  hasSource(name: string): boolean {
    return this.#sources.has(name);
  }

  addSource(name: string): void {
    this.#sources.add(name);
    this.#newSources.add(name);
  }

  /** In memory at once; on disk with the next `flush`. */
  put(position: Position): void {
    this.#rows.set(position.id, position);
    this.#dirty.add(position.id);
  }

  delete(id: string): void {
    if (this.#rows.delete(id)) this.#dirty.add(id);
  }

  /** Writes what has changed, in one synced batch. Resolves when that and all before is on disk. */
  flush(): Promise<void> {
    this.#writing = this.#writing.catch(() => undefined).then(() => this.#write());
    return this.#writing;
  }

  async #write(): Promise<void> {
    if (this.#dirty.size === 0 && this.#newSources.size === 0) return;
    const ids = [...this.#dirty];
    const sources = [...this.#newSources];
    this.#dirty.clear();
    this.#newSources.clear();
    try {
      await this.#database.batch(
        [
          ...sources.map((name) => ({ type: "put" as const, key: SOURCE_PREFIX + name, value: "1" })),
          ...ids.map((id) => {
            const row = this.#rows.get(id);
            return row === undefined
              ? { type: "del" as const, key: FILE_PREFIX + id }
              : { type: "put" as const, key: FILE_PREFIX + id, value: JSON.stringify({ ...row, id: undefined }) };
          }),
        ],
        { sync: true },
      );
    } catch (reason) {
      for (const id of ids) this.#dirty.add(id);
      for (const name of sources) this.#newSources.add(name);
      throw reason;
    }
  }

  /** LevelDB takes nothing more after a failed write, on a full disk for example: it must be opened anew. */
  async reopen(): Promise<void> {
    await this.#writing.catch(() => undefined);
    this.#writing = Promise.resolve();
    await this.#database.close();
    await this.#database.open();
  }

  async close(): Promise<void> {
    await this.flush().catch(() => undefined);
    await this.#database.close();
  }
}

/** LevelDB's own repair is there under Bun and Node; only the types of `level`, which also serve browsers, leave it out. */
type LevelRepair = { repair(directory: string): Promise<void> };

/** Opens what is damaged; rejects with `cause` where it is something else. */
async function mend(database: Level<string, string>, directory: string, cause: unknown, log: Log): Promise<void> {
  const { code, message = "" } = ((cause as { cause?: unknown }).cause ?? cause) as { code?: string; message?: string };
  if (code !== "LEVEL_CORRUPTION" && !/corrupt|does not exist|no such file/i.test(message)) throw cause;
  const kept = `${directory}.damaged`;
  // What was kept first is nearest to what was written.
  if (!existsSync(kept)) cpSync(directory, kept, { recursive: true });
  await (Level as unknown as LevelRepair).repair(directory);
  await database.open();
  log.error(
    { directory, kept, reason: message },
    "the positions were damaged and have been mended: lines may come twice",
  );
}
