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

test("of a range that is replayed exactly the range is open, and the rest stays as it was", async () => {
  await withJournal(500n, async (journal, directory) => {
    const logs = journal.route("logs");
    await journal.seek("logs", 200n, 260n);
    const open = [
      { first: 200n, end: 260n },
      { first: 500n, end: 1_000n },
    ];
    expect({ cursor: logs.cursor, open: logs.openRanges(0n, 1_000n) }).toEqual({ cursor: 200n, open });
    const numbers = { accepted: 1_060n, delivered: 500n, waiting: 560n, replayed: 60n };
    expect(toLedger(journal.head, logs)).toMatchObject(numbers);
    expect(await afterCrash(directory)).toMatchObject({ cursor: 200n, ...numbers });
    deliver(logs, 200n, 230n);
    // Half of it, and then once more from within, as far as within.
    await journal.seek("logs", 210n, 220n);
    expect(logs.openRanges(0n, 500n)).toEqual([
      { first: 210n, end: 220n },
      { first: 230n, end: 260n },
    ]);
    deliver(logs, 210n, 220n);
    deliver(logs, 230n, 260n);
    expect(logs.cursor).toBe(500n);
    expect(toLedger(journal.head, logs)).toMatchObject({ accepted: 1_070n, delivered: 570n, waiting: 500n });
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

test("a range that is empty, or ends beyond the cursor or before the route began, is refused in words", async () => {
  await withJournal(500n, async (journal) => {
    const late = journal.route("late", "head");
    expect(late.start).toBe(1_000n);
    for (const [name, to, end, words] of [
      [
        "logs",
        200n,
        200n,
        "begins at 200, and can end beyond it, from where the route began, 0, up to its cursor, 500",
      ],
      ["logs", 200n, 100n, "not at 100"],
      ["logs", 200n, 501n, "not at 501"],
      ["late", 200n, 300n, "where the route began, 1000"],
    ] as const) {
      const refused = await journal.seek(name, to, end).catch((reason: unknown) => reason);
      expect(refused).toMatchObject({ code: "precondition_failed", message: expect.stringContaining(words) });
    }
    await journal.seek("late", 200n);
    expect(toLedger(journal.head, late)).toMatchObject({ accepted: 800n, waiting: 800n, replayed: 0n });
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
    // Without a length it goes up to the cursor.
    fc.record({ kind: fc.constant("seek"), at: fc.nat(60), length: fc.nat(20) }),
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
        } else {
          const { totals, cursor } = state;
          const to = BigInt(at);
          const end = length === 0 ? cursor : to + BigInt(length);
          if (to > cursor || end > cursor || end < state.start) continue;
          const { accepted } = toLedger(head, state);
          const before = state.openRanges(0n, head);
          const mine = state.start < to ? to : state.start;
          state.seekBack(to, end);
          expect(state.cursor).toBe(to);
          expect(state.totals).toEqual(totals);
          expect(toLedger(head, state).accepted - accepted).toBe(end - to);
          // One by one: the range is open, and of the rest what was.
          for (let ordinal = to; ordinal < head; ordinal++) {
            const isOpen = state.openRanges(ordinal, ordinal + 1n).length > 0;
            const wasOpen = before.some((range) => range.first <= ordinal && ordinal < range.end);
            expect({ ordinal, isOpen }).toEqual({ ordinal, isOpen: wasOpen || (ordinal >= to && ordinal < end) });
          }
          expect(state.start <= mine).toBe(true);
        }
        state = RouteState.decode(state.encode());
        const open = state.openRanges(0n, head).reduce((sum, { first, end }) => sum + end - first, 0n);
        expect(toLedger(head, state).waiting).toBe(open);
      }
    }),
  );
});
