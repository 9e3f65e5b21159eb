/** Several routes on one collector: each on its own, changed by SIGHUP, forgotten only by name. */
import { expect, test } from "bun:test";
import { writeFile } from "node:fs/promises";
import { type AddressInfo, createServer } from "node:net";
import { join } from "node:path";
import { type LocalFirehose, startLocalFirehose } from "../../../deploy/local/server.ts";
import { withFolder } from "../temporary.ts";
import { CollectorProcess, freePorts, type LedgerView } from "./collector-process.ts";
import { Sender } from "./sender.ts";

const LIMIT_MS = 60_000;

interface RouteView {
  readonly route: string;
  readonly pinnedBytes: number;
  readonly ledger: LedgerView;
  readonly quota: { readonly bytesPerSecond: number };
  readonly delivery: { readonly state: string; readonly lastError?: { readonly code: string } };
}

async function withRoutes(
  configuration: string,
  streams: readonly string[],
  body: (parts: {
    collector: CollectorProcess;
    firehose: LocalFirehose;
    sender: Sender;
    route: (name: string) => Promise<RouteView | undefined>;
    configure: (text: string) => Promise<void>;
  }) => Promise<void>,
): Promise<void> {
  await withFolder(async (directory) => {
    const firehose = await startLocalFirehose({
      directory: join(directory, "objects"),
      port: 0,
      streams: streams.map((name) => ({ name, mibPerSecond: 100 })),
    });
    const file = join(directory, "standpipe.yaml");
    await writeFile(file, configuration);
    try {
      const ports = await freePorts();
      await using collector = await CollectorProcess.start({
        directory,
        endpoint: firehose.url,
        ports,
        settings: { firehose: { recordId: true } },
      });
      using sender = new Sender({ name: "a", port: ports.ingest, recordsPerRequest: 50, bodyBytes: 200 });
      const routes = async () => (await collector.status()).routes as unknown as RouteView[];
      const route = async (name: string) => (await routes()).find((each) => each.route === name);
      const configure = async (text: string) => {
        await writeFile(file, text);
        const before = rereads(collector);
        collector.kill("SIGHUP");
        while (rereads(collector) === before) await Bun.sleep(20);
      };
      await body({ collector, firehose, sender, route, configure });
    } finally {
      await firehose.stop();
    }
  });
}

/** As the AWS CLI would: the stream is there at once, with the default quota of 1 MiB/s. */
async function createStream(firehose: LocalFirehose, name: string): Promise<void> {
  const answer = await fetch(firehose.url, {
    method: "POST",
    headers: { "x-amz-target": "Firehose_20150804.CreateDeliveryStream", "content-type": "application/x-amz-json-1.1" },
    body: JSON.stringify({
      DeliveryStreamName: name,
      DeliveryStreamType: "DirectPut",
      ExtendedS3DestinationConfiguration: { BucketARN: `arn:aws:s3:::${name}`, RoleARN: "arn:aws:iam::1:role/r" },
    }),
  });
  if (!answer.ok) throw new Error(await answer.text());
}

function rereads(collector: CollectorProcess): number {
  return collector.log.split("the configuration was read again").length;
}

async function until(condition: () => Promise<boolean>): Promise<void> {
  while (!(await condition())) await Bun.sleep(20);
}

test(
  "a route whose stream is not there holds up nobody but itself, says what it pins, and delivers all when the stream is",
  async () => {
    const configuration = "routes:\n  - { name: good, stream: good }\n  - { name: dead, stream: missing }\n";
    await withRoutes(configuration, ["good"], async ({ firehose, sender, route }) => {
      for (let count = 0; count < 20; count++) await sender.send();
      await until(async () => (await route("good"))?.ledger.waiting === 0);
      await until(async () => (await route("dead"))?.delivery.state === "holding");
      const dead = await route("dead");
      expect(dead?.ledger).toMatchObject({ accepted: 1_000, delivered: 0, waiting: 1_000 });
      expect(dead?.pinnedBytes).toBeGreaterThan(0);
      expect(dead?.delivery.lastError?.code).toBe("ResourceNotFoundException");

      await createStream(firehose, "missing");
      await until(async () => (await route("dead"))?.ledger.waiting === 0);
      expect((await route("dead"))?.ledger.delivered).toBe(1_000);
      expect(firehose.counters("good").acceptedBytes).toBe(firehose.counters("missing").acceptedBytes);
    });
  },
  LIMIT_MS,
);

