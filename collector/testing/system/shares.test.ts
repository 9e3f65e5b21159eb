/**
 * Three collectors, each a process, and one stream that takes less than any of them would send: they find its quota in
 * CloudWatch, find each other by a list, and divide it. Bounds are loose, since the machine does other things as well;
 * the narrow ones are the simulation's.
 */
import { expect, test } from "bun:test";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { type LocalFirehose, startLocalFirehose } from "../../../deploy/local/server.ts";
import { withFolder } from "../temporary.ts";
import { CollectorProcess, freePorts } from "./collector-process.ts";
import { Sender } from "./sender.ts";

const LIMIT_MS = 120_000;
const MIB = 1_048_576;
const QUOTA_MIB = 2;
const LEASE_MS = 3_500;
/** Of lines, in each collector: more than a single one could send until the end. */
const BACKLOG_BYTES = 80 * MIB;
const RECORDS_PER_REQUEST = 250;
const BODY_BYTES = 4_000;

/** What this test looks at in a status. */
interface View {
  readonly peers: { readonly heard: readonly unknown[] };
  readonly routes: readonly [
    {
      readonly delivery: {
        readonly delivered: { readonly bytes: number };
        readonly throttled: { readonly bytes: number };
      };
      readonly pace: { readonly source: string; readonly share: number; readonly replicas: number };
    },
  ];
}

/** What happened between two looks. */
interface Window {
  /** Of the quota, by Firehose's own count. */
  readonly used: number;
  /** Of the bytes sent, by the collectors' counts. */
  readonly throttled: number;
  readonly jain: number;
  readonly megabytes: readonly number[];
}

async function viewOf(collector: CollectorProcess): Promise<View> {
  return (await collector.status()) as unknown as View;
}

async function measure(firehose: LocalFirehose, collectors: readonly CollectorProcess[], ms: number): Promise<Window> {
  const look = async () => ({
    atMs: performance.now(),
    accepted: firehose.counters("logs").acceptedBytes,
    routes: (await Promise.all(collectors.map(viewOf))).map(({ routes: [route] }) => route.delivery),
  });
  const before = await look();
  await Bun.sleep(ms);
  const after = await look();
  const seconds = (after.atMs - before.atMs) / 1_000;
  const grown = (of: (route: View["routes"][0]["delivery"]) => number): number[] =>
    after.routes.map((route, index) => of(route) - of(before.routes[index] ?? route));
  const delivered = grown((route) => route.delivered.bytes);
  const throttled = sum(grown((route) => route.throttled.bytes));
  return {
    used: (after.accepted - before.accepted) / (QUOTA_MIB * MIB * seconds),
    throttled: throttled / (throttled + sum(delivered)),
    jain: sum(delivered) ** 2 / (delivered.length * sum(delivered.map((bytes) => bytes ** 2))),
    megabytes: delivered.map((bytes) => Math.round(bytes / 10_000) / 100),
  };
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

/** Every condition is polled; the test's own time limit is the bound. */
async function until(condition: () => Promise<boolean>): Promise<void> {
  while (!(await condition())) await Bun.sleep(100);
}

test(
  "three processes use one stream's quota to the full, evenly, and so do those that are left when one is killed, or stops",
  async () => {
    await withFolder(async (directory) => {
      const stream = { name: "logs", mibPerSecond: QUOTA_MIB, pattern: "random", discard: true } as const;
      const firehose = await startLocalFirehose({ port: 0, directory: join(directory, "objects"), streams: [stream] });
      const ports = [await freePorts(), await freePorts(), await freePorts()];
      const addresses = ports.map(({ ingest }) => `127.0.0.1:${ingest}`).join(",");
      const peers = { addresses, leaseMs: LEASE_MS };
      const firehoseSettings = { quotaPollMs: 1_000, readAheadBytesMax: "4MiB" };
      const settings = { peers, firehose: firehoseSettings, journal: { bytesMax: "1GiB" } };
      const collectors: CollectorProcess[] = [];
      const senders: Sender[] = [];
      try {
        for (const [index, own] of ports.entries()) {
          const folder = join(directory, `collector${index}`);
          await mkdir(folder);
          const options = { directory: folder, endpoint: firehose.url, ports: own, settings };
          collectors.push(CollectorProcess.spawn(options));
          const size = { recordsPerRequest: RECORDS_PER_REQUEST, bodyBytes: BODY_BYTES };
          senders.push(new Sender({ name: `sender${index}`, port: own.ingest, ...size }));
        }
        await Promise.all(collectors.map((collector) => collector.ready()));
        const requests = Math.ceil(BACKLOG_BYTES / (RECORDS_PER_REQUEST * BODY_BYTES));
        await Promise.all(
          senders.map(async (sender) => {
            for (let request = 0; request < requests; request++) await sender.send();
          }),
        );
        await until(async () => {
          const views = await Promise.all(collectors.map(viewOf));
          return views.every(({ routes: [{ pace }] }) => pace.source === "cloudwatch" && pace.replicas === 3);
        });
        await Bun.sleep(5_000);
        const three = await measure(firehose, collectors, 10_000);
        console.log(JSON.stringify({ three }));
        expect(three.used).toBeGreaterThanOrEqual(0.9);
        expect(three.throttled).toBeLessThanOrEqual(0.05);
        expect(three.jain).toBeGreaterThanOrEqual(0.9);

        const [dying, ...others] = collectors as [CollectorProcess, ...CollectorProcess[]];
        await dying.end("SIGKILL");
        await Bun.sleep(LEASE_MS + 5_000);
        const two = await measure(firehose, others, 5_000);
        console.log(JSON.stringify({ two }));
        const views = await Promise.all(others.map(viewOf));
        expect(views.map(({ routes: [{ pace }] }) => pace.replicas)).toEqual([2, 2]);
        expect(views.map(({ peers: { heard } }) => heard.length)).toEqual([1, 1]);
        expect(two.used).toBeGreaterThanOrEqual(0.9);
        expect(two.throttled).toBeLessThanOrEqual(0.05);
        expect(two.jain).toBeGreaterThanOrEqual(0.9);

        // Who stops as asked says good-bye: nobody waits for its lease.
        const [stopping, last] = others as [CollectorProcess, CollectorProcess];
        expect(await stopping.end("SIGTERM")).toBe(0);
        expect((await viewOf(last)).routes[0].pace).toMatchObject({ share: 1, replicas: 1 });
        const one = await measure(firehose, [last], 4_000);
        console.log(JSON.stringify({ one }));
        expect(one.used).toBeGreaterThanOrEqual(0.9);
      } finally {
        for (const sender of senders) sender[Symbol.dispose]();
        for (const collector of collectors) await collector[Symbol.asyncDispose]();
        await firehose.stop();
      }
    });
  },
  LIMIT_MS,
);
