import { expect, test } from "bun:test";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { FaultyDriver } from "../testing/faulty-driver.ts";
import { deliver, journalOptions, numberedRequest } from "../testing/journal-options.ts";
import { withFolder } from "../testing/temporary.ts";
import { Journal } from "./journal.ts";
import type { JournalOptions } from "./options.ts";

async function withJournal(
  body: (journal: Journal, directory: string) => Promise<void>,
  changes: Partial<JournalOptions> = {},
): Promise<void> {
  await withFolder(async (directory) => {
    const journal = await Journal.open(journalOptions(directory, changes));
    try {
      await body(journal, directory);
    } finally {
      await journal.close();
    }
  });
}

function segmentNames(directory: string): string[] {
  return readdirSync(join(directory, "segments")).toSorted();
}

test("an append is acknowledged after the synced write, not before", async () => {
  const driver = new FaultyDriver();
  await withJournal(
    async (journal) => {
      await journal.append(numberedRequest(0), 1);
      const release = driver.holdWrites("segments");
      let acknowledged = false;
      const appended = journal.append(numberedRequest(1), 1).then((ordinal) => {
        acknowledged = true;
        return ordinal;
      });
      const writesBefore = driver.written.length;
      for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
      expect(acknowledged).toBe(false);
      expect(journal.head).toBe(1n);
      release();
      expect(await appended).toBe(1n);
      expect(driver.written.length).toBe(writesBefore + 1);
    },
    { driver },
  );
});

test("every ordinal reads as the commit that holds it, across segments, also after opening again", async () => {
  await withFolder(async (directory) => {
    const journal = await Journal.open(journalOptions(directory));
    const requests = Array.from({ length: 300 }, (_, number) => numberedRequest(number, 1_000));
    for (const [number, request] of requests.entries()) {
      expect(await journal.append(request, 3)).toBe(BigInt(number * 3));
    }
    expect(segmentNames(directory).length).toBeGreaterThan(3);
    const readAll = async (from: Journal): Promise<void> => {
      expect(from.head).toBe(900n);
      for (let ordinal = 0n; ordinal < 900n; ordinal += 7n) {
        const commit = await from.read(ordinal);
        if (commit?.kind !== "commit") throw new Error(`no commit at ${ordinal}`);
        expect(commit.first).toBe((ordinal / 3n) * 3n);
        expect(Buffer.from(commit.request).equals(requests[Number(ordinal / 3n)] as Uint8Array)).toBe(true);
      }
      expect(await from.read(900n)).toBeUndefined();
    };
    await readAll(journal);
    await journal.close();
    const again = await Journal.open(journalOptions(directory));
    await readAll(again);
    expect(again.collectorId).toBe(journal.collectorId);
    expect(await again.append(numberedRequest(0), 1)).toBe(900n);
    await again.close();
  });
});

test("a segment is deleted when every route's cursor on disk has passed it, and the disk's share of the journal ends at two segments", async () => {
  await withJournal(async (journal, directory) => {
    const fast = journal.route("fast");
    const slow = journal.route("slow");
    for (let number = 0; number < 300; number++) await journal.append(numberedRequest(number), 1);
    const before = segmentNames(directory).length;
    deliver(fast, 0n, 300n);
    await fast.flush();
    await Bun.sleep(20);
    expect(segmentNames(directory)).toHaveLength(before);
    deliver(slow, 0n, 150n);
    await slow.flush();
    await waitUntil(() => segmentNames(directory).length < before);
    expect(BigInt(segmentNames(directory)[0] ?? 0)).toBeLessThanOrEqual(150n);
    expect(await journal.read(150n)).toMatchObject({ kind: "commit", first: 150n });
    deliver(slow, 150n, 300n);
    await slow.flush();
    await waitUntil(() => segmentNames(directory).length <= 2 && journal.status().bytes <= 2 * 65_536);
  });
});

test("a route that this run does not know keeps its logs", async () => {
  await withFolder(async (directory) => {
    const journal = await Journal.open(journalOptions(directory));
    for (let number = 0; number < 200; number++) await journal.append(numberedRequest(number), 1);
    deliver(journal.route("forgotten"), 0n, 10n);
    await journal.close();
    const again = await Journal.open(journalOptions(directory));
    const other = again.route("other");
    deliver(other, 0n, 200n);
    await other.flush();
    await Bun.sleep(20);
    expect(again.tail).toBe(0n);
    expect(again.route("forgotten").cursor).toBe(10n);
    await again.close();
  });
});

test("a full journal refuses, tells when there is room again, and loses nothing of what it took", async () => {
  await withJournal(
    async (journal) => {
      const cursor = journal.route("logs");
      let taken = 0;
      let refused: unknown;
      while (refused === undefined) {
        await journal.append(numberedRequest(taken), 1).then(
          () => taken++,
          (reason: unknown) => {
            refused = reason;
          },
        );
      }
      expect(refused).toMatchObject({ code: "journal_full", retryable: true });
      expect(journal.status().isFull).toBe(true);
      expect(journal.status().bytes).toBeLessThanOrEqual(200_000);
      const { promise: room, resolve } = Promise.withResolvers<void>();
      journal.onRoom(resolve);
      deliver(cursor, 0n, BigInt(taken - 10));
      await room;
      expect(await journal.append(numberedRequest(taken), 1)).toBe(BigInt(taken));
      expect(await journal.read(BigInt(taken - 10))).toMatchObject({ kind: "commit" });
    },
    { bytesMax: 200_000 },
  );
});

