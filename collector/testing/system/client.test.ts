/** The client against collectors that die, freeze, fill up and are replaced: no promise fails, nothing is lost. */
import { expect, test } from "bun:test";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { withFolder, withSmallDisk } from "../temporary.ts";
import { testWith } from "../tools.ts";
import { ClientLoad, compare } from "./client-load.ts";
import { CollectorProcess, freePorts } from "./collector-process.ts";
import { fillDisk } from "./fill-disk.ts";
import { startFirehose } from "./observed-firehose.ts";

const LIMIT_MS = 120_000;
const MIB = 1024 * 1024;
const SETTINGS = { firehose: { recordId: true, bytesPerSecond: "32MiB" } };

for (const transport of ["stream", "unary"] as const) {
  test(
    `${transport}: a collector that is killed three times costs no promise and no log, and doubles only what had no answer`,
    async () => {
      await withFolder(async (directory) => {
        await using firehose = await startFirehose(directory);
        const options = { directory, endpoint: firehose.local.url, ports: await freePorts(), settings: SETTINGS };
        const endpoint = `127.0.0.1:${options.ports.ingest}`;
        const inFlight = 64;
        let collector = await CollectorProcess.start(options);
        await using load = await ClientLoad.start({ endpoint, transport, inFlight });
        for (let round = 0; round < 3; round++) {
          await load.more(500);
          await collector.end("SIGKILL");
          collector = await CollectorProcess.start(options);
        }
        await load.more(500);
        await load.finish();
        const { retries } = load.client.status();
        await collector.until(({ routes }) => routes[0].ledger.waiting === 0);
        expect(await collector.end("SIGTERM")).toBe(0);
        const { lost, doubled } = await compare([firehose], [load]);
        expect([load.failures, lost]).toEqual([[], []]);
        expect(retries).toBeGreaterThan(0);
        // By the client: at most what was under way at each death. By delivery: calls that Firehose had not answered.
        const undelivered =
          firehose.calls.length === 0 ? 0 : Math.max(...firehose.calls.map((call) => call.ordinals.length));
        expect(doubled).toBeLessThanOrEqual(3 * (inFlight + 8 * undelivered));
      });
    },
    LIMIT_MS,
  );

  test(
    `${transport}: a collector that freezes is left after callMsMax, and taken up again when it thaws`,
    async () => {
      await withFolder(async (directory) => {
        await using firehose = await startFirehose(directory);
        const options = { directory, endpoint: firehose.local.url, ports: await freePorts(), settings: SETTINGS };
        await using collector = await CollectorProcess.start(options);
        const endpoint = `127.0.0.1:${options.ports.ingest}`;
        await using load = await ClientLoad.start({
          endpoint,
          transport,
          inFlight: 32,
          callMsMax: 700,
          connectMsMax: 500,
        });
        await load.more(500);
        process.kill(collector.pid, "SIGSTOP");
        while (load.client.status().retries === 0) await Bun.sleep(20);
        process.kill(collector.pid, "SIGCONT");
        await load.more(500);
        await load.finish();
        await collector.until(({ routes }) => routes[0].ledger.waiting === 0);
        expect(await collector.end("SIGTERM")).toBe(0);
        const { lost } = await compare([firehose], [load]);
        expect([load.failures, lost]).toEqual([[], []]);
      });
    },
    LIMIT_MS,
  );

  test(
    `${transport}: three collectors restarted one after the other under load: no promise fails, nothing is lost or doubled`,
    async () => {
      await withFolder(async (directory) => {
        await using firehose = await startFirehose(directory);
        const { ingest } = await freePorts();
        const replicas = await Promise.all(
          [1, 2, 3].map(async (index) => {
            const own = join(directory, `replica-${index}`);
            mkdirSync(own);
            const ip = `127.0.0.${index}`;
            const ports = await freePorts();
            const settings = { ...SETTINGS, ingest: { address: `${ip}:${ingest}` } };
            return { ip, options: { directory: own, endpoint: firehose.local.url, ports, settings } };
          }),
        );
        const running = await Promise.all(replicas.map(({ options }) => CollectorProcess.start(options)));
        const resolve = async () => replicas.map(({ ip }) => ip);
        const endpoint = `standpipe:${ingest}`;
        await using load = await ClientLoad.start({ endpoint, resolve, transport, inFlight: 64 });
        for (const [index, { options }] of replicas.entries()) {
          await load.more(500);
          expect(await (running[index] as CollectorProcess).end("SIGTERM")).toBe(0);
          await load.more(200);
          running[index] = await CollectorProcess.start(options);
        }
        await load.more(1_000);
        await load.finish();
        const { retries } = load.client.status();
        for (const collector of running) {
          await collector.until(({ routes }) => routes[0].ledger.waiting === 0);
          expect(await collector.end("SIGTERM")).toBe(0);
        }
        const { lost, doubled } = await compare([firehose], [load]);
        expect([load.failures, lost]).toEqual([[], []]);
        // Only a batch that came back without an answer may be there twice, and it held what was in flight at most.
        expect(doubled).toBeLessThanOrEqual(retries * 64);
      });
    },
    LIMIT_MS,
  );
}

