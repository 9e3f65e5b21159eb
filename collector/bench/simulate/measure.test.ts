import { expect, test } from "bun:test";
import { jainIndex, measure, missed } from "./measure.ts";
import { parseScenario } from "./scenario.ts";
import { type Run, STEP_MS, type Step } from "./world.ts";

const SCENARIO = parseScenario(
  "made-up",
  "{ title: x, seconds: 60, quotaMibPerSecond: 1, ceilingMibPerSecond: 1, replicas: [{ count: 2 }] }",
);

const PER_STEP = 1_000;

/** A minute in which two replicas get so much of what is there, and so much is refused; 1 is all. */
function runOf(
  of: (seconds: number) => { used: number; refused?: number; first?: number; isBehind?: boolean },
  changes: Run["changes"] = [{ seconds: 0, what: "start" }],
): Run {
  const steps: Step[] = [];
  for (let seconds = 0; seconds < 60; seconds += STEP_MS / 1000) {
    const { used, refused = 0, first = 0.5, isBehind = true } = of(seconds);
    const seen = (part: number) => ({
      isAlive: true,
      acceptedBytes: PER_STEP * used * part,
      throttledBytes: (PER_STEP * refused) / 2,
      backlogBytes: isBehind ? 1e6 : 0,
      bytesPerSecond: 0,
      level: 1,
    });
    steps.push({ seconds, availableBytes: PER_STEP, replicas: [seen(first), seen(1 - first)] });
  }
  return { scenario: SCENARIO, steps, changes };
}

test("a run that uses all and refuses nothing reaches everything", () => {
  const figures = measure(runOf(() => ({ used: 1 })));
  expect(figures).toEqual({
    saturatedSeconds: 60,
    used: 1,
    throttled: 0,
    throttledAfterChange: 0,
    jain: 1,
    recoverySeconds: 0,
  });
  expect(missed(figures)).toEqual([]);
});

test("what is not used, and what is refused, is told as a part", () => {
  const figures = measure(runOf(() => ({ used: 0.9, refused: 0.1 })));
  expect(figures.used).toBeCloseTo(0.9);
  expect(figures.throttled).toBeCloseTo(0.1);
  expect(missed(figures)).toEqual(["used", "throttled", "throttledAfterChange", "recoverySeconds"]);
});

test("time in which nothing waits counts for nothing", () => {
  const figures = measure(runOf((seconds) => (seconds < 30 ? { used: 1 } : { used: 0.1, isBehind: false })));
  expect(figures.saturatedSeconds).toBe(30);
  expect(figures.used).toBe(1);
});

test("the seconds after a change are held against recovery, and not against the rest", () => {
  const changes = [
    { seconds: 0, what: "start" },
    { seconds: 20, what: "change" },
  ];
  const figures = measure(
    runOf((seconds) => (seconds >= 20 && seconds < 23 ? { used: 0.5, refused: 0.1 } : { used: 1 }), changes),
  );
  expect(figures.used).toBe(1);
  expect(figures.throttled).toBe(0);
  expect(figures.throttledAfterChange).toBeCloseTo(1.2 / (1.2 + 12 * 0.5 + 28));
  expect(figures.recoverySeconds).toBeCloseTo(3, 0);
});

test("a quota that is never used again is never recovered, and one that is changed again before it, not in that time", () => {
  const changes = [
    { seconds: 0, what: "start" },
    { seconds: 20, what: "change" },
  ];
  const broken = runOf((seconds) => ({ used: seconds < 20 ? 1 : 0.5 }), changes);
  expect(measure(broken).recoverySeconds).toBe(Number.POSITIVE_INFINITY);
  const again = { ...broken, changes: [...changes, { seconds: 40, what: "another" }] };
  expect(measure(again).recoverySeconds).toBeGreaterThanOrEqual(20);
});

test("unequal parts of equal wants are unfair", () => {
  const figures = measure(runOf(() => ({ used: 1, first: 0.9 })));
  expect(figures.jain).toBeCloseTo(jainIndex([0.9, 0.1]));
  expect(missed(figures)).toEqual(["jain"]);
});

test("Jain's index is 1 for equals and 1/n when one has it all", () => {
  expect(jainIndex([3, 3, 3])).toBeCloseTo(1);
  expect(jainIndex([3, 0, 0])).toBeCloseTo(1 / 3);
  expect(jainIndex([])).toBe(1);
});
