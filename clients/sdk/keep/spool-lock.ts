/**
 * One client per spool folder.
 *
 * Between processes LevelDB's own lock keeps it, on a database that exists for nothing else; the kernel frees it whatever
 * happens. Within a process that lock has a hole: a second open that fails frees the first one's. So a folder that this very
 * process holds is recognised before, by a note of who holds it: process id and start, for a container's next life
 * often has the same id.
 */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ClientError } from "../errors.ts";

const START_TOLERANCE_MS = 2_000;

/** Resolves with the way to give it back. Rejects with ClientError `spool_unusable`. */
export async function lockSpool(directory: string): Promise<() => Promise<void>> {
  const note = join(directory, "holder.json");
  const startedAtMs = Date.now() - process.uptime() * 1_000;
  try {
    mkdirSync(directory, { recursive: true });
    if (isHeldHere(note, startedAtMs)) throw new Error("this process uses it already");
    const { ClassicLevel } = await import("classic-level");
    const db = new ClassicLevel(join(directory, "lock"));
    await db.open();
    writeFileSync(note, JSON.stringify({ pid: process.pid, startedAtMs }));
    return async () => {
      rmSync(note, { force: true });
      await db.close();
    };
  } catch (cause) {
    throw new ClientError("spool_unusable", `the spool ${directory} can't be used: ${reasonOf(cause)}`, { cause });
  }
}

function isHeldHere(note: string, startedAtMs: number): boolean {
  try {
    const held = JSON.parse(readFileSync(note, "utf8")) as { pid?: unknown; startedAtMs?: unknown };
    return held.pid === process.pid && Math.abs(Number(held.startedAtMs) - startedAtMs) < START_TOLERANCE_MS;
  } catch {
    return false; // No note, or half of one: nobody of this process wrote it and lives.
  }
}

function reasonOf(error: unknown): string {
  const { cause, code, message } = error as {
    cause?: { code?: string; message?: string };
    code?: string;
    message?: string;
  };
  if (code === "ERR_MODULE_NOT_FOUND" || code === "MODULE_NOT_FOUND") return "install classic-level, which keeps it";
  if (cause?.code === "LEVEL_LOCKED") return "another process uses it";
  return cause?.message ?? message ?? String(error);
}
