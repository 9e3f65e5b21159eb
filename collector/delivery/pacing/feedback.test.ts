import { expect, test } from "bun:test";
import { VirtualClock } from "../../testing/virtual-clock.ts";
import { Feedback } from "./feedback.ts";
import { Pacer } from "./pacer.ts";
import { RateController } from "./rate.ts";

const CEILING = { bytesPerSecond: 1_000_000, recordsPerSecond: 100_000, requestsPerSecond: 1_000 };

function feedbackOf(options: { epochMs?: number } = {}) {
  const clock = new VirtualClock();
  const pacer = new Pacer({ clock, quota: CEILING });
  const controller = new RateController({ ceiling: CEILING });
  const feedback = new Feedback({ controller, pacer, clock, random: () => 0.5, backlogAgeMs: () => 0, ...options });
  const refuse = (sentMs = clock.monotonicMs()): void =>
    feedback.noteCall({ sentMs, acceptedBytes: 100_000, throttledBytes: 25_000 });
  return { clock, pacer, controller, feedback, refuse };
}

test("the first refusal slows the pacer at once, and the pause after it ends by itself", async () => {
  const { clock, pacer, feedback, refuse } = feedbackOf();
  const running = feedback.run();
  await clock.advance(1_200);
  const before = pacer.quota.bytesPerSecond;
  refuse();
  const paused = pacer.quota.bytesPerSecond;
  expect(paused).toBeLessThan(before / 2);
  await clock.advance(300);
  expect(pacer.quota.bytesPerSecond).toBeGreaterThan(paused * 1.5);
  feedback.stop();
  await clock.advance(1);
  await running;
});

test("what was sent before the last cut does not cut again", async () => {
  const { clock, pacer, controller, feedback, refuse } = feedbackOf();
  const running = feedback.run();
  await clock.advance(1_200);
  const sentMs = clock.monotonicMs();
  await clock.advance(5);
  refuse();
  await clock.advance(210);
  expect(controller.isPausing).toBe(false);
  const { bytesPerSecond } = pacer.quota;
  for (let late = 0; late < 10; late++) refuse(sentMs);
  await clock.advance(1_000);
  expect(pacer.quota.bytesPerSecond).toBeCloseTo(bytesPerSecond);
  expect(controller.status().failedFraction).toBeGreaterThan(0);
  feedback.stop();
  await clock.advance(1);
  await running;
});

test("the pacer counts as what limits when it held calls back for much of an epoch", async () => {
  const { clock, pacer, controller, feedback } = feedbackOf();
  const running = feedback.run();
  await clock.advance(500);
  expect(controller.streamBytesPerSecond).toBeUndefined();
  const signal = new AbortController().signal;
  void (async () => {
    for (let call = 0; call < 100; call++) await pacer.take(50_000, 1, signal);
  })();
  await clock.advance(2_000);
  expect(controller.streamBytesPerSecond).toBeCloseTo(990_000);
  feedback.stop();
  await clock.advance(10_000);
  await running;
});
