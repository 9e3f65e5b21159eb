/** A disk that changed bytes while nobody looked: the collector starts, delivers the rest, and accounts for the gap. */
import { expect, test } from "bun:test";
import { readdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { withFolder } from "../temporary.ts";
import { CollectorProcess, freePorts } from "./collector-process.ts";
import { seededRandom } from "./kill-rounds.ts";
import { countBy, startFirehose } from "./observed-firehose.ts";
import { Sender } from "./sender.ts";

const LIMIT_MS = 120_000;

test(
  "a journal of a killed process with flipped bytes: it starts, delivers all that can be read, and the ledger names the rest",
  async () => {
    await withFolder(async (directory) => {
      await using firehose = await startFirehose(directory);
      const outage = firehose.local.faults.add({ kind: "outage" });
      const options = {
        directory,
        endpoint: firehose.local.url,
        ports: await freePorts(),
        settings: { journal: { segmentBytesMax: "1MiB", compression: "none" }, firehose: { recordId: true } },
      };
      const collectorBefore = await CollectorProcess.start(options);
      using sender = new Sender({ name: "a", port: options.ports.ingest, recordsPerRequest: 100, bodyBytes: 1_000 });
      while ((await collectorBefore.status()).journal.segments < 5) await sender.send();
      await sender.send();
      await collectorBefore.end("SIGKILL");

      await flipBytes(join(directory, "journal/segments"));
      firehose.local.faults.clear(outage);
      await using collector = await CollectorProcess.start(options);
      await sender.send();
      const { journal, routes } = await collector.until((status) => status.routes[0].ledger.waiting === 0);
      const { accepted, delivered, quarantined } = routes[0].ledger;
      expect(accepted).toBe(journal.head);
      expect(journal.head).toBe(sender.acknowledged.size);
      expect(delivered + quarantined).toBe(accepted);
      // One entry of 100 records was hit; the rest of its segment may be beyond reading, the other segments are not.
      expect(quarantined).toBeGreaterThanOrEqual(100);
      expect(quarantined).toBeLessThan(1_200);
      const lines = await firehose.lines();
      expect(countBy(lines, ({ ordinal }) => ordinal).size).toBe(delivered);
      expect(lines.length).toBe(delivered);
      await collector.said("damaged");
      expect((await readdir(join(directory, "journal/damaged"))).length).toBe(1);

      // The next start finds nothing more to say: the gap is accounted for.
      expect(await collector.end("SIGTERM")).toBe(0);
      await using after = await CollectorProcess.start(options);
      expect((await after.status()).routes[0].ledger).toMatchObject({ delivered, quarantined, waiting: 0 });
    });
  },
  LIMIT_MS,
);

/** Flips some bytes in the middle of the second segment's log. */
async function flipBytes(segments: string): Promise<void> {
  const [, second = ""] = (await readdir(segments)).sort((a, b) => Number(a) - Number(b));
  const files = (await readdir(join(segments, second))).filter((name) => /\.(log|ldb)$/.test(name));
  const sizes = await Promise.all(files.map(async (name) => (await stat(join(segments, second, name))).size));
  const path = join(segments, second, files[sizes.indexOf(Math.max(...sizes))] ?? "");
  const bytes = await readFile(path);
  const random = seededRandom(7);
  for (let count = 0; count < 5; count++) {
    const at = (bytes.length >> 1) + Math.floor(random() * 1_000);
    bytes[at] = (bytes[at] ?? 0) ^ (1 << Math.floor(random() * 8));
  }
  await writeFile(path, bytes);
}
