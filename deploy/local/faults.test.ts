import { expect, test } from "bun:test";
import { FaultPlan } from "./faults.ts";

const call = { operation: "PutRecordBatch", streamName: "logs", accountId: "123456789012" };

function planAt(times: { nowMs: number }, random = (): number => 0.5): FaultPlan {
  return new FaultPlan(() => times.nowMs, random);
}

/** Whether a fault of latency acts on each of `count` calls. */
function hits(plan: FaultPlan, count: number): boolean[] {
  return Array.from({ length: count }, () => plan.effectsOn(call).latencyMs > 0);
}

test("a fault for some calls begins after those it leaves out and ends by itself", () => {
  const plan = planAt({ nowMs: 0 });
  plan.add({ kind: "latency", ms: 5, afterCalls: 1, calls: 2 });
  expect(hits(plan, 5)).toEqual([false, true, true, false, false]);
  expect(plan.list()).toMatchObject([{ id: 1, matched: 5, acted: 2 }]);
});

test("a fault for some time begins and ends by the clock", () => {
  const times = { nowMs: 1000 };
  const plan = planAt(times);
  plan.add({ kind: "outage", afterMs: 10, durationMs: 20 });
  plan.add({ kind: "storage_down", afterMs: 10, durationMs: 20 });
  const seen = [1009, 1010, 1029, 1030].map((nowMs) => {
    times.nowMs = nowMs;
    return [plan.hitsOutage(), plan.isStorageDown()];
  });
  expect(seen).toEqual([
    [false, false],
    [true, true],
    [true, true],
    [false, false],
  ]);
});

test("a fault acts on its own stream and operations only, puts unless told", () => {
  const plan = planAt({ nowMs: 0 });
  plan.add({ kind: "latency", ms: 1, stream: "other" });
  plan.add({ kind: "latency", ms: 2, operations: ["DescribeDeliveryStream"] });
  plan.add({ kind: "latency", ms: 4 });
  expect(plan.effectsOn(call).latencyMs).toBe(4);
  expect(plan.effectsOn({ ...call, streamName: "other", operation: "PutRecord" }).latencyMs).toBe(5);
  expect(plan.effectsOn({ ...call, operation: "DescribeDeliveryStream" }).latencyMs).toBe(2);
});

test("a probability is rolled for each call", () => {
  let turn = 0;
  const plan = planAt({ nowMs: 0 }, () => (turn++ % 2 === 0 ? 0.1 : 0.9));
  plan.add({ kind: "latency", ms: 1, probability: 0.5 });
  expect(hits(plan, 4)).toEqual([true, false, true, false]);
});

test("what is no fault is refused with what is wrong about it, and changes nothing", () => {
  const plan = planAt({ nowMs: 0 });
  for (const bad of [null, {}, { kind: "nap" }, { kind: "latency" }, { kind: "latency", ms: 1, miliseconds: 2 }]) {
    expect(() => plan.add(bad)).toThrow(/^this is no fault: /);
  }
  expect(plan.list()).toEqual([]);
});

test("faults are taken back one by one, or all", () => {
  const plan = planAt({ nowMs: 0 });
  const [first] = [plan.add({ kind: "outage" }), plan.add({ kind: "outage" }), plan.add({ kind: "outage" })];
  expect(plan.clear(first)).toBe(1);
  expect(plan.clear(first)).toBe(0);
  expect(plan.clear()).toBe(2);
  expect(plan.hitsOutage()).toBe(false);
});
