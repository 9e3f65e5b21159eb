import { expect, test } from "bun:test";
import { pino } from "pino";
import { advanceUntil, numberedLines, recordingLog, rigWith } from "../testing/delivery-rig.ts";
import { awsError, type Behaviour, SLOW_DOWN } from "../testing/fake-sink.ts";
import type { RecordAnswer } from "./firehose/outcome.ts";

const TAKE: Behaviour = { kind: "take" };
const DOWN: Behaviour = { kind: "fail", error: awsError("InternalFailure", "we are sorry", 500) };
const MINUTE_MS = 60_000;

const MISSING: Behaviour = {
  kind: "fail",
  error: awsError("ResourceNotFoundException", "Firehose logs not found under account 123."),
};

test("every log record is delivered once, in records and calls within their limits", async () => {
  const rig = rigWith((call) => {
    expect(call.records.length).toBeLessThanOrEqual(4);
    expect(call.bytes).toBeLessThanOrEqual(800);
    for (const record of call.records) {
      expect(record.length).toBeLessThanOrEqual(200);
      expect(record.endsWith("\n")).toBe(true);
    }
    return TAKE;
  });
  const lines = numberedLines(0, 1000);
  for (let index = 0; index < lines.length; index += 7) rig.journal.append(lines.slice(index, index + 7));
  rig.delivery.start();
  expect(await advanceUntil(rig.clock, () => rig.ledger.cursor === 1000n, MINUTE_MS)).toBe(true);
  expect(rig.sink.lines.sort()).toEqual(lines.sort());
  expect(rig.sink.inFlightMax).toBeGreaterThan(1);
  expect(rig.sink.inFlightMax).toBeLessThanOrEqual(8);
  expect(rig.delivery.status()).toMatchObject({
    state: "delivering",
    delivered: { logRecords: 1000, bytes: 40_000 },
    retried: { records: 0 },
    inFlight: { calls: 0, bytes: 0 },
    readAheadBytes: 0,
  });
  await rig.delivery.stop(0);
});

test("a lone line is not held back for longer than the packing delay", async () => {
  const rig = rigWith(() => TAKE, { limits: { packDelayMsMax: 300 } });
  rig.delivery.start();
  await rig.clock.advance(100);
  rig.journal.append(["alone"]);
  await rig.clock.advance(290);
  expect(rig.sink.calls).toBe(0);
  await rig.clock.advance(20);
  expect(rig.sink.lines).toEqual(["alone"]);
  await rig.delivery.stop(0);
});

test("lines that trickle in share a record until the packing delay of the first has passed", async () => {
  const rig = rigWith(() => TAKE, { limits: { packDelayMsMax: 300 } });
  rig.delivery.start();
  for (let index = 0; index < 4; index++) {
    rig.journal.append([`line ${index}`]);
    await rig.clock.advance(90);
  }
  expect(rig.sink.taken).toEqual(["line 0\nline 1\nline 2\nline 3\n"]);
  await rig.delivery.stop(0);
});

test("the packing delay of a line counts from that line, also when it follows a full record", async () => {
  const rig = rigWith(() => TAKE, { limits: { packDelayMsMax: 300 } });
  rig.delivery.start();
  rig.journal.append(numberedLines(0, 4));
  await rig.clock.advance(200);
  rig.journal.append(numberedLines(4, 2));
  await rig.clock.advance(200);
  // Five lines made a record; the sixth has waited for 200 ms.
  expect(rig.sink.lines).toHaveLength(5);
  await rig.clock.advance(110);
  expect(rig.sink.lines).toHaveLength(6);
  await rig.delivery.stop(0);
});

test("exactly the failed records are sent again, before anything fresh", async () => {
  const calls: (readonly string[])[] = [];
  const answers: RecordAnswer[] = [undefined, SLOW_DOWN, undefined, { code: "InternalFailure", message: "sorry" }];
  const rig = rigWith(
    (call) => {
      if (calls.length > 0 || call.records.length === 4) calls.push(call.records);
      return calls.length === 1 ? { kind: "answer", answers } : TAKE;
    },
    { limits: { callsInFlightMax: 1 } },
  );
  const lines = numberedLines(0, 40);
  rig.journal.append(lines);
  rig.delivery.start();
  expect(await advanceUntil(rig.clock, () => rig.ledger.cursor === 40n, MINUTE_MS)).toBe(true);
  const failed = [calls[0]?.[1] ?? "", calls[0]?.[3] ?? ""];
  expect(failed).not.toContain("");
  expect(calls[1]?.slice(0, 2)).toEqual(failed);
  expect(rig.sink.lines.sort()).toEqual(lines.sort());
  expect(rig.delivery.status()).toMatchObject({
    throttled: { records: 1, bytes: 200 },
    retried: { records: 2, bytes: 400 },
    lastError: { code: "ServiceUnavailableException", message: "Slow down." },
  });
  await rig.delivery.stop(0);
});

