/**
 * What happens to one of three replicas under load, and must cost nothing: it is cut off, its process is killed and its
 * volume given to another. No promise of a client fails, and nothing is lost. (Freezing: hosts/fleet.test.ts.)
 */
import { expect, test } from "bun:test";
import { withFolder } from "../temporary.ts";
import { type ClientLoad, compare } from "./client-load.ts";
import { Cut } from "./cut.ts";
import { type ObservedFirehose, startFirehose } from "./observed-firehose.ts";
import { IN_FLIGHT, ReplicaSet } from "./replica-set.ts";

const LIMIT_MS = 120_000;

/** Sends no more, waits until all is delivered, and holds what arrived against what was acknowledged. */
async function settle(replicas: ReplicaSet, firehose: ObservedFirehose, load: ClientLoad) {
  await load.finish();
  await replicas.untilDelivered();
  const { lost } = await compare([firehose], [load]);
  expect([load.failures, lost]).toEqual([[], []]);
  const lines = await firehose.lines();
  const ids = new Set(lines.map(({ recordId }) => recordId));
  const keys = new Set(lines.map(({ key }) => key));
  return { lines: lines.length, ids: ids.size, keys: keys.size, retries: load.client.status().retries };
}

test(
  "one that is cut off from the others and from Firehose takes logs on, and delivers them when it is healed",
  async () => {
    await withFolder(async (directory) => {
      await using firehose = await startFirehose(directory);
      using network = new Cut();
      const CUT_OFF = 2;
      const target = new URL(firehose.local.url).host;
      const endpoint = `http://${await network.through(() => target)}`;
      const ways = await Promise.all([0, 1, 2].map((to) => network.through(() => replicas.addressOf(to))));
      await using replicas: ReplicaSet = await ReplicaSet.create({
        directory,
        endpoint: (index) => (index === CUT_OFF ? endpoint : firehose.local.url),
        size: 3,
        settings: { firehose: { requestTimeoutMs: 2_000 } },
        route: (from, to) => (from === CUT_OFF || to === CUT_OFF ? (ways[to] as string) : replicas.addressOf(to)),
      });
      for (const index of [0, 1, 2]) await replicas.start(index);
      await replicas.untilShared(3);
      await using load = await replicas.load("cut");
      await load.more(300);
      network.cut();
      const { journal, ingest } = await replicas.at(CUT_OFF).status();
      for (const index of [0, 1]) await replicas.at(index).until((status) => replicasOf(status) === 2);
      // It goes on to take, keeps what it can't deliver, and tries with what it last knew of the others.
      await replicas
        .at(CUT_OFF)
        .until((status) => status.ingest.acknowledgedRecords >= ingest.acknowledgedRecords + 300);
      const alone = await replicas.at(CUT_OFF).until(({ routes }) => routes[0].delivery.state !== "delivering");
      expect(alone.journal.head).toBeGreaterThanOrEqual(journal.head + 300);
      expect(alone.routes[0].ledger.waiting).toBeGreaterThanOrEqual(300);
      for (const index of [0, 1]) await replicas.at(index).until(({ routes }) => routes[0].ledger.waiting < 300);
      network.heal();
      await replicas.untilShared(3);
      await load.more(300);
      const { keys, ids, lines, retries } = await settle(replicas, firehose, load);
      console.log(JSON.stringify({ keys, ids, lines, retries }));
      // Clients were not cut off: each log was accepted once, and a double is of a call whose answer was lost.
      expect([retries, keys, ids]).toEqual([0, load.acknowledged.size, load.acknowledged.size]);
    });
  },
  LIMIT_MS,
);

test(
  "the volume of one that was killed goes on in a new process at another address, as the same collector",
  async () => {
    await withFolder(async (directory) => {
      await using firehose = await startFirehose(directory);
      // Clients ask for addresses when a connection ends, or every half a minute.
      const settings = { ingest: { connectionAgeMsMax: 2_000 } };
      const endpoint = (): string => firehose.local.url;
      await using replicas = await ReplicaSet.create({ directory, endpoint, size: 4, settings });
      for (const index of [0, 1, 2]) await replicas.start(index);
      await replicas.untilShared(3);
      await using load = await replicas.load("volume", { callMsMax: 2_000, connectMsMax: 1_000 });
      await load.more(300);
      const down = firehose.local.faults.add({ kind: "outage" });
      await replicas.at(1).until(({ routes }) => routes[0].ledger.waiting >= 200);
      const before = await replicas.at(1).status();
      await replicas.end(1, "SIGKILL");
      await load.more(300);
      const heir = await replicas.start(3, 1);
      const { journal, routes } = await heir.status();
      expect(journal.collectorId).toBe(before.journal.collectorId);
      expect(journal.head).toBeGreaterThanOrEqual(before.journal.head);
      expect(routes[0].ledger.waiting).toBeGreaterThanOrEqual(200);
      await replicas.untilShared(3);
      await heir.until(({ ingest }) => ingest.acknowledgedRecords > 0);
      firehose.local.faults.clear(down);
      await load.more(300);
      const { keys, ids, lines, retries } = await settle(replicas, firehose, load);
      console.log(JSON.stringify({ keys, ids, lines, retries }));
      expect(keys).toBe(load.acknowledged.size);
      // The line of numbers went on: a log has a second id only where its client had no answer and sent it again.
      expect(ids).toBeLessThanOrEqual(keys + retries * IN_FLIGHT);
    });
  },
  LIMIT_MS,
);

function replicasOf(status: unknown): number {
  return (status as { routes: [{ pace: { replicas: number } }] }).routes[0].pace.replicas;
}
