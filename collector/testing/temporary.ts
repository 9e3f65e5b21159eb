import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** A folder of its own for the length of `body`, removed afterwards, however that ends. */
export async function withFolder<T>(body: (directory: string) => Promise<T>): Promise<T> {
  const directory = mkdtempSync(join(tmpdir(), "standpipe-"));
  try {
    return await body(directory);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

/**
 * A file system of its own of that many bytes, in memory, for the length of `body`. Needs root: name the tool `tmpfs` in
 * `testWith`.
 */
export async function withSmallDisk<T>(bytes: number, body: (directory: string) => Promise<T>): Promise<T> {
  return await withFolder(async (directory) => {
    const mounted = Bun.spawnSync({ cmd: ["mount", "-t", "tmpfs", "-o", `size=${bytes}`, "none", directory] });
    if (mounted.exitCode !== 0) throw new Error(`mount failed: ${mounted.stderr.toString()}`);
    try {
      return await body(directory);
    } finally {
      Bun.spawnSync({ cmd: ["umount", "-l", directory] });
    }
  });
}
