/** Memory is bounded, whatever the backlog and whatever Firehose does. Not about time: only the highest figure counts. */
import { expect, test } from "bun:test";
import { join } from "node:path";
import { startLocalFirehose } from "../../../deploy/local/server.ts";
import { readProcessFacts } from "../../bench/process-facts.ts";
import { withFolder } from "../temporary.ts";
import { CollectorProcess, freePorts, type StatusView } from "./collector-process.ts";
import { Sender } from "./sender.ts";

const LIMIT_MS = 240_000;
const MIB = 1024 * 1024;
const RESIDENT_BYTES_MAX = 200 * MIB;
const SENDERS = 8;
const RECORDS = 100;
const BODY_BYTES = 1_000;
/** Of log records: more than the process may hold in memory. */
const BACKLOG_BYTES = 300 * MIB;
/** Ten times the default quota. */
const BYTES_PER_SECOND = 10 * MIB;
/** Enough of them to have read, transcoded and sent many times what is held at once. */
const DRAINED_BYTES = 60 * MIB;

/** How Firehose may fail while the load goes on: refusing at once, and taking all and answering nothing. */
const TROUBLES = [
  { kind: "throttle", pattern: "all", fraction: 1 },
  { kind: "latency", ms: 8_000 },
] as const;

test(
  `a backlog of ${BACKLOG_BYTES / MIB} MiB, built up and drained at ten times the default quota, under load, stays within ${RESIDENT_BYTES_MAX / MIB} MiB of memory`,
  async () => {
    await withFolder(async (directory) => {
      const firehose = await startLocalFirehose({
        directory: join(directory, "objects"),
        port: 0,
        streams: [{ name: "logs", mibPerSecond: Number.POSITIVE_INFINITY, discard: true }],
      });
      const ports = await freePorts();
      const settings = { firehose: { bytesPerSecond: BYTES_PER_SECOND, requestTimeoutMs: 30_000 } };
      await using collector = await CollectorProcess.start({ directory, endpoint: firehose.url, ports, settings });
      const senders = Array.from({ length: SENDERS }, (_, index) => {
        return new Sender({ name: `s${index}`, port: ports.ingest, recordsPerRequest: RECORDS, bodyBytes: BODY_BYTES });
      });
      const stopping = new AbortController();
      const sending = Promise.all(senders.map((sender) => sender.run(stopping.signal)));
      sending.catch(() => undefined);
      try {
        for (const [index, trouble] of TROUBLES.entries()) {
          const id = firehose.faults.add(trouble);
          const backlog = ((index + 1) * BACKLOG_BYTES) / TROUBLES.length;
          await collector.until(({ journal }) => journal.head * BODY_BYTES > backlog);
          firehose.faults.clear(id);
        }
        // The backlog drains, at first while new logs go on coming.
        await collector.until(({ routes }) => routes[0].ledger.delivered * BODY_BYTES > DRAINED_BYTES / 2);
        stopping.abort();
        await sending;
        const drained = ({ routes: [{ ledger }] }: StatusView) => ledger.delivered * BODY_BYTES > DRAINED_BYTES;
        const { ledger } = (await collector.until(drained)).routes[0];
        expect(ledger).toMatchObject({ filtered: 0, quarantined: 0 });
        expect(ledger.waiting * BODY_BYTES).toBeGreaterThan(BACKLOG_BYTES / 2);
      } finally {
        stopping.abort();
        for (const sender of senders) sender[Symbol.dispose]();
        await firehose.stop();
      }
      expectThrifty(collector.pid);
      expect(await collector.end("SIGTERM")).toBe(0);
    });
  },
  LIMIT_MS,
);

/** Requests near the largest that are taken, from more senders than may be read at once, beside those of the usual size. */
const LARGE = { senders: 12, recordsPerRequest: 60, bodyBytes: 60_000 };
const LARGE_BYTES = 300 * MIB;

test(
  `requests of 3.6 MB from ${LARGE.senders} senders at once, delivered as fast as they come, stay within ${RESIDENT_BYTES_MAX / MIB} MiB of memory`,
  async () => {
    await withFolder(async (directory) => {
      const firehose = await startLocalFirehose({
        directory: join(directory, "objects"),
        port: 0,
        streams: [{ name: "logs", mibPerSecond: Number.POSITIVE_INFINITY, discard: true }],
      });
      const ports = await freePorts();
      const settings = { firehose: { bytesPerSecond: 10 * 1024 * MIB } };
      await using collector = await CollectorProcess.start({ directory, endpoint: firehose.url, ports, settings });
      const senders = [
        ...Array.from(
          { length: LARGE.senders },
          (_, index) => new Sender({ ...LARGE, name: `l${index}`, port: ports.ingest }),
        ),
        ...Array.from({ length: SENDERS }, (_, index) => new Sender({ name: `s${index}`, port: ports.ingest })),
      ];
      const stopping = new AbortController();
      const sending = Promise.all(senders.map((sender) => sender.run(stopping.signal)));
      sending.catch(() => undefined);
      try {
        await collector.until(({ ingest }) => ingest.acknowledgedBytes > LARGE_BYTES);
        stopping.abort();
        await sending;
        await collector.until(({ routes }) => routes[0].ledger.waiting === 0);
      } finally {
        stopping.abort();
        for (const sender of senders) sender[Symbol.dispose]();
        await firehose.stop();
      }
      expectThrifty(collector.pid);
      expect(await collector.end("SIGTERM")).toBe(0);
    });
  },
  LIMIT_MS,
);

/** The most that it ever had resident, its program included: what a limit on a container is about. */
function expectThrifty(pid: number): void {
  const { residentBytesPeak } = readProcessFacts(pid);
  console.log(`highest resident memory: ${(residentBytesPeak / MIB).toFixed(0)} MiB`);
  expect(residentBytesPeak).toBeLessThanOrEqual(RESIDENT_BYTES_MAX);
  expect(residentBytesPeak).toBeGreaterThan(10 * MIB);
}
