/**
 * Looks into the journal of a stopped collector, and changes nothing in it: LevelDB rewrites what it opens, so only copies
 * are opened, one folder at a time, in a folder for temporary files. (Logs and tables are linked where the file system can,
 * so that a copy costs nothing.) While it looks, no collector can start on the folder.
 */
import { Database } from "bun:sqlite";
import { mkdtemp, readdir, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Logger, pino } from "pino";
import { systemClock } from "../clock.ts";
import { CollectorError } from "../errors.ts";
import type { RouteState } from "./cursors.ts";
import { folderBytes, keepCopy } from "./folder.ts";
import { openMeta } from "./identity.ts";
import { levelDriver } from "./level-store.ts";
import type { Meta } from "./meta.ts";
import { fromName, highest } from "./ordinal.ts";
import { type Pause, Pauses } from "./pauses.ts";
import type { Commit, Damage } from "./port.ts";
import { Quarantine } from "./quarantine.ts";
import { Segment } from "./segment.ts";

/** What the journal's own code says while it mends a copy. */
export interface Finding {
  readonly where: string;
  readonly words: string;
}

export interface SegmentFolder {
  readonly directory: string;
  readonly first: bigint;
  /** The next folder's name; undefined for the last one, whose end is in its entries. */
  readonly nextFirst: bigint | undefined;
  readonly bytes: number;
}

const WRITE_BUFFER_BYTES = 64 * 1024 * 1024;

export class JournalInspection {
  readonly directory: string;
  readonly collectorId: string;
  readonly routes: ReadonlyMap<string, RouteState>;
  /** The head was here, or further, when rows were last written. */
  readonly headAtLeast: bigint;
  readonly segments: readonly SegmentFolder[];
  /** Names in the folder of segments that are not ours. */
  readonly strange: readonly string[];
  readonly quarantine: Quarantine;
  /** What was found wrong while looking, so far. */
  readonly findings: Finding[] = [];
  readonly #temporary: string;
  readonly #meta: Meta;
  readonly #pauses: Pauses;
  readonly #unlock: () => void;

  private constructor(parts: {
    directory: string;
    temporary: string;
    opened: Awaited<ReturnType<typeof openMeta>>;
    quarantine: Quarantine;
    pauses: Pauses;
    segments: readonly SegmentFolder[];
    strange: readonly string[];
    unlock: () => void;
  }) {
    this.directory = parts.directory;
    this.#temporary = parts.temporary;
    this.#meta = parts.opened.meta;
    this.collectorId = parts.opened.collectorId;
    this.routes = parts.opened.routes;
    this.headAtLeast = parts.opened.headAtLeast;
    this.quarantine = parts.quarantine;
    this.#pauses = parts.pauses;
    this.segments = parts.segments;
    this.strange = parts.strange;
    this.#unlock = parts.unlock;
  }

  /** Rejects with CollectorError `journal_locked` where a collector has it, `journal_unusable` where it is no journal. */
  static async open(directory: string): Promise<JournalInspection> {
    await assertJournal(directory);
    const unlock = lockForReading(directory);
    const temporary = await mkdtemp(join(tmpdir(), "standpipe-look-"));
    const findings: Finding[] = [];
    try {
      const meta = join(temporary, "meta");
      await keepCopy(join(directory, "meta"), meta);
      const opened = await openMeta({
        directory: meta,
        damagedDirectory: join(temporary, "damaged"),
        driver: levelDriver,
        clock: systemClock,
        random: Math.random,
        log: findingLog(findings, join(directory, "meta")),
        rowIntervalMs: 1_000,
        alongside: () => ({ key: "looked", row: "1" }),
        onWriteFailure: () => undefined,
      });
      const { segments, strange } = await findSegments(join(directory, "segments"));
      const quarantine = await Quarantine.open(opened.meta, Number.MAX_SAFE_INTEGER);
      const pauses = await Pauses.open(opened.meta);
      const parts = { directory, temporary, opened, quarantine, pauses, segments, strange, unlock };
      const inspection = new JournalInspection(parts);
      inspection.findings.push(...findings);
      return inspection;
    } catch (reason) {
      unlock();
      await rm(temporary, { recursive: true, force: true });
      if (reason instanceof CollectorError) throw reason;
      const words = `can't read the bookkeeping of ${directory} (${String(reason)}): see \`standpipe repair\``;
      throw new CollectorError("journal_unusable", words, { cause: reason });
    }
  }

  pauseOf(route: string): Pause | undefined {
    return this.#pauses.get(route);
  }

  /** The rows of the bookkeeping as they are, for a copy. */
  rows(limit: number, after?: string): Promise<{ key: string; value: Uint8Array }[]> {
    return this.#meta.entries("", limit, after);
  }