test("what is finished beyond the cursor is not open after a restart", async () => {
  await withFolder(async (directory) => {
    const journal = await Journal.open(journalOptions(directory));
    for (let number = 0; number < 10; number++) await journal.append(numberedRequest(number), 10);
    const cursor = journal.route("logs");
    deliver(cursor, 20n, 40n);
    deliver(cursor, 70n, 75n);
    await journal.close();
    const again = await Journal.open(journalOptions(directory));
    expect(again.route("logs").openRanges(0n, 100n)).toEqual([
      { first: 0n, end: 20n },
      { first: 40n, end: 70n },
      { first: 75n, end: 100n },
    ]);
    await again.close();
  });
});

test("a quarantined record and the cursor that passed it are in one synced batch, and the record reads back", async () => {
  const driver = new FaultyDriver();
  await withJournal(
    async (journal) => {
      await journal.append(numberedRequest(0), 5);
      const cursor = journal.route("logs");
      await cursor.flush();
      const entry = {
        ordinal: 0n,
        reason: "line_too_large",
        message: "é\n2",
        atMs: 12,
        request: numberedRequest(9, 100),
      };
      const before = driver.written.length;
      await cursor.quarantine(entry);
      const [batch, ...others] = driver.written
        .slice(before)
        .map(({ batch }) => batch.map(({ key }) => Buffer.from(key).toString()));
      expect(others).toEqual([]);
      expect(batch).toEqual(expect.arrayContaining(["route/logs", "quarantine/logs/00000000000000000000"]));
      expect(cursor.cursor).toBe(1n);
      expect(cursor.totals.quarantined).toBe(1n);
      await cursor.quarantine({ ...entry, ordinal: 3n });
      expect(await journal.quarantine.list("logs", 10)).toEqual([entry, { ...entry, ordinal: 3n }]);
      expect(await journal.quarantine.list("logs", 10, 0n)).toEqual([{ ...entry, ordinal: 3n }]);
      expect(await journal.quarantine.list("log", 10)).toEqual([]);
    },
    { driver },
  );
});

test("a second journal on the same folder is refused in one sentence, in this process and in another", async () => {
  await withJournal(async (journal, directory) => {
    const refused = await Journal.open(journalOptions(directory)).catch((reason: unknown) => reason);
    expect(refused).toMatchObject({ code: "journal_locked" });
    expect(String(refused)).toContain(`process ${process.pid}`);
    const child = Bun.spawnSync({
      cmd: [
        process.execPath,
        "-e",
        `import { lockFolder } from ${JSON.stringify(join(import.meta.dir, "lock.ts"))};
         try { lockFolder(${JSON.stringify(directory)}); console.log("opened"); } catch (e) { console.log(e.code); }`,
      ],
    });
    expect(child.stdout.toString().trim()).toBe("journal_locked");
    expect(await journal.append(numberedRequest(1), 1)).toBe(0n);
  });
});

test("after close nothing is taken, and what waited at that moment was written", async () => {
  await withFolder(async (directory) => {
    const journal = await Journal.open(journalOptions(directory));
    const waiting = Array.from({ length: 50 }, (_, number) => journal.append(numberedRequest(number), 1));
    await journal.close();
    expect(await Promise.all(waiting)).toEqual(waiting.map((_, number) => BigInt(number)));
    expect(await journal.append(numberedRequest(0), 1).catch((reason: unknown) => reason)).toMatchObject({
      code: "shutting_down",
    });
    const again = await Journal.open(journalOptions(directory));
    expect(again.head).toBe(50n);
    await again.close();
  });
});

async function waitUntil(condition: () => boolean): Promise<void> {
  for (let attempt = 0; attempt < 5_000; attempt++) {
    if (condition()) return;
    await Bun.sleep(5);
  }
  throw new Error("it did not come true");
}

test("a route that begins while a segment is being deleted begins behind it", async () => {
  await withFolder(async (directory) => {
    const journal = await Journal.open(journalOptions(directory));
    const first = journal.route("first");
    for (let number = 0; number < 200; number++) await journal.append(numberedRequest(number), 1);
    deliver(first, 0n, 150n);
    // When the cursor is on disk the deletion of what lies behind it has begun.
    await first.flush();
    const later = journal.route("later");
    expect(await journal.read(later.cursor)).toMatchObject({ kind: "commit", first: later.cursor });
    await journal.close();
  });
});

test("what is settled after the journal was closed does not open it again", async () => {
  await withFolder(async (directory) => {
    const journal = await Journal.open(journalOptions(directory));
    const cursor = journal.route("logs");
    await journal.append(numberedRequest(0), 10);
    await cursor.flush();
    await journal.close();
    // A route that ran out of its time to stop may do so.
    deliver(cursor, 0n, 10n);
    expect(await cursor.flush().catch((reason: unknown) => reason)).toMatchObject({ code: "shutting_down" });
    const again = await Journal.open(journalOptions(directory));
    expect(again.route("logs").cursor).toBe(0n);
    await again.close();
  });
});
