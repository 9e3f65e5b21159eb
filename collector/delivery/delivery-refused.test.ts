import { expect, test } from "bun:test";
import { pino } from "pino";
import { advanceUntil, numberedLines, recordingLog, rigWith } from "../testing/delivery-rig.ts";
import { awsError, type Behaviour, type SeenCall } from "../testing/fake-sink.ts";
import { extractLine } from "../testing/memory-journal.ts";

const TAKE: Behaviour = { kind: "take" };
const WORDS = "1 validation error detected: Value at 'records.3.member.data' failed to satisfy constraint";
const REFUSED: Behaviour = { kind: "fail", error: awsError("ValidationException", WORDS) };
const MINUTE_MS = 60_000;

/** Refuses every call that holds a line with "bad" in it. */
const refuseBad = (call: SeenCall): Behaviour =>
  call.records.some((record) => record.includes("bad")) ? REFUSED : TAKE;

function linesWithBad(count: number, bad: readonly number[]): string[] {
  return numberedLines(0, count).map((line, index) => (bad.includes(index) ? `bad ${line}`.slice(0, 39) : line));
}

test("a refused call is halved until the bad lines stand alone: only they go into quarantine, with AWS's words", async () => {
  for (const bad of [[0], [199], [57, 58], [3, 77, 78, 150], [...Array(40).keys()]]) {
    const rig = rigWith(refuseBad);
    const lines = linesWithBad(200, bad);
    rig.journal.append(lines.slice(0, 90));
    rig.journal.append(lines.slice(90));
    rig.delivery.start();
    expect(await advanceUntil(rig.clock, () => rig.ledger.cursor === 200n, 30 * MINUTE_MS, 1000)).toBe(true);
    const good = lines.filter((line) => !line.startsWith("bad"));
    expect(rig.sink.lines.sort()).toEqual(good.sort());
    const entries = rig.ledger.entries.toSorted((a, b) => Number(a.ordinal - b.ordinal));
    expect(entries.map((entry) => Number(entry.ordinal))).toEqual(bad);
    for (const entry of entries) {
      expect(entry.reason).toBe("refused");
      expect(entry.message).toBe(`ValidationException: ${WORDS}`);
      expect(new TextDecoder().decode(entry.request)).toBe(`${lines[Number(entry.ordinal)]}\n`);
    }
    expect(rig.ledger.totals).toEqual({
      delivered: BigInt(200 - bad.length),
      filtered: 0n,
      quarantined: BigInt(bad.length),
    });
    expect(rig.delivery.status()).toMatchObject({ quarantinedLogRecords: bad.length, readAheadBytes: 0 });
    await rig.delivery.stop(0);
  }
});

test("a stream that refuses everything puts nothing into quarantine: the route holds, then delivers all", async () => {
  const { log, lines: told } = recordingLog((stream) => pino({ level: "error" }, stream));
  let broken = true;
  const rig = rigWith(() => (broken ? REFUSED : TAKE), { log });
  const lines = numberedLines(0, 600);
  rig.journal.append(lines);
  rig.delivery.start();
  await rig.clock.advance(30 * MINUTE_MS);
  expect(rig.ledger.entries).toEqual([]);
  expect(rig.delivery.status()).toMatchObject({ state: "holding", delivered: { logRecords: 0 } });
  // 28 records fit; should every line of them stand alone by now, each weighs 512 bytes besides its own 40.
  expect(rig.delivery.status().readAheadBytes).toBeLessThanOrEqual(28 * 5 * 552);
  expect(told).toHaveLength(1);
  expect(told[0]).toMatchObject({ code: "ValidationException", message: WORDS });
  broken = false;
  expect(await advanceUntil(rig.clock, () => rig.ledger.cursor === 600n, 5 * MINUTE_MS)).toBe(true);
  expect(rig.ledger.entries).toEqual([]);
  expect(rig.sink.lines.sort()).toEqual(lines.sort());
  await rig.delivery.stop(0);
});

test("a bad line that is all there is waits, and goes into quarantine once another line was taken", async () => {
  const rig = rigWith(refuseBad);
  rig.journal.append(["bad line"]);
  rig.delivery.start();
  await rig.clock.advance(10 * MINUTE_MS);
  expect(rig.ledger.entries).toEqual([]);
  expect(rig.delivery.status().state).toBe("holding");
  rig.journal.append(["good line"]);
  expect(await advanceUntil(rig.clock, () => rig.ledger.cursor === 2n, MINUTE_MS)).toBe(true);
  expect(rig.sink.lines).toEqual(["good line"]);
  expect(rig.ledger.entries.map((entry) => entry.ordinal)).toEqual([0n]);
  expect(rig.delivery.status().state).toBe("delivering");
  await rig.delivery.stop(0);
});

