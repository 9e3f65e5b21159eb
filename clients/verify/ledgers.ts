/**
 * Reads ledgers: from a running collector (`http://host:4319`), from what its `/status` said and was kept in a file, or from the
 * journal's folder of a stopped one. The folder is only read: its bookkeeping is copied, and the copy opened.
 */
import { cp, mkdtemp, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemClock } from "../../collector/clock.ts";
import { CollectorError } from "../../collector/errors.ts";
import { readTaken } from "../../collector/journal/hand-overs.ts";
import { openMeta } from "../../collector/journal/identity.ts";
import { levelDriver } from "../../collector/journal/level-store.ts";
import { lockFolder } from "../../collector/journal/lock.ts";
import { silentLog } from "../../collector/log.ts";
import type { LedgerFacts } from "./judgement.ts";
import { Problem, wordFor } from "./problem.ts";

const ASK_MS_MAX = 10_000;

/** The ledger of a route; `route` may be undefined where there is one only. Throws Problem. */
export async function readLedger(from: string, route: string | undefined): Promise<LedgerFacts> {
  const all = await readAll(from);
  const named = route === undefined ? all : all.filter((each) => each.route === route);
  const [only] = named;
  if (only !== undefined && named.length === 1) return only;
  const routes = all.map((each) => each.route).join(", ") || "none";
  throw new Problem(
    route === undefined
      ? `${from} has several routes (${routes}), each with its own stream: say with --route which of them filled these objects`
      : `${from} has no route ${route}: there is ${routes}`,
  );
}

async function readAll(from: string): Promise<LedgerFacts[]> {
  if (/^https?:\/\//.test(from)) return parseStatus(await ask(from), from);
  const isFolder = await stat(from).then(
    (found) => found.isDirectory(),
    (reason: unknown) => {
      throw new Problem(`can't read the ledger ${from} (${wordFor(reason)})`);
    },
  );
  return isFolder ? await readJournal(from) : parseStatus(await Bun.file(from).text(), from);
}

async function ask(from: string): Promise<string> {
  const url = new URL(from);
  if (url.pathname === "/") url.pathname = "/status";
  try {
    const answer = await fetch(url, { signal: AbortSignal.timeout(ASK_MS_MAX) });
    if (answer.ok) return await answer.text();
    throw new Problem(`${url} answers ${answer.status}: is it the admin address of a collector?`);
  } catch (reason) {
    if (reason instanceof Problem) throw reason;
    throw new Problem(`can't ask ${url} (${wordFor(reason)}): is a collector running there?`);
  }
}

interface StatusText {
  readonly journal: { readonly collectorId: string; readonly head: bigint };
  readonly routes: readonly {
    readonly route: string;
    readonly cursor: bigint;
    readonly ledger: Readonly<Record<"accepted" | "delivered" | "filtered" | "quarantined", bigint>> & {
      readonly replayed?: bigint;
      readonly handedOver?: bigint;
    };
    readonly taken?: LedgerFacts["taken"];
  }[];
}

/** The text of `/status`. */
export function parseStatus(text: string, from: string): LedgerFacts[] {
  try {
    // Ordinals have 64 bits, which a number has not.
    const exactly = (_: string, value: unknown, { source }: { source?: string }): unknown =>
      typeof value === "number" && source !== undefined && /^\d+$/.test(source) ? BigInt(source) : value;
    const { journal, routes } = JSON.parse(text, exactly as (key: string, value: unknown) => unknown) as StatusText;
    return routes.map(({ route, cursor, ledger, taken = [] }) => {
      const { accepted, delivered, filtered, quarantined, replayed = 0n, handedOver = 0n } = ledger;
      const { collectorId, head } = journal;
      const start = head - accepted + replayed;
      const sums = { delivered, filtered, quarantined, replayed, handedOver };
      const facts = { collectorId, route, start, cursor, head, ...sums, taken };
      if (Object.values(facts).some((value) => value === undefined)) throw new Error("a figure is missing");
      return facts;
    });
  } catch (reason) {
    throw new Problem(`${from} is not what a collector's /status says (${(reason as Error).message})`);
  }
}

async function readJournal(directory: string): Promise<LedgerFacts[]> {
  if (!(await Bun.file(join(directory, "meta", "CURRENT")).exists()))
    throw new Problem(`${directory} is no journal: it has no bookkeeping in meta/`);
  const copy = await mkdtemp(join(tmpdir(), "standpipe-verify-"));
  try {
    const lock = lockFolder(directory);
    try {
      await cp(join(directory, "meta"), join(copy, "meta"), { recursive: true });
    } finally {
      lock.release();
    }
    const { meta, collectorId, headAtLeast, routes } = await openMeta({
      directory: join(copy, "meta"),
      damagedDirectory: join(copy, "damaged"),
      driver: levelDriver,
      clock: systemClock,
      random: Math.random,
      log: silentLog,
      rowIntervalMs: 1_000,
      alongside: () => ({ key: "head", row: "0" }),
      onWriteFailure: () => undefined,
    });
    try {
      return await Promise.all(
        [...routes].map(async ([route, { start, cursor, totals, replayed, handedOver }]) => {
          const taken = await readTaken(meta, route);
          return { collectorId, route, start, cursor, head: headAtLeast, ...totals, replayed, handedOver, taken };
        }),
      );
    } finally {
      await meta.close();
    }
  } catch (reason) {
    if (!(reason instanceof CollectorError)) throw reason;
    if (reason.code !== "journal_locked") throw new Problem(reason.message);
    throw new Problem(`a collector has ${directory} open: ask that one, with --ledger http://127.0.0.1:4319`);
  } finally {
    await rm(copy, { recursive: true, force: true });
  }
}
