import { expect, test } from "bun:test";
import { advanceUntil, numberedLines, rigWith } from "../testing/delivery-rig.ts";
import { awsError, type Behaviour, SLOW_DOWN } from "../testing/fake-sink.ts";
import { billedBytes } from "./packing/pack.ts";

const TAKE: Behaviour = { kind: "take" };
const MINUTE_MS = 60_000;

/** 600 bytes: records hold 200. */
const LARGE = JSON.stringify({ body: "b".repeat(500), attributes: { "http.url": "u".repeat(59) } });

interface Part {
  readonly recordId: string;
  readonly part: number;
  readonly parts: number;
  readonly fragment: string;
}

const partsIn = (lines: readonly string[]): Part[] =>
  lines.filter((line) => line.includes('"fragment"')).map((line) => JSON.parse(line) as Part);

test("a line that fits no record goes in parts that a reader can join, and counts once", async () => {
  const rig = rigWith(() => TAKE);
  const lines = [...numberedLines(0, 7), LARGE, ...numberedLines(7, 7)];
  rig.journal.append(lines);
  rig.delivery.start();
  expect(await advanceUntil(rig.clock, () => rig.ledger.cursor === 15n, MINUTE_MS)).toBe(true);
  const parts = partsIn(rig.sink.lines).toSorted((a, b) => a.part - b.part);
  expect(parts.map(({ fragment }) => fragment).join("")).toBe(LARGE);
  for (const part of parts) expect(part).toMatchObject({ recordId: "test/7", parts: parts.length });
  expect(rig.sink.lines.filter((line) => !line.includes("fragment")).sort()).toEqual(
    lines.filter((line) => line !== LARGE).sort(),
  );
  expect(rig.ledger.totals).toEqual({ delivered: 15n, filtered: 0n, quarantined: 0n });
  expect(rig.delivery.status()).toMatchObject({
    delivered: { logRecords: 15 },
    oversize: { split: 1, truncated: 0 },
    readAheadBytes: 0,
  });
  await rig.delivery.stop(0);
});

test("a line in parts is settled when the last of its parts is taken, not before", async () => {
  let isOpen = false;
  const rig = rigWith((call) => ({
    kind: "answer",
    answers: call.records.map((record) => (record.includes('"part":2') && !isOpen ? SLOW_DOWN : undefined)),
  }));
  rig.journal.append([LARGE, ...numberedLines(0, 5)]);
  rig.delivery.start();
  await rig.clock.advance(MINUTE_MS);
  expect(rig.ledger.cursor).toBe(0n);
  expect(rig.ledger.openRanges(0n, 6n)).toEqual([{ first: 0n, end: 1n }]);
  isOpen = true;
  expect(await advanceUntil(rig.clock, () => rig.ledger.cursor === 6n, MINUTE_MS)).toBe(true);
  const parts = partsIn(rig.sink.lines).map(({ part }) => part);
  expect(parts.toSorted((a, b) => a - b)).toEqual(parts.map((_, index) => index + 1));
  await rig.delivery.stop(0);
});

test("when parts are refused for good, the log record goes into quarantine whole, once", async () => {
  const error = awsError("ValidationException", "Value at 'records.0.member.data' failed to satisfy constraint");
  const rig = rigWith((call) =>
    call.records.some((record) => /"part":[24]/.test(record)) ? { kind: "fail", error } : TAKE,
  );
  rig.journal.append([...numberedLines(0, 5), LARGE, ...numberedLines(5, 50)]);
  rig.delivery.start();
  expect(await advanceUntil(rig.clock, () => rig.ledger.cursor === 56n, 10 * MINUTE_MS)).toBe(true);
  expect(rig.ledger.entries).toHaveLength(1);
  expect(rig.ledger.entries[0]).toMatchObject({ ordinal: 5n, reason: "refused" });
  expect(new TextDecoder().decode(rig.ledger.entries[0]?.request)).toBe(`${LARGE}\n`);
  // What the quarantine says of the parts is what Firehose saw.
  const [, refused, parts, taken, underWay] =
    /this is about part (\d+) of (\d+); parts taken before it: (.+); under way: (.+); not sent: \d+\)$/.exec(
      rig.ledger.entries[0]?.message ?? "",
    ) ?? [];
  const numbers = (list = ""): number[] => (list === "none" ? [] : list.split(", ").map(Number));
  const told = [...numbers(taken), ...numbers(underWay)];
  const arrived = partsIn(rig.sink.lines);
  for (const { part } of arrived) expect(told).toContain(part);
  for (const part of numbers(taken)) expect(arrived.map((each) => each.part)).toContain(part);
  expect(["2", "4"]).toContain(refused ?? "");
  expect(Number(parts)).toBeGreaterThan(arrived.length);
  expect(rig.ledger.totals).toEqual({ delivered: 55n, filtered: 0n, quarantined: 1n });
  expect(await advanceUntil(rig.clock, () => rig.delivery.status().readAheadBytes === 0, MINUTE_MS)).toBe(true);
  await rig.delivery.stop(0);
});

