/** Thousands of files through one agent: each is found and read, with no more descriptors open than it may have. */
import { expect, test } from "bun:test";
import { appendFileSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { withFolder } from "../temporary.ts";
import { CollectorProcess, freePorts } from "./collector-process.ts";
import { startFirehose } from "./observed-firehose.ts";
import { TailProcess } from "./tail-process.ts";

const FILES = 3_000;
const OPEN_FILES_MAX = 256;

test("three thousand files are found and followed, with a bounded number of them open", async () => {
  await withFolder(async (directory) => {
    await using firehose = await startFirehose(directory);
    const ports = await freePorts();
    const { admin: adminPort } = await freePorts();
    const folder = join(directory, "many");
    mkdirSync(folder);
    const paths = Array.from({ length: FILES }, (_, index) => join(folder, `application-${index}.log`));
    for (const path of paths) writeFileSync(path, `first of ${path}\n`);
    await using collector = await CollectorProcess.start({ directory, endpoint: firehose.local.url, ports });
    await using agent = await TailProcess.start({
      directory,
      collectorPort: ports.ingest,
      adminPort,
      sources: [{ name: "many", include: [join(folder, "*.log")] }],
      sections: { files: { openFilesMax: OPEN_FILES_MAX } },
    });
    await agent.until(({ acknowledgedRecords }) => acknowledgedRecords === FILES);
    for (const path of paths) appendFileSync(path, `second of ${path}\n`);
    await agent.until(({ acknowledgedRecords }) => acknowledgedRecords === 2 * FILES);
    const descriptors = readdirSync(`/proc/${agent.pid}/fd`).length;
    expect(descriptors).toBeLessThan(OPEN_FILES_MAX + 100);
    await collector.until(({ routes }) => routes[0].ledger.delivered === 2 * FILES);
  });
}, 120_000);
