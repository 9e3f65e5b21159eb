import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** A folder of its own, with a subfolder `logs`, for the length of `body`; removed afterwards, however that ends. */
export async function withLogs<T>(body: (directory: string, logs: string) => Promise<T>): Promise<T> {
  const directory = mkdtempSync(join(tmpdir(), "standpipe-tail-"));
  try {
    mkdirSync(join(directory, "logs"));
    return await body(directory, join(directory, "logs"));
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}
