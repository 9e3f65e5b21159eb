/** Memory is bounded, whatever the backlog and whatever Firehose does. Not about time: only the highest figure counts. */
import { expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { startLocalFirehose } from "../../../deploy/local/server.ts";
import { readProcessFacts } from "../../bench/process-facts.ts";
import { withFolder } from "../temporary.ts";
import { CollectorProcess, freePorts, type StatusView } from "./collector-process.ts";
import { HttpFlood, wireRequest } from "./http-flood.ts";
import { encodeRequest, Sender, type SenderOptions } from "./sender.ts";

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
    const shape = { recordsPerRequest: RECORDS, bodyBytes: BODY_BYTES };
    const senders = Array.from({ length: SENDERS }, (_, index) => ({ ...shape, name: `s${index}` }));
    const route = { bytesPerSecond: BYTES_PER_SECOND, requestTimeoutMs: 30_000 };
    await expectThrifty(route, senders, async ({ collector, firehose, stopSending }) => {
      for (const [index, trouble] of TROUBLES.entries()) {
        const id = firehose.faults.add(trouble);
        const backlog = ((index + 1) * BACKLOG_BYTES) / TROUBLES.length;
        await collector.until(({ journal }) => journal.head * BODY_BYTES > backlog);
        firehose.faults.clear(id);
      }
      // The backlog drains, at first while new logs go on coming.
      await collector.until(({ routes }) => routes[0].ledger.delivered * BODY_BYTES > DRAINED_BYTES / 2);
      await stopSending();
      const drained = ({ routes: [{ ledger }] }: StatusView) => ledger.delivered * BODY_BYTES > DRAINED_BYTES;
      const { ledger } = (await collector.until(drained)).routes[0];
      expect(ledger).toMatchObject({ filtered: 0, quarantined: 0 });
      expect(ledger.waiting * BODY_BYTES).toBeGreaterThan(BACKLOG_BYTES / 2);
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
    const senders = [
      ...Array.from({ length: LARGE.senders }, (_, index) => ({ ...LARGE, name: `l${index}` })),
      ...Array.from({ length: SENDERS }, (_, index) => ({ name: `s${index}` })),
    ];
    await expectThrifty({ bytesPerSecond: 10 * 1024 * MIB }, senders, async ({ collector, stopSending }) => {
      await collector.until(({ ingest }) => ingest.acknowledgedBytes > LARGE_BYTES);
      await stopSending();
      await collector.until(({ routes }) => routes[0].ledger.waiting === 0);
    });
  },
  LIMIT_MS,
);

/** Far more connections than large requests are read at once, and text that no compression makes smaller than three quarters. */
const CROWD = { connections: 200, records: 60, bodyBytes: 60_000 };
const CROWD_BYTES = 150 * MIB;
/** Without a bound for all that waits the process took 334 to 646 MiB; with it 188 to 209. */
const CROWDED_BYTES_MAX = 256 * MIB;

test(
  `requests of 3.6 MB of random text over HTTP, every other gzipped, from ${CROWD.connections} connections stay within ${CROWDED_BYTES_MAX / MIB} MiB of memory`,
  async () => {
    const texts = Array.from({ length: CROWD.records }, () =>
      randomBytes((CROWD.bodyBytes * 3) / 4).toString("base64"),
    );
    const body = encodeRequest(texts, CROWD.bodyBytes);
    const requests = [wireRequest(body), wireRequest(gzipSync(body, { level: 1 }), "gzip")];
    const route = { bytesPerSecond: 10 * 1024 * MIB };
    await expectThrifty(
      route,
      [],
      async ({ collector }) => {
        using flood = new HttpFlood(collector.ports.http);
        for (let index = 0; index < CROWD.connections; index++) flood.start(requests[index % 2] as Buffer);
        await collector.until(({ ingest }) => ingest.acknowledgedBytes > CROWD_BYTES);
        // Nobody is told what would make him drop his logs.
        expect([...flood.answers.keys()].filter((answer) => !["200", "429", "503"].includes(answer))).toEqual([]);
      },
      CROWDED_BYTES_MAX,
    );
  },
  LIMIT_MS,
);

interface Run {
  readonly collector: CollectorProcess;
  readonly firehose: Awaited<ReturnType<typeof startLocalFirehose>>;
  /** Resolves when all that was sent is acknowledged. */
  readonly stopSending: () => Promise<void>;
}

/**
 * Does `work` while `senders` send to a collector with that route, before a Firehose without a quota. Looks at the most that
 * the collector ever had resident, its program included: what a limit on a container is about.
 */
async function expectThrifty(
  route: { bytesPerSecond: number; requestTimeoutMs?: number },
  senders: readonly Omit<SenderOptions, "port">[],
  work: (run: Run) => Promise<void>,
  residentBytesMax = RESIDENT_BYTES_MAX,
): Promise<void> {
  await withFolder(async (directory) => {
    const firehose = await startLocalFirehose({
      directory: join(directory, "objects"),
      port: 0,
      streams: [{ name: "logs", mibPerSecond: Number.POSITIVE_INFINITY, discard: true }],
    });
    const ports = await freePorts();
    const settings = { firehose: route };
    await using collector = await CollectorProcess.start({ directory, endpoint: firehose.url, ports, settings });
    const sending = senders.map((each) => new Sender({ ...each, port: ports.ingest }));
    const stopping = new AbortController();
    const sent = Promise.all(sending.map((sender) => sender.run(stopping.signal)));
    sent.catch(() => undefined);
    const stopSending = async (): Promise<void> => {
      stopping.abort();
      await sent;
    };
    try {
      await work({ collector, firehose, stopSending });
    } finally {
      stopping.abort();
      for (const sender of sending) sender[Symbol.dispose]();
      await firehose.stop();
    }
    const { residentBytesPeak } = readProcessFacts(collector.pid);
    console.log(`highest resident memory: ${(residentBytesPeak / MIB).toFixed(0)} MiB`);
    expect(residentBytesPeak).toBeLessThanOrEqual(residentBytesMax);
    expect(residentBytesPeak).toBeGreaterThan(10 * MIB);
    expect(await collector.end("SIGTERM")).toBe(0);
  });
}
