import { expect, test } from "bun:test";
import fc from "fast-check";
import { VirtualClock } from "../../testing/virtual-clock.ts";
import { Pacer, type Quota } from "./pacer.ts";

const never = new AbortController().signal;
const KIB: Quota = { bytesPerSecond: 1024, recordsPerSecond: 1e6, requestsPerSecond: 1e6 };

test("no window of time passes more than its rate and one burst, in any of the three dimensions", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.record({ bytes: fc.integer({ min: 1, max: 250 }), records: fc.integer({ min: 1, max: 20 }) }), {
        minLength: 1,
        maxLength: 40,
      }),
      fc.array(fc.integer({ min: 0, max: 700 }), { maxLength: 10 }),
      async (calls, pausesMs) => {
        const quota = { bytesPerSecond: 1000, recordsPerSecond: 80, requestsPerSecond: 10 };
        const clock = new VirtualClock();
        const pacer = new Pacer({ clock, quota, burstMs: 250 });
        const passed: { atMs: number; bytes: number; records: number }[] = [];
        const run = async (): Promise<void> => {
          for (const [index, call] of calls.entries()) {
            await clock.sleep(pausesMs[index] ?? 0);
            await pacer.take(call.bytes, call.records, never);
            passed.push({ atMs: clock.monotonicMs(), ...call });
          }
        };
        const done = run();
        await clock.advance(60_000);
        await done;
        for (const [from, first] of passed.entries()) {
          const sum = { bytes: 0, records: 0, requests: 0 };
          for (const call of passed.slice(from)) {
            sum.bytes += call.bytes;
            sum.records += call.records;
            sum.requests += 1;
            const seconds = (call.atMs - first.atMs) / 1000;
            expect(sum.bytes).toBeLessThanOrEqual(1000 * seconds + 250 + 1e-6);
            expect(sum.records).toBeLessThanOrEqual(80 * seconds + 20 + 1e-6);
            expect(sum.requests).toBeLessThanOrEqual(10 * seconds + 2.5 + 1e-6);
          }
        }
      },
    ),
    { numRuns: 40 },
  );
});

/** The server's side: a bucket of one second, which refuses what it does not hold. */
async function saturate(options: { lateMs: () => number; seconds: number; bytes: number }): Promise<{
  used: number;
  refused: number;
}> {
  const quota = { bytesPerSecond: 1_048_576, recordsPerSecond: 1e5, requestsPerSecond: 1e3 };
  const clock = new VirtualClock();
  const pacer = new Pacer({ clock, quota });
  const startedMs = clock.monotonicMs();
  let tokens = quota.bytesPerSecond;
  let filledMs = startedMs;
  let taken = 0;
  let refused = 0;
  const stop = new AbortController();
  const run = async (): Promise<void> => {
    while (await pacer.take(options.bytes, 1, stop.signal)) {
      const nowMs = clock.monotonicMs();
      tokens = Math.min(quota.bytesPerSecond, tokens + ((nowMs - filledMs) / 1000) * quota.bytesPerSecond);
      filledMs = nowMs;
      if (tokens >= options.bytes) {
        tokens -= options.bytes;
        taken += options.bytes;
      } else {
        refused += options.bytes;
      }
      // A timer that fires late, or an event loop that is busy.
      await clock.sleep(options.lateMs());
    }
  };
  const done = run();
  await clock.advance(options.seconds * 1000);
  stop.abort();
  await done;
  return { used: taken / (quota.bytesPerSecond * options.seconds), refused: refused / taken };
}

test("saturated, it uses the whole quota of a server with a bucket of one second, and is not refused", async () => {
  let turn = 0;
  const lateMs = (): number => [0, 3, 17, 0, 40, 1, 0, 8][turn++ % 8] ?? 0;
  for (const bytes of [204_800, 20_000]) {
    const { used, refused } = await saturate({ lateMs: bytes > 100_000 ? lateMs : () => 0, seconds: 60, bytes });
    expect(used).toBeGreaterThanOrEqual(0.97);
    expect(refused).toBeLessThanOrEqual(0.01);
  }
});

test("calls pass in the order in which they asked, also small ones behind a large one", async () => {
  const clock = new VirtualClock();
  const pacer = new Pacer({ clock, quota: KIB });
  const order: number[] = [];
  const costs = [256, 200, 1, 100, 1];
  const all = costs.map((bytes, index) => pacer.take(bytes, 1, never).then(() => order.push(index)));
  await clock.advance(10_000);
  await Promise.all(all);
  expect(order).toEqual([0, 1, 2, 3, 4]);
});

test("a call larger than a burst passes when the bucket is full, and those after it pay its debt", async () => {
  const clock = new VirtualClock();
  const pacer = new Pacer({ clock, quota: KIB });
  const startedMs = clock.monotonicMs();
  await pacer.take(2048, 1, never);
  expect(clock.monotonicMs()).toBe(startedMs);
  const next = pacer.take(256, 1, never).then(() => clock.monotonicMs());
  await clock.advance(10_000);
  expect((await next) - startedMs).toBe(2000);
});

test("a waiting call that is aborted has taken nothing, and lets the next one through", async () => {
  const clock = new VirtualClock();
  const pacer = new Pacer({ clock, quota: KIB });
  const startedMs = clock.monotonicMs();
  await pacer.take(256, 1, never);
  const abort = new AbortController();
  const aborted = pacer.take(256, 1, abort.signal);
  const next = pacer.take(256, 1, never).then(() => clock.monotonicMs());
  await clock.advance(100);
  abort.abort();
  expect(await aborted).toBe(false);
  await clock.advance(1000);
  expect((await next) - startedMs).toBe(250);
});

test("a new quota holds at once, also for a call that waits already", async () => {
  const clock = new VirtualClock();
  const pacer = new Pacer({ clock, quota: { ...KIB, bytesPerSecond: 1 } });
  const startedMs = clock.monotonicMs();
  await pacer.take(1, 1, never);
  const waiting = pacer.take(1000, 1, never).then(() => clock.monotonicMs());
  await clock.advance(500);
  pacer.setQuota({ ...KIB, bytesPerSecond: 100_000 });
  await clock.advance(1000);
  const tookMs = (await waiting) - startedMs;
  expect(tookMs).toBeGreaterThanOrEqual(500);
  expect(tookMs).toBeLessThanOrEqual(520);
  expect(pacer.quota.bytesPerSecond).toBe(100_000);
});

test("what is given back can be taken again, and never becomes more than a burst", async () => {
  const clock = new VirtualClock();
  const pacer = new Pacer({ clock, quota: KIB });
  await pacer.take(256, 1, never);
  pacer.giveBack(256, 1);
  pacer.giveBack(256, 1);
  await pacer.take(256, 1, never);
  let passed = false;
  const next = pacer.take(256, 1, never).then(() => {
    passed = true;
  });
  await clock.advance(249);
  expect(passed).toBe(false);
  await clock.advance(2);
  await next;
});

test("a quota that is no rate is refused", () => {
  const clock = new VirtualClock();
  for (const bytesPerSecond of [0, -1, Number.NaN, Number.POSITIVE_INFINITY]) {
    expect(() => new Pacer({ clock, quota: { ...KIB, bytesPerSecond } })).toThrow("bytesPerSecond");
  }
});