test("a partial throttle slows down in proportion to what was refused, and is no trouble beyond that", async () => {
  let throttled = 0;
  const rig = rigWith((call) => {
    if (call.records.length < 4 || throttled > 0) return TAKE;
    throttled += 1;
    return { kind: "answer", answers: [undefined, SLOW_DOWN, undefined, undefined] };
  });
  rig.journal.append(numberedLines(0, 400));
  rig.delivery.start();
  let backoffMs = 0;
  for (let step = 0; step < 100; step++) {
    await rig.clock.advance(1);
    const status = rig.delivery.status();
    backoffMs = Math.max(backoffMs, status.backoffMs);
    expect(status.state).toBe("delivering");
  }
  // A quarter of it failed, and chance is 0.5: an eighth of the 100 ms.
  expect(backoffMs).toBe(12.5);
  await rig.clock.advance(1100);
  expect(rig.ledger.cursor).toBe(400n);
  await rig.delivery.stop(0);
});

test("trouble that begins while a call waits for its turn keeps it back, and costs it no quota", async () => {
  // A record takes 200 ms of the quota, a burst is 250 ms, an answer takes 140 ms, and the pause after it is 50 ms.
  const quota = { bytesPerSecond: 1000, recordsPerSecond: 1e6, requestsPerSecond: 1e6 };
  const atMs: number[] = [];
  const rig = rigWith((call) => (atMs.push(call.atMs) === 1 ? DOWN : TAKE), { quota, latencyMs: 140 });
  const startedMs = rig.clock.monotonicMs();
  rig.journal.append(numberedLines(0, 15));
  rig.delivery.start();
  await rig.clock.advance(2000);
  // The second had its turn after 150 ms, and goes when the pause ends, not 200 ms after its turn.
  expect(atMs.map((ms) => ms - startedMs).slice(0, 3)).toEqual([0, 190, 350]);
  expect(rig.sink.lines.toSorted()).toEqual(numberedLines(0, 15).toSorted());
  await rig.delivery.stop(0);
});

test("a call from before the trouble does not end it, whatever its answer", async () => {
  const rig = rigWith((call) => (call.index === 0 ? TAKE : DOWN), {
    latencyMs: (call) => (call === 0 ? 500 : 10),
    limits: { backoffBaseMs: 5000 },
  });
  rig.journal.append(numberedLines(0, 100));
  rig.delivery.start();
  await rig.clock.advance(600);
  expect(rig.delivery.status()).toMatchObject({ state: "backing_off", delivered: { records: 1 } });
  await rig.delivery.stop(0);
});

test("a throttle that goes on is answered with longer pauses and one call at a time, not with a storm", async () => {
  let open = false;
  const rig = rigWith((call) => (open ? TAKE : { kind: "answer", answers: call.records.map(() => SLOW_DOWN) }));
  const lines = numberedLines(0, 400);
  rig.journal.append(lines);
  rig.delivery.start();
  await rig.clock.advance(10 * MINUTE_MS);
  // Eight at first; then pauses of half the ceiling (chance is 0.5), which grows to 5 s: some 240 in ten minutes.
  expect(rig.sink.calls).toBeGreaterThan(200);
  expect(rig.sink.calls).toBeLessThan(270);
  expect(rig.delivery.status()).toMatchObject({ state: "backing_off", readAheadBytes: expect.any(Number) });
  open = true;
  expect(await advanceUntil(rig.clock, () => rig.ledger.cursor === 400n, MINUTE_MS)).toBe(true);
  expect(rig.sink.lines.sort()).toEqual(lines.sort());
  expect(rig.delivery.status().state).toBe("delivering");
  await rig.delivery.stop(0);
});

test("an hour without Firehose: memory stays bounded, one alert, everything delivered once afterwards", async () => {
  const { log, lines: told } = recordingLog((stream) => pino({ level: "info" }, stream));
  let upAtMs = Number.POSITIVE_INFINITY;
  const rig = rigWith((call) => (call.atMs >= upAtMs ? TAKE : DOWN), { log });
  upAtMs = rig.clock.monotonicMs() + 60 * MINUTE_MS;
  rig.delivery.start();
  const lines = numberedLines(0, 3600);
  let held = 0;
  for (let second = 0; second < 3600; second++) {
    rig.journal.append([lines[second] ?? ""]);
    await rig.clock.advance(1000);
    held = Math.max(held, rig.delivery.status().readAheadBytes);
  }
  expect(held).toBeLessThanOrEqual(20_000);
  expect(rig.journal.reads).toBeLessThan(300);
  expect(await advanceUntil(rig.clock, () => rig.ledger.cursor === 3600n, MINUTE_MS)).toBe(true);
  expect(rig.sink.lines.sort()).toEqual(lines.sort());
  // Logs came one a second, and still the records were filled, five lines each, for what is not full is billed as if.
  expect(rig.sink.taken.length).toBeLessThanOrEqual(3600 / 5 + 5);
  expect(told.map((line) => [line.level, line.msg])).toEqual([
    [40, "Firehose takes nothing at present; calls are tried again"],
    [50, "Firehose has taken nothing for long; logs wait in the journal"],
    [30, "Firehose takes records again; delivery goes on"],
  ]);
  await rig.delivery.stop(0);
});

