import { expect, test } from "bun:test";
import type { Commit, JournalReader } from "../../journal/port.ts";
import { CommitTimes } from "./commit-times.ts";

/** One entry of ten log records for each time given. */
function journalOf(times: readonly number[]): JournalReader {
  const commitOf = (index: number): Commit | undefined => {
    const committedAtMs = times[index];
    if (committedAtMs === undefined) return undefined;
    const request = new Uint8Array(0);
    return { kind: "commit", first: BigInt(index * 10), records: 10, committedAtMs, request, isFor: () => true };
  };
  return {
    collectorId: "test",
    head: BigInt(times.length * 10),
    read: async (from) => commitOf(Number(from / 10n)),
    waitForHead: async () => undefined,
  };
}

test("the oldest that waits has the time at which its entry was written, before this process as well", async () => {
  const times = new CommitTimes();
  const journal = times.watching(journalOf([5_000, 9_000, 20_000]));
  expect(times.committedAtMs(0n)).toBeUndefined();
  for (const from of [0n, 10n, 20n]) await journal.read(from);
  expect([0n, 9n, 10n, 25n].map((cursor) => times.committedAtMs(cursor))).toEqual([5_000, 5_000, 9_000, 20_000]);
});

test("what was not read yet has no time, whatever came before it", async () => {
  const times = new CommitTimes();
  const journal = times.watching(journalOf([5_000, 9_000]));
  await journal.read(0n);
  expect(times.committedAtMs(10n)).toBeUndefined();
  await journal.read(10n);
  expect(times.committedAtMs(10n)).toBe(9_000);
  expect(times.committedAtMs(20n)).toBeUndefined();
});

test("entries within a second count as one, and one that is read again changes nothing", async () => {
  const times = new CommitTimes();
  const journal = times.watching(journalOf([5_000, 5_400, 5_900, 6_100]));
  for (const from of [0n, 10n, 20n, 30n, 10n]) await journal.read(from);
  expect([0n, 29n, 30n].map((cursor) => times.committedAtMs(cursor))).toEqual([5_000, 5_000, 6_100]);
});

test("a clock that was set back is believed from then on", async () => {
  const times = new CommitTimes();
  const journal = times.watching(journalOf([90_000, 5_000]));
  for (const from of [0n, 10n]) await journal.read(from);
  expect([0n, 10n].map((cursor) => times.committedAtMs(cursor))).toEqual([90_000, 5_000]);
});

test("the head is the journal's own, now", async () => {
  let head = 0n;
  const journal = new CommitTimes().watching({
    ...journalOf([]),
    get head() {
      return head;
    },
  });
  head = 7n;
  expect(journal.head).toBe(7n);
});
