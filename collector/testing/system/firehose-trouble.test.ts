/** Firehose fails in part, or stores and does not say so: exactly what failed, or what nobody confirmed, is sent again. */
import { expect, test } from "bun:test";
import { withFolder } from "../temporary.ts";
import { CollectorProcess, freePorts, type Settings } from "./collector-process.ts";
import { countBy, startFirehose } from "./observed-firehose.ts";
import { Sender } from "./sender.ts";

const LIMIT_MS = 120_000;

/** Twice what the stream takes, in records small enough for many to be in one call. */
const OVER_QUOTA: Settings = {
  firehose: { recordId: true, bytesPerSecond: "2MiB", callsInFlightMax: 4, packDelayMsMax: 1 },
};

test(
  "throttled in part at random positions, and stopped and started in the middle: nothing is lost, nothing doubled",
  async () => {
    await withFolder(async (directory) => {
      await using firehose = await startFirehose(directory, { mibPerSecond: 1 });
      // Where the quota itself throttles little: half the records of some calls fail, wherever they stand. Of some only,
      // since a stream that throttles at any rate makes the rate fall to nearly nothing.
      const throttle = () =>
        firehose.local.faults.add({ kind: "throttle", pattern: "random", fraction: 0.5, calls: 5 });
      throttle();
      const options = {
        directory,
        endpoint: firehose.local.url,
        ports: await freePorts(),
        settings: OVER_QUOTA,
      };
      using sender = new Sender({ name: "a", port: options.ports.ingest, recordsPerRequest: 200, bodyBytes: 300 });
      let restarts = 0;
      let collector = await CollectorProcess.start(options);
      try {
        for (let request = 0; request < 60; request++) {
          if (request % 20 === 19) {
            await collector.until((status) => status.routes[0].delivery.throttled.records > 0);
            expect(await collector.end("SIGTERM")).toBe(0);
            restarts++;
            throttle();
            collector = await CollectorProcess.start(options);
          }
          await sender.send();
        }
        const { ledger } = (await collector.until((status) => status.routes[0].ledger.waiting === 0)).routes[0];
        expect(ledger).toMatchObject({ accepted: 12_000, delivered: 12_000 });
        expect(await collector.end("SIGTERM")).toBe(0);
      } finally {
        await collector.end("SIGKILL");
      }
      const lines = await firehose.lines();
      expect([restarts, lines.length, countBy(lines, ({ key }) => key).size]).toEqual([3, 12_000, 12_000]);
      expect(firehose.local.counters("logs").throttledRecords).toBeGreaterThan(0);
    });
  },
  LIMIT_MS,
);

test(
  "answers lost after the records were stored: nothing is lost, and exactly the records of those calls are doubled",
  async () => {
    await withFolder(async (directory) => {
      await using firehose = await startFirehose(directory);
      const { faults } = firehose.local;
      faults.add({ kind: "lost_answer", how: "reset", afterCalls: 2, calls: 3 });
      faults.add({ kind: "lost_answer", how: "hang", afterCalls: 8, calls: 2 });
      const options = {
        directory,
        endpoint: firehose.local.url,
        ports: await freePorts(),
        settings: { firehose: { recordId: true, requestTimeoutMs: 5_000, packDelayMsMax: 1 } },
      };
      await using collector = await CollectorProcess.start(options);
      using sender = new Sender({ name: "a", port: options.ports.ingest, recordsPerRequest: 50 });
      let requests = 0;
      do {
        await sender.send();
        requests++;
      } while (firehose.calls.length < 14);
      await collector.until((status) => status.routes[0].ledger.waiting === 0);

      const lines = await firehose.lines();
      expect(countBy(lines, ({ key }) => key).size).toBe(requests * 50);
      const unanswered = firehose.calls.filter(({ isAnswerLost }) => isAnswerLost);
      expect(unanswered.length).toBe(5);
      const expected = new Map(Array.from({ length: requests * 50 }, (_, ordinal) => [ordinal, 1]));
      for (const { ordinals } of unanswered) {
        for (const ordinal of ordinals) expected.set(ordinal, (expected.get(ordinal) ?? 0) + 1);
      }
      expect([...countBy(lines, ({ ordinal }) => ordinal)].sort(([a], [b]) => a - b)).toEqual([...expected]);
      expect(await collector.end("SIGTERM")).toBe(0);
    });
  },
  LIMIT_MS,
);
