import { expect, test } from "bun:test";
import fc from "fast-check";
import type { Division } from "../peers/share.ts";
import { type Epoch, RateController, type RateOptions } from "./rate.ts";

const CEILING = { bytesPerSecond: 1_000_000, recordsPerSecond: 100_000, requestsPerSecond: 1_000 };

function controllerOf(options: Partial<RateOptions> = {}): RateController {
  return new RateController({ ceiling: CEILING, ...options });
}

/** A second in which all that was sent was taken, and the pacer limited. */
function fullSecond(controller: RateController, changes: Partial<Epoch> = {}): Epoch {
  return {
    durationMs: 1_000,
    acceptedBytes: controller.quota.bytesPerSecond,
    throttledBytes: 0,
    lateThrottledBytes: 0,
    isPacerLimited: true,
    backlogAgeMs: 0,
    ...changes,
  };
}

function divisionOf(share: number, replicas: number, changes: Partial<Division> = {}): Division {
  return { share, replicas, isCoordinated: true, streamBytesPerSecond: undefined, ...changes };
}

function rateAfter(controller: RateController, seconds: number, changes: Partial<Epoch> = {}): number {
  for (let second = 0; second < seconds; second++) controller.observe(fullSecond(controller, changes));
  return controller.quota.bytesPerSecond;
}

test("it begins just below this replica's part of the ceiling, in all three limits alike", () => {
  const { quota } = controllerOf({ share: 0.25, replicas: 4 });
  expect(quota.bytesPerSecond).toBeCloseTo(247_500);
  expect(quota.recordsPerSecond).toBeCloseTo(24_750);
  expect(quota.requestsPerSecond).toBeCloseTo(247.5);
});

test("while nothing is throttled and the backlog is young, it stays there", () => {
  expect(rateAfter(controllerOf(), 600)).toBeCloseTo(990_000);
});

test("throttled where it was not before, it goes on at 0.7, after a pause of half of that", () => {
  const controller = controllerOf();
  rateAfter(controller, 3);
  controller.observe(fullSecond(controller, { acceptedBytes: 900_000, throttledBytes: 90_000 }));
  expect(controller.quota.bytesPerSecond).toBeCloseTo((990_000 * 0.7) / 2);
  expect(controller.isPausing).toBe(true);
  controller.observe(fullSecond(controller, { durationMs: 200 }));
  expect(controller.isPausing).toBe(false);
  expect(controller.quota.bytesPerSecond).toBeCloseTo(990_000 * 0.7 * 0.985);
});

test("throttled again soon after, it goes on at what was accepted in between", () => {
  const controller = controllerOf();
  controller.observe(fullSecond(controller, { acceptedBytes: 900_000, throttledBytes: 90_000 }));
  controller.observe(fullSecond(controller, { durationMs: 200, acceptedBytes: 100_000 }));
  controller.observe(fullSecond(controller, { durationMs: 200, acceptedBytes: 100_000, throttledBytes: 25_000 }));
  controller.observe(fullSecond(controller, { durationMs: 200 }));
  expect(controller.quota.bytesPerSecond).toBeCloseTo(500_000 * 0.985);
});

test("in the pause it backs off by the fraction that fails, 5 % at least and a half at most", () => {
  for (const [throttledBytes, kept] of [
    [100, 0.95],
    [20_000, 0.8],
    [90_000, 0.5],
  ] as const) {
    const controller = controllerOf();
    controller.observe(fullSecond(controller, { throttledBytes: 290_000 }));
    const before = controller.quota.bytesPerSecond;
    const acceptedBytes = 100_000 - throttledBytes;
    controller.observe(fullSecond(controller, { durationMs: 200, acceptedBytes, throttledBytes }));
    expect(controller.quota.bytesPerSecond / before).toBeCloseTo(kept);
  }
});

test("an outage in which nothing is taken does not make it forget what the stream takes", () => {
  const controller = controllerOf();
  rateAfter(controller, 3);
  for (let probe = 0; probe < 100; probe++) {
    const refused = { durationMs: 10, acceptedBytes: 0, throttledBytes: 25_000, isPacerLimited: false };
    controller.observe(fullSecond(controller, refused));
    controller.observe(fullSecond(controller, { acceptedBytes: 0, isPacerLimited: false }));
  }
  expect(controller.quota.bytesPerSecond).toBeLessThan(100_000);
  expect(rateAfter(controller, 7)).toBeGreaterThan(960_000);
});

test("after a cut it comes back to the ceiling, when the stream takes that much again", () => {
  const controller = controllerOf();
  controller.observe(fullSecond(controller, { acceptedBytes: 500_000, throttledBytes: 490_000 }));
  expect(rateAfter(controller, 1)).toBeLessThan(500_000);
  expect(rateAfter(controller, 60)).toBeCloseTo(990_000);
});

