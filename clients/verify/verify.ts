/**
 * The run: reads every object once, line by line, and tallies. With a state file it goes on where an interrupted run stopped: the
 * file holds which objects were read and what was found, written between objects, so never half of one.
 */
import { rename, writeFile } from "node:fs/promises";
import type { Readable } from "node:stream";
import { zstdCompressSync, zstdDecompressSync } from "node:zlib";
import { expectedOf, type Judgements, judge, type LedgerFacts } from "./judgement.ts";
import { CutShort, linesOf } from "./lines.ts";
import type { ObjectSource, StoredObject } from "./objects.ts";
import { Problem, wordFor } from "./problem.ts";
import { identify } from "./record-id.ts";
import { Tally } from "./tally.ts";

/** Objects that are asked for before their turn: a round trip to S3 takes longer than reading a small object. */
const OPEN_AHEAD = 4;

const OBJECTS_PER_SAVE = 200;
const STATE_FORMAT = 2;

/** Objects that could not be read are told by name up to so many. */
const UNREADABLE_NAMES_MAX = 100;

export interface VerifyOptions {
  readonly source: ObjectSource;
  readonly ledgers: readonly LedgerFacts[];
  /** The member that holds the record id. */
  readonly key: string;
  /** How many ranges are told of each kind. */
  readonly rangesMax: number;
  readonly stateFile: string | undefined;
  /** Ends the run early, with its state kept. */
  readonly signal: AbortSignal;
  readonly onProgress: (progress: { readonly objects: number; readonly bytes: number; readonly lines: number }) => void;
}

export interface Findings extends Judgements {
  readonly objects: number;
  readonly bytes: number;
  readonly lines: number;
  readonly linesWithoutId: number;
  readonly foreign: Tally["foreign"];
  /** Objects that end too early or can't be unpacked: what was read of them counts. */
  readonly unreadable: {
    readonly count: number;
    readonly objects: readonly { readonly name: string; readonly reason: string }[];
  };
  /** Whether the run was ended before it had read all. */
  readonly isPartial: boolean;
}

interface Progress {
  objects: number;
  bytes: number;
  unreadable: { name: string; reason: string }[];
  unreadableCount: number;
}

export async function verify(options: VerifyOptions): Promise<Findings> {
  const { source, ledgers, rangesMax, stateFile, signal, onProgress } = options;
  const tally = new Tally(expectedOf(ledgers));
  const done = new Set<string>();
  const progress: Progress = { objects: 0, bytes: 0, unreadable: [], unreadableCount: 0 };
  const state = stateFile === undefined ? undefined : { path: stateFile, title: source.title, ledgers };
  if (state !== undefined) await restore(state, tally, done, progress);
  let isPartial = false;
  for await (const { object, opened } of openAhead(source, (each) => !done.has(idOf(each)))) {
    if (signal.aborted) {
      isPartial = true;
      (await opened.catch(() => undefined))?.destroy();
      continue;
    }
    try {
      for await (const line of linesOf(await opened)) tally.note(identify(line, options.key));
    } catch (reason) {
      progress.unreadableCount += 1;
      const told = { name: object.name, reason: reason instanceof CutShort ? reason.message : wordFor(reason) };
      if (progress.unreadable.length < UNREADABLE_NAMES_MAX) progress.unreadable.push(told);
    }
    progress.objects += 1;
    progress.bytes += object.bytes;
    done.add(idOf(object));
    onProgress({ ...progress, lines: tally.lines });
    if (state !== undefined && progress.objects % OBJECTS_PER_SAVE === 0) await save(state, tally, done, progress);
  }
  if (state !== undefined) await save(state, tally, done, progress);
  return {
    objects: progress.objects,
    bytes: progress.bytes,
    lines: tally.lines,
    linesWithoutId: tally.linesWithoutId,
    foreign: tally.foreign,
    unreadable: { count: progress.unreadableCount, objects: progress.unreadable },
    ...judge(ledgers, tally, rangesMax),
    isPartial,
  };
}

interface Opened {
  readonly object: StoredObject;
  readonly opened: Promise<Readable>;
}

async function* openAhead(source: ObjectSource, wanted: (object: StoredObject) => boolean): AsyncGenerator<Opened> {
  const ahead: Opened[] = [];
  for await (const object of source.list()) {
    if (!wanted(object)) continue;
    const opened = source.open(object);
    // Whoever reads it hears of a failure; until then it is nobody's.
    opened.catch(() => undefined);
    ahead.push({ object, opened });
    if (ahead.length >= OPEN_AHEAD) yield ahead.shift() as Opened;
  }
  yield* ahead;
}

function idOf({ name, version }: StoredObject): string {
  return `${version} ${name}`;
}

interface State {
  readonly path: string;
  readonly title: string;
  readonly ledgers: readonly LedgerFacts[];
}

/** What a state belongs to: another source, or a collector that has begun anew, is another count. */
function subjectOf({ title, ledgers }: State): string {
  return JSON.stringify([
    title,
    ledgers.map(({ collectorId, route, start, head }) => [collectorId, route, start, head].map(String)),
    // Decides with the ledgers which lines are counted under which name.
    expectedOf(ledgers)
      .filter(({ hasLedger }) => !hasLedger)
      .map(({ collectorId, ranges }) => [collectorId, ranges.map(({ first, end }) => [String(first), String(end)])]),
  ]);
}

async function save(state: State, tally: Tally, done: ReadonlySet<string>, progress: Progress): Promise<void> {
  const content = { format: STATE_FORMAT, subject: subjectOf(state), done: [...done], progress, tally: tally.encode() };
  try {
    await writeFile(`${state.path}.part`, zstdCompressSync(Buffer.from(JSON.stringify(content))));
    await rename(`${state.path}.part`, state.path);
  } catch (reason) {
    const words = `the state can't be written to ${state.path} (${wordFor(reason)})`;
    throw new Problem(`${words}: name a file with room for it, or leave out --state; nothing was concluded`);
  }
}

async function restore(state: State, tally: Tally, done: Set<string>, progress: Progress): Promise<void> {
  const file = Bun.file(state.path);
  if (!(await file.exists())) return;
  let content: { format: number; subject: string; done: string[]; progress: Progress; tally: unknown };
  try {
    content = JSON.parse(zstdDecompressSync(Buffer.from(await file.arrayBuffer())).toString());
    if (content.format !== STATE_FORMAT) throw new Error(`format ${content.format}`);
  } catch (reason) {
    throw new Problem(
      `${state.path} is no state of this program (${(reason as Error).message}): name another file, or remove it`,
    );
  }
  if (content.subject !== subjectOf(state)) {
    throw new Problem(
      `${state.path} belongs to other objects or another ledger: give it the same --ledger (a file, since a running collector's changes), or name another state file`,
    );
  }
  tally.restore(content.tally);
  for (const id of content.done) done.add(id);
  Object.assign(progress, content.progress);
}