test("a call that is too large is sent in smaller ones, and nothing goes into quarantine", async () => {
  const error = awsError("InvalidArgumentException", "Records size exceeds 4 MB limit");
  const rig = rigWith((call) => (call.bytes > 130 ? { kind: "fail", error } : TAKE));
  const lines = numberedLines(0, 100);
  rig.journal.append(lines);
  rig.delivery.start();
  expect(await advanceUntil(rig.clock, () => rig.ledger.cursor === 100n, MINUTE_MS)).toBe(true);
  expect(rig.sink.lines.sort()).toEqual(lines.sort());
  expect(rig.ledger.entries).toEqual([]);
  await rig.delivery.stop(0);
});

test("a full disk delays quarantine, and loses nothing", async () => {
  const rig = rigWith(refuseBad);
  const lines = linesWithBad(40, [7]);
  rig.ledger.failures = 3;
  rig.journal.append(lines);
  rig.delivery.start();
  expect(await advanceUntil(rig.clock, () => rig.ledger.cursor === 40n, 5 * MINUTE_MS)).toBe(true);
  expect(rig.ledger.entries.map((entry) => entry.ordinal)).toEqual([7n]);
  expect(rig.ledger.failures).toBe(0);
  await rig.delivery.stop(0);
});

test("where told so, a line that fits no record goes into quarantine, and those around it are delivered", async () => {
  const rig = rigWith(() => TAKE, { oversize: "quarantine" });
  const large = "x".repeat(200);
  const lines = [...numberedLines(0, 7), large, ...numberedLines(7, 7), "x".repeat(199)];
  rig.journal.append(lines);
  rig.delivery.start();
  expect(await advanceUntil(rig.clock, () => rig.ledger.cursor === 16n, MINUTE_MS)).toBe(true);
  expect(rig.sink.lines.sort()).toEqual(lines.filter((line) => line !== large).sort());
  expect(rig.ledger.entries).toHaveLength(1);
  expect(rig.ledger.entries[0]).toMatchObject({ ordinal: 7n, reason: "line_too_large" });
  expect(rig.ledger.entries[0]?.message).toBe("the line has 201 bytes, and a Firehose record at most 200");
  expect(rig.ledger.entries[0]?.request).toEqual(new TextEncoder().encode(`${large}\n`));
  await rig.delivery.stop(0);
});

test("a log record that can't be transcoded goes into quarantine, and those around it are delivered", async () => {
  const rig = rigWith(() => TAKE);
  rig.transcoder.poison = "line 5 ";
  const lines = numberedLines(0, 12);
  rig.journal.append(lines);
  rig.delivery.start();
  expect(await advanceUntil(rig.clock, () => rig.ledger.cursor === 12n, MINUTE_MS)).toBe(true);
  expect(rig.sink.lines.sort()).toEqual(lines.filter((_, index) => index !== 5).sort());
  expect(rig.ledger.entries[0]).toMatchObject({ ordinal: 5n, reason: "transcode_failed", message: "poison" });
  expect(rig.ledger.totals).toEqual({ delivered: 11n, filtered: 0n, quarantined: 1n });
  await rig.delivery.stop(0);
});

test("a log record that can't even be cut out of its request takes the whole request into quarantine", async () => {
  const rig = rigWith(() => TAKE, {
    extractRecord: (request, index) => {
      if (index === 1) throw new Error("no such record");
      return extractLine(request, index);
    },
  });
  rig.transcoder.poison = "b";
  rig.journal.append(["a", "b", "c"]);
  rig.delivery.start();
  expect(await advanceUntil(rig.clock, () => rig.ledger.cursor === 3n, MINUTE_MS)).toBe(true);
  expect(new TextDecoder().decode(rig.ledger.entries[0]?.request)).toBe("a\nb\nc\n");
  expect(rig.ledger.entries[0]?.message).toContain("log record 1 of this request");
  await rig.delivery.stop(0);
});

test("damage in the journal is passed over, counted and told; what is around it is delivered", async () => {
  const { log, lines: told } = recordingLog((stream) => pino({ level: "error" }, stream));
  const rig = rigWith(() => TAKE, { log });
  const lines = numberedLines(0, 20);
  rig.journal.append(lines.slice(0, 8));
  rig.journal.appendDamage(1000, "a table has a bad checksum");
  rig.journal.append(lines.slice(8));
  rig.delivery.start();
  expect(await advanceUntil(rig.clock, () => rig.ledger.cursor === 1020n, MINUTE_MS)).toBe(true);
  expect(rig.sink.lines.sort()).toEqual(lines.sort());
  expect(rig.ledger.totals).toEqual({ delivered: 20n, filtered: 0n, quarantined: 1000n });
  expect(told).toHaveLength(1);
  expect(told[0]).toMatchObject({ first: "8", end: "1008", records: 1000, reason: "a table has a bad checksum" });
  await rig.delivery.stop(0);
});

test("a journal that can't be read for a while is read again", async () => {
  const rig = rigWith(() => TAKE);
  const lines = numberedLines(0, 20);
  rig.journal.failures = 4;
  rig.journal.append(lines);
  rig.delivery.start();
  expect(await advanceUntil(rig.clock, () => rig.ledger.cursor === 20n, 5 * MINUTE_MS)).toBe(true);
  expect(rig.sink.lines.sort()).toEqual(lines.sort());
  await rig.delivery.stop(0);
});