test(
  "SIGHUP adds a route at the head, changes rates, and a bad file changes nothing",
  async () => {
    const one = "routes:\n  - { name: one, stream: one }\n";
    await withRoutes(one, ["one", "two"], async ({ collector, sender, route, configure }) => {
      for (let count = 0; count < 4; count++) await sender.send();
      await until(async () => (await route("one"))?.ledger.waiting === 0);

      await configure(`${one}  - { name: two, stream: two, startAt: head, bytesPerSecond: 2MiB }\n`);
      for (let count = 0; count < 4; count++) await sender.send();
      await until(async () => (await route("two"))?.ledger.waiting === 0);
      expect((await route("two"))?.ledger.delivered).toBe(200);
      expect((await route("one"))?.ledger.accepted).toBe(400);

      await configure(
        "routes:\n  - { name: one, stream: one, bytesPerSecond: 3MiB }\n  - { name: two, stream: two, bytesPerSecond: fast }\n",
      );
      await collector.said("routes.1.bytesPerSecond must be");
      expect((await route("one"))?.quota.bytesPerSecond).toBe(5 * 1_048_576);

      await configure(
        "routes:\n  - { name: one, stream: one, bytesPerSecond: 3MiB }\n  - { name: two, stream: two }\n",
      );
      expect((await route("one"))?.quota.bytesPerSecond).toBe(3 * 1_048_576);
      await sender.send();
      await until(async () => (await route("two"))?.ledger.delivered === 250);
    });
  },
  LIMIT_MS,
);

test(
  "SIGHUP in the middle of the start is obeyed when it is over",
  async () => {
    await withFolder(async (directory) => {
      const file = join(directory, "standpipe.yaml");
      await writeFile(file, "routes:\n  - { name: one, stream: one }\n");
      // Another replica that says nothing, and is waited for.
      const silent = createServer();
      const isAsked = new Promise<void>((resolve) => silent.once("connection", () => resolve()));
      await new Promise<void>((resolve) => silent.listen(0, "127.0.0.1", resolve));
      const addresses = `127.0.0.1:${(silent.address() as AddressInfo).port}`;
      const settings = { peers: { addresses, intervalMs: 2_000, leaseMs: 10_000 } };
      await using collector = CollectorProcess.spawn({
        ...{ directory, endpoint: "http://127.0.0.1:9", ports: await freePorts(), settings },
      });
      await isAsked;
      await writeFile(file, "routes:\n  - { name: one, stream: one }\n  - { name: two, stream: two }\n");
      expect(collector.log).not.toContain("taking logs");
      collector.kill("SIGHUP");
      await collector.ready();
      await until(async () => ((await collector.status()).routes as readonly unknown[]).length === 2);
      silent.close();
    });
  },
  LIMIT_MS,
);

test(
  "a route that is configured no more keeps its logs until it is back, or forgotten by name",
  async () => {
    const both = "routes:\n  - { name: keep, stream: keep }\n  - { name: gone, stream: missing }\n";
    const keep = "routes:\n  - { name: keep, stream: keep }\n";
    await withRoutes(both, ["keep"], async ({ collector, firehose, sender, route, configure }) => {
      for (let count = 0; count < 4; count++) await sender.send();
      await configure(keep);
      await collector.said("journal.forgetRoutes");
      expect(await route("gone")).toBeUndefined();
      await until(async () => (await route("keep"))?.ledger.waiting === 0);
      expect((await collector.status()).journal.tail).toBe(0);

      await createStream(firehose, "missing");
      await configure(both);
      await until(async () => (await route("gone"))?.ledger.delivered === 200);

      // Gone and forgotten at once; and gone first, named when somebody has read that it holds on to its logs.
      for (const [name, ...steps] of [["gone"], ["away", keep]] as const) {
        const more = `${keep}  - { name: ${name}, stream: missing }\n`;
        for (const step of [more, ...steps, `${keep}journal: { forgetRoutes: [${name}] }\n`]) await configure(step);
        await collector.said(`"route":"${name}","msg":"the route is forgotten`);
        await configure(more);
        // Forgotten means begun anew, at the tail of what is still there.
        const { journal } = await collector.status();
        expect((await route(name))?.ledger.accepted).toBe(journal.head - journal.tail);
      }
    });
  },
  LIMIT_MS,
);