  /** Just past the last log record that is there, or was known to be. */
  async head(): Promise<bigint> {
    const last = this.segments.at(-1);
    if (last === undefined) return this.headAtLeast;
    const segment = await this.openCopy(last);
    await this.drop(segment);
    return highest([segment.end, this.headAtLeast]);
  }

  /** What holds [first, end), in order: entries that can be read, and the ranges of those that can't. */
  async *read(first: bigint, end: bigint): AsyncGenerator<Commit | Damage> {
    for (const folder of this.segments) {
      if (folder.first >= end) return;
      if (folder.nextFirst !== undefined && folder.nextFirst <= first) continue;
      const from = folder.first > first ? folder.first : first;
      yield* this.#readSegment(folder, from, end);
    }
  }

  async *#readSegment(folder: SegmentFolder, first: bigint, end: bigint): AsyncGenerator<Commit | Damage> {
    const segment = await this.openCopy(folder);
    try {
      for (let at = first; at < segment.end && at < end; ) {
        const found = await segment.read(at);
        yield found;
        at = found.kind === "commit" ? found.first + BigInt(found.records) : found.end;
      }
    } finally {
      await this.drop(segment);
    }
  }

  /** A copy of a segment, mended if need be, with its end known; what was wrong is among the findings. To be dropped. */
  async openCopy({ directory, first, nextFirst }: SegmentFolder): Promise<Segment> {
    const copy = join(this.#temporary, String(first));
    await keepCopy(directory, copy);
    const segment = new Segment(first, nextFirst ?? highest([first, this.headAtLeast]), {
      driver: levelDriver,
      log: findingLog(this.findings, directory),
      directory: copy,
      writeBufferBytes: WRITE_BUFFER_BYTES,
      openingDirectory: join(this.#temporary, "opening"),
      damagedDirectory: join(this.#temporary, "damaged"),
      onDiskFull: () => undefined,
    });
    if (nextFirst === undefined) await segment.recoverEnd();
    return segment;
  }

  async drop(segment: Segment): Promise<void> {
    await segment.remove();
    await rm(join(this.#temporary, "damaged"), { recursive: true, force: true });
  }

  async close(): Promise<void> {
    await this.#meta.close();
    await rm(this.#temporary, { recursive: true, force: true });
    this.#unlock();
  }
}

async function assertJournal(directory: string): Promise<void> {
  const isFolder = await stat(directory).then(
    (found) => found.isDirectory(),
    () => undefined,
  );
  const because = async (): Promise<string | undefined> => {
    if (isFolder === undefined) return "it is not there";
    if (!isFolder) return "it is no folder";
    const names = await readdir(directory);
    return names.includes("meta") ? undefined : "it has no folder meta/";
  };
  const problem = await because();
  if (problem === undefined) return;
  const words = `${directory} is no journal: ${problem}. Name the folder that journal.directory says`;
  throw new CollectorError("journal_unusable", words);
}

/** A shared lock on the file that collectors lock for themselves alone; nothing is written. */
function lockForReading(directory: string): () => void {
  const path = join(directory, "LOCK");
  let database: Database | undefined;
  try {
    database = new Database(path, { readonly: true });
    database.run("BEGIN");
    database.query("SELECT count(*) FROM sqlite_master").get();
  } catch (cause) {
    database?.close();
    const { code } = cause as { code?: unknown };
    // A copy of a journal has none, and nobody to keep out.
    if (code === "SQLITE_CANTOPEN") return () => undefined;
    const words =
      code === "SQLITE_BUSY"
        ? `a collector has ${directory} open: ask that one (leave --journal out, or say where it is with --address)`
        : `can't lock ${path} (${String(code ?? cause)}): mend its rights`;
    throw new CollectorError(code === "SQLITE_BUSY" ? "journal_locked" : "journal_unusable", words, { cause });
  }
  const held = database;
  return () => held.close();
}

async function findSegments(directory: string): Promise<{ segments: SegmentFolder[]; strange: string[] }> {
  const names = await readdir(directory).catch(() => []);
  const firsts = names.map(fromName).filter((first) => first !== undefined);
  firsts.sort((a, b) => (a < b ? -1 : 1));
  const segments: SegmentFolder[] = [];
  for (const [index, first] of firsts.entries()) {
    const folder = join(directory, names.find((name) => fromName(name) === first) ?? "");
    const bytes = await folderBytes(folder);
    segments.push({ directory: folder, first, nextFirst: firsts[index + 1], bytes });
  }
  return { segments, strange: names.filter((name) => fromName(name) === undefined) };
}

/** A log whose warnings and errors become findings. */
function findingLog(findings: Finding[], where: string): Logger {
  const write = (line: string): void => {
    const { msg, trouble, reason } = JSON.parse(line) as { msg: string; trouble?: string; reason?: string };
    const details = trouble ?? reason;
    findings.push({ where, words: details === undefined ? msg : `${details}: ${msg}` });
  };
  return pino({ level: "warn", base: null }, { write });
}
