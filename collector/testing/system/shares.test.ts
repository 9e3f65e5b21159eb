/**
 * Three collectors, each a process, and one stream that takes less than any of them would send: they find its quota in
 * CloudWatch, find each other by a list, and divide it. Bounds are loose and waited for, since the machine does other things
 * as well: a second without a turn is a second of the quota gone. The narrow ones are the simulation's. `bun run bench`
 * prints the figures.
 */
import { expect, test } from "bun:test";
import { withFolder } from "../temporary.ts";
import type { CollectorProcess } from "./collector-process.ts";
import { type View, viewOf, type Window, withFleet } from "./fleet.ts";

const LIMIT_MS = 240_000;
const WINDOW_MS = 5_000;

type Measure = (collectors: readonly CollectorProcess[], ms: number) => Promise<Window>;

/** Resolves when they have used the quota to the full, evenly and with little refused, for the length of a window. */
async function untilFull(measure: Measure, collectors: readonly CollectorProcess[]): Promise<void> {
  for (;;) {
    const window = await measure(collectors, WINDOW_MS);
    console.log(JSON.stringify(window));
    if (window.used >= 0.9 && window.throttled <= 0.05 && window.jain >= 0.9) return;
  }
}

async function until(collector: CollectorProcess, condition: (view: View) => boolean): Promise<void> {
  while (!condition(await viewOf(collector))) await Bun.sleep(20);
}

test(
  "three processes use one stream's quota to the full, evenly, and so do those that are left when one is killed, or stops",
  async () => {
    await withFolder((directory) =>
      withFleet(directory, async ([dying, stopping, last], measure) => {
        await untilFull(measure, [dying, stopping, last]);

        const others = [stopping, last];
        await dying.end("SIGKILL");
        for (const other of others)
          await until(other, ({ routes: [{ pace }], peers: { heard } }) => pace.replicas === 2 && heard.length === 1);
        await untilFull(measure, others);

        // Who stops as asked says good-bye.
        expect(await stopping.end("SIGTERM")).toBe(0);
        await until(last, ({ routes: [{ pace }] }) => pace.replicas === 1 && pace.share === 1);
        await untilFull(measure, [last]);
      }),
    );
  },
  LIMIT_MS,
);
