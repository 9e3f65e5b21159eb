/** No room: senders are held, then told to come back; what was acknowledged is kept, and all flows when room is back. */
import { expect, test } from "bun:test";
import { join } from "node:path";
import { status } from "@grpc/grpc-js";
import { withFolder, withSmallDisk } from "../temporary.ts";
import { testWith } from "../tools.ts";
import { anonymousBytes, CollectorProcess, freePorts } from "./collector-process.ts";
import { fillDisk } from "./fill-disk.ts";
import { countBy, type ObservedFirehose, startFirehose } from "./observed-firehose.ts";
import { Sender } from "./sender.ts";

const LIMIT_MS = 120_000;
const MIB = 1024 * 1024;
const SENDERS = 8;

/** Senders that run until the end, and then wait for their last acknowledgement. */
class Crowd implements Disposable {
  readonly senders: readonly Sender[];
  readonly #stopping = new AbortController();
  readonly #sending: Promise<unknown>;

  constructor(port: number, deadlineMs: number) {
    this.senders = Array.from({ length: SENDERS }, (_, index) => {
      return new Sender({ name: `s${index}`, port, recordsPerRequest: 100, bodyBytes: 600, deadlineMs });
    });
    this.#sending = Promise.all(this.senders.map((sender) => sender.run(this.#stopping.signal)));
    this.#sending.catch(() => undefined);
  }

  get acknowledged(): number {
    return this.senders.reduce((sum, { acknowledged }) => sum + acknowledged.size, 0);
  }

  get failures() {
    return this.senders.flatMap(({ failures }) => failures);
  }

  async finish(): Promise<void> {
    this.#stopping.abort();
    await this.#sending;
  }

  [Symbol.dispose](): void {
    this.#stopping.abort();
    for (const sender of this.senders) sender[Symbol.dispose]();
  }
}

/** All that was acknowledged is in the objects, and the ledger is closed. */
async function expectAllDelivered(collector: CollectorProcess, crowd: Crowd, firehose: ObservedFirehose) {
  const { journal, routes } = await collector.until((now) => now.routes[0].ledger.waiting === 0);
  expect(routes[0].ledger).toMatchObject({ accepted: journal.head, delivered: journal.head });
  const lines = await firehose.lines();
  const keys = countBy(lines, ({ key }) => key);
  const lost = crowd.senders.flatMap(({ acknowledged }) => [...acknowledged].filter((key) => !keys.has(key)));
  expect(lost).toEqual([]);
  expect(countBy(lines, ({ ordinal }) => ordinal).size).toBe(journal.head);
}

test(
  "a full journal with Firehose down holds senders, then tells them when to come back; nothing is lost, memory is bounded",
  async () => {
    await withFolder(async (directory) => {
      await using firehose = await startFirehose(directory);
      const outage = firehose.local.faults.add({ kind: "error", error: "service_unavailable" });
      const options = { directory, endpoint: firehose.local.url, ports: await freePorts() };
      const settings = {
        journal: { bytesMax: "16MiB", segmentBytesMax: "1MiB", compression: "none" },
        firehose: { recordId: true, bytesPerSecond: "32MiB" },
      };
      await using collector = await CollectorProcess.start({ ...options, settings });
      using crowd = new Crowd(options.ports.ingest, 1_500);
      await collector.until(({ journal, ingest }) => journal.isFull && ingest.heldTotal > 3 * SENDERS);
      const isTold = (): boolean => crowd.failures.some(({ code }) => code === status.UNAVAILABLE);
      while (crowd.failures.length < 2 * SENDERS || !isTold()) await Bun.sleep(20);
      const full = await collector.status();
      expect(full.journal.bytes).toBeLessThanOrEqual(16 * MIB + MIB);
      expect(full.routes[0].delivery.state).not.toBe("delivering");
      // Held first: nobody was refused before the deadline was near. Then the word that brings a client back.
      for (const failure of crowd.failures) {
        if (failure.code === status.DEADLINE_EXCEEDED) continue;
        expect(failure.code).toBe(status.UNAVAILABLE);
        expect(failure.retryDelayMs).toBeGreaterThan(0);
      }
      expect(await anonymousBytes(collector.pid)).toBeLessThan(200 * MIB);

      firehose.local.faults.clear(outage);
      const before = crowd.acknowledged;
      while (crowd.acknowledged < before + 1_000) await Bun.sleep(20);
      await crowd.finish();
      await expectAllDelivered(collector, crowd, firehose);
      expect((await collector.status()).journal).toMatchObject({ isFull: false });
      expect(await collector.end("SIGTERM")).toBe(0);
    });
  },
  LIMIT_MS,
);

testWith(
  ["tmpfs"],
  "a disk that somebody else fills under load: the process lives, holds and refuses, and goes on when there is room again",
  async () => {
    await withSmallDisk(64 * MIB, async (disk) => {
      await withFolder(async (directory) => {
        await using firehose = await startFirehose(directory);
        const options = { directory, endpoint: firehose.local.url, ports: await freePorts() };
        const settings = {
          journal: { directory: join(disk, "journal"), segmentBytesMax: "1MiB" },
          firehose: { recordId: true, bytesPerSecond: "32MiB" },
        };
        await using collector = await CollectorProcess.start({ ...options, settings });
        using crowd = new Crowd(options.ports.ingest, 1_500);
        for (let times = 1; times <= 2; times++) {
          const before = crowd.acknowledged;
          while (crowd.acknowledged < before + 2_000) await Bun.sleep(10);
          const giveBack = await fillDisk(disk);
          await collector.until(({ journal, ingest }) => journal.isFull && ingest.heldCalls > 0);
          const failures = crowd.failures.length;
          while (crowd.failures.length < failures + SENDERS) await Bun.sleep(20);
          await giveBack();
          await collector.until(({ journal }) => !journal.isFull);
        }
        const before = crowd.acknowledged;
        while (crowd.acknowledged < before + 2_000) await Bun.sleep(10);
        await crowd.finish();
        await expectAllDelivered(collector, crowd, firehose);
        await collector.said("the disk is full");
        expect(collector.log).not.toContain('"level":60');
        expect(await collector.end("SIGTERM")).toBe(0);
      });
    });
  },
  LIMIT_MS,
);
