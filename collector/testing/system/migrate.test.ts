/**
 * The four set-ups of someone who moves here (fluentd and Fluent Bit, as DaemonSet and as sidecar), translated and run: the
 * same lines through the translated agent and collector, held to what each wrote into the bucket before.
 */
import { expect, test } from "bun:test";
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { parse } from "yaml";
import type { TailConfigInput } from "../../../clients/tail/config.ts";
import { migrate } from "../../../clients/tail/migrate/migrate.ts";
import { withFolder } from "../temporary.ts";
import { CollectorProcess, freePorts } from "./collector-process.ts";
import { startFirehose } from "./observed-firehose.ts";
import { TailProcess } from "./tail-process.ts";

const LIMIT_MS = 60_000;
const FIXTURES = join(import.meta.dir, "../../../clients/tail/migrate/fixtures");
const ID = "0123456789abcdef".repeat(4);

/** Two lines of a container as Docker writes them, and one that is none. */
const LINES = [
  '{"log":"GET /日本 HTTP/1.1\\n","stream":"stdout","time":"2025-11-22T08:26:40.012345678Z"}',
  '{"log":"POST /\\n","stream":"stderr","time":"2025-11-22T08:26:41.5Z","took":3.0}',
  "no JSON at all",
];

/** What fluentd wrote: its parser takes `time` out. What did not parse was dropped with a warning; it arrives now. */
const FLUENTD = [
  '{"log":"GET /日本 HTTP/1.1\\n","stream":"stdout"}',
  '{"log":"POST /\\n","stream":"stderr","took":3.0}',
  '{"body":"no JSON at all"}',
];

/** What Fluent Bit wrote: characters beyond ASCII escaped, `time` where it was. */
const FLUENT_BIT = [
  '{"log":"GET /\\u65e5\\u672c HTTP/1.1\\n","stream":"stdout","time":"2025-11-22T08:26:40.012345678Z"}',
  '{"log":"POST /\\n","stream":"stderr","time":"2025-11-22T08:26:41.5Z","took":3.0}',
  '{"body":"no JSON at all"}',
];

test.each([
  ["fluentd-daemonset", FLUENTD],
  ["fluentd-sidecar", FLUENTD],
  // Its grep filter takes lines with GET; what does not parse stays.
  ["fluent-bit-daemonset", [FLUENT_BIT[0], FLUENT_BIT[2]]],
  ["fluent-bit-sidecar", FLUENT_BIT],
] as const)(
  "%s, translated and run, delivers the lines that it delivered before",
  async (name, expected) => {
    await withFolder(async (directory) => {
      const text = readFileSync(join(FIXTURES, `${name}.yaml`), "utf8");
      const { tail, collector: collectorYaml, isComplete } = migrate([{ path: name, text }]);
      expect(isComplete).toBe(true);
      // The same patterns, below a folder of the test's own.
      const { sources, files } = parse(
        tail.replaceAll("/var/log/containers", `${directory}/containers`).replaceAll("/applog", `${directory}/applog`),
      ) as TailConfigInput;
      await using firehose = await startFirehose(directory);
      const ports = await freePorts();
      const agentPorts = await freePorts();
      // Read from the working directory; address, stream and endpoint come from the environment.
      writeFileSync(join(directory, "standpipe.yaml"), collectorYaml);
      await using collector = await CollectorProcess.start({ directory, endpoint: firehose.local.url, ports });
      await using agent = await TailProcess.start({
        directory,
        collectorPort: ports.ingest,
        adminPort: agentPorts.admin,
        sources,
        sections: { files: { ...files, refreshMs: 200 } },
      });
      await agent.until(({ lines }) => lines === 0);
      for (const folder of ["containers", "applog", "docker"]) mkdirSync(join(directory, folder));
      const content = `${LINES.join("\n")}\n`;
      writeFileSync(join(directory, "docker/json.log"), content);
      symlinkSync(join(directory, "docker/json.log"), join(directory, `containers/nginx-1_default_nginx-${ID}.log`));
      writeFileSync(join(directory, "applog/access.log"), content);
      await agent.until(({ acknowledgedRecords }) => acknowledgedRecords === expected.length);
      await collector.until(({ routes }) => routes[0].ledger.delivered === expected.length);
      await firehose.local.flush();
      const objects = await Promise.all((await firehose.local.objects()).map(({ path }) => readFile(path, "utf8")));
      expect(objects.join("").trimEnd().split("\n").toSorted()).toEqual([...expected].toSorted() as string[]);
    });
  },
  LIMIT_MS,
);
