/** Volumes of pods that are gone: another collector delivers what they hold, under the names that it had, and removes them. */
import { expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { cp, mkdir } from "node:fs/promises";
import { join } from "node:path";
import { withFolder } from "../temporary.ts";
import { CollectorProcess, freePorts, type Settings } from "./collector-process.ts";
import { countBy, type ObservedFirehose, startFirehose } from "./observed-firehose.ts";
import { Sender } from "./sender.ts";

const LIMIT_MS = 120_000;
const REQUESTS = 100;
const RECORDS = 20 * REQUESTS;

/** A volume with the journal of a collector that was killed while Firehose was down; the keys and the id of its records. */
async function orphan(directory: string, firehose: ObservedFirehose, name: string) {
  const folder = join(directory, name);
  await mkdir(folder, { recursive: true });
  const down = firehose.local.faults.add({ kind: "outage" });
  const options = { directory: folder, endpoint: firehose.local.url, ports: await freePorts() };
  const collector = await CollectorProcess.start({ ...options, settings: { firehose: { recordId: true } } });
  using sender = new Sender({ name, port: options.ports.ingest, bodyBytes: 500 });
  for (let each = 0; each < REQUESTS; each++) await sender.send();
  const { collectorId } = (await collector.status()).journal;
  await collector.end("SIGKILL");
  firehose.local.faults.clear(down);
  return { folder, collectorId, keys: sender.acknowledged };
}

async function adopter(directory: string, firehose: ObservedFirehose, settings: Settings = {}, once = true) {
  const folder = join(directory, "adopter");
  await mkdir(folder, { recursive: true });
  return {
    directory: folder,
    endpoint: firehose.local.url,
    ports: await freePorts(),
    settings: { ...settings, firehose: { recordId: true, ...settings.firehose } },
    ...(once ? { arguments: ["--until-delivered"] } : {}),
  };
}

test(
  "orphaned volumes are delivered once, under their own ids, and removed; the job ends with 0 by itself",
  async () => {
    await withFolder(async (directory) => {
      await using firehose = await startFirehose(directory);
      const volumes = join(directory, "volumes");
      const orphans = [await orphan(volumes, firehose, "one"), await orphan(volumes, firehose, "two")];
      const options = await adopter(directory, firehose, { journal: { adoptFrom: volumes } });
      await using job = await CollectorProcess.start(options);
      expect(await job.exited).toBe(0);
      const lines = await firehose.lines();
      const keys = countBy(lines, ({ key }) => key);
      expect([keys.size, Math.max(...keys.values())]).toEqual([2 * RECORDS, 1]);
      const ids = new Set(lines.map(({ recordId = "" }) => recordId.split("/")[0]));
      expect(ids).toEqual(new Set(orphans.map(({ collectorId }) => collectorId)));
      for (const { folder } of orphans) expect(existsSync(join(folder, "journal"))).toBe(false);
    });
  },
  LIMIT_MS,
);

test(
  "a collector that is killed while it adopts goes on at its next start: nothing is lost, doubles have the same id",
  async () => {
    await withFolder(async (directory) => {
      await using firehose = await startFirehose(directory);
      const { folder, keys, collectorId } = await orphan(join(directory, "volumes"), firehose, "one");
      const down = firehose.local.faults.add({ kind: "outage" });
      const options = await adopter(directory, firehose, { journal: { adoptFrom: folder } }, false);
      for (const heads of [1, RECORDS / 4, RECORDS / 2]) {
        await using collector = await CollectorProcess.start(options);
        await collector.until(({ journal }) => journal.head >= heads);
        await collector.end("SIGKILL");
      }
      firehose.local.faults.clear(down);
      await using job = await CollectorProcess.start({ ...options, arguments: ["--until-delivered"] });
      expect(await job.exited).toBe(0);
      const lines = await firehose.lines();
      expect(new Set(lines.map(({ key }) => key))).toEqual(keys);
      expect(new Set(lines.map(({ key, recordId }) => `${key} ${recordId}`)).size).toBe(RECORDS);
      expect(lines.every(({ recordId = "" }) => recordId.startsWith(`${collectorId}/`))).toBe(true);
      expect(existsSync(join(folder, "journal"))).toBe(false);
    });
  },
  LIMIT_MS,
);

test(
  "a journal that is in use, or has a route that is not configured here, stays as it is, is named, and the job ends with 1",
  async () => {
    await withFolder(async (directory) => {
      await using firehose = await startFirehose(directory);
      const volumes = join(directory, "volumes");
      const { folder, keys } = await orphan(volumes, firehose, "one");
      await cp(folder, join(volumes, "used"), { recursive: true });
      const down = firehose.local.faults.add({ kind: "outage" });
      const used = { directory: join(volumes, "used"), endpoint: firehose.local.url, ports: await freePorts() };
      await using user = await CollectorProcess.start(used);
      const options = await adopter(directory, firehose, { journal: { adoptFrom: volumes } });
      await Bun.write(
        join(options.directory, "standpipe.yaml"),
        `routes: [{ name: elsewhere, stream: logs, endpoint: "${firehose.local.url}" }]\n`,
      );
      await using job = await CollectorProcess.start(options);
      expect(await job.exited).toBe(1);
      expect(job.log).toContain("its route default is not configured here");
      expect(job.log).toContain("another process has it open");
      firehose.local.faults.clear(down);
      await user.until(({ routes }) => routes[0].ledger.waiting === 0);
      await using owner = await CollectorProcess.start({ ...used, directory: folder, ports: await freePorts() });
      await owner.until(({ routes }) => routes[0].ledger.waiting === 0);
      // Both copies were whole.
      expect(countBy(await firehose.lines(), ({ key }) => key)).toEqual(new Map([...keys].map((key) => [key, 2])));
    });
  },
  LIMIT_MS,
);