test("where told so, a line is cut short and says what it lost", async () => {
  for (const compression of ["none", "gzip"] as const) {
    // Letters that compression makes little of, or it would fit as it is.
    const body = Array.from({ length: 100 }, (_, at) => (Math.imul(at, 2_654_435_761) >>> 5).toString(36)).join("");
    const rig = rigWith(() => TAKE, { oversize: "truncate", compression });
    rig.journal.append([JSON.stringify({ body, n: 1 }), "small"]);
    rig.delivery.start();
    expect(await advanceUntil(rig.clock, () => rig.ledger.cursor === 2n, MINUTE_MS)).toBe(true);
    const [cut = ""] = rig.sink.lines;
    const line = JSON.parse(cut) as { body: string; n: number; truncated: { field: string; bytes: number }[] };
    expect(body.startsWith(line.body)).toBe(true);
    expect(line).toMatchObject({ n: 1, truncated: [{ field: "body", bytes: body.length - line.body.length }] });
    expect(rig.delivery.status()).toMatchObject({ oversize: { split: 0, truncated: 1 } });
    await rig.delivery.stop(0);
  }
});

test("a line that fits once it is compressed is not oversize", async () => {
  const rig = rigWith(() => TAKE, { compression: "zstd", oversize: "quarantine" });
  rig.journal.append(["before", LARGE, "after"]);
  rig.delivery.start();
  expect(await advanceUntil(rig.clock, () => rig.ledger.cursor === 3n, MINUTE_MS)).toBe(true);
  expect(rig.sink.lines).toEqual(["before", LARGE, "after"]);
  await rig.delivery.stop(0);
});

test("the quota and the counts are about what Firehose gets: compressed bytes, in whole billing units", async () => {
  let bytes = 0;
  const rig = rigWith(
    (call) => {
      bytes += call.bytes;
      return TAKE;
    },
    { compression: "gzip", limits: { recordBytesMax: 5_120, callBytesMax: 20_480, readAheadBytesMax: 400_000 } },
  );
  const lines = numberedLines(0, 6_000, 100);
  rig.journal.append(lines.slice(0, 3_000));
  rig.journal.append(lines.slice(3_000));
  rig.delivery.start();
  expect(await advanceUntil(rig.clock, () => rig.ledger.cursor === 6_000n, MINUTE_MS)).toBe(true);
  const { delivered } = rig.delivery.status();
  expect(delivered).toMatchObject({ logRecords: 6_000, lineBytes: 600_000, bytes });
  expect(delivered.bytes).toBeLessThan(600_000 / 5);
  expect(delivered.billedBytes).toBe(delivered.records * billedBytes(5_120));
  expect(rig.sink.lines.sort()).toEqual(lines.sort());
  await rig.delivery.stop(0);
});

test("no record has more lines than it may, compressed or not", async () => {
  for (const compression of ["none", "gzip"] as const) {
    const rig = rigWith(
      (call) => {
        for (const record of call.records) expect(record.split("\n").length - 1).toBeLessThanOrEqual(3);
        return TAKE;
      },
      { compression, limits: { linesPerRecordMax: 3 } },
    );
    rig.journal.append(numberedLines(0, 100, 20));
    rig.delivery.start();
    expect(await advanceUntil(rig.clock, () => rig.ledger.cursor === 100n, MINUTE_MS)).toBe(true);
    expect(rig.sink.lines).toHaveLength(100);
    await rig.delivery.stop(0);
  }
});

test("a compressed line is not held back for longer than the packing delay, however much is filtered out after it", async () => {
  const rig = rigWith(() => TAKE, { compression: "gzip", limits: { packDelayMsMax: 300 } });
  rig.transcoder.filtered = "out";
  rig.journal.append(["wanted"]);
  rig.delivery.start();
  for (let step = 0; step < 29; step++) {
    rig.journal.append(["out", "out"]);
    await rig.clock.advance(10);
  }
  expect(rig.sink.calls).toBe(0);
  for (let step = 0; step < 3; step++) {
    rig.journal.append(["out"]);
    await rig.clock.advance(10);
  }
  expect(rig.sink.lines).toEqual(["wanted"]);
  expect(rig.ledger.cursor).toBeGreaterThanOrEqual(59n);
  await rig.clock.advance(1_000);
  expect(rig.ledger.totals).toEqual({ delivered: 1n, filtered: 61n, quarantined: 0n });
  await rig.delivery.stop(0);
});
