import { expect, test } from "bun:test";
import type { ReadableLogRecord } from "@opentelemetry/sdk-logs";
import fc from "fast-check";
import { VirtualClock } from "../../collector/testing/virtual-clock.ts";
import { FakeExporter, someLogs } from "./fixture.ts";
import { type Drop, RetryingLogExporter, type RetryingLogExporterOptions } from "./retrying-log-exporter.ts";

const UNAVAILABLE = { code: 14 };
const INVALID_ARGUMENT = { code: 3 };

function setUp(options: Partial<RetryingLogExporterOptions> = {}) {
  const fake = new FakeExporter();
  const clock = new VirtualClock();
  const drops: Drop[] = [];
  const exporter = new RetryingLogExporter({
    exporter: fake,
    timers: clock,
    random: () => 0.5,
    onDrop: (drop) => drops.push(drop),
    ...options,
  });
  /** The result code of one export. */
  const send = (logs: ReadableLogRecord[]): number => {
    const codes: number[] = [];
    exporter.export(logs, (result) => codes.push(result.code));
    if (codes.length !== 1) throw new Error("called back once, at once");
    return codes[0] ?? -1;
  };
  return { fake, clock, drops, exporter, send };
}

test("a failed export is sent again until it is acknowledged, however often it fails", async () => {
  const { fake, clock, drops, exporter, send } = setUp();
  let failures = 0;
  fake.script = () => (failures++ < 100 ? UNAVAILABLE : "ok");
  expect(send(someLogs(3))).toBe(0);
  await clock.advance(1_000_000);
  expect(fake.taken).toEqual([0, 1, 2]);
  expect(drops).toEqual([]);
  expect(exporter.snapshot()).toMatchObject({ accepted: 3, acknowledged: 3, waiting: 0, retries: 100 });
});

test("the delay's limit doubles from the first to the highest", async () => {
  const { fake, clock, send } = setUp({ initialDelayMs: 100, delayMsMax: 500, random: () => 0.999_999 });
  const atMs: number[] = [];
  fake.script = () => {
    atMs.push(clock.nowMs());
    return UNAVAILABLE;
  };
  send(someLogs(1));
  await clock.advance(2_500);
  expect(atMs.slice(1, 7).map((at, index) => Math.round(at - (atMs[index] ?? 0)))).toEqual([
    100, 200, 400, 500, 500, 500,
  ]);
});

test("several exports are in flight at a time, and no more than allowed", async () => {
  const { fake, clock, send } = setUp({ concurrency: 3 });
  fake.script = () => "wait";
  for (let batch = 0; batch < 10; batch++) send(someLogs(1, batch));
  await clock.advance(0);
  expect([fake.open.length, fake.inFlightMax]).toEqual([3, 3]);
  while (fake.open.length > 0) {
    fake.open[0]?.answer();
    await clock.advance(0);
  }
  expect([fake.taken.length, fake.inFlightMax]).toEqual([10, 3]);
});

test("what does not fit in memory is dropped loudly: FAILED, onDrop and a count", async () => {
  const { fake, clock, drops, exporter, send } = setUp({ recordsMax: 10 });
  fake.script = () => "wait";
  const late = someLogs(4, 100);
  expect([send(someLogs(8)), send(late)]).toEqual([0, 1]);
  expect(drops).toEqual([{ reason: "queue_full", logs: late, error: undefined }]);
  expect(exporter.snapshot()).toMatchObject({ accepted: 8, waiting: 8, dropped: { queue_full: 4 } });
  fake.open[0]?.answer();
  await clock.advance(0);
  expect(send(late)).toBe(0);
});

test("one bad record is found by halving and given up; the others get through", async () => {
  const { fake, clock, drops, exporter, send } = setUp();
  fake.script = (logs) => (logs.some((log) => log.body === 13) ? INVALID_ARGUMENT : "ok");
  send(someLogs(50));
  await clock.advance(0);
  expect(fake.taken.length).toBe(49);
  expect(fake.taken).not.toContain(13);
  expect(drops.map(({ reason, logs, error }) => [reason, logs.map((log) => log.body), error])).toEqual([
    ["refused", [13], INVALID_ARGUMENT],
  ]);
  expect(exporter.snapshot()).toMatchObject({ acknowledged: 49, waiting: 0, dropped: { refused: 1 } });
});

test("a batch that is too large for the collector is sent in smaller ones", async () => {
  const { fake, clock, drops, send } = setUp();
  fake.script = (logs) => (logs.length > 10 ? { code: 8 } : "ok");
  send(someLogs(64));
  await clock.advance(0);
  expect(fake.taken.length).toBe(64);
  expect(drops).toEqual([]);
});

test("records that can't be serialised are given up, as the wrapped exporter's own exception", async () => {
  const { fake, clock, drops, send } = setUp();
  const thrown = new TypeError("can't serialise");
  fake.script = (logs) => {
    if (logs.some((log) => log.body === 1)) throw thrown;
    return "ok";
  };
  send(someLogs(3));
  await clock.advance(0);
  expect(fake.taken.toSorted()).toEqual([0, 2]);
  expect(drops.map((drop) => [drop.reason, drop.error])).toEqual([["refused", thrown]]);
});

