import { expect, test } from "bun:test";
import { chmod, mkdir, readdir, readFile, rm, stat, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { deliver, journalOptions, numberedRequest } from "../testing/journal-options.ts";
import { withFolder } from "../testing/temporary.ts";
import { fsck } from "./fsck.ts";
import { JournalInspection } from "./inspection.ts";
import { Journal } from "./journal.ts";
import { repair } from "./repair.ts";

const REQUESTS = 100;

/** The folder of a closed journal of 100 requests of 10 log records each, 300 of them delivered, one in quarantine. */
async function withClosedJournal(body: (directory: string, base: string) => Promise<void>): Promise<void> {
  await withFolder(async (base) => {
    const directory = join(base, "journal");
    const journal = await Journal.open(journalOptions(directory));
    journal.route("other");
    for (let number = 0; number < REQUESTS; number++) await journal.append(numberedRequest(number, 2_000), 10);
    const logs = journal.route("logs");
    deliver(logs, 0n, 300n);
    const entry = { ordinal: 300n, reason: "refused", message: "no", atMs: 5, request: numberedRequest(1, 40) };
    await logs.quarantine(entry);
    await journal.close();
    await body(directory, base);
  });
}

/** Every file with its bytes and times: what must not change. */
async function photograph(directory: string): Promise<Record<string, string>> {
  const found: Record<string, string> = {};
  for (const name of await readdir(directory, { recursive: true })) {
    const path = join(directory, name);
    const { mtimeMs, isFile } = await stat(path).then((facts) => ({ mtimeMs: facts.mtimeMs, isFile: facts.isFile() }));
    found[name] = isFile ? `${mtimeMs} ${Bun.hash(await readFile(path))}` : `${mtimeMs}`;
  }
  return found;
}

const looked = async <T>(directory: string, look: (inspection: JournalInspection) => Promise<T>): Promise<T> => {
  const inspection = await JournalInspection.open(directory);
  try {
    return await look(inspection);
  } finally {
    await inspection.close();
  }
};

/** The segment's file that holds its entries. */
async function dataFile(directory: string, segment: number): Promise<string> {
  const segments = (await readdir(join(directory, "segments"))).sort();
  const folder = join(directory, "segments", segments[segment] as string);
  const names = await readdir(folder);
  const sizes = await Promise.all(names.map(async (name) => ({ name, size: (await stat(join(folder, name))).size })));
  return join(folder, sizes.sort((a, b) => b.size - a.size)[0]?.name as string);
}

test("all of a stopped journal is read, and nothing in its folder changes", async () => {
  await withClosedJournal(async (directory) => {
    const before = await photograph(directory);
    await looked(directory, async (inspection) => {
      let position = 0n;
      for await (const found of inspection.read(0n, 1n << 62n)) {
        if (found.kind !== "commit") throw new Error(found.reason);
        expect(found.first).toBe(position);
        expect(Buffer.from(found.request).equals(numberedRequest(Number(position / 10n), 2_000))).toBe(true);
        position += BigInt(found.records);
      }
      expect(position).toBe(1_000n);
      expect(inspection.routes.get("logs")?.cursor).toBe(301n);
      expect((await inspection.quarantine.list("logs", 9)).map(({ ordinal }) => ordinal)).toEqual([300n]);
      const report = await fsck(inspection);
      expect(report).toMatchObject({ entries: 100, logRecords: 1_000n, unreadable: 0n, head: 1_000n, problems: [] });
    });
    expect(await photograph(directory)).toEqual(before);
  });
});

test("a folder that is not there, is none, or is another's is no journal, in one sentence", async () => {
  await withFolder(async (base) => {
    await writeFile(join(base, "file"), "");
    await mkdir(join(base, "empty"));
    for (const [name, words] of [
      ["gone", "it is not there"],
      ["file", "it is no folder"],
      ["empty", "it has no folder meta/"],
    ]) {
      const refused = await JournalInspection.open(join(base, name as string)).catch((reason: unknown) => reason);
      expect((refused as Error).message).toContain(`is no journal: ${words}. Name the folder`);
    }
  });
});

test("the journal of a running collector is refused, and one being looked at keeps collectors out", async () => {
  await withFolder(async (directory) => {
    const journal = await Journal.open(journalOptions(directory));
    const refused = await JournalInspection.open(directory).catch((reason: unknown) => reason);
    expect(refused).toMatchObject({ code: "journal_locked", message: expect.stringContaining("ask that one") });
    await journal.close();
    await looked(directory, async () => {
      const locked = await Journal.open(journalOptions(directory)).catch((reason: unknown) => reason);
      expect(locked).toMatchObject({ code: "journal_locked" });
    });
    await (await Journal.open(journalOptions(directory))).close();
  });
});

test("a journal that may not be written is read all the same", async () => {
  await withClosedJournal(async (directory) => {
    for (const name of [...(await readdir(directory, { recursive: true })), "."]) {
      const path = join(directory, name);
      await chmod(path, (await stat(path)).isDirectory() ? 0o555 : 0o444);
    }
    await looked(directory, async (inspection) => expect((await fsck(inspection)).problems).toEqual([]));
    for (const name of [".", ...(await readdir(directory, { recursive: true }))])
      await chmod(join(directory, name), 0o755);
  });
});

test("a flipped byte, a segment cut short and one that is gone are found, named, and cost only what they hold", async () => {
  await withClosedJournal(async (directory) => {
    const flipped = await dataFile(directory, 1);
    const bytes = await readFile(flipped);
    bytes[30_000] = (bytes[30_000] as number) ^ 0xff;
    await writeFile(flipped, bytes);
    const cut = await dataFile(directory, 2);
    await truncate(cut, Math.floor((await stat(cut)).size / 2));
    const before = await photograph(directory);
    await looked(directory, async (inspection) => {
      const report = await fsck(inspection);
      expect(report.head).toBe(1_000n);
      expect(report.unreadable).toBeGreaterThan(0n);
      expect(report.unreadable).toBeLessThan(600n);
      expect(report.problems.map(({ words }) => words).join("\n")).toMatch(/log records \d+ to \d+ can't be read/);
      expect(BigInt(report.entries * 10) + report.unreadable).toBe(1_000n);
    });
    expect(await photograph(directory)).toEqual(before);
  });
});

test("the end that is missing is found by what the bookkeeping knows", async () => {
  await withClosedJournal(async (directory) => {
    const segments = (await readdir(join(directory, "segments"))).sort();
    await rm(join(directory, "segments", segments.at(-1) as string), { recursive: true });
    const report = await looked(directory, (inspection) => fsck(inspection));
    expect(report.head).toBe(1_000n);
    expect(report.unreadable).toBe(1_000n - BigInt(segments.at(-1) as string));
  });
});

test("a repaired journal holds what can be read under the same ordinals, and a collector goes on with it", async () => {
  await withClosedJournal(async (directory, base) => {
    const flipped = await dataFile(directory, 1);
    const bytes = await readFile(flipped);
    bytes[30_000] = (bytes[30_000] as number) ^ 0xff;
    await writeFile(flipped, bytes);
    const before = await photograph(directory);
    const target = join(base, "repaired");
    const report = await looked(directory, (inspection) => repair(inspection, target));
    expect(await photograph(directory)).toEqual(before);
    const refused = await looked(directory, (inspection) => repair(inspection, target)).catch((reason) => reason);
    expect((refused as Error).message).toContain("is not empty");

    const journal = await Journal.open(journalOptions(target));
    expect(journal.head).toBe(1_000n);
    expect(journal.collectorId).toBe(await looked(directory, async ({ collectorId }) => collectorId));
    const logs = journal.route("logs");
    expect({ cursor: logs.cursor, totals: logs.totals }).toEqual({
      cursor: 301n,
      totals: { delivered: 300n, filtered: 0n, quarantined: 1n },
    });
    expect(journal.quarantine.totals("logs").entries).toBe(1);
    let read = 0;
    for (let at = 0n; at < 1_000n; ) {
      const found = await journal.read(at);
      if (found?.kind === "commit") {
        expect(Buffer.from(found.request).equals(numberedRequest(Number(found.first / 10n), 2_000))).toBe(true);
        read += 1;
        at = found.first + BigInt(found.records);
      } else at = found?.end ?? 1_000n;
    }
    expect(read).toBe(report.entries);
    expect(read).toBeGreaterThan(90);
    await journal.close();
  });
});
