import { expect, test } from "bun:test";
import { VirtualClock } from "../testing/virtual-clock.ts";
import { toFrame } from "./connection.ts";
import { createSupply, pace, saturate } from "./load.ts";

const requests = [1, 2, 3].map((records) => ({ bytes: new Uint8Array(records).fill(records), records }));

test("a frame is the message as gRPC sends it: not compressed, its length, its bytes", () => {
  expect([...toFrame({ bytes: Uint8Array.of(7, 8), records: 1 })]).toEqual([0, 0, 0, 0, 2, 7, 8]);
});

test("requests come in turn, each before any comes again", () => {
  const supply = createSupply(requests);
  expect([supply(), supply(), supply(), supply()].map((frame) => frame.records)).toEqual([1, 2, 3, 1]);
});

test("a paced call that had to wait for others is late by its own due time", async () => {
  const clock = new VirtualClock(0);
  const running = pace({
    supply: createSupply(requests),
    callsPerSecond: 10,
    durationMs: 300,
    clock,
    send: async (_frame, turn) => {
      // The first call stalls everything until 500 ms.
      await clock.sleep(turn === 0 ? 500 : Math.max(0, 500 - clock.monotonicMs()));
      return 0;
    },
  });
  await clock.advance(1_000);
  const result = await running;
  expect(result.acknowledgedLogs).toBe(6);
  expect([...result.latenciesMs].sort((a, b) => a - b)).toEqual([300, 400, 500]);
});

test("refused calls are counted by status, and their logs are not", async () => {
  const clock = new VirtualClock(0);
  const statuses = [0, 14, "connection lost"] as const;
  const running = pace({
    supply: createSupply(requests),
    callsPerSecond: 10,
    durationMs: 300,
    clock,
    send: (_frame, turn) => Promise.resolve(statuses[turn] ?? 0),
  });
  await clock.advance(1_000);
  const result = await running;
  expect(result).toMatchObject({ acknowledgedLogs: 1, refused: { UNAVAILABLE: 1, "connection lost": 1 } });
});

test("saturation keeps as many calls open as it was told, until its time is over", async () => {
  const clock = new VirtualClock(0);
  let open = 0;
  let most = 0;
  const connection = {
    send: async () => {
      most = Math.max(most, ++open);
      await clock.sleep(10);
      open--;
      return 0 as const;
    },
  };
  const options = { connections: [connection, connection], callsEach: 3, durationMs: 100, clock };
  const running = saturate({ ...options, supply: createSupply(requests) });
  await clock.advance(200);
  const result = await running;
  expect(most).toBe(6);
  expect(open).toBe(0);
  expect(result.latenciesMs).toHaveLength(60);
});
