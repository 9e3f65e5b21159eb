import { expect, test } from "bun:test";
import { createRig, numberedLines, rigWith } from "../testing/delivery-rig.ts";
import { awsError, FakeSink } from "../testing/fake-sink.ts";

test("a stop waits for the calls in flight, counts them, and starts no more", async () => {
  const rig = rigWith(() => ({ kind: "take" }), { latencyMs: 1000 });
  const lines = numberedLines(0, 2000);
  rig.journal.append(lines);
  rig.delivery.start();
  await rig.clock.advance(10);
  const { calls, inFlight } = rig.delivery.status();
  expect(inFlight.calls).toBe(8);
  let stopped = false;
  const stop = rig.delivery.stop(5000).then(() => {
    stopped = true;
  });
  await rig.clock.advance(900);
  expect(stopped).toBe(false);
  expect(rig.delivery.status().state).toBe("stopping");
  await rig.clock.advance(200);
  await stop;
  expect(rig.sink.calls).toBe(calls);
  expect(rig.delivery.status()).toMatchObject({ state: "stopped", inFlight: { calls: 0 } });
  // Settled, and on disk: a restart goes on behind it.
  expect(rig.ledger.totals.delivered).toBe(BigInt(rig.sink.lines.length));
  expect(rig.ledger.crashed().totals).toEqual(rig.ledger.totals);
});

test("a stop that runs out of time aborts what is open; its records stay open in the ledger", async () => {
  const rig = rigWith(() => ({ kind: "hang" }));
  rig.journal.append(numberedLines(0, 100));
  rig.delivery.start();
  await rig.clock.advance(10);
  expect(rig.sink.inFlight).toBeGreaterThan(0);
  const stop = rig.delivery.stop(2000);
  await rig.clock.advance(2000);
  await stop;
  await rig.clock.advance(10);
  expect(rig.sink.inFlight).toBe(0);
  expect(rig.ledger.cursor).toBe(0n);
  expect(rig.ledger.openRanges(0n, 100n)).toEqual([{ first: 0n, end: 100n }]);
});

test("an answer that comes after the stop's deadline settles nothing", async () => {
  let answer = (): void => {};
  const rig = createRig(() => ({
    // A sink that does not listen to its signal.
    put: (records) => new Promise((resolve) => (answer = () => resolve(records.map(() => undefined)))),
  }));
  rig.journal.append(numberedLines(0, 5));
  rig.delivery.start();
  await rig.clock.advance(10_000);
  expect(rig.delivery.status().inFlight.calls).toBe(1);
  const stop = rig.delivery.stop(100);
  await rig.clock.advance(100);
  await stop;
  answer();
  await rig.clock.advance(100);
  expect(rig.ledger.cursor).toBe(0n);
});

test("a stop cuts every wait short: idle, packing, pacing, backing off and holding", async () => {
  const missing = awsError("ResourceNotFoundException", "no such stream");
  const down = awsError("InternalFailure", "sorry", 500);
  const slow = { bytesPerSecond: 1, recordsPerSecond: 1, requestsPerSecond: 1 };
  const cases = [
    rigWith(() => ({ kind: "take" })),
    rigWith(() => ({ kind: "take" }), { limits: { packDelayMsMax: 3_600_000 } }),
    rigWith(() => ({ kind: "take" }), { quota: slow }),
    rigWith(() => ({ kind: "fail", error: down })),
    rigWith(() => ({ kind: "fail", error: missing })),
  ];
  for (const [index, rig] of cases.entries()) {
    if (index === 1) rig.journal.append(["one line"]);
    if (index > 1) rig.journal.append(numberedLines(0, 1000));
    rig.delivery.start();
    await rig.clock.advance(20_000);
    await rig.delivery.stop(3_600_000);
    expect(rig.delivery.status().state).toBe("stopped");
    expect(rig.clock.sleeping).toBe(0);
  }
});

test("stopping twice is stopping once, and before the start there is nothing to stop", async () => {
  const rig = rigWith(() => ({ kind: "take" }));
  await rig.delivery.stop(0);
  await rig.delivery.stop(0);
  expect(rig.ledger.flushes).toBe(1);
  expect(() => rig.delivery.start()).toThrow("started twice");
});

test("limits that contradict each other are refused at construction", () => {
  const make = (limits: object) => () => createRig((clock) => new FakeSink({ clock }), { limits });
  expect(make({ recordBytesMax: 2_000_000 })).toThrow("recordBytesMax");
  expect(make({ recordBytesMax: 900, callBytesMax: 800 })).toThrow("a record must fit a call");
  expect(make({ readAheadBytesMax: 100 })).toThrow("a record must fit into memory");
  expect(make({ callRecordsMax: 501 })).toThrow("callRecordsMax");
  expect(make({ callsInFlightMax: 0 })).toThrow("callsInFlightMax");
});
