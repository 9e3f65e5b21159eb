import { lstatSync, readdirSync } from "node:fs";
import { join } from "node:path";

/** What du tells, in bytes: the blocks of all files in there, or of the file itself. 0 where there is nothing. */
export function folderBytes(path: string): number {
  const stat = lstatSync(path, { throwIfNoEntry: false });
  if (stat === undefined) return 0;
  // A file may go away while it is counted: the journal deletes what is delivered.
  const inside = stat.isDirectory() ? readdirSync(path).map((name) => folderBytes(join(path, name))) : [];
  return inside.reduce((sum, bytes) => sum + bytes, stat.isDirectory() ? 0 : stat.blocks * 512);
}
