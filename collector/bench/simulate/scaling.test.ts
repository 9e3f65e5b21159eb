/**
 * Why the autoscaler does not look at the backlog (deploy/kubernetes/base/autoscaler.yaml): while the stream's quota is the
 * limit, replicas divide it and none adds to it. The same backlog and the same demand, by one replica and by many.
 */
import { expect, test } from "bun:test";
import { parseScenario } from "./scenario.ts";
import { play, STEP_MS } from "./world.ts";

const QUOTA_MIB = 1;
const BACKLOG_MIB = 48;
const DEMAND_MIB = 0.4;
const COUNTS = [1, 2, 4, 8];

/** At the quota: what there is, and what comes in meanwhile. */
const QUOTA_SECONDS = BACKLOG_MIB / (QUOTA_MIB - DEMAND_MIB);

async function playWith(replicas: number, quotaMib: number) {
  const scenario = parseScenario(
    `${replicas}-replicas`,
    `
title: The same backlog, by ${replicas}
seconds: 120
quotaMibPerSecond: ${quotaMib}
ceilingMibPerSecond: ${quotaMib}
replicas:
  - count: ${replicas}
    backlogMib: ${BACKLOG_MIB / replicas}
    demand: [{ fromSeconds: 0, mibPerSecond: ${DEMAND_MIB / replicas} }]
`,
  );
  const { steps } = await play(scenario);
  const waiting = steps.map((step) => step.replicas.reduce((total, { backlogBytes }) => total + backlogBytes, 0));
  // Two seconds of demand are on their way at any time.
  const caughtUp = waiting.findIndex((bytes) => bytes < 2 * DEMAND_MIB * 2 ** 20);
  return { caughtUpSeconds: (caughtUp * STEP_MS) / 1_000 };
}

test("more replicas do not make a backlog shorter while the quota is the limit; a higher quota does", async () => {
  const runs = await Promise.all(COUNTS.map((count) => playWith(count, QUOTA_MIB)));
  for (const { caughtUpSeconds } of runs) {
    // Not before what the quota allows (but for what its bucket held at the start), and not much later.
    expect(caughtUpSeconds).toBeGreaterThan(QUOTA_SECONDS * 0.95);
    expect(caughtUpSeconds).toBeLessThan(QUOTA_SECONDS * 1.1);
  }
  const doubled = await playWith(1, 2 * QUOTA_MIB);
  expect(doubled.caughtUpSeconds).toBeLessThan(QUOTA_SECONDS / 2);
});
