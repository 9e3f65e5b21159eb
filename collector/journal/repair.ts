/**
 * Copies what can be read of a stopped collector's journal into a new one: entries with their own ordinals and sums, and
 * the bookkeeping (identity, cursors, quarantine, pauses). What can't be read stays a gap, which a collector reports as damage and
 * counts as quarantined. The old folder is only read.
 */
import { mkdir, readdir } from "node:fs/promises";
import { join } from "node:path";
import { CollectorError } from "../errors.ts";
import { syncFolder } from "./folder.ts";
import type { JournalInspection } from "./inspection.ts";
import { levelDriver } from "./level-store.ts";
import { toName } from "./ordinal.ts";

export interface RepairReport {
  readonly segments: number;
  readonly entries: number;
  readonly bytes: number;
  readonly rows: number;
}

const ROWS_PAGE = 256;
const ENTRIES_PAGE = 8;
const WRITE_BUFFER_BYTES = 64 * 1024 * 1024;

/** Rejects with CollectorError `journal_unusable` where `target` is there and not empty. */
export async function repair(
  inspection: JournalInspection,
  target: string,
  onProgress: (done: number, of: number) => void = () => undefined,
): Promise<RepairReport> {
  if ((await readdir(target).catch(() => [])).length > 0) {
    throw new CollectorError("journal_unusable", `${target} is not empty: name a folder that is not there yet`);
  }
  await mkdir(join(target, "segments"), { recursive: true });
  let entries = 0;
  let bytes = 0;
  let segments = 0;
  for (const [index, folder] of inspection.segments.entries()) {
    const copy = await inspection.openCopy(folder);
    try {
      const directory = join(target, "segments", toName(folder.first));
      const store = await levelDriver.open(directory, { create: true, writeBufferBytes: WRITE_BUFFER_BYTES });
      let copied = 0;
      try {
        for await (const page of copy.wholeEntries(ENTRIES_PAGE)) {
          if (page.length === 0) continue;
          await store.write(page);
          copied += page.length;
          bytes += page.reduce((sum, { value }) => sum + value.byteLength, 0);
        }
      } finally {
        await store.close();
      }
      entries += copied;
      segments += 1;
      await syncFolder(directory);
    } finally {
      await inspection.drop(copy);
    }
    onProgress(index + 1, inspection.segments.length);
  }
  const rows = await copyRows(inspection, join(target, "meta"));
  for (const directory of ["segments", "meta", "."]) await syncFolder(join(target, directory));
  return { segments, entries, bytes, rows };
}

/** Last, so that a folder that was copied in part is no journal yet. */
async function copyRows(inspection: JournalInspection, directory: string): Promise<number> {
  const store = await levelDriver.open(directory, { create: true, writeBufferBytes: 1_048_576 });
  let rows = 0;
  try {
    for (let after: string | undefined; ; ) {
      const page = await inspection.rows(ROWS_PAGE, after);
      const last = page.at(-1);
      if (last === undefined) return rows;
      await store.write(page.map(({ key, value }) => ({ key: Buffer.from(key), value })));
      rows += page.length;
      after = last.key;
    }
  } finally {
    await store.close();
  }
}
