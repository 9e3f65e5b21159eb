import { expect, test } from "bun:test";
import { VirtualClock } from "../../testing/virtual-clock.ts";
import { routeSample, statusSample } from "./samples.ts";
import { LOOK_INTERVAL_MS, Watchdog } from "./watchdog.ts";

type Look = Parameters<Watchdog["look"]>[0];

async function watch(looks: number, at: (index: number) => Look): Promise<readonly string[]> {
  const clock = new VirtualClock();
  const watchdog = new Watchdog({ clock, stuckMsMax: 60_000, requestTimeoutMsMax: () => 30_000 });
  for (let index = 0; index < looks; index++) {
    watchdog.look(at(index));
    await clock.advance(LOOK_INTERVAL_MS);
  }
  return watchdog.problems;
}

const status = statusSample();

test("a route on which nothing moves though log records wait is stuck, after longer than a call may last", async () => {
  expect(await watch(60, () => status)).toEqual([]);
  const problems = await watch(200, () => status);
  expect(problems).toHaveLength(1);
  expect(problems[0]).toMatch(/^route default: log records wait, and nothing has moved for \d+ s$/);
});

test("a route that is sending, even if nothing is taken, makes progress", async () => {
  const problems = await watch(300, (index) => {
    const route = routeSample();
    return { ...status, routes: [{ ...route, delivery: { ...route.delivery, calls: index } }] };
  });
  expect(problems).toEqual([]);
});

test("a route that holds, backs off, or has nothing to do is not stuck: a restart would not mend it", async () => {
  const route = routeSample();
  for (const state of ["holding", "backing_off"] as const) {
    expect(
      await watch(300, () => ({ ...status, routes: [{ ...route, delivery: { ...route.delivery, state } }] })),
    ).toEqual([]);
  }
  const ledger = { ...route.ledger, waiting: 0n };
  expect(await watch(300, () => ({ ...status, routes: [{ ...route, ledger }] }))).toEqual([]);
});

test("a slow rate is given the time that it needs", async () => {
  const route = routeSample();
  const slow = { ...route, pace: { ...route.pace, bytesPerSecond: 10_240 } };
  expect(await watch(300, () => ({ ...status, routes: [slow] }))).toEqual([]);
});

test("a write that does not end is told", async () => {
  const problems = await watch(1, () => ({ ...status, journal: { ...status.journal, writingMs: 61_000 } }));
  expect(problems).toEqual(["the journal: one write has taken 61 s so far"]);
});

test("an event loop that stood still is told, and how late it was", async () => {
  const clock = new VirtualClock();
  const watchdog = new Watchdog({ clock, stuckMsMax: 5_000, requestTimeoutMsMax: () => 30_000 });
  watchdog.look(status);
  await clock.advance(8_000);
  expect(watchdog.problems).toEqual(["the event loop: it stood still for 8 s"]);
  watchdog.look(status);
  expect(watchdog.problems).toEqual([]);
  expect(watchdog.lagMs).toBe(7_000);
});
