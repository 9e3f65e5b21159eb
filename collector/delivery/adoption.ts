/**
 * Takes over the journals of collectors that are gone: the volumes of pods that nobody starts any more, mounted here and
 * named in `journal.adoptFrom`. Each is opened, what its routes have not finished goes into this journal under the names
 * that it had (the way of a hand-over, with both ends in one process), and its folder is removed when nothing in it is
 * worth keeping.
 *
 * Routes are matched by name. A journal with a route that is not configured here, with something in quarantine, or with
 * damage keeps its folder, and the log says why. What is in use by another process is left alone. Killed at any moment
 * and started again, it goes on: what was taken is known (journal/hand-overs.ts has the crash table).
 */
import { readdir, rm } from "node:fs/promises";
import { join, resolve } from "node:path";
import type { Clock } from "../clock.ts";
import { AssertionError, CollectorError } from "../errors.ts";
import { Journal } from "../journal/journal.ts";
import type { JournalOptions } from "../journal/options.ts";
import type { Log } from "../log.ts";
import { handOver } from "./peers/hand-over.ts";

/** Volumes are mounted side by side, and a journal may be a folder in one. */
const DEPTH_MAX = 2;

/** More are not volumes but a folder named by mistake. */
const FOLDERS_MAX = 10_000;

export interface AdoptionOptions {
  readonly folders: readonly string[];
  readonly journal: Journal;
  /** As this collector's own journal is opened; the folder apart. */
  readonly journalOptions: JournalOptions;
  /** Names of the routes that are configured. */
  readonly routes: () => readonly string[];
  readonly requestBytesMax: number;
  readonly clock: Clock;
  readonly log: Log;
}

export class Adoption {
  readonly #options: AdoptionOptions;
  readonly #stopping = new AbortController();
  readonly #kept: string[] = [];
  #run: Promise<void> = Promise.resolve();

  constructor(options: AdoptionOptions) {
    this.#options = options;
  }

  /** Begins, beside everything else. */
  start(): void {
    this.#run = this.#adoptAll();
  }

  /** Folders that could not be emptied. */
  get kept(): readonly string[] {
    return this.#kept;
  }

  /** Resolves when all that could be adopted has been. Rejects only for a broken invariant. */
  get done(): Promise<void> {
    return this.#run;
  }

  /** Ends after the piece that is under way; the rest is adopted at the next start. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#run;
  }

  async #adoptAll(): Promise<void> {
    const { folders, journalOptions, log } = this.#options;
    const own = resolve(journalOptions.directory);
    for (const folder of folders) {
      const found = await findJournals(resolve(folder)).catch((reason: unknown) => {
        this.#kept.push(folder);
        log.error({ folder, reason: String(reason) }, "a folder of journal.adoptFrom can't be read");
        return [];
      });
      for (const directory of found) {
        if (this.#stopping.signal.aborted) return;
        if (directory !== own) await this.#tryAdopt(directory);
      }
    }
  }

  async #tryAdopt(directory: string): Promise<void> {
    const { log } = this.#options;
    try {
      await this.#adopt(directory);
    } catch (reason) {
      if (reason instanceof AssertionError) throw reason;
      this.#kept.push(directory);
      const { code, message } = CollectorError.from(reason);
      const words =
        code === "journal_locked" ? "another process has it open" : code === "internal" ? String(reason) : message;
      log.error({ directory, reason: words }, "a journal can't be adopted: it stays as it is");
    }
  }

  async #adopt(directory: string): Promise<void> {
    const { journal, journalOptions, requestBytesMax, clock, log } = this.#options;
    const foreign = await Journal.open({ ...journalOptions, directory });
    let keeps: string[];
    let given = 0;
    try {
      const known = this.#options.routes();
      // Without any route nothing of it was delivered to anybody.
      const all = foreign.dormantRoutes.length === 0 ? known : foreign.dormantRoutes;
      const results = await handOver(
        {
          journal: foreign,
          routes: all
            .filter((name) => known.includes(name))
            .map((name) => ({ stream: "-", ledger: foreign.route(name) })),
          receivers: () => [{ address: "this collector", collectorId: journal.collectorId }],
          offer: async (_, { collectorId, first, route, records, request }) => {
            await journal.handOvers.take({ origin: { collectorId, first }, route, records, request });
          },
          requestBytesMax,
          clock,
          log,
          signal: this.#stopping.signal,
        },
        Number.POSITIVE_INFINITY,
      );
      given = results.reduce((sum, { handedOver }) => sum + handedOver, 0);
      keeps = [
        ...all.filter((name) => !known.includes(name)).map((name) => `its route ${name} is not configured here`),
        ...results
          .filter(({ left }) => left > 0n)
          .map(({ route, left }) => `${left} log records of route ${route} are left`),
        ...all
          .filter((name) => foreign.quarantine.totals(name).entries > 0)
          .map((name) => `route ${name} has log records in quarantine`),
        ...((await readdir(join(directory, "damaged")).catch(() => [])).length > 0
          ? ["it holds damaged segments"]
          : []),
      ];
    } finally {
      await foreign.close();
    }
    if (keeps.length > 0) {
      this.#kept.push(directory);
      log.warn({ directory, logRecords: given, keeps }, "a journal was adopted as far as it goes: its folder is kept");
      return;
    }
    await rm(directory, { recursive: true, force: true });
    log.info({ directory, logRecords: given }, "a journal was adopted and its folder removed");
  }
}

/** Folders at or below `folder` that are journals. */
async function findJournals(folder: string): Promise<string[]> {
  const found: string[] = [];
  let level = [folder];
  for (let depth = 0; depth <= DEPTH_MAX; depth++) {
    const next: string[] = [];
    for (const each of level.slice(0, FOLDERS_MAX)) {
      const entries = await readdir(each, { withFileTypes: true });
      const names = entries.filter((entry) => entry.isDirectory()).map(({ name }) => name);
      if (names.includes("meta") && names.includes("segments")) found.push(each);
      else next.push(...names.map((name) => join(each, name)));
    }
    level = next;
  }
  return found.sort();
}
