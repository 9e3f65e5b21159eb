/**
 * Three replicas that are restarted one after the other, as a rollout does it, under 10,000 logs a second from clients
 * that know all three and never repeat a call themselves: no export fails, nothing is lost, and nothing comes twice.
 */
import { expect, test } from "bun:test";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { Client, credentials, Metadata, type ServiceError, status } from "@grpc/grpc-js";
import { EXPORT_PATH } from "../../ingest/fixture.ts";
import { withFolder } from "../temporary.ts";
import { CollectorProcess, freePorts, type Ports } from "./collector-process.ts";
import { countBy, startFirehose } from "./observed-firehose.ts";
import { encodeRequest } from "./sender.ts";

const LIMIT_MS = 180_000;
const REPLICAS = 3;
const CLIENTS = 5;
const RECORDS = 200;
/** Of each client: together 10,000 log records a second. */
const INTERVAL_MS = (1_000 * CLIENTS * RECORDS) / 10_000;

const ROUND_ROBIN = JSON.stringify({ loadBalancingConfig: [{ round_robin: {} }] });

/** Exports at an even pace until `ends`; the keys that were sent, and the codes other than OK. */
async function load(name: string, ports: readonly Ports[], ends: AbortSignal) {
  const target = `ipv4:${ports.map(({ ingest }) => `127.0.0.1:${ingest}`).join(",")}`;
  const client = new Client(target, credentials.createInsecure(), {
    "grpc.use_local_subchannel_pool": 1,
    "grpc.service_config": ROUND_ROBIN,
    "grpc.initial_reconnect_backoff_ms": 100,
    "grpc.max_reconnect_backoff_ms": 500,
  });
  const failures: string[] = [];
  const keys: string[] = [];
  const calls: Promise<void>[] = [];
  const asItIs = (bytes: Buffer): Buffer => bytes;
  const startedMs = performance.now();
  for (let round = 0; !ends.aborted; round++) {
    const own = Array.from({ length: RECORDS }, (_, index) => `${name}-${round}-${index}`);
    keys.push(...own);
    calls.push(
      new Promise((resolve) => {
        const deadline = Date.now() + 60_000;
        const done = (error: ServiceError | null): void => {
          if (error !== null) failures.push(`${status[error.code]}: ${error.details}`);
          resolve();
        };
        client.makeUnaryRequest(EXPORT_PATH, asItIs, asItIs, encodeRequest(own), new Metadata(), { deadline }, done);
      }),
    );
    await Bun.sleep(Math.max(0, startedMs + (round + 1) * INTERVAL_MS - performance.now()));
  }
  await Promise.all(calls);
  client.close();
  return { keys, failures };
}

test(
  "a rollout of three replicas under load fails no export, loses nothing and doubles nothing",
  async () => {
    await withFolder(async (directory) => {
      await using firehose = await startFirehose(directory);
      const ports: Ports[] = [];
      for (let each = 0; each < REPLICAS; each++) ports.push(await freePorts());
      const addresses = ports.map(({ ingest }) => `127.0.0.1:${ingest}`).join(",");
      const start = (index: number): Promise<CollectorProcess> => {
        const folder = join(directory, `replica-${index}`);
        mkdirSync(folder, { recursive: true });
        const settings = {
          peers: { addresses, intervalMs: 200, leaseMs: 1_000 },
          firehose: { recordId: true },
          shutdown: { drainMsMax: 60_000 },
        };
        const endpoint = firehose.local.url;
        return CollectorProcess.start({ directory: folder, endpoint, ports: ports[index] as Ports, settings });
      };
      const replicas = await Promise.all(ports.map((_, index) => start(index)));
      const ends = new AbortController();
      const loads = Array.from({ length: CLIENTS }, (_, index) => load(`c${index}`, ports, ends.signal));
      try {
        await Bun.sleep(2_000);
        for (const [index, replica] of replicas.entries()) {
          expect(await replica.end("SIGTERM")).toBe(0);
          expect(replica.waitingAtEnd).toBe(0);
          replicas[index] = await start(index);
          // A rollout goes on when the new one is ready, and the clients have found it.
          await replicas[index]?.until(({ ingest }) => ingest.acknowledgedRecords > 0);
        }
        ends.abort();
        const sent = await Promise.all(loads);
        expect(sent.flatMap(({ failures }) => failures)).toEqual([]);
        for (const replica of replicas) await replica.until(({ routes }) => routes[0].ledger.waiting === 0);
        const counts = countBy(await firehose.lines(), ({ key }) => key);
        const keys = sent.flatMap((each) => each.keys);
        expect(keys.length).toBeGreaterThan(10_000);
        expect(keys.filter((key) => counts.get(key) !== 1)).toEqual([]);
        expect(counts.size).toBe(keys.length);
      } finally {
        ends.abort();
        for (const replica of replicas) await replica[Symbol.asyncDispose]();
      }
    });
  },
  LIMIT_MS,
);
