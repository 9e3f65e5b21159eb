import { expect, test } from "bun:test";
import { loadConfig, type RouteConfig } from "../../config/config.ts";
import { silentLog } from "../../log.ts";
import { MemoryJournal, MemoryLedger } from "../../testing/memory-journal.ts";
import { VirtualClock } from "../../testing/virtual-clock.ts";
import { Peers } from "../peers/peers.ts";
import { Pace } from "./pace.ts";

function routeOf(firehose: Record<string, unknown> = {}): RouteConfig {
  const text = JSON.stringify({ firehose: { stream: "s", region: "eu-west-1", bytesPerSecond: "1MiB", ...firehose } });
  const [route] = loadConfig({ path: "test.yaml", text }, {}).routes;
  if (route === undefined) throw new Error("there is no route");
  return route;
}

function paceOf(config: RouteConfig, clock: VirtualClock) {
  const journal = new MemoryJournal();
  const common = { clock, random: () => 0.5, log: silentLog };
  const peers = new Peers({
    ...common,
    collectorId: "test",
    addresses: async () => [],
    transport: { exchange: () => Promise.reject(new Error("nobody")), keep: () => undefined, close: () => undefined },
    intervalMs: 1_000,
    leaseMs: 3_500,
  });
  const ledger = new MemoryLedger();
  return { journal, ledger, pace: new Pace({ ...common, config, journal, ledger, peers }) };
}

test("a backlog that another process took in is as old as its first entry, once delivery has come to it", async () => {
  // The journal in memory says that everything was written in 1970.
  const clock = new VirtualClock(3_600_000);
  const { journal, ledger, pace } = paceOf(routeOf(), clock);
  journal.append(["one", "two"]);
  expect(pace.status().backlogAgeMs).toBe(0);
  await clock.advance(2_000);
  expect(pace.status().backlogAgeMs).toBe(2_000);
  await pace.journal.read(0n);
  expect(pace.status().backlogAgeMs).toBe(3_602_000);
  ledger.finish(0n, 2n, { delivered: 2, filtered: 0, quarantined: 0 });
  expect(pace.status().backlogAgeMs).toBe(0);
});

test("how far it goes beyond the known quota is the configuration's, and can change while it runs", async () => {
  const clock = new VirtualClock(3_600_000);
  const { journal, pace } = paceOf(routeOf({ backlogAgeMsObjective: 3_700_000 }), clock);
  journal.append(["one"]);
  await pace.journal.read(0n);
  pace.start(() => 0);
  const isGrowing = async (): Promise<boolean> => {
    await clock.advance(2_000);
    return pace.status().isGrowing;
  };
  expect(await isGrowing()).toBe(false);
  pace.configure(routeOf({ backlogAgeMsObjective: 60_000 }));
  expect(await isGrowing()).toBe(true);
  pace.configure(routeOf({ backlogAgeMsObjective: 60_000, growthThrottledFractionMax: 0 }));
  expect(await isGrowing()).toBe(false);
  await pace.stop();
});

test("what comes in over time is foretold as what all replicas together need", async () => {
  const clock = new VirtualClock();
  const { journal, ledger, pace } = paceOf(routeOf(), clock);
  let delivered = 0;
  pace.start(() => delivered);
  for (let second = 0; second < 60; second++) {
    const first = journal.append(Array.from({ length: 100 }, () => "x"));
    ledger.finish(first, first + 100n, { delivered: 100, filtered: 0, quarantined: 0 });
    delivered += 100 * 20_000;
    await clock.advance(1_000);
  }
  const { forecast } = pace.status();
  expect(forecast.demandBytesPerSecond ?? 0).toBeGreaterThan(1_900_000);
  expect(forecast).toMatchObject({ caughtUpSeconds: 0, quotaNeededMibPerSecond: 3 });
  expect(forecast.limitIncreaseRequest).toContain("Delivery stream: s");
  await pace.stop();
});
