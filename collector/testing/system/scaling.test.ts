/** A Deployment that is scaled out and in again under load: clients and shares follow, and nobody notices. */
import { expect, test } from "bun:test";
import { join } from "node:path";
import { withFolder } from "../temporary.ts";
import { compare } from "./client-load.ts";
import { startFirehose } from "./observed-firehose.ts";
import { ReplicaSet } from "./replica-set.ts";

const VERIFY = join(import.meta.dir, "../../../clients/verify/main.ts");
const LIMIT_MS = 120_000;
const REPLICAS = 4;
const CLIENTS = 4;
/** With peers that tell each other every 200 ms, and a client that asks for names once a second at most. */
const SHARES_MS_MAX = 5_000;
const SPREAD_MS_MAX = 60_000;

test(
  "from one replica to four and back: no promise fails, nothing is lost or doubled, connections and shares follow",
  async () => {
    await withFolder(async (directory) => {
      await using firehose = await startFirehose(directory, { mibPerSecond: 1 });
      const settings = {
        ingest: { connectionAgeMsMax: 2_000, connectionAgeGraceMs: 5_000 },
        firehose: { bytesPerSecond: "1MiB" },
      };
      const endpoint = (): string => firehose.local.url;
      await using replicas = await ReplicaSet.create({ directory, endpoint, size: REPLICAS, settings });
      await replicas.start(0);
      const loads = await Promise.all(Array.from({ length: CLIENTS }, (_, index) => replicas.load(`c${index}`)));
      const more = async (records: number): Promise<void> => {
        await Promise.all(loads.map((load) => load.more(records)));
      };
      try {
        await more(200);
        const others = Array.from({ length: REPLICAS - 1 }, (_, index) => index + 1);
        await Promise.all(others.map((index) => replicas.start(index)));
        const sharedMs = [await replicas.untilShared(REPLICAS)];
        const spreadMs = await replicas.until((views) => {
          const open = views.map(({ ingest }) => ingest.connections.open);
          const even = open.reduce((sum, each) => sum + each, 0) / REPLICAS;
          const isEven = open.every((each) => Math.abs(each - even) <= even / 4);
          return isEven && views.every(({ ingest }) => ingest.acknowledgedRecords > 0);
        });
        await more(500);
        for (const index of others.toReversed()) {
          expect(await replicas.end(index, "SIGTERM")).toBe(0);
          sharedMs.push(await replicas.untilShared(index));
          await more(100);
        }
        for (const load of loads) await load.finish();
        await replicas.untilDelivered();
        console.log(JSON.stringify({ sharedMs, spreadMs }));
        const { lost, doubled } = await compare([firehose], loads);
        expect([loads.flatMap(({ failures }) => failures), lost, doubled]).toEqual([[], [], 0]);
        expect(Math.max(...sharedMs)).toBeLessThanOrEqual(SHARES_MS_MAX);
        expect(spreadMs).toBeLessThanOrEqual(SPREAD_MS_MAX);
      } finally {
        for (const load of loads) await load[Symbol.asyncDispose]();
      }
    });
  },
  LIMIT_MS,
);

test(
  "scaled in from three to one with Firehose down, logs go from hand to hand, and verify finds every one under its first id",
  async () => {
    await withFolder(async (directory) => {
      await using firehose = await startFirehose(directory);
      const settings = { shutdown: { drainMsMax: 6_000 } };
      const endpoint = (): string => firehose.local.url;
      await using replicas = await ReplicaSet.create({ directory, endpoint, size: 3, settings });
      for (const index of [0, 1, 2]) await replicas.start(index);
      await replicas.untilShared(3);
      await using load = await replicas.load("in");
      await load.more(300);
      const down = firehose.local.faults.add({ kind: "outage" });
      await load.more(300);
      for (const index of [2, 1]) {
        expect(await replicas.end(index, "SIGTERM")).toBe(0);
        await load.more(100);
      }
      await load.finish();
      firehose.local.faults.clear(down);
      await replicas.untilDelivered();
      const { lost, doubled } = await compare([firehose], [load]);
      expect([load.failures, lost, doubled]).toEqual([[], [], 0]);
      expect(await replicas.end(0, "SIGTERM")).toBe(0);
      const ledgers = [0, 1, 2].flatMap((index) => ["--ledger", join(directory, `volume-${index}`, "journal")]);
      const { exitCode, stdout } = Bun.spawnSync({
        cmd: [process.execPath, VERIFY, "--from", join(directory, "objects"), "--json", ...ledgers],
      });
      const { judgements } = JSON.parse(String(stdout)) as { judgements: Record<string, number>[] };
      expect(exitCode).toBe(0);
      const sum = (key: string): number => judgements.reduce((all, each) => all + (each[key] ?? Number.NaN), 0);
      const sums = [sum("arrived"), sum("doubled"), sum("elsewhere"), sum("lost")];
      expect(sums).toEqual([load.acknowledged.size, 0, 0, 0]);
    });
  },
  LIMIT_MS,
);
