import { expect, test } from "bun:test";
import { Demand } from "./demand.ts";

const NOTHING = { head: 0n, waiting: 0n, finished: 0n, deliveredBytes: 0 };

test("it wants what comes in, by the bytes that a log record has had so far", () => {
  const demand = new Demand();
  for (let second = 0; second <= 60; second++) {
    const head = BigInt(second * 200);
    demand.look({ nowMs: second * 1_000, head, waiting: 0n, finished: head, deliveredBytes: second * 200 * 300 });
  }
  expect(demand.wantsBytesPerSecond).toBeCloseTo(200 * 300, -2);
  expect(demand.backlogBytes).toBe(0);
});

test("a backlog raises what it wants, before anything was delivered as well", () => {
  const demand = new Demand();
  demand.look({ ...NOTHING, nowMs: 0, head: 1_000_000n, waiting: 1_000_000n });
  expect(demand.wantsBytesPerSecond).toBeGreaterThan(10_000_000);
});

test("what a filter leaves out makes log records smaller", () => {
  const demand = new Demand();
  demand.look({ nowMs: 0, head: 2_000n, waiting: 1_000n, finished: 1_000n, deliveredBytes: 10_000 });
  expect(demand.backlogBytes).toBe(10_000);
});

test("the backlog is as old as its oldest log record, to a second", () => {
  const demand = new Demand();
  // 100 come in each second, 50 leave.
  for (let second = 0; second <= 40; second++) {
    const finished = BigInt(second * 50);
    const head = BigInt(second * 100);
    demand.look({ nowMs: second * 1_000, head, waiting: head - finished, finished, deliveredBytes: 1 });
  }
  // The oldest that waits is number 2,000, which came in at second 20.
  expect(demand.backlogAgeMs(40_000)).toBe(20_000);
  demand.look({ nowMs: 41_000, head: 4_000n, waiting: 0n, finished: 4_000n, deliveredBytes: 1 });
  expect(demand.backlogAgeMs(41_000)).toBe(0);
});

test("over days the age is still known to a hundredth, and what it takes to know it does not grow", () => {
  const demand = new Demand();
  const hours = 100;
  for (let second = 0; second <= hours * 3_600; second++) {
    demand.look({
      nowMs: second * 1_000,
      head: BigInt(second + 1),
      waiting: BigInt(second + 1),
      finished: 0n,
      deliveredBytes: 0,
    });
  }
  expect(demand.backlogAgeMs(hours * 3_600_000) / (hours * 3_600_000)).toBeCloseTo(1, 2);
});
