/**
 * Replicas, Firehose at its quota and senders as hosts of their own, and what Kubernetes and networks do to them: rolled,
 * scaled, cut off, frozen. Senders are the SDK and the tailing agent.
 *
 * Where network namespaces can be made, this file runs once more by itself in such (`OWN`), so that the machine's network is
 * left alone; elsewhere it runs on addresses of the loopback, and says so.
 */
import { expect, test } from "bun:test";
import { relative } from "node:path";
import { withFolder } from "../../temporary.ts";
import { hasTool, testWith } from "../../tools.ts";
import type { ReplicaView } from "../replica-set.ts";
import { inOwnNamespaces } from "./namespaces.ts";
import { Rig, type RigOptions } from "./rig.ts";

const OWN = "STANDPIPE_TEST_OWN_NAMESPACES";
const isNamespaced = process.env[OWN] === "1";
const LIMIT_MS = 300_000;
const FROZEN_MS = 30_000;
/** The SDK's. */
const BATCH_RECORDS_MAX = 512;

const NOTHING_AMISS = { failures: [], lost: [], foreign: 0, sentTwice: 0, deliveredTwice: 0 };

async function withRig(options: Omit<RigOptions, "directory" | "isNamespaced">, use: (rig: Rig) => Promise<void>) {
  await withFolder(async (directory) => {
    await using rig = await Rig.create({ ...options, directory, isNamespaced });
    await use(rig);
  });
}

function untilTaken(more: number): (views: readonly ReplicaView[]) => boolean {
  let before: number | undefined;
  return (views) => {
    const taken = views.reduce((sum, { ingest }) => sum + ingest.acknowledgedRecords, 0);
    before ??= taken;
    return taken >= before + more;
  };
}

