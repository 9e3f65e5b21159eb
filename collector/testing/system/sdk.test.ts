/** The stock OpenTelemetry SDK, from another process, through the whole of it: each record once in the objects. */
import { expect, test } from "bun:test";
import { join } from "node:path";
import { withFolder } from "../temporary.ts";
import { CollectorProcess, freePorts } from "./collector-process.ts";
import { countBy, startFirehose } from "./observed-firehose.ts";

const LIMIT_MS = 120_000;
const BURST = join(import.meta.dir, "../../../clients/sdk/examples/burst.ts");

function burst(port: number, records: number): Promise<{ accepted: number; acknowledged: number; waiting: number }> {
  const child = Bun.spawn({
    cmd: [process.execPath, BURST, `http://127.0.0.1:${port}`, String(records)],
    stdout: "pipe",
    stderr: "inherit",
  });
  return new Response(child.stdout).json() as ReturnType<typeof burst>;
}

test(
  "10,000 records of an unmodified SDK, in the retrying exporter, are each once in the objects",
  async () => {
    await withFolder(async (directory) => {
      await using firehose = await startFirehose(directory);
      const options = { directory, endpoint: firehose.local.url, ports: await freePorts() };
      const settings = { firehose: { bytesPerSecond: "8MiB" } };
      await using collector = await CollectorProcess.start({ ...options, settings });
      expect(await burst(options.ports.ingest, 10_000)).toMatchObject({ acknowledged: 10_000, waiting: 0 });
      await collector.until((status) => status.routes[0].ledger.waiting === 0);
      const indices = await indicesOf(firehose);
      expect(indices).toEqual(Array.from({ length: 10_000 }, (_, index) => index));
      expect(await collector.end("SIGTERM")).toBe(0);
    });
  },
  LIMIT_MS,
);

test(
  "the same with the collector killed in the middle: none is lost, and only what had no answer is there twice",
  async () => {
    await withFolder(async (directory) => {
      await using firehose = await startFirehose(directory);
      const options = { directory, endpoint: firehose.local.url, ports: await freePorts() };
      const settings = { firehose: { bytesPerSecond: "8MiB", recordId: true } };
      const before = await CollectorProcess.start({ ...options, settings });
      const sending = burst(options.ports.ingest, 20_000);
      await before.until((status) => status.journal.head > 2_000);
      await before.end("SIGKILL");
      await using collector = await CollectorProcess.start({ ...options, settings });
      expect(await sending).toMatchObject({ acknowledged: 20_000, waiting: 0 });
      const { journal, ingest } = await collector.until((status) => status.routes[0].ledger.waiting === 0);
      expect(ingest.acknowledgedRecords).toBeGreaterThan(0);
      const indices = await indicesOf(firehose);
      expect([...new Set(indices)]).toEqual(Array.from({ length: 20_000 }, (_, index) => index));
      const ordinals = countBy(await firehose.lines(), ({ ordinal }) => ordinal);
      expect(ordinals.size).toBe(journal.head);
      expect(await collector.end("SIGTERM")).toBe(0);
    });
  },
  LIMIT_MS,
);

/** The number in each body, in order. */
async function indicesOf(firehose: Awaited<ReturnType<typeof startFirehose>>): Promise<number[]> {
  const bodies = (await firehose.lines()).map(({ body }) => /^record (\d+)$/.exec(body)?.[1]);
  return bodies.map(Number).sort((a, b) => a - b);
}