test("a missing stream holds the route: one alert with advice, slow probes, and it goes on by itself", async () => {
  const { log, lines: told } = recordingLog((stream) => pino({ level: "info" }, stream));
  let missing = true;
  const rig = rigWith(() => (missing ? MISSING : TAKE), { log });
  const lines = numberedLines(0, 400);
  rig.journal.append(lines);
  rig.delivery.start();
  await rig.clock.advance(10 * MINUTE_MS);
  expect(rig.delivery.status()).toMatchObject({ state: "holding", lastError: { code: "ResourceNotFoundException" } });
  // 8 at once, then after 5, 10, 20, 30, 30... seconds.
  expect(rig.sink.calls).toBeGreaterThanOrEqual(8 + 20);
  expect(rig.sink.calls).toBeLessThanOrEqual(8 + 23);
  expect(told).toHaveLength(1);
  expect(told[0]).toMatchObject({
    level: 50,
    route: "main",
    code: "ResourceNotFoundException",
    message: "Firehose logs not found under account 123.",
    advice: "create the delivery stream, or correct its name, region or account",
  });
  missing = false;
  expect(await advanceUntil(rig.clock, () => rig.ledger.cursor === 400n, MINUTE_MS)).toBe(true);
  expect(rig.sink.lines.sort()).toEqual(lines.sort());
  expect(told).toHaveLength(2);
  await rig.delivery.stop(0);
});

test("expired credentials and 5xx storms lose nothing and double nothing", async () => {
  const expired = awsError("ExpiredTokenException", "The security token included in the request is expired");
  const errors = [expired, awsError("ServiceUnavailable", "busy", 503), awsError("SyntaxError", "Unexpected <", 502)];
  const rig = rigWith((call) => (call.index % 5 === 4 ? TAKE : { kind: "fail", error: errors[call.index % 3] }));
  const lines = numberedLines(0, 600);
  rig.journal.append(lines);
  rig.delivery.start();
  expect(await advanceUntil(rig.clock, () => rig.ledger.cursor === 600n, 60 * MINUTE_MS, 1000)).toBe(true);
  expect(rig.sink.lines.sort()).toEqual(lines.sort());
  expect(rig.ledger.totals).toEqual({ delivered: 600n, filtered: 0n, quarantined: 0n });
  await rig.delivery.stop(0);
});

test("an answer that was lost doubles that call's records and no others", async () => {
  const rig = rigWith((call) => (call.index === 3 ? { kind: "lose", error: awsError("TimeoutError", "late") } : TAKE));
  const lines = numberedLines(0, 200);
  rig.journal.append(lines);
  rig.delivery.start();
  expect(await advanceUntil(rig.clock, () => rig.ledger.cursor === 200n, MINUTE_MS)).toBe(true);
  const times = new Map<string, number>();
  for (const line of rig.sink.lines) times.set(line, (times.get(line) ?? 0) + 1);
  const doubled = [...times].filter(([, count]) => count > 1).map(([line]) => line);
  expect(times.size).toBe(200);
  expect(doubled.sort()).toEqual(rig.sink.lost.sort());
  await rig.delivery.stop(0);
});

test("an answer about another number of records than were sent is no answer: all are sent again", async () => {
  const rig = rigWith((call) => (call.index === 0 ? { kind: "answer", answers: [] } : TAKE));
  const lines = numberedLines(0, 40);
  rig.journal.append(lines);
  rig.delivery.start();
  expect(await advanceUntil(rig.clock, () => rig.ledger.cursor === 40n, MINUTE_MS)).toBe(true);
  expect(new Set(rig.sink.lines)).toEqual(new Set(lines));
  expect(rig.delivery.status().lastError?.code).toBe("AnswerMismatch");
  await rig.delivery.stop(0);
});

test("the pace follows the quota: a backlog takes as long as its bytes take, within 3 percent", async () => {
  const quota = { bytesPerSecond: 100_000, recordsPerSecond: 1e6, requestsPerSecond: 1e6 };
  const rig = rigWith(() => TAKE, {
    quota,
    limits: { recordBytesMax: 5_120, callBytesMax: 100_000, callRecordsMax: 500 },
  });
  const startedMs = rig.clock.monotonicMs();
  // 60 s of rate, less the burst that passes at once.
  for (let index = 0; index < 600; index++) rig.journal.append(numberedLines(index * 100, 100, 100));
  rig.delivery.start();
  expect(await advanceUntil(rig.clock, () => rig.ledger.cursor === 60_000n, 90_000, 10)).toBe(true);
  const tookMs = rig.clock.monotonicMs() - startedMs;
  expect(tookMs).toBeGreaterThanOrEqual(59_700);
  expect(tookMs).toBeLessThan(60_000 / 0.97);
  await rig.delivery.stop(0);
});
