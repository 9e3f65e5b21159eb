/** What can be added to an overlay: it still keeps to schemas and rules, and does what it says. */
import { expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import { toMetrics } from "../../collector/admin/telemetry/metrics.ts";
import { toPrometheus } from "../../collector/admin/telemetry/open-telemetry.ts";
import { viewSample } from "../../collector/admin/telemetry/samples.ts";
import { loadConfig } from "../../collector/config/config.ts";
import { HELM, KUBECTL } from "../../collector/testing/kubernetes-tools.ts";
import { testWith } from "../../collector/testing/tools.ts";
import { find, podTemplates, renderChart, renderWithComponents } from "./objects.ts";
import { offences } from "./policy.ts";
import { unknownKeys, wrongValues } from "./schemas.ts";

const LIMIT_MS = 60_000;
const COLLECTOR_COMPONENTS = ["ingest-saturation", "tls", "tokens"];
const AGENT_COMPONENTS = ["agent-secured", "agent-sidecar", "pod-labels"];

test("every component is looked at by a test", () => {
  expect(readdirSync(join(import.meta.dir, "components")).sort()).toEqual(
    [...COLLECTOR_COMPONENTS, ...AGENT_COMPONENTS].sort(),
  );
});

for (const overlay of ["deployment", "durable"]) {
  testWith(
    ["kubectl"],
    `overlay ${overlay} with all components keeps to the schemas and to our rules`,
    async () => {
      const objects = renderWithComponents(KUBECTL, overlay, COLLECTOR_COMPONENTS);
      expect(await wrongValues(objects)).toEqual([]);
      expect(unknownKeys(objects)).toEqual([]);
      expect(offences(objects)).toEqual([]);
    },
    LIMIT_MS,
  );

  testWith(["kubectl"], `with the component tls, the collector of overlay ${overlay} takes nothing without it`, () => {
    const objects = renderWithComponents(KUBECTL, overlay, ["tls"]);
    const text = find(objects, "ConfigMap", "standpipe-config").data["standpipe.yaml"];
    const config = loadConfig(
      { path: "standpipe.yaml", text },
      find(objects, "ConfigMap", "standpipe-environment").data,
    );
    expect(config.ingest.plaintext).toBe(false);
    const [pod] = podTemplates(objects);
    const mount = pod?.spec.containers[0].volumeMounts.find(({ name }: { name: string }) => name === "tls");
    const { certificate, key } = config.identity;
    expect([certificate, key, config.peers.authorities]).toEqual(
      ["crt", "key"].map((end) => `${mount.mountPath}/tls.${end}`).concat(`${mount.mountPath}/ca.crt`),
    );
    const asked = parse(readFileSync(join(import.meta.dir, "components/tls/certificate.yaml"), "utf8"));
    expect(asked.spec.secretName).toBe(
      pod?.spec.volumes.find(({ name }: { name: string }) => name === "tls").secret.secretName,
    );
    expect(asked.spec.dnsNames).toContain(config.peers.serverName);
  });
}

testWith(["kubectl"], "with the component tls, every port of a Service says that it speaks TLS", () => {
  const services = renderWithComponents(KUBECTL, "durable", ["tls"]).filter(({ kind }) => kind === "Service");
  const spoken = services.flatMap(({ spec }) => spec.ports.map((port: { appProtocol: string }) => port.appProtocol));
  expect(spoken).toEqual(["https", "https", "https", "https"]);
});

testWith(
  ["kubectl"],
  "with the component tokens, senders and replicas show tokens from the files that are mounted",
  () => {
    const objects = renderWithComponents(KUBECTL, "durable", ["tls", "tokens"]);
    const text = find(objects, "ConfigMap", "standpipe-config").data["standpipe.yaml"];
    const { data } = find(objects, "ConfigMap", "standpipe-environment");
    const { identity, peers } = loadConfig({ path: "standpipe.yaml", text }, data);
    const [pod] = podTemplates(objects);
    const mounts: { name: string; mountPath: string }[] = pod?.spec.containers[0].volumeMounts ?? [];
    const mountPath = mounts.find(({ name }) => name === "tokens")?.mountPath;
    expect([identity.tokens, peers.tokens]).toEqual([`${mountPath}/senders`, `${mountPath}/replicas`]);
    // The job that adopts a volume has the same configuration, and needs the same files.
    const job = parse(readFileSync(join(import.meta.dir, "adopt-job.yaml"), "utf8")).spec.template.spec;
    for (const name of ["tls", "tokens"]) {
      const mountOf = (spec: typeof job) =>
        spec.containers[0].volumeMounts.find((mount: { name: string }) => mount.name === name);
      expect(mountOf(job)).toEqual(mountOf(pod?.spec));
      const secretOf = (spec: typeof job) =>
        spec.volumes.find((volume: { name: string }) => volume.name === name).secret.secretName;
      expect(secretOf(job)).toBe(secretOf(pod?.spec));
    }
  },
);

testWith(
  ["helm", "kubectl"],
  "the autoscaler asks for ingest saturation by the name that the adapter's rule gives it",
  () => {
    const rule = parse(
      readFileSync(join(import.meta.dir, "components/ingest-saturation/prometheus-adapter-rule.yaml"), "utf8"),
    ).rules.custom[0];
    const scaler = find(
      renderWithComponents(KUBECTL, "durable", ["ingest-saturation"]),
      "HorizontalPodAutoscaler",
      "standpipe",
    );
    const [, metric] = scaler.spec.metrics;
    expect(scaler.spec.metrics).toHaveLength(2);
    expect(metric.pods.metric.name).toBe(rule.name.as);
    const chart = find(
      renderChart(HELM, "autoscaling: { ingestSaturation: true }"),
      "HorizontalPodAutoscaler",
      "standpipe",
    );
    expect(chart.spec).toEqual(scaler.spec);
  },
);

test("that rule is made of a metric that the collector has, and of the limit that it is held against", () => {
  const rule = parse(
    readFileSync(join(import.meta.dir, "components/ingest-saturation/prometheus-adapter-rule.yaml"), "utf8"),
  ).rules.custom[0];
  const series = /^\w+/.exec(rule.seriesQuery)?.[0] ?? "";
  const exported = toPrometheus("collector", toMetrics(viewSample()), { startedAtMs: 0, nowMs: 1_000 });
  expect(exported).toMatch(new RegExp(`^${series} `, "m"));
  const config = loadConfig(undefined, { STANDPIPE_FIREHOSE_STREAM: "logs" });
  expect(Number(/\/ (\d+)$/.exec(rule.metricsQuery)?.[1])).toBe(config.ingest.inFlightBytesMax);
});
