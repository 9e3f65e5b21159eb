/** Takes all that is left of a small file system, as another program's files would. Returns the way to give it back. */
import { open, rm } from "node:fs/promises";
import { join } from "node:path";

const CHUNK_BYTES = 64 * 1024;

export async function fillDisk(directory: string): Promise<() => Promise<void>> {
  const path = join(directory, "somebody-elses");
  const file = await open(path, "w");
  try {
    // Smaller and smaller pieces, until not even a page is left.
    for (let bytes = CHUNK_BYTES; bytes >= 512; bytes /= 2) {
      while (await takes(file.write(new Uint8Array(bytes))));
    }
  } finally {
    await file.close();
  }
  return () => rm(path);
}

async function takes(write: Promise<unknown>): Promise<boolean> {
  try {
    await write;
    return true;
  } catch (reason) {
    if ((reason as { code?: string }).code === "ENOSPC") return false;
    throw reason;
  }
}