test("forceFlush resolves when all that came before is acknowledged, whatever comes after", async () => {
  const { fake, clock, exporter, send } = setUp({ concurrency: 1 });
  fake.script = () => "wait";
  send(someLogs(1));
  let flushed = false;
  const flush = exporter.forceFlush().then(() => {
    flushed = true;
  });
  send(someLogs(1));
  await clock.advance(10);
  expect(flushed).toBe(false);
  fake.open[0]?.answer();
  await flush;
  expect(exporter.snapshot().waiting).toBe(1);
});

test("forceFlush rejects when it takes too long, and the records are kept", async () => {
  const { fake, clock, exporter, send } = setUp({ flushMsMax: 1_000 });
  fake.script = () => UNAVAILABLE;
  send(someLogs(2));
  const flush = exporter.forceFlush().catch((error: Error) => error.message);
  await clock.advance(1_000);
  expect(await flush).toContain("2 log records");
  fake.script = () => "ok";
  await clock.advance(5_000);
  expect(fake.taken).toEqual([0, 1]);
});

test("shutdown tries at once instead of waiting out a delay, flushes, and closes the wrapped exporter", async () => {
  const { fake, clock, drops, exporter, send } = setUp({ initialDelayMs: 60_000, delayMsMax: 60_000 });
  let isUp = false;
  fake.script = () => (isUp ? "ok" : UNAVAILABLE);
  send(someLogs(2));
  await clock.advance(10);
  isUp = true;
  const closing = exporter.shutdown();
  await clock.advance(0);
  await closing;
  expect([fake.taken, fake.isShutdown, drops, clock.sleeping]).toEqual([[0, 1], true, [], 0]);
});

test("shutdown ends in its time and reports what was left; later exports are dropped loudly", async () => {
  const { fake, clock, drops, exporter, send } = setUp({ concurrency: 1 });
  fake.script = () => "wait";
  send(someLogs(2));
  send(someLogs(3));
  const closing = exporter.shutdown(500);
  await clock.advance(500);
  await closing;
  expect(drops.map((drop) => [drop.reason, drop.logs.length])).toEqual([
    ["shut_down", 3],
    ["shut_down", 2],
  ]);
  expect(send(someLogs(1))).toBe(1);
  expect(exporter.snapshot()).toMatchObject({ accepted: 5, acknowledged: 0, waiting: 0, dropped: { shut_down: 6 } });
  // An answer that comes too late changes nothing any more.
  fake.open[0]?.answer();
  await clock.advance(60_000);
  expect(exporter.snapshot()).toMatchObject({ acknowledged: 0, dropped: { shut_down: 6 } });
  expect(clock.sleeping).toBe(0);
});

test("ready waits for room, in the order of asking, and ends with shutdown", async () => {
  const { fake, clock, exporter, send } = setUp({ recordsMax: 10, flushMsMax: 100 });
  fake.script = () => "wait";
  await exporter.ready(10);
  send(someLogs(6));
  send(someLogs(4));
  const woken: string[] = [];
  void exporter.ready(5).then(() => woken.push("five"));
  void exporter.ready(1).then(() => woken.push("one"));
  await clock.advance(0);
  expect(woken).toEqual([]);
  fake.open[1]?.answer();
  await clock.advance(0);
  expect(woken).toEqual([]);
  fake.open[0]?.answer();
  await clock.advance(0);
  expect(woken).toEqual(["five", "one"]);
  send(someLogs(10));
  void exporter.ready().then(() => woken.push("shut down"));
  const closing = exporter.shutdown();
  await clock.advance(100);
  await closing;
  expect(woken).toEqual(["five", "one", "shut down"]);
});

test("limits that make no sense are told at once", () => {
  expect(() => setUp({ concurrency: 0 })).toThrow("concurrency must be at least 1");
  expect(() => setUp({ recordsMax: Number.NaN })).toThrow("recordsMax");
});

test("property: each record is acknowledged once or dropped once, whatever the collector answers", async () => {
  const answer = fc.constantFrom("ok" as const, UNAVAILABLE, { code: 1 }, { code: 4 }, INVALID_ARGUMENT, { code: 8 });
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.integer({ min: 0, max: 20 }), { maxLength: 12 }),
      fc.array(answer, { maxLength: 60 }),
      fc.integer({ min: 1, max: 4 }),
      async (sizes, answers, concurrency) => {
        const { fake, clock, drops, exporter, send } = setUp({ recordsMax: 60, concurrency });
        let next = 0;
        fake.script = () => answers[next++] ?? "ok";
        let total = 0;
        for (const size of sizes) {
          send(someLogs(size, total));
          total += size;
          expect(exporter.snapshot().waiting).toBeLessThanOrEqual(60);
          await clock.advance(size);
        }
        await clock.advance(1_000_000);
        const dropped = drops.flatMap((drop) => drop.logs.map((log) => log.body));
        const all = [...fake.taken, ...dropped].map(Number).sort((a, b) => a - b);
        expect(all).toEqual(Array.from({ length: total }, (_, index) => index));
        expect(exporter.snapshot()).toMatchObject({ acknowledged: fake.taken.length, waiting: 0 });
        expect(clock.sleeping).toBe(0);
      },
    ),
    { numRuns: 50 },
  );
});
