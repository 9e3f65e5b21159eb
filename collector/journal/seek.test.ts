import { expect, test } from "bun:test";
import { cp } from "node:fs/promises";
import { join } from "node:path";
import fc from "fast-check";
import { toLedger } from "../admin/status.ts";
import { FaultyDriver } from "../testing/faulty-driver.ts";
import { deliver, journalOptions, numberedRequest } from "../testing/journal-options.ts";
import { withFolder } from "../testing/temporary.ts";
import { RouteState } from "./cursors.ts";
import { Journal } from "./journal.ts";

const REQUESTS = 100;

/** A journal of 100 requests of 10 log records, in several segments; `delivered` of them are. */
async function withJournal(
  delivered: bigint,
  body: (journal: Journal, directory: string, driver: FaultyDriver) => Promise<void>,
): Promise<void> {
  await withFolder(async (directory) => {
    const driver = new FaultyDriver();
    const journal = await Journal.open(journalOptions(join(directory, "journal"), { driver }));
    try {
      // A route that stands still keeps the segments.
      journal.route("other");
      for (let number = 0; number < REQUESTS; number++) await journal.append(numberedRequest(number, 2_000), 10);
      if (delivered > 0n) deliver(journal.route("logs"), 0n, delivered);
      await journal.route("logs").flush();
      await body(journal, directory, driver);
    } finally {
      await journal.close();
    }
  });
}

/** The route's state in a copy of the folder: what a restart after a crash now would find. */
async function afterCrash(directory: string) {
  const copy = join(directory, `copy-${crypto.randomUUID()}`);
  await cp(join(directory, "journal"), copy, { recursive: true });
  const journal = await Journal.open(journalOptions(copy));
  const logs = journal.route("logs");
  const found = { cursor: logs.cursor, ...toLedger(journal.head, logs) };
  for (let at = logs.cursor; at < journal.head; at += 10n) expect((await journal.read(at))?.kind).toBe("commit");
  await journal.close();
  return found;
}

test("what is replayed is accepted once more, and ends once more", async () => {
  await withJournal(500n, async (journal) => {
    const logs = journal.route("logs");
    await journal.seek("logs", 200n);
    expect({ cursor: logs.cursor, open: logs.openRanges(0n, 1_000n) }).toEqual({
      cursor: 200n,
      open: [{ first: 200n, end: 1_000n }],
    });
    expect(toLedger(journal.head, logs)).toMatchObject({ accepted: 1_300n, delivered: 500n, waiting: 800n });
    deliver(logs, 200n, 1_000n);
    expect(toLedger(journal.head, logs)).toMatchObject({ accepted: 1_300n, delivered: 1_300n, waiting: 0n });
  });
});

test("a crash before the seek's write leaves the cursor where it was, one after it where it went", async () => {
  await withJournal(500n, async (journal, directory, driver) => {
    const release = driver.holdWrites("meta");
    const sought = journal.seek("logs", 200n);
    await Bun.sleep(20);
    const before = { cursor: 500n, replayed: 0n, accepted: 1_000n, delivered: 500n, waiting: 500n };
    expect(await afterCrash(directory)).toMatchObject(before);
    release();
    await sought;
    const after = { cursor: 200n, replayed: 300n, accepted: 1_300n, delivered: 500n, waiting: 800n };
    expect(await afterCrash(directory)).toMatchObject(after);
  });
});

test("nothing is deleted between the question and the seek's write", async () => {
  await withJournal(990n, async (journal, directory, driver) => {
    const release = driver.holdWrites("meta");
    const sought = journal.seek("logs", 30n);
    // All other routes have passed all of it: without the seek most segments would go.
    const other = journal.route("other");
    deliver(other, 0n, 1_000n);
    release();
    await Promise.all([sought, other.flush()]);
    expect(journal.tail <= 30n).toBe(true);
    expect((await afterCrash(directory)).cursor).toBe(30n);
  });
});

test("a seek to what is gone, or forward, changes nothing and says what is possible", async () => {
  await withJournal(990n, async (journal) => {
    deliver(journal.route("other"), 0n, 1_000n);
    await journal.route("other").flush();
    while (journal.tail === 0n) await Bun.sleep(1);
    for (const to of [0n, 991n]) {
      const refused = await journal.seek("logs", to).catch((reason: unknown) => reason);
      const words = `between ${journal.tail}, the oldest log record on disk, and its cursor, 990: not to ${to}`;
      expect(refused).toMatchObject({ code: "precondition_failed", message: expect.stringContaining(words) });
    }
    expect(journal.route("logs")).toMatchObject({ cursor: 990n, replayed: 0n });
  });
});

test("a log record that is quarantined again in a replay takes the place of itself", async () => {
  await withJournal(5n, async (journal) => {
    const logs = journal.route("logs");
    const entry = { ordinal: 5n, reason: "refused", message: "no", atMs: 1, request: numberedRequest(1, 40) };
    await logs.quarantine(entry);
    await journal.seek("logs", 0n);
    deliver(logs, 0n, 5n);
    await logs.quarantine({ ...entry, atMs: 2 });
    expect(journal.quarantine.totals("logs").entries).toBe(1);
    expect((await journal.quarantine.list("logs", 10)).map(({ atMs }) => atMs)).toEqual([2]);
    expect(logs.totals).toEqual({ delivered: 10n, filtered: 0n, quarantined: 2n });
    expect(await journal.quarantine.remove("logs", 5n)).toBe(true);
    expect(journal.quarantine.totals("logs")).toEqual({ entries: 0, bytes: 0 });
  });
});

test("whatever is finished and sought back, in any order, the ledger balances, also when read back from its row", () => {
  const step = fc.oneof(
    fc.record({ kind: fc.constant("finish"), at: fc.nat(60), length: fc.integer({ min: 1, max: 20 }) }),
    fc.record({ kind: fc.constant("seek"), at: fc.nat(60), length: fc.constant(0) }),
  );
  fc.assert(
    fc.property(fc.nat(20), fc.array(step, { maxLength: 40 }), (start, steps) => {
      const head = 80n;
      let state = new RouteState(BigInt(start));
      for (const { kind, at, length } of steps) {
        if (kind === "finish") {
          for (const { first, end } of state.openRanges(BigInt(at), BigInt(at + length))) {
            state.finish(first, end, { delivered: Number(end - first), filtered: 0, quarantined: 0 });
          }
        } else if (BigInt(at) <= state.cursor) {
          const { totals } = state;
          state.seekBack(BigInt(at));
          expect(state.cursor).toBe(BigInt(at));
          expect(state.totals).toEqual(totals);
        }
        state = RouteState.decode(state.encode());
        const open = state.openRanges(0n, head).reduce((sum, { first, end }) => sum + end - first, 0n);
        expect(toLedger(head, state).waiting).toBe(open);
      }
    }),
  );
});
