import { expect, test } from "bun:test";
import { CollectorError } from "../errors.ts";
import { FaultyDriver } from "../testing/faulty-driver.ts";
import { journalOptions, numberedRequest } from "../testing/journal-options.ts";
import { withFolder } from "../testing/temporary.ts";
import { Journal } from "./journal.ts";
import { levelDriver } from "./level-store.ts";
import type { JournalOptions } from "./options.ts";
import { describeEntry } from "./quarantine.ts";
import type { Store, StoreDriver } from "./store.ts";

/** A journal with `count` log records, all of them in the quarantine of route "logs". */
async function withQuarantine(
  count: number,
  body: (journal: Journal, directory: string) => Promise<void>,
  changes: Partial<JournalOptions> = {},
): Promise<void> {
  await withFolder(async (directory) => {
    const journal = await Journal.open(journalOptions(directory, changes));
    try {
      await journal.append(numberedRequest(0), count);
      for (let ordinal = 0n; ordinal < BigInt(count); ordinal++) await put(journal, ordinal);
      await body(journal, directory);
    } finally {
      await journal.close();
    }
  });
}

function put(journal: Journal, ordinal: bigint): Promise<void> {
  const request = numberedRequest(Number(ordinal), 40);
  return journal.route("logs").quarantine({ ordinal, reason: "refused", message: "no", atMs: 5, request });
}

test("a record sent again is for its own route alone, under a new ordinal, and leaves the quarantine", async () => {
  await withQuarantine(3, async (journal) => {
    const mended = numberedRequest(77, 80);
    expect(await journal.requeue("logs", 1n, mended)).toBe(3n);
    const commit = await journal.read(3n);
    if (commit?.kind !== "commit") throw new Error("no commit");
    expect(Buffer.from(commit.request).equals(mended)).toBe(true);
    expect(commit.isFor("logs")).toBe(true);
    expect(commit.isFor("other")).toBe(false);
    expect((await journal.read(0n)) as { isFor(route: string): boolean }).toSatisfy((each) => each.isFor("other"));
    expect((await journal.quarantine.list("logs", 10)).map(({ ordinal }) => ordinal)).toEqual([0n, 2n]);
    expect(journal.quarantine.totals("logs").entries).toBe(2);
    expect(await journal.requeue("logs", 1n)).toBeUndefined();
  });
});

test("a record that two ask to be sent again at once goes once: the second one is told that it is not there", async () => {
  await withQuarantine(2, async (journal) => {
    const asked = [journal.requeue("logs", 1n), journal.requeue("logs", 1n), journal.requeue("logs", 0n)];
    const ordinals = await Promise.all(asked);
    expect(ordinals.map((ordinal) => typeof ordinal)).toEqual(["bigint", "undefined", "bigint"]);
    expect(journal.head).toBe(4n);
    expect(journal.quarantine.totals("logs")).toEqual({ entries: 0, bytes: 0 });
  });
});

test("what was let go is gone, and only that", async () => {
  await withQuarantine(3, async (journal) => {
    expect(await journal.quarantine.remove("logs", 0n)).toBe(true);
    expect(await journal.quarantine.remove("logs", 0n)).toBe(false);
    expect(await journal.quarantine.remove("other", 1n)).toBe(false);
    expect(await journal.quarantine.get("logs", 0n)).toBeUndefined();
    expect(await journal.quarantine.get("logs", 1n)).toMatchObject({ ordinal: 1n, reason: "refused" });
    expect(journal.quarantine.totals("logs").entries).toBe(2);
  });
});

test("while the disk takes no bookkeeping, nobody is told that a record is not in quarantine", async () => {
  const driver = new FaultyDriver();
  await withQuarantine(
    2,
    async (journal) => {
      driver.failWrites("meta", "full", 1_000);
      const put = journal.pauses.begin("logs", { by: "nobody", atMs: 0 });
      const answers = new Set<string>();
      for (let looks = 0; looks < 100 || answers.size < 2; looks++) {
        const answer = await journal.quarantine.get("logs", 1n).catch((reason: unknown) => reason);
        answers.add(answer instanceof CollectorError ? answer.code : String(answer && "there"));
        await Bun.sleep(1);
      }
      expect([...answers].sort()).toEqual(["journal_io", "there"]);
      driver.heal();
      await put;
      expect(await journal.quarantine.get("logs", 1n)).toMatchObject({ ordinal: 1n });
    },
    { driver },
  );
});

test("what two let go at once is gone once", async () => {
  await withQuarantine(3, async ({ quarantine }) => {
    const removed = await Promise.all([1n, 1n, 2n].map((ordinal) => quarantine.remove("logs", ordinal)));
    expect(removed).toEqual([true, false, true]);
    expect(quarantine.totals("logs").entries).toBe(1);
  });
});

