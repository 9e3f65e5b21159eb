/**
 * What the journal does with the folders it finds at its start.
 *
 * | found | done |
 * |---|---|
 * | a folder with a later one behind it | its end is the later one's name; it is opened when it is read, not now |
 * | the last folder | opened, and its last whole entry tells where it ends; it is sealed, a new one is made for what comes |
 * | the last folder, holding no entry | removed: nothing in it was acknowledged |
 * | a folder that can't be opened | kept aside as it is, mended, served as far as it goes (segment.ts) |
 * | a folder below every cursor | removed: the crash came between the cursor's write and the deletion |
 * | a name that is not ours | left alone, told once |
 */
import { access, mkdir, readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import type { Log } from "../log.ts";
import { folderBytes } from "./folder.ts";
import { fromName, highest } from "./ordinal.ts";
import type { Segment } from "./segment.ts";

export interface RecoveryOptions {
  /** Holds one folder per segment. */
  readonly directory: string;
  readonly log: Log;
  /** What was accepted below was on disk: the last segment must reach it, or is damaged. */
  readonly headAtLeast: bigint;
  readonly makeSegment: (first: bigint, end: bigint) => Segment;
}

/** All segments that hold something, in order; the last one with its end recovered. Rejects with CollectorError. */
export async function recoverSegments(options: RecoveryOptions): Promise<Segment[]> {
  const { directory, log, headAtLeast, makeSegment } = options;
  await mkdir(directory, { recursive: true });
  const firsts: bigint[] = [];
  for (const name of await readdir(directory)) {
    const first = fromName(name);
    if (first === undefined) log.warn({ path: join(directory, name) }, "not a segment of the journal: left alone");
    else firsts.push(first);
  }
  firsts.sort((a, b) => (a < b ? -1 : 1));

  const segments: Segment[] = [];
  for (const [index, first] of firsts.entries()) {
    const segment = makeSegment(first, firsts[index + 1] ?? highest([first, headAtLeast]));
    const isLast = index === firsts.length - 1;
    const isEmpty = isLast && segment.end === first && (await holdsNothing(segment.directory));
    if (isEmpty || (isLast && (await segment.recoverEnd()) === first)) {
      await segment.remove();
      continue;
    }
    if (!isLast) await tellIfHollow(segment, log);
    segment.bytes = await folderBytes(segment.directory);
    segments.push(segment);
  }
  return segments;
}

/** A folder without a log or table that has bytes in it: the crash came while it was being made. */
async function holdsNothing(directory: string): Promise<boolean> {
  for (const name of await readdir(directory)) {
    if (/\.(log|ldb|sst)$/.test(name) && (await stat(join(directory, name))).size > 0) return false;
  }
  return true;
}

/** A segment is opened when it is read; that its folder is plainly broken is told at once. */
async function tellIfHollow(segment: Segment, log: Log): Promise<void> {
  try {
    await access(join(segment.directory, "CURRENT"));
  } catch {
    log.error(
      { segment: segment.directory, first: String(segment.first), end: String(segment.end) },
      "a segment of the journal is damaged: it will be mended as far as possible when delivery comes to it",
    );
  }
}