test("what probing costs stays below the fraction that is allowed, whatever the size of what is refused", () => {
  for (const callBytes of [5_000, 30_000, 90_000]) {
    const controller = controllerOf({ throttledFractionMax: 0.006 });
    let bucket = 300_000;
    let [accepted, throttled] = [0, 0];
    // A stream that takes 600,000 bytes a second, in fifths of a second.
    for (let fifth = 0; fifth < 5 * 600; fifth++) {
      bucket = Math.min(600_000, bucket + 120_000);
      const sent = controller.quota.bytesPerSecond / 5;
      const throttledBytes = sent > bucket ? Math.min(sent, Math.ceil((sent - bucket) / callBytes) * callBytes) : 0;
      const acceptedBytes = sent - throttledBytes;
      bucket -= acceptedBytes;
      controller.observe(fullSecond(controller, { durationMs: 200, acceptedBytes, throttledBytes }));
      if (fifth < 5 * 30) continue;
      accepted += acceptedBytes;
      throttled += throttledBytes;
    }
    expect(throttled / (accepted + throttled)).toBeLessThan(0.01);
    expect(accepted / (600_000 * 570)).toBeGreaterThan(0.97);
  }
});

test("it does not grow when something else than the pacer limits", () => {
  const controller = controllerOf();
  controller.observe(fullSecond(controller, { acceptedBytes: 500_000, throttledBytes: 200_000 }));
  controller.observe(fullSecond(controller, { isPacerLimited: false }));
  const cut = controller.quota.bytesPerSecond;
  expect(rateAfter(controller, 60, { isPacerLimited: false })).toBeCloseTo(cut);
});

test("calls made before the last cut do not cut again", () => {
  const controller = controllerOf();
  controller.observe(fullSecond(controller, { acceptedBytes: 500_000, throttledBytes: 200_000 }));
  controller.observe(fullSecond(controller, { isPacerLimited: false }));
  const cut = controller.quota.bytesPerSecond;
  controller.observe(fullSecond(controller, { lateThrottledBytes: 200_000, isPacerLimited: false }));
  expect(controller.quota.bytesPerSecond).toBeCloseTo(cut);
});

test("an old backlog takes it beyond the ceiling, and what is accepted there is believed", () => {
  const controller = controllerOf({ backlogAgeMsObjective: 10_000 });
  expect(rateAfter(controller, 20, { backlogAgeMs: 9_000 })).toBeCloseTo(990_000);
  expect(rateAfter(controller, 20, { backlogAgeMs: 11_000 })).toBeGreaterThan(1_200_000);
  const status = controller.status();
  expect(status.isGrowing).toBe(true);
  expect(status.believedBytesPerSecond).toBeGreaterThan(1_200_000);
});

test("a rounding error below what it holds does not keep it from probing", () => {
  const controller = controllerOf({ backlogAgeMsObjective: 10_000 });
  for (let second = 0; second < 20; second++) {
    controller.observe(fullSecond(controller, { backlogAgeMs: 11_000 }));
    // The others' mean, which is off by the last bit.
    if (second < 10) controller.setShare(divisionOf(1, 1, { streamBytesPerSecond: 990_000 * (1 - 1e-15) }));
  }
  expect(controller.quota.bytesPerSecond).toBeGreaterThan(1_000_000);
});

test("a burst that passed at once is not taken for a larger quota", () => {
  const controller = controllerOf();
  for (let second = 0; second < 20; second++) {
    controller.observe(fullSecond(controller, { acceptedBytes: 1_200_000 }));
  }
  expect(controller.status().believedBytesPerSecond).toBe(1_000_000);
  expect(controller.quota.bytesPerSecond).toBeLessThanOrEqual(990_001);
});

test("where no throttling is to be risked, an old backlog changes nothing", () => {
  const controller = controllerOf({ backlogAgeMsObjective: 10_000, growthThrottledFractionMax: 0 });
  expect(rateAfter(controller, 60, { backlogAgeMs: 60_000 })).toBeCloseTo(990_000);
});

test("a new ceiling is in force at once, and the old one told again is no news", () => {
  const controller = controllerOf();
  controller.observe(fullSecond(controller, { acceptedBytes: 500_000, throttledBytes: 200_000 }));
  controller.observe(fullSecond(controller, { isPacerLimited: false }));
  const cut = controller.quota.bytesPerSecond;
  controller.setCeiling(CEILING);
  expect(controller.quota.bytesPerSecond).toBeCloseTo(cut);
  const double = { bytesPerSecond: 2e6, recordsPerSecond: 2e5, requestsPerSecond: 2e3 };
  controller.setCeiling(double);
  expect(controller.quota.bytesPerSecond).toBeCloseTo(1_980_000);
  expect(controller.quota.requestsPerSecond).toBeCloseTo(1_980);
});

