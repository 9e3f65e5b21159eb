/**
 * One LevelDB of the spool: a folder that is written to its end, and deleted when all its rows have been settled.
 *
 * Nothing is hoped for from deleted rows: LevelDB gives their space back late or never, so the folder is the unit in which
 * space comes back. A row is deleted when it is settled, unsynced, only so that a restart does not send it again.
 */
import { cp, open, rm } from "node:fs/promises";
import { dirname } from "node:path";
import type { ClassicLevel } from "classic-level";

export type Level = ClassicLevel<string, Uint8Array>;

/** A row: a serialised request. What it holds stands in its key, so that a start need not read values. */
export interface Row {
  readonly segment: SpoolSegment;
  readonly key: string;
  readonly records: number;
  readonly bytes: number;
}

/** What a row takes beside its bytes, on disk and in the list of rows. */
export const ROW_OVERHEAD_BYTES = 1_024;

const OPTIONS = { keyEncoding: "utf8", valueEncoding: "view" } as const;

export class SpoolSegment {
  readonly path: string;
  readonly #db: Level;
  /** Rows that were ever written and are not settled. */
  open = 0;
  bytes = 0;

  private constructor(path: string, db: Level) {
    this.path = path;
    this.#db = db;
  }

  /**
   * Opens or makes it, and lists its rows in order. `bytesMax`: it will not grow much beyond. `trouble` says that it was
   * damaged: what LevelDB's repair found in it is there, and the folder is kept beside it as it was.
   */
  static async open(
    path: string,
    bytesMax: number,
  ): Promise<{ segment: SpoolSegment; rows: Row[]; trouble: string | undefined }> {
    const { ClassicLevel } = await import("classic-level");
    // A write buffer that is larger than the segment: LevelDB then writes its log, and nothing else.
    const db = new ClassicLevel<string, Uint8Array>(path, {
      ...OPTIONS,
      compression: false,
      writeBufferSize: 2 * bytesMax,
    });
    let trouble: string | undefined;
    await db.open().catch(async (cause: unknown) => {
      const { code, message = "" } = ((cause as { cause?: unknown }).cause ?? cause) as Partial<NodeJS.ErrnoException>;
      if (code !== "LEVEL_CORRUPTION" && !/corrupt|no such file/i.test(message)) throw cause;
      // What was kept first is nearest to what was written.
      await cp(path, `${path}.damaged`, { recursive: true, force: false });
      await ClassicLevel.repair(path);
      await db.open();
      trouble = `${path} was damaged (${message}): what could be read of it is sent; it is kept in ${path}.damaged`;
    });
    await syncFolder(dirname(path));
    const segment = new SpoolSegment(path, db);
    const rows: Row[] = [];
    for await (const key of db.keys()) {
      const [, records, bytes] = key.split(":").map(Number);
      if (records === undefined || bytes === undefined) continue;
      rows.push({ segment, key, records, bytes });
      segment.open++;
      segment.bytes += bytes + ROW_OVERHEAD_BYTES;
    }
    return { segment, rows, trouble };
  }

  /** Resolves when the rows are on disk. */
  async append(rows: readonly { readonly number: number; readonly records: number; readonly request: Uint8Array }[]) {
    const written = rows.map(({ number, records, request }): Row => {
      const key = `${String(number).padStart(16, "0")}:${records}:${request.length}`;
      return { segment: this, key, records, bytes: request.length };
    });
    const puts = written.map(({ key }, index) => ({
      type: "put" as const,
      key,
      value: (rows[index] as (typeof rows)[number]).request,
    }));
    await this.#db.batch(puts, { sync: true });
    for (const { bytes } of written) this.bytes += bytes + ROW_OVERHEAD_BYTES;
    this.open += written.length;
    return written;
  }

  async read(row: Row): Promise<Uint8Array | undefined> {
    return await this.#db.get(row.key);
  }

  async remove(row: Row): Promise<void> {
    this.open--;
    await this.#db.del(row.key);
  }

  async close(): Promise<void> {
    await this.#db.close();
  }

  /** For ever. */
  async destroy(): Promise<void> {
    await this.#db.close();
    await rm(this.path, { recursive: true, force: true });
  }
}

/** Makes new names in it last through a power cut. Windows knows no such call. */
async function syncFolder(directory: string): Promise<void> {
  if (process.platform === "win32") return;
  const handle = await open(directory, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
