/**
 * Three collectors, each a process, far behind on one stream of a local Firehose: for the test that they divide its quota,
 * and for the bench that prints how well.
 */
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { type LocalFirehose, startLocalFirehose } from "../../../deploy/local/server.ts";
import { CollectorProcess, freePorts } from "./collector-process.ts";
import { Sender } from "./sender.ts";

/** How long the part of one that died is kept for it. */
export const LEASE_MS = 3_500;
const MIB = 1_048_576;
const QUOTA_MIB = 2;
/** Of lines, in each collector: more than a single one could send until the end. */
const BACKLOG_BYTES = 80 * MIB;
const RECORDS_PER_REQUEST = 250;
const BODY_BYTES = 4_000;

/** What is looked at in a status. */
export interface View {
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
export interface Window {
  /** Of the quota, by Firehose's own count. */
  readonly used: number;
  /** Of the bytes sent, by the collectors' counts. */
  readonly throttled: number;
  readonly jain: number;
  readonly megabytes: readonly number[];
}

export async function viewOf(collector: CollectorProcess): Promise<View> {
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

/** Every condition is polled; whoever waits has a time limit of its own. */
async function until(condition: () => Promise<boolean>): Promise<void> {
  while (!(await condition())) await Bun.sleep(100);
}

export type Fleet = readonly [CollectorProcess, CollectorProcess, CollectorProcess];

/** Starts the three, fills each with a backlog, and calls `use` when all have found the quota and each other. */
export async function withFleet(
  directory: string,
  use: (
    fleet: Fleet,
    measure: (collectors: readonly CollectorProcess[], ms: number) => Promise<Window>,
  ) => Promise<void>,
): Promise<void> {
  const stream = { name: "logs", mibPerSecond: QUOTA_MIB, pattern: "random", discard: true } as const;
  const firehose = await startLocalFirehose({ port: 0, directory: join(directory, "objects"), streams: [stream] });
  const collectors: CollectorProcess[] = [];
  const senders: Sender[] = [];
  try {
    const ports = [await freePorts(), await freePorts(), await freePorts()];
    const addresses = ports.map(({ ingest }) => `127.0.0.1:${ingest}`).join(",");
    const peers = { addresses, leaseMs: LEASE_MS };
    const firehoseSettings = { quotaPollMs: 1_000, readAheadBytesMax: "4MiB" };
    // Who stops keeps what it has: handing it over is another test's.
    const shutdown = { handOver: false };
    const settings = { peers, firehose: firehoseSettings, journal: { bytesMax: "1GiB" }, shutdown };
    for (const [index, own] of ports.entries()) {
      const folder = join(directory, `collector${index}`);
      await mkdir(folder, { recursive: true });
      collectors.push(CollectorProcess.spawn({ directory: folder, endpoint: firehose.url, ports: own, settings }));
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
    await use(collectors as unknown as Fleet, (some, ms) => measure(firehose, some, ms));
  } finally {
    for (const sender of senders) sender[Symbol.dispose]();
    for (const collector of collectors) await collector[Symbol.asyncDispose]();
    await firehose.stop();
  }
}
