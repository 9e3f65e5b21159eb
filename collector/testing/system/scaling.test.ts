/** Replicas that are scaled in while Firehose is down. (Out and in again under load: hosts/fleet.test.ts.) */
import { expect, test } from "bun:test";
import { join } from "node:path";
import { withFolder } from "../temporary.ts";
import { compare } from "./client-load.ts";
import { startFirehose } from "./observed-firehose.ts";
import { ReplicaSet } from "./replica-set.ts";

const VERIFY = join(import.meta.dir, "../../../clients/verify/main.ts");
const LIMIT_MS = 120_000;

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
