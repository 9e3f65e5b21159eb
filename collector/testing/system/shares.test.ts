/**
 * Three collectors, each a process, and one stream that takes less than any of them would send: they find its quota in
 * CloudWatch, find each other by a list, and divide it. Bounds are loose, since the machine does other things as well;
 * the narrow ones are the simulation's. `bun run bench` prints the figures.
 */
import { expect, test } from "bun:test";
import { withFolder } from "../temporary.ts";
import { LEASE_MS, viewOf, withFleet } from "./fleet.ts";

const LIMIT_MS = 120_000;

test(
  "three processes use one stream's quota to the full, evenly, and so do those that are left when one is killed, or stops",
  async () => {
    await withFolder((directory) =>
      withFleet(directory, async ([dying, stopping, last], measure) => {
        const three = await measure([dying, stopping, last], 10_000);
        console.log(JSON.stringify({ three }));
        expect(three.used).toBeGreaterThanOrEqual(0.9);
        expect(three.throttled).toBeLessThanOrEqual(0.05);
        expect(three.jain).toBeGreaterThanOrEqual(0.9);

        const others = [stopping, last];
        await dying.end("SIGKILL");
        await Bun.sleep(LEASE_MS + 5_000);
        const two = await measure(others, 5_000);
        console.log(JSON.stringify({ two }));
        const views = await Promise.all(others.map(viewOf));
        expect(views.map(({ routes: [{ pace }] }) => pace.replicas)).toEqual([2, 2]);
        expect(views.map(({ peers: { heard } }) => heard.length)).toEqual([1, 1]);
        expect(two.used).toBeGreaterThanOrEqual(0.9);
        expect(two.throttled).toBeLessThanOrEqual(0.05);
        expect(two.jain).toBeGreaterThanOrEqual(0.9);

        // Who stops as asked says good-bye: nobody waits for its lease.
        expect(await stopping.end("SIGTERM")).toBe(0);
        expect((await viewOf(last)).routes[0].pace).toMatchObject({ share: 1, replicas: 1 });
        const one = await measure([last], 4_000);
        console.log(JSON.stringify({ one }));
        expect(one.used).toBeGreaterThanOrEqual(0.9);
      }),
    );
  },
  LIMIT_MS,
);