test(
  "a journal that is full makes the client wait, not fail; all flows when Firehose is back",
  async () => {
    await withFolder(async (directory) => {
      await using firehose = await startFirehose(directory);
      const outage = firehose.local.faults.add({ kind: "error", error: "service_unavailable" });
      const settings = { ...SETTINGS, journal: { bytesMax: "16MiB", segmentBytesMax: "1MiB", compression: "none" } };
      const options = { directory, endpoint: firehose.local.url, ports: await freePorts(), settings };
      await using collector = await CollectorProcess.start(options);
      const endpoint = `127.0.0.1:${options.ports.ingest}`;
      const filler = { body: "x".repeat(50_000) };
      await using load = await ClientLoad.start({ endpoint, inFlight: 16, callMsMax: 1_000 });
      const sending = Array.from({ length: 400 }, () => load.client.send(filler));
      await collector.until(({ ingest }) => ingest.heldCalls > 0);
      while (load.client.status().retries === 0) await Bun.sleep(20);
      firehose.local.faults.clear(outage);
      await Promise.all(sending);
      await load.more(100);
      await load.finish();
      await collector.until(({ routes }) => routes[0].ledger.waiting === 0);
      const { lost } = await compare([firehose], [load]);
      expect([load.failures, lost]).toEqual([[], []]);
    });
  },
  LIMIT_MS,
);

testWith(
  ["tmpfs"],
  "a disk that is full makes the client wait, and nothing is lost when it has room again",
  async () => {
    await withSmallDisk(64 * MIB, async (directory) => {
      await withFolder(async (objects) => {
        await using firehose = await startFirehose(objects);
        const options = { directory, endpoint: firehose.local.url, ports: await freePorts(), settings: SETTINGS };
        await using collector = await CollectorProcess.start(options);
        const endpoint = `127.0.0.1:${options.ports.ingest}`;
        await using load = await ClientLoad.start({ endpoint, inFlight: 32, callMsMax: 1_000 });
        await load.more(200);
        const free = await fillDisk(directory);
        while (load.client.status().retries === 0) await Bun.sleep(20);
        await free();
        await load.more(200);
        await load.finish();
        await collector.until(({ routes }) => routes[0].ledger.waiting === 0);
        const { lost } = await compare([firehose], [load]);
        expect([load.failures, lost]).toEqual([[], []]);
      });
    });
  },
  LIMIT_MS,
);

test(
  "a thousand clients on one collector: each of their logs arrives once",
  async () => {
    await withFolder(async (directory) => {
      await using firehose = await startFirehose(directory);
      const options = { directory, endpoint: firehose.local.url, ports: await freePorts(), settings: SETTINGS };
      await using collector = await CollectorProcess.start(options);
      const endpoint = `127.0.0.1:${options.ports.ingest}`;
      const loads = await Promise.all(
        Array.from({ length: 1_000 }, (_, index) => ClientLoad.start({ endpoint, inFlight: 1, key: `client${index}` })),
      );
      await Promise.all(loads.map((load) => load.more(3)));
      await Promise.all(loads.map((load) => load.finish()));
      await collector.until(({ routes }) => routes[0].ledger.waiting === 0);
      expect(await collector.end("SIGTERM")).toBe(0);
      const { lost, doubled } = await compare([firehose], loads);
      expect([loads.flatMap(({ failures }) => failures), lost, doubled]).toEqual([[], [], 0]);
    });
  },
  LIMIT_MS,
);
