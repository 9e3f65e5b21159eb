/** SIGTERM and SIGINT: what is under way is settled, what waits stays, the exit code is 0, and it ends in time. */
import { expect, test } from "bun:test";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { status } from "@grpc/grpc-js";
import { withFolder, withSmallDisk } from "../temporary.ts";
import { testWith } from "../tools.ts";
import { CollectorProcess, freePorts } from "./collector-process.ts";
import { fillDisk } from "./fill-disk.ts";
import { countBy, startFirehose } from "./observed-firehose.ts";
import { Sender } from "./sender.ts";

const LIMIT_MS = 90_000;
const MIB = 1024 * 1024;
/** Far less than this than the test's limit, so that a stop that ignores its bound fails the test. */
const DRAIN_MS_MAX = 3_000;

for (const signal of ["SIGTERM", "SIGINT"] as const) {
  test(
    `${signal} settles the calls that are open, answers OK to what was written, and exits with 0; a second one changes nothing`,
    async () => {
      await withFolder(async (directory) => {
        await using firehose = await startFirehose(directory);
        firehose.local.faults.add({ kind: "latency", ms: 1_000 });
        const options = { directory, endpoint: firehose.local.url, ports: await freePorts() };
        const settings = { firehose: { recordId: true, callsInFlightMax: 2 } };
        const collector = await CollectorProcess.start({ ...options, settings });
        using sender = new Sender({ name: "a", port: options.ports.ingest, pauseMs: 10 });
        const stopping = new AbortController();
        const sending = sender.run(stopping.signal);
        await collector.until(({ routes }) => routes[0].delivery.inFlight.calls === 2);
        collector.kill(signal);
        collector.kill(signal === "SIGTERM" ? "SIGINT" : "SIGTERM");
        expect(await collector.exited).toBe(0);
        firehose.local.faults.clear();
        await using after = await CollectorProcess.start({ ...options, settings });
        stopping.abort();
        await sending;
        const { journal } = await after.until(({ routes }) => routes[0].ledger.waiting === 0);
        const lines = await firehose.lines();
        // Nothing twice: neither by Firehose's calls nor, since every OK was told, by the sender.
        expect(lines.length).toBe(journal.head);
        const keys = countBy(lines, ({ key }) => key);
        expect([...sender.acknowledged].filter((key) => !keys.has(key))).toEqual([]);
        expect(keys.size).toBe(lines.length);
      });
    },
    LIMIT_MS,
  );
}

test(
  "a configuration that is read again while the collector stops changes nothing: no route begins anew",
  async () => {
    await withFolder(async (directory) => {
      await using firehose = await startFirehose(directory);
      firehose.local.faults.add({ kind: "latency", ms: 4_000 });
      const options = { directory, endpoint: firehose.local.url, ports: await freePorts() };
      const collector = await CollectorProcess.start(options);
      using sender = new Sender({ name: "a", port: options.ports.ingest });
      await sender.send();
      await collector.until(({ routes }) => routes[0].delivery.inFlight.calls === 1);
      await writeFile(join(directory, "standpipe.yaml"), "firehose: { callsInFlightMax: 7 }\n");
      collector.kill("SIGTERM");
      while (!collector.log.includes('"msg":"stopping"')) await Bun.sleep(5);
      collector.kill("SIGHUP");
      expect(await collector.exited).toBe(0);
      expect(collector.log).not.toContain("the route goes on as it is configured now");
      const after = await CollectorProcess.start(options);
      await after.until(({ routes }) => routes[0].ledger.waiting === 0);
      expect(await after.end("SIGTERM")).toBe(0);
      const keys = countBy(await firehose.lines(), ({ key }) => key);
      expect([...keys.values()].every((times) => times === 1)).toBe(true);
      expect([...sender.acknowledged].filter((key) => !keys.has(key))).toEqual([]);
    });
  },
  LIMIT_MS,
);

test(
  "with Firehose not answering it ends within its time, says what waits, and the next start delivers that",
  async () => {
    await withFolder(async (directory) => {
      await using firehose = await startFirehose(directory);
      const hang = firehose.local.faults.add({ kind: "latency", ms: 3_600_000 });
      const options = { directory, endpoint: firehose.local.url, ports: await freePorts() };
      const settings = { shutdown: { drainMsMax: DRAIN_MS_MAX } };
      const collector = await CollectorProcess.start({ ...options, settings });
      using sender = new Sender({ name: "a", port: options.ports.ingest });
      await sender.send();
      await collector.until(({ routes }) => routes[0].delivery.inFlight.calls > 0);
      expect(await collector.end("SIGTERM")).toBe(0);
      expect(collector.waitingAtEnd).toBe(20);
      firehose.local.faults.clear(hang);
      await using after = await CollectorProcess.start({ ...options, settings });
      await after.until(({ routes }) => routes[0].ledger.waiting === 0);
      expect(countBy(await firehose.lines(), ({ key }) => key).size).toBe(20);
    });
  },
  LIMIT_MS,
);

testWith(
  ["tmpfs"],
  "with the disk full and senders held it ends within its time, with 0, and what was acknowledged is there afterwards",
  async () => {
    await withSmallDisk(48 * MIB, async (disk) => {
      await withFolder(async (directory) => {
        await using firehose = await startFirehose(directory);
        const outage = firehose.local.faults.add({ kind: "outage" });
        const options = { directory, endpoint: firehose.local.url, ports: await freePorts() };
        const settings = {
          journal: { directory: join(disk, "journal"), segmentBytesMax: "1MiB" },
          shutdown: { drainMsMax: DRAIN_MS_MAX },
        };
        const collector = await CollectorProcess.start({ ...options, settings });
        using sender = new Sender({ name: "a", port: options.ports.ingest });
        await sender.send();
        const giveBack = await fillDisk(disk);
        const stopping = new AbortController();
        const sending = sender.run(stopping.signal);
        await collector.until(({ ingest }) => ingest.heldCalls > 0);
        expect(await collector.end("SIGTERM")).toBe(0);
        expect(collector.waitingAtEnd).toBe(sender.acknowledged.size);
        // It was held, and told that the collector stops: so it comes back.
        expect(sender.failures[0]?.code).toBe(status.UNAVAILABLE);

        await giveBack();
        firehose.local.faults.clear(outage);
        await using after = await CollectorProcess.start({ ...options, settings });
        stopping.abort();
        await sending;
        await after.until(({ routes }) => routes[0].ledger.waiting === 0);
        const keys = countBy(await firehose.lines(), ({ key }) => key);
        expect([...sender.acknowledged].filter((key) => !keys.has(key))).toEqual([]);
      });
    });
  },
  LIMIT_MS,
);
