/** How well three collectors, each a process, divide one stream's quota, and two after one of them is killed. */
import { LEASE_MS, type Window, withFleet } from "../testing/system/fleet.ts";
import type { Figure } from "./figures.ts";

const WINDOW_MS = 10_000;
/** After a kill: the lease, and time to settle. */
const SETTLE_MS = LEASE_MS + 5_000;

/** As in the suite (testing/system/shares.test.ts): loose, since the load takes CPU of the same machine. */
const REACH = { used: 0.9, throttled: 0.05, jain: 0.9 };

export async function measureShares(options: {
  readonly directory: string;
  readonly tell: (progress: string) => void;
}): Promise<Figure[]> {
  const figures: Figure[] = [];
  options.tell("shares: three collectors, one stream of 2 MiB/s");
  await withFleet(options.directory, async (fleet, measure) => {
    figures.push(...toFigures("three", await measure(fleet, WINDOW_MS)));
    options.tell("shares: one is killed");
    const [dying, ...others] = fleet;
    await dying.end("SIGKILL");
    await Bun.sleep(SETTLE_MS);
    figures.push(...toFigures("two, one killed", await measure(others, WINDOW_MS)));
  });
  return figures;
}

function toFigures(who: string, { used, throttled, jain }: Window): Figure[] {
  const common = { unit: "ratio", parts: [], rounds: [] } as const;
  return [
    { ...common, name: `quota used by ${who}`, value: used, reach: { bound: "least", of: REACH.used } },
    { ...common, name: `bytes throttled, ${who}`, value: throttled, reach: { bound: "most", of: REACH.throttled } },
    { ...common, name: `Jain's index, ${who}`, value: jain, reach: { bound: "least", of: REACH.jain } },
  ];
}
