/**
 * One process per journal. LevelDB's own lock has a hole (a second open that fails in the same process removes it, and
 * then another process may corrupt the folder), so the whole folder is guarded by one of ours: an exclusive transaction
 * on an empty SQLite file, which Bun brings. The kernel lets go of it when the process ends, however it ends; it holds
 * across containers on one node; and SQLite keeps book of its own handles, so it has no hole inside one process.
 */
import { Database } from "bun:sqlite";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { CollectorError } from "../errors.ts";

export interface FolderLock {
  release(): void;
}

/** Throws CollectorError `journal_locked`, naming the holder where it left its name. */
export function lockFolder(directory: string): FolderLock {
  const path = join(directory, "LOCK");
  const ownerPath = join(directory, "LOCK.owner");
  let database: Database | undefined;
  try {
    database = new Database(path, { create: true });
    database.run("PRAGMA locking_mode = EXCLUSIVE");
    // Nothing is ever written: a full disk must not keep the collector from making room on it.
    database.run("PRAGMA journal_mode = MEMORY");
    database.run("BEGIN EXCLUSIVE");
  } catch (cause) {
    database?.close();
    const code = (cause as { code?: unknown }).code;
    if (code === "SQLITE_BUSY") {
      throw new CollectorError(
        "journal_locked",
        `${directory} is in use by another process${readOwner(ownerPath)}: stop that one, or give this one a folder of its own`,
        { cause },
      );
    }
    throw new CollectorError(
      "journal_unusable",
      `can't lock ${path} (${String(code ?? cause)}): the folder must be writable, on a file system with locks`,
      { cause },
    );
  }
  const held = database;
  try {
    writeFileSync(ownerPath, `process ${process.pid}\n`);
  } catch {
    // Only a help for the message above: a full disk must not keep the collector from starting.
  }
  return { release: () => held.close() };
}

function readOwner(path: string): string {
  try {
    return ` (${readFileSync(path, "utf8").trim()})`;
  } catch {
    return "";
  }
}
