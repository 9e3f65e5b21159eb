import { expect, test } from "bun:test";
import { loadConfig } from "../../config/config.ts";
import { logsRequest } from "../../ingest/fixture.ts";
import type { CommitEvent } from "../../observer.ts";
import { VirtualClock } from "../../testing/virtual-clock.ts";
import { Tail, type TailPiece } from "./tail.ts";

const RECORDS = 10;

/** A journal of commits of ten log records each, of which each look takes `lookMs`. */
function startTail(lookMs: number, settings: Record<string, string> = {}) {
  const clock = new VirtualClock();
  const taps = new Set<(commit: CommitEvent) => void>();
  const journal = {
    collectorId: "abc",
    looks: 0,
    ends: 0,
    peek: async (first: bigint) => {
      journal.looks += 1;
      const request = logsRequest(RECORDS);
      await clock.sleep(lookMs);
      return { kind: "commit" as const, first, records: RECORDS, request };
    },
    endPeek: () => {
      journal.ends += 1;
    },
  };
  const config = loadConfig(undefined, { STANDPIPE_FIREHOSE_STREAM: "s", ...settings });
  const tail = new Tail({
    journal,
    clock,
    routes: () => config.routes,
    tap: (listener) => {
      taps.add(listener);
      return () => taps.delete(listener);
    },
  });
  let head = 0n;
  const commit = async (): Promise<void> => {
    for (const tap of taps) tap({ first: head, records: RECORDS, bytes: 2_000, ms: 1 });
    head += BigInt(RECORDS);
    await clock.advance(lookMs);
  };
  return { tail, journal, clock, taps, commit };
}

test("log records are shown as a route would send them, with the ids that they will have", async () => {
  const { tail, commit } = startTail(0);
  const pieces: TailPiece[] = [];
  tail.watch(undefined, undefined, (piece) => pieces.push(piece));
  await commit();
  expect(pieces[0]?.lines).toHaveLength(RECORDS);
  expect(JSON.parse(pieces[0]?.lines[3] ?? "{}")).toMatchObject({ recordId: "abc/3" });
});

test("looking takes 2 % of the time: what comes meanwhile is passed over, and counted", async () => {
  const { tail, journal, clock, commit } = startTail(10);
  const pieces: TailPiece[] = [];
  tail.watch(undefined, undefined, (piece) => pieces.push(piece));
  for (let round = 0; round < 1_000; round++) await commit();
  await clock.advance(10);
  // 1,000 commits in 10 s: a look of 10 ms, then 490 ms of rest.
  expect(journal.looks).toBe(20);
  const shown = pieces.reduce((sum, { lines }) => sum + lines.length, 0);
  const skipped = pieces.reduce((sum, piece) => sum + piece.skipped, 0);
  expect(shown).toBe(20 * RECORDS);
  expect(skipped).toBe(951 * RECORDS - 20 * RECORDS);
});

test("a filter that lets nothing through shows nothing, and one that can't be understood is told", async () => {
  const { tail, commit } = startTail(0);
  const pieces: TailPiece[] = [];
  tail.watch(undefined, 'body = "no such thing"', (piece) => pieces.push(piece));
  await commit();
  expect(pieces).toEqual([]);
  expect(() => tail.watch(undefined, "severty >= WARN", () => undefined)).toThrow("did you mean severity?");
  expect(() => tail.watch("nobody", undefined, () => undefined)).toThrow("there is no route nobody");
});

test("a route's redaction holds here too: what must not leave is not shown", async () => {
  const { tail, commit } = startTail(0, { STANDPIPE_FIREHOSE_REDACT: '{"drop":["body"]}' });
  const pieces: TailPiece[] = [];
  tail.watch(undefined, undefined, (piece) => pieces.push(piece));
  await commit();
  expect(pieces[0]?.lines).toHaveLength(RECORDS);
  expect(pieces[0]?.lines.some((line) => line.includes('"body"'))).toBe(false);
});

test("while nobody watches nothing is read, and the last who leaves lets go of the journal", async () => {
  const { tail, journal, taps, commit } = startTail(0);
  const ends = [tail.watch(undefined, undefined, () => undefined), tail.watch(undefined, undefined, () => undefined)];
  for (const end of ends) end();
  expect(taps.size).toBe(0);
  expect(journal.ends).toBe(1);
  await commit();
  expect(journal.looks).toBe(0);
});