test("entries and their totals are the same after a restart", async () => {
  await withQuarantine(5, async (journal, directory) => {
    const before = { list: await journal.quarantine.list("logs", 10), totals: journal.quarantine.totals("logs") };
    await journal.close();
    const again = await Journal.open(journalOptions(directory));
    expect({ list: await again.quarantine.list("logs", 10), totals: again.quarantine.totals("logs") }).toEqual(before);
    expect(again.route("logs").totals.quarantined).toBe(5n);
    await again.close();
  });
});

test("at its limit a quarantine takes no more, the record stays open, and it takes more when there is room", async () => {
  const limit = { quarantineBytesMax: 500 };
  await withQuarantine(
    0 + 1,
    async (journal) => {
      await journal.append(numberedRequest(1), 20);
      let refused: unknown;
      let ordinal = 1n;
      while (refused === undefined) {
        await put(journal, ordinal).then(
          () => ordinal++,
          (reason: unknown) => {
            refused = reason;
          },
        );
      }
      expect(refused).toMatchObject({ code: "quarantine_full" });
      expect(ordinal).toBeGreaterThan(2n);
      const cursor = journal.route("logs");
      expect(cursor.openRanges(0n, 21n)[0]?.first).toBe(ordinal);
      for (let each = 0n; each < ordinal; each++) await journal.quarantine.remove("logs", each);
      await put(journal, ordinal);
      expect(cursor.cursor).toBe(ordinal + 1n);
    },
    limit,
  );
});

test("a hundred thousand quarantined records are kept, paged through and counted", async () => {
  await withFolder(async (directory) => {
    const count = 100_000;
    const journal = await Journal.open(journalOptions(directory));
    await journal.append(numberedRequest(0), count);
    for (let first = 0; first < count; first += 2_000) {
      await Promise.all(Array.from({ length: 2_000 }, (_, index) => put(journal, BigInt(first + index))));
    }
    expect(journal.route("logs").cursor).toBe(BigInt(count));
    await journal.close();

    const again = await Journal.open(journalOptions(directory));
    expect(again.quarantine.totals("logs").entries).toBe(count);
    let after: bigint | undefined;
    let seen = 0;
    for (;;) {
      const page = await again.quarantine.list("logs", 1_000, after);
      if (page.length === 0) break;
      for (const { ordinal } of page) expect(ordinal).toBe(BigInt(seen++));
      after = page.at(-1)?.ordinal;
    }
    expect(seen).toBe(count);
    await again.close();
  });
}, 60_000);

test("large entries are read a few at a time, whoever asks for how many", async () => {
  await withFolder(async (directory) => {
    const count = 60;
    let most = 0;
    const driver: StoreDriver = {
      ...levelDriver,
      open: async (folder, options) => {
        const store = await levelDriver.open(folder, options);
        const read = async (range: Parameters<Store["read"]>[0]) => {
          const found = await store.read(range);
          most = Math.max(
            most,
            found.reduce((sum, { value }) => sum + value.byteLength, 0),
          );
          return found;
        };
        return { write: (batch) => store.write(batch), close: () => store.close(), read };
      },
    };
    const journal = await Journal.open(journalOptions(directory, { driver, quarantineBytesMax: 1_024 * 1_048_576 }));
    await journal.append(numberedRequest(0), count);
    for (let ordinal = 0n; ordinal < BigInt(count); ordinal++) {
      const request = numberedRequest(Number(ordinal), 1_000_000);
      await journal.route("logs").quarantine({ ordinal, reason: "refused", message: "no", atMs: 5, request });
    }
    const page = await journal.quarantine.list("logs", count);
    expect(page.length).toBeGreaterThan(1);
    expect(page.length).toBeLessThan(20);
    const seen: bigint[] = [];
    for await (const { ordinal } of journal.quarantine.all("logs", 9n)) seen.push(ordinal);
    expect(seen).toEqual(Array.from({ length: count - 10 }, (_, index) => BigInt(index + 10)));
    expect(most).toBeLessThan(12_000_000);
    await journal.close();
  });
}, 20_000);

test("an entry is shown with its reason, the log as it would have been delivered, and its own bytes", () => {
  // ResourceLogs { ScopeLogs { LogRecord { body: "hi" } } }
  const request = new Uint8Array([10, 10, 18, 8, 18, 6, 42, 4, 10, 2, 104, 105]);
  const line = describeEntry({ ordinal: 9n, reason: "refused", message: 'it said "no"', atMs: 0, request });
  expect(JSON.parse(line)).toEqual({
    ordinal: "9",
    reason: "refused",
    message: 'it said "no"',
    at: "1970-01-01T00:00:00.000Z",
    log: { body: "hi" },
    otlp: Buffer.from(request).toString("base64"),
  });
  expect(line.endsWith("\n")).toBe(true);
});
