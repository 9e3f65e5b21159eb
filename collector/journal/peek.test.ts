import { expect, test } from "bun:test";
import { FaultyDriver } from "../testing/faulty-driver.ts";
import { deliver, journalOptions, numberedRequest } from "../testing/journal-options.ts";
import { withFolder } from "../testing/temporary.ts";
import { Journal } from "./journal.ts";

const REQUESTS = 100;

async function withJournal(body: (journal: Journal, directory: string) => Promise<void>): Promise<void> {
  await withFolder(async (directory) => {
    const journal = await Journal.open(journalOptions(directory));
    try {
      journal.route("logs");
      for (let number = 0; number < REQUESTS; number++) await journal.append(numberedRequest(number, 2_000), 10);
      await body(journal, directory);
    } finally {
      await journal.close();
    }
  });
}

test("looking through the whole journal finds what delivery finds, and leaves open what delivery has open", async () => {
  await withJournal(async (journal) => {
    await journal.read(0n);
    const openBefore = journal.listSegments().filter(({ state }) => state === "open");
    for (let at = 0n; at < journal.head; at += 10n) {
      const found = await journal.peek(at);
      if (found?.kind !== "commit") throw new Error(`nothing at ${at}`);
      expect(Buffer.from(found.request).equals(numberedRequest(Number(at / 10n), 2_000))).toBe(true);
      expect(journal.listSegments().filter(({ state }) => state === "open").length).toBeLessThanOrEqual(2);
    }
    journal.endPeek();
    expect(journal.listSegments().filter(({ state }) => state === "open")).toEqual(openBefore);
    expect(await journal.peek(journal.head)).toBeUndefined();
  });
});

test("whoever looks while segments are deleted is told that they are gone, and nothing looks damaged", async () => {
  await withJournal(async (journal, directory) => {
    const looks = Array.from({ length: 50 }, async (_, at) => {
      const found = await journal.peek(BigInt(at * 10));
      expect(["commit", "gone"]).toContain(found?.kind as string);
    });
    deliver(journal.route("logs"), 0n, 1_000n);
    await Promise.all(looks);
    while (journal.tail < 500n) {
      expect(["commit", "gone"]).toContain((await journal.peek(journal.tail))?.kind as string);
      await Bun.sleep(0);
    }
    expect(await journal.peek(0n)).toEqual({ kind: "gone", first: 0n, end: journal.tail });
    expect(await Bun.file(`${directory}/damaged`).exists()).toBe(false);
  });
});

test("a roll ends the active segment, also while requests come in, and everything stays readable", async () => {
  await withJournal(async (journal) => {
    const before = journal.listSegments();
    expect(before.at(-1)?.state).toBe("active");
    await journal.roll();
    expect(journal.listSegments().some(({ state }) => state === "active")).toBe(false);
    const appended = Array.from({ length: 20 }, (_, number) => journal.append(numberedRequest(number, 2_000), 1));
    await journal.roll();
    await Promise.all(appended);
    expect(journal.listSegments().length).toBeGreaterThan(before.length);
    const all = journal.listSegments();
    for (const [index, { end }] of all.slice(0, -1).entries()) expect(all[index + 1]?.first).toBe(end);
    for (let at = 1_000n; at < journal.head; at++) expect((await journal.read(at))?.kind).toBe("commit");
    await journal.roll();
  });
});

test("a segment that is rolled when all of it was delivered, and that is on disk, is deleted at once", async () => {
  await withJournal(async (journal, directory) => {
    const route = journal.route("logs");
    deliver(route, 0n, journal.head);
    await route.flush();
    // The sweep that this asks for leaves the active one.
    while (journal.listSegments().length > 1) await Bun.sleep(1);
    await journal.roll();
    expect(journal.listSegments()).toEqual([]);
    expect(journal.tail).toBe(journal.head);
    // No ordinal is given twice, though no segment is left to tell how far they went.
    const { head } = journal;
    await journal.close();
    const again = await Journal.open(journalOptions(directory));
    expect(await again.append(numberedRequest(0), 1)).toBe(head);
    await again.close();
  });
});

test("a segment that was ended by a failed write, when all of it was delivered, is deleted at once", async () => {
  await withFolder(async (directory) => {
    const driver = new FaultyDriver();
    const journal = await Journal.open(journalOptions(directory, { driver }));
    const route = journal.route("logs");
    await journal.append(numberedRequest(0, 2_000), 10);
    deliver(route, 0n, journal.head);
    await route.flush();
    driver.failWrites("segments", "io", 1);
    await expect(journal.append(numberedRequest(1, 2_000), 10)).rejects.toThrow("the disk refused the write");
    while (journal.tail < journal.head) await Bun.sleep(1);
    await journal.close();
  });
});

test("a paused route is found paused after a restart, and by whom", async () => {
  await withFolder(async (directory) => {
    const first = await Journal.open(journalOptions(directory));
    await first.pauses.begin("logs", { by: "ann", atMs: 7 });
    await first.pauses.begin("other", { by: "bob", atMs: 8 });
    await first.pauses.end("other");
    await first.close();
    const second = await Journal.open(journalOptions(directory));
    expect(second.pauses.get("logs")).toEqual({ by: "ann", atMs: 7 });
    expect(second.pauses.get("other")).toBeUndefined();
    await second.close();
  });
});
