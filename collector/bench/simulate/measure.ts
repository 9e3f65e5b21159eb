/** What a run came to, held against what it should reach. Pure. */
import { divide } from "../../delivery/peers/share.ts";
import { type Run, STEP_MS, type Step } from "./world.ts";

/** A change is dealt with when this long, from then on, the quota is used to REACH.used. */
const RECOVERY_WINDOW_SECONDS = 2;
/** What a change may spoil: use of the quota for this long, throttling for the other. */
const USED_GRACE_SECONDS = 5;
const THROTTLED_GRACE_SECONDS = 10;

export const REACH = {
  usedMin: 0.97,
  throttledMax: 0.01,
  throttledAfterChangeMax: 0.02,
  jainMin: 0.97,
  recoverySecondsMax: 5,
} as const;

export interface Figures {
  /** Seconds in which a backlog waited that the quota could not take at once. */
  readonly saturatedSeconds: number;
  /** Accepted bytes over what the quota allows, in those seconds, without the five after a change. */
  readonly used: number;
  /** Throttled bytes over sent bytes, in those seconds, without the ten after a change. */
  readonly throttled: number;
  /** The same in the ten seconds after a change: the worst one. */
  readonly throttledAfterChange: number;
  /** Jain's index of what each got over its fair part, between two changes: the worst one. */
  readonly jain: number;
  /** From a change until the quota is used again: the worst one. Infinity where it never was. */
  readonly recoverySeconds: number;
}

/** (sum)^2 / (n x sum of squares): 1 when all are equal, 1/n when one has it all. 1 for none. */
export function jainIndex(values: readonly number[]): number {
  const sum = values.reduce((total, value) => total + value, 0);
  const squares = values.reduce((total, value) => total + value * value, 0);
  return squares === 0 ? 1 : sum ** 2 / (values.length * squares);
}

const total = (step: Step, key: "acceptedBytes" | "throttledBytes" | "backlogBytes"): number =>
  step.replicas.reduce((sum, seen) => sum + seen[key], 0);
const sumOf = (steps: readonly Step[], of: (step: Step) => number): number =>
  steps.reduce((sum, step) => sum + of(step), 0);
const accepted = (step: Step): number => total(step, "acceptedBytes");
const throttled = (step: Step): number => total(step, "throttledBytes");

/** More waits than a second of quota: what is in flight and in pacing does not count as a backlog. */
function isSaturated(step: Step): boolean {
  return total(step, "backlogBytes") > (step.availableBytes * 1000) / STEP_MS;
}

export function measure(run: Run): Figures {
  const { steps } = run;
  const changes = run.changes.map(({ seconds }) => seconds);
  const sinceChange = (step: Step): number => step.seconds - (changes.findLast((at) => at <= step.seconds) ?? 0);
  const saturated = steps.filter(isSaturated);
  const settled = saturated.filter((step) => sinceChange(step) >= USED_GRACE_SECONDS);
  const calm = saturated.filter((step) => sinceChange(step) >= THROTTLED_GRACE_SECONDS);
  const part = (some: readonly Step[]): number => {
    const refused = sumOf(some, throttled);
    return refused === 0 ? 0 : refused / (refused + sumOf(some, accepted));
  };
  const after = (seconds: number, lengthSeconds: number): Step[] =>
    steps.filter((step) => step.seconds >= seconds && step.seconds < seconds + lengthSeconds);
  return {
    saturatedSeconds: (saturated.length * STEP_MS) / 1000,
    used: settled.length === 0 ? 1 : sumOf(settled, accepted) / sumOf(settled, (step) => step.availableBytes),
    throttled: part(calm),
    throttledAfterChange: Math.max(...changes.map((at) => part(after(at, THROTTLED_GRACE_SECONDS)))),
    jain: Math.min(...periods(settled, sinceChange).map(fairness), 1),
    recoverySeconds: Math.max(...changes.map((at, index) => recovery(steps, at, changes[index + 1]))),
  };
}

/** Steps between two changes, where there are enough of them to compare replicas by. */
function periods(settled: readonly Step[], sinceChange: (step: Step) => number): Step[][] {
  const found: Step[][] = [];
  let before = Number.POSITIVE_INFINITY;
  for (const step of settled) {
    if (sinceChange(step) < before) found.push([]);
    before = sinceChange(step);
    found.at(-1)?.push(step);
  }
  return found.filter((period) => period.length * STEP_MS >= 5_000);
}

/** Who has no backlog has all it wants; the others should have equal parts of what is left. */
function fairness(period: readonly Step[]): number {
  const count = period[0]?.replicas.length ?? 0;
  const got = Array.from({ length: count }, (_, index) =>
    sumOf(period, (step) => step.replicas[index]?.acceptedBytes ?? 0),
  );
  const isAlive = (index: number): boolean => period.every((step) => step.replicas[index]?.isAlive === true);
  const isBehind = (index: number): boolean =>
    period.every((step) => (step.replicas[index]?.backlogBytes ?? 0) > (step.availableBytes * 1000) / STEP_MS / count);
  const claims = got.flatMap((bytes, index) =>
    isAlive(index)
      ? [{ replica: `${index}`, wantsBytesPerSecond: isBehind(index) ? Number.MAX_SAFE_INTEGER : bytes, weight: 1 }]
      : [],
  );
  const parts = divide(
    got.reduce((sum, bytes) => sum + bytes, 0),
    claims,
  );
  return jainIndex(claims.map(({ replica }) => (got[Number(replica)] ?? 0) / Math.max(1, parts.get(replica) ?? 0)));
}

/** Seconds from `at` until the quota is used over a whole window, or nothing waits that could use it. */
function recovery(steps: readonly Step[], at: number, until = Number.POSITIVE_INFINITY): number {
  const from = steps.findIndex((step) => step.seconds >= at);
  const length = (RECOVERY_WINDOW_SECONDS * 1000) / STEP_MS;
  for (let index = from; index + length <= steps.length; index++) {
    const window = steps.slice(index, index + length);
    const seconds = (window[0]?.seconds ?? 0) - at;
    // Another change came first: it was not dealt with in all that time. Nothing waits: there is nothing to use it for.
    if (at + seconds >= until) return seconds;
    if (!window.every(isSaturated)) return 0;
    if (sumOf(window, accepted) >= REACH.usedMin * sumOf(window, (step) => step.availableBytes)) return seconds;
  }
  return Number.POSITIVE_INFINITY;
}

/** The names of the figures that miss what they should reach. */
export function missed(figures: Figures): (keyof Figures)[] {
  const checks: [keyof Figures, boolean][] = [
    ["used", figures.used >= REACH.usedMin],
    ["throttled", figures.throttled <= REACH.throttledMax],
    ["throttledAfterChange", figures.throttledAfterChange <= REACH.throttledAfterChangeMax],
    ["jain", figures.jain >= REACH.jainMin],
    ["recoverySeconds", figures.recoverySeconds <= REACH.recoverySecondsMax],
  ];
  return checks.filter(([, isReached]) => !isReached).map(([name]) => name);
}