test("a new share scales the rate as it is", () => {
  const controller = controllerOf({ share: 0.5, replicas: 2 });
  controller.observe(fullSecond(controller, { acceptedBytes: 200_000, throttledBytes: 100_000 }));
  const before = controller.quota.bytesPerSecond;
  controller.setShare(divisionOf(0.25, 4));
  expect(controller.quota.bytesPerSecond).toBeCloseTo(before / 2);
});

test("replicas that see the same stream come to the same level", () => {
  const controllers = [0.3, 0.9].map((accepted) => {
    const controller = controllerOf({ share: 0.5, replicas: 2 });
    controller.observe(fullSecond(controller, { acceptedBytes: accepted * 495_000, throttledBytes: 300_000 }));
    controller.observe(fullSecond(controller, { durationMs: 200 }));
    return controller;
  });
  for (let round = 0; round < 10; round++) {
    const told = controllers.map((controller) => controller.streamBytesPerSecond ?? Number.NaN);
    const streamBytesPerSecond = told.reduce((sum, value) => sum + value, 0) / told.length;
    for (const controller of controllers) controller.setShare(divisionOf(0.5, 2, { streamBytesPerSecond }));
  }
  const [first = 0, second = 0] = controllers.map((controller) => controller.status().level);
  expect(first).toBeGreaterThan(0);
  expect(first / second).toBeCloseTo(1);
});

test("it follows others that were refused at once, and by halves others that probe", () => {
  const controller = controllerOf({ share: 0.5, replicas: 2 });
  controller.setShare(divisionOf(0.5, 2, { streamBytesPerSecond: 600_000 }));
  expect(controller.quota.bytesPerSecond).toBeCloseTo(300_000);
  controller.setShare(divisionOf(0.5, 2, { streamBytesPerSecond: 800_000 }));
  expect(controller.quota.bytesPerSecond).toBeCloseTo(350_000);
});

test("while a large refusal is not paid for, it follows others no further than to what the stream took", () => {
  for (const [throttledBytes, isFollowing] of [
    [5_000, true],
    [80_000, false],
  ] as const) {
    const controller = controllerOf({ share: 0.5, replicas: 2 });
    rateAfter(controller, 3, { acceptedBytes: 300_000 });
    const refused = { durationMs: 500, acceptedBytes: 200_000, throttledBytes };
    controller.observe(fullSecond(controller, refused));
    controller.observe(fullSecond(controller, { durationMs: 200 }));
    for (let round = 0; round < 10; round++) {
      controller.setShare(divisionOf(0.5, 2, { streamBytesPerSecond: 950_000 }));
    }
    expect(controller.quota.bytesPerSecond > 400_000).toBe(isFollowing);
  }
});

test("a replica that its own logs limit tells nothing of the stream", () => {
  const controller = controllerOf();
  controller.observe(fullSecond(controller, { isPacerLimited: false }));
  expect(controller.streamBytesPerSecond).toBeUndefined();
});

test("where nobody coordinates, the share is where it begins, and feedback may take it further", () => {
  const controller = controllerOf();
  controller.setShare(divisionOf(0.5, 2, { isCoordinated: false }));
  expect(controller.quota.bytesPerSecond).toBeCloseTo(495_000);
  expect(rateAfter(controller, 120)).toBeGreaterThan(900_000);
  expect(rateAfter(controller, 120)).toBeLessThanOrEqual(1_000_000);
  controller.setShare(divisionOf(0.5, 2));
  expect(controller.quota.bytesPerSecond).toBeLessThanOrEqual(500_000);
});

test("a replica whose share is nothing is still paced, by next to nothing", () => {
  const controller = controllerOf();
  controller.setShare(divisionOf(0, 2));
  for (const value of Object.values(controller.quota)) {
    expect(value).toBeGreaterThan(0);
    expect(value).toBeLessThanOrEqual(1);
  }
});

test("whatever happens, the rate is a positive number, and below the ceiling while the backlog is young", () => {
  const anyEpoch = fc.record({
    durationMs: fc.integer({ min: 0, max: 5_000 }),
    acceptedBytes: fc.integer({ min: 0, max: 5_000_000 }),
    throttledBytes: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 5_000_000 })),
    lateThrottledBytes: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 5_000_000 })),
    isPacerLimited: fc.boolean(),
    backlogAgeMs: fc.integer({ min: 0, max: 100_000 }),
  });
  fc.assert(
    fc.property(fc.array(anyEpoch, { maxLength: 100 }), (epochs) => {
      const controller = controllerOf({ backlogAgeMsObjective: 50_000 });
      for (const epoch of epochs) {
        controller.observe(epoch);
        for (const value of Object.values(controller.quota)) expect(value > 0 && Number.isFinite(value)).toBe(true);
      }
      for (const epoch of epochs) controller.observe({ ...epoch, backlogAgeMs: 0 });
      const { believedBytesPerSecond } = controller.status();
      expect(controller.quota.bytesPerSecond).toBeLessThanOrEqual(believedBytesPerSecond * 1.01);
    }),
  );
});
