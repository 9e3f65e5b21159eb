/** What the journal does to folders: make them last, measure them, keep a copy before something rewrites them. */
import { copyFile, link, mkdir, open, readdir, rm, stat } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { CollectorError } from "../errors.ts";

/** Makes the folder's entries (new, renamed and removed names) last through a power cut. */
export async function syncFolder(directory: string): Promise<void> {
  const handle = await open(directory, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Makes the folder and those above it that are not there, and makes their names last. Rejects with `journal_unusable`. */
export async function makeFolder(directory: string): Promise<void> {
  try {
    const highest = await mkdir(directory, { recursive: true });
    if (highest === undefined) return;
    for (let made = resolve(directory); made !== dirname(resolve(highest)); made = dirname(made)) {
      await syncFolder(dirname(made));
    }
  } catch (cause) {
    const what = `can't make the folder ${directory} (${String(cause)}): name another one, or mend its rights`;
    throw new CollectorError("journal_unusable", what, { cause });
  }
}

/** Bytes of all files directly in the folder; 0 when it is not there. */
export async function folderBytes(directory: string): Promise<number> {
  let bytes = 0;
  for (const name of await readdir(directory).catch(() => [])) {
    bytes += await stat(join(directory, name)).then(
      (found) => found.size,
      () => 0,
    );
  }
  return bytes;
}

/**
 * Keeps a database's folder as it is now below another name. LevelDB replaces its logs and tables and never changes one
 * in place, so those are only linked (no bytes are copied, where the file system has hard links); the rest is small. Its
 * repair leaves what it has read in a folder of its own, `lost`, which is kept likewise.
 */
export async function keepCopy(from: string, to: string): Promise<void> {
  await rm(to, { recursive: true, force: true });
  await mkdir(to, { recursive: true });
  for (const entry of await readdir(from, { withFileTypes: true })) {
    const source = join(from, entry.name);
    const target = join(to, entry.name);
    const replacedNeverChanged = /\.(log|ldb|sst)$/.test(entry.name);
    if (entry.isDirectory()) await keepCopy(source, target);
    else if (!replacedNeverChanged || !(await tryLink(source, target))) await copyFile(source, target);
  }
}

async function tryLink(source: string, target: string): Promise<boolean> {
  try {
    await link(source, target);
    return true;
  } catch {
    return false;
  }
}
