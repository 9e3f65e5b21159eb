/** The job that empties a volume: held against Kubernetes' schemas, our own rules, and the collector itself. */
import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { loadConfig } from "../../collector/config/config.ts";
import { parseObjects } from "./objects.ts";
import { offences } from "./policy.ts";
import { unknownKeys, wrongValues } from "./schemas.ts";

const JOB = parseObjects(readFileSync(join(import.meta.dir, "adopt-job.yaml"), "utf8"));

/** What an installation has already, and the job names. */
const INSTALLED = parseObjects(`
apiVersion: v1
kind: ServiceAccount
metadata: { name: standpipe, namespace: standpipe }
---
apiVersion: v1
kind: ConfigMap
metadata: { name: standpipe-config, namespace: standpipe }
---
apiVersion: v1
kind: ConfigMap
metadata: { name: standpipe-environment, namespace: standpipe }
`);

test("the job is what Kubernetes' schemas ask for, and keeps to our rules", async () => {
  expect(await wrongValues(JOB)).toEqual([]);
  expect(unknownKeys(JOB)).toEqual([]);
  expect(offences([...JOB, ...INSTALLED])).toEqual([]);
}, 60_000);

test("the collector takes the job's environment beside the configuration of an installation", () => {
  const [container] = JOB[0]?.spec.template.spec.containers ?? [];
  const environment = Object.fromEntries(container.env.map(({ name, value }: Record<string, string>) => [name, value]));
  const text = readFileSync(join(import.meta.dir, "base/standpipe.yaml"), "utf8");
  const config = loadConfig({ path: "standpipe.yaml", text }, { ...environment, STANDPIPE_FIREHOSE_STREAM: "logs" });
  expect(config.journal.adoptFrom).toEqual(["/var/lib/standpipe/orphan"]);
  expect(config.shutdown.handOver).toBe(false);
  const mounted = container.volumeMounts.map(({ mountPath }: { mountPath: string }) => mountPath);
  expect(mounted.some((path: string) => config.journal.directory.startsWith(`${path}/`))).toBe(true);
});