function scenarios(where: string): void {
  test(
    `${where}: three replicas are rolled under 10,000 logs/s: no send fails, nothing is lost, nothing comes twice`,
    async () => {
      // Clients ask for addresses when a connection ends, or every half a minute.
      const settings = { ingest: { connectionAgeMsMax: 3_000 }, shutdown: { drainMsMax: 30_000 } };
      await withRig({ replicas: 3, mibPerSecond: 4, settings }, async (rig) => {
        const { replicas } = rig;
        for (const index of [0, 1, 2]) await replicas.start(index);
        await replicas.untilShared(3);
        await using senders = await rig.send(10_000);
        await replicas.until(untilTaken(20_000));
        for (const index of [0, 1, 2]) {
          expect(await replicas.end(index, "SIGTERM")).toBe(0);
          const replica = await replicas.start(index);
          // A rollout goes on when the new one is ready, and the clients have found it.
          await replica.until(({ ingest }) => ingest.acknowledgedRecords > 1_000);
        }
        const { sent, retries, ...result } = await rig.settle(senders);
        console.log(JSON.stringify({ sent, retries }));
        expect(result).toEqual(NOTHING_AMISS);
      });
    },
    LIMIT_MS,
  );

  test(
    `${where}: from one replica to four and back: the same, and shares and connections follow`,
    async () => {
      const settings = {
        ingest: { connectionAgeMsMax: 2_000, connectionAgeGraceMs: 5_000 },
        shutdown: { drainMsMax: 8_000 },
      };
      // Less than is sent: whoever leaves has a backlog, and hands it over.
      await withRig({ replicas: 4, mibPerSecond: 0.25, settings }, async (rig) => {
        const { replicas } = rig;
        await replicas.start(0);
        await using senders = await rig.send(1_000);
        await replicas.until(untilTaken(1_000));
        await Promise.all([1, 2, 3].map((index) => replicas.start(index)));
        let handedOver = false;
        const sharedMs = [await replicas.untilShared(4)];
        const spreadMs = await replicas.until((views) => {
          const open = views.map(({ ingest }) => ingest.connections.open);
          const even = open.reduce((sum, each) => sum + each, 0) / views.length;
          return even >= 1 && open.every((each) => Math.abs(each - even) <= even / 4);
        });
        await replicas.until(untilTaken(4_000));
        for (const index of [3, 2, 1]) {
          // More than the last one that goes can deliver in its half of the time.
          const enough = index === 1 ? 2_500 : 0;
          await replicas.at(index).until(({ routes }) => routes[0].ledger.waiting >= enough);
          expect(await replicas.end(index, "SIGTERM")).toBe(0);
          handedOver ||= replicas.said.includes("handed over to other replicas");
          sharedMs.push(await replicas.untilShared(index));
          await replicas.until(untilTaken(1_000));
        }
        const { sent, retries, ...result } = await rig.settle(senders);
        // How long it took is told and not asserted: that it comes at all is what the waits above are about.
        console.log(JSON.stringify({ sent, retries, sharedMs, spreadMs, handedOver }));
        expect(result).toEqual(NOTHING_AMISS);
        expect(handedOver).toBe(true);
      });
    },
    LIMIT_MS,
  );

  test(
    `${where}: one that is cut off from the others and from Firehose, and then frozen for half a minute, costs nothing`,
    async () => {
      const settings = { firehose: { requestTimeoutMs: 2_000 } };
      await withRig({ replicas: 3, mibPerSecond: 1, settings }, async (rig) => {
        const { replicas, hosts } = rig;
        const LAST = 2;
        for (const index of [0, 1, LAST]) await replicas.start(index);
        await replicas.untilShared(3);
        await using senders = await rig.send(600);
        await replicas.until(untilTaken(1_000));
        const countOf = async (index: number) => (await replicas.viewOf(index)).routes[0].pace.replicas;
        const othersCount = async (count: number): Promise<void> => {
          for (const index of [0, 1]) while ((await countOf(index)) !== count) await Bun.sleep(20);
        };

        hosts.cut(LAST);
        await othersCount(2);
        // It goes on to take, and keeps what it can't deliver.
        const before = await replicas.viewOf(LAST);
        for (;;) {
          const { ingest, routes } = await replicas.viewOf(LAST);
          const more = ingest.acknowledgedRecords - before.ingest.acknowledgedRecords;
          if (more >= 500 && routes[0].ledger.waiting >= 500) break;
          await Bun.sleep(20);
        }
        for (const index of [0, 1]) await replicas.at(index).until(({ routes }) => routes[0].ledger.waiting < 500);
        hosts.heal(LAST);
        await replicas.untilShared(3);
        await replicas.untilDelivered();

        const frozen = replicas.at(LAST);
        process.kill(frozen.pid, "SIGSTOP");
        try {
          const wakes = Bun.sleep(FROZEN_MS);
          await othersCount(2);
          const [one, two] = await Promise.all([replicas.viewOf(0), replicas.viewOf(1)]);
          await wakes;
          const [later, andLater] = await Promise.all([replicas.viewOf(0), replicas.viewOf(1)]);
          // Others took what it would have taken.
          const taken = (view: ReplicaView): number => view.ingest.acknowledgedRecords;
          expect(taken(later) + taken(andLater) - taken(one) - taken(two)).toBeGreaterThan(5_000);
        } finally {
          process.kill(frozen.pid, "SIGCONT");
        }
        const woken = await replicas.viewOf(LAST);
        await replicas.untilShared(3);
        await frozen.until(({ ingest }) => ingest.acknowledgedRecords > woken.ingest.acknowledgedRecords);
        const { sent, retries, sentTwice, deliveredTwice, ...result } = await rig.settle(senders);
        console.log(JSON.stringify({ sent, retries, sentTwice, deliveredTwice }));
        expect(result).toMatchObject({ failures: [], lost: [], foreign: 0 });
        // What the frozen one had taken and not answered was sent to others as well; nothing else was.
        expect(retries).toBeGreaterThan(0);
        expect(sentTwice).toBeLessThanOrEqual(retries * BATCH_RECORDS_MAX);
        // Of the cut one, calls to Firehose whose answers were lost.
        expect(deliveredTwice).toBeLessThanOrEqual(sent / 10);
      });
    },
    LIMIT_MS,
  );
}

if (isNamespaced) scenarios("on hosts of their own");
else {
  testWith(
    ["network namespaces"],
    "replicas and senders as hosts of their own, in network namespaces: all of this file's tests pass there",
    async () => {
      const own = [process.execPath, "test", `--timeout=${LIMIT_MS}`, `./${relative(process.cwd(), import.meta.path)}`];
      const run = Bun.spawn({
        cmd: inOwnNamespaces(own),
        env: { ...process.env, [OWN]: "1" },
        stdin: "ignore",
        stdout: "inherit",
        stderr: "inherit",
      });
      expect(await run.exited).toBe(0);
    },
    3 * LIMIT_MS,
  );
  if (!hasTool("network namespaces")) scenarios("on loopback, since network namespaces can't be made here");
}
