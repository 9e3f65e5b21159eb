/** Memory is bounded, whatever the backlog and whatever Firehose does. Not about time: only the highest figure counts. */
import { expect, test } from "bun:test";
import { join } from "node:path";
import { startLocalFirehose } from "../../../deploy/local/server.ts";
import { withFolder } from "../temporary.ts";
import { anonymousBytes, CollectorProcess, freePorts, type StatusView } from "./collector-process.ts";
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
      let residentBytesMax = 0;
      const watching = setInterval(async () => {
        residentBytesMax = Math.max(residentBytesMax, await anonymousBytes(collector.pid));
      }, 50);
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
        clearInterval(watching);
        for (const sender of senders) sender[Symbol.dispose]();
        await firehose.stop();
      }
      console.log(`highest resident memory: ${(residentBytesMax / MIB).toFixed(0)} MiB`);
      expect(residentBytesMax).toBeLessThanOrEqual(RESIDENT_BYTES_MAX);
      expect(residentBytesMax).toBeGreaterThan(10 * MIB);
      expect(await collector.end("SIGTERM")).toBe(0);
    });
  },
  LIMIT_MS,
);
