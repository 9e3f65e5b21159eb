/** The Helm chart: the same objects as the overlays, and values that say no to what can't be meant. */
import { expect } from "bun:test";
import { parse } from "yaml";
import { HELM, KUBECTL } from "../../collector/testing/kubernetes-tools.ts";
import { testWith } from "../../collector/testing/tools.ts";
import { find, type KubernetesObject, nameOf, renderChart, renderWithComponents } from "./objects.ts";
import { offences } from "./policy.ts";
import { unknownKeys, wrongValues } from "./schemas.ts";

const LIMIT_MS = 60_000;

/** The values that make of the chart what an overlay is, and components over it. */
const VALUES: Readonly<Record<string, string>> = {
  deployment: "durable: false",
  durable: "",
  "durable tls": "tls: { secret: standpipe-tls }",
  "durable tokens": "tokens: { secret: standpipe-tokens }",
  "deployment tls tokens": "{ durable: false, tls: { secret: standpipe-tls }, tokens: { secret: standpipe-tokens } }",
  eks: `
image: { repository: 123456789012.dkr.ecr.ap-northeast-1.amazonaws.com/standpipe }
volume: { storageClass: standpipe-gp3, accessMode: ReadWriteOncePod }
storageClass: { create: true }
serviceAccount:
  annotations:
    eks.amazonaws.com/role-arn: arn:aws:iam::123456789012:role/standpipe
    eks.amazonaws.com/sts-regional-endpoints: "true"
`,
  local: `
durable: false
image: { repository: standpipe }
localFirehose: { enabled: true }
volume: { size: 1Gi }
resources: { requests: { cpu: 100m } }
environment:
  STANDPIPE_JOURNAL_BYTES_MAX: 512MiB
  STANDPIPE_JOURNAL_QUARANTINE_BYTES_MAX: 64MiB
`,
};

/** An object without what tells only by which of the two it was made. */
function essence(object: KubernetesObject): unknown {
  const copy = structuredClone(object);
  const strip = (metadata: KubernetesObject["spec"]) => {
    if (metadata === undefined) return;
    delete metadata.namespace;
    for (const label of ["helm.sh/chart", "app.kubernetes.io/managed-by"]) delete metadata.labels?.[label];
    for (const note of ["checksum/config", "checksum/environment"]) delete metadata.annotations?.[note];
    for (const part of ["labels", "annotations"])
      if (Object.keys(metadata[part] ?? {}).length === 0) delete metadata[part];
  };
  strip(copy.metadata);
  strip(copy.spec?.template?.metadata);
  for (const container of copy.spec?.template?.spec.containers ?? []) {
    if (container.imagePullPolicy === "IfNotPresent") delete container.imagePullPolicy;
  }
  const plain = JSON.parse(
    JSON.stringify(copy).replace(/("standpipe-(?:config|environment|agent))-[a-z0-9]{10}"/g, '$1"'),
  );
  for (const [file, text] of Object.entries<string>(plain.data ?? {})) {
    if (file.endsWith(".yaml")) plain.data[file] = parse(text);
  }
  return plain;
}

function essences(objects: readonly KubernetesObject[]): Record<string, unknown> {
  // Helm makes no namespaces: `--create-namespace` does.
  const shared = objects.filter(({ kind }) => kind !== "Namespace");
  return Object.fromEntries(shared.map((object) => [`${object.kind} ${nameOf(object)}`, essence(object)]));
}

for (const [name, values] of Object.entries(VALUES)) {
  testWith(["helm", "kubectl"], `the chart and overlay ${name} make the same objects`, () => {
    const chart = renderChart(HELM, values);
    const [overlay = "", ...components] = name.split(" ");
    expect(essences(chart)).toEqual(essences(renderWithComponents(KUBECTL, overlay, components)));
    expect(offences(chart)).toEqual([]);
  });
}

for (const [values, components] of [
  ["", []],
  ["podLabels: true", ["pod-labels"]],
  ["sender: { secret: standpipe-sender }", ["agent-secured"]],
] as const) {
  testWith(
    ["helm", "kubectl"],
    `the agent's chart and overlay daemonset make the same objects, ${values || "as they are"}`,
    () => {
      const chart = renderChart(HELM, values, "standpipe-agent");
      expect(essences(chart)).toEqual(essences(renderWithComponents(KUBECTL, "daemonset", components)));
      expect(offences(chart)).toEqual([]);
    },
  );
}

testWith(
  ["helm"],
  "the chart with everything that may be added is what the schemas ask for",
  async () => {
    const objects = renderChart(
      HELM,
      `
image: { digest: "sha256:${"0".repeat(64)}" }
podAnnotations: { a: b }
nodeSelector: { kubernetes.io/arch: arm64 }
tolerations: [{ key: logs, operator: Exists }]
durable: false
extraVolumes: [{ name: tls, secret: { secretName: tls } }]
extraVolumeMounts: [{ name: tls, mountPath: /etc/standpipe-tls, readOnly: true }]
localFirehose: { enabled: true }
storageClass: { create: true }
`,
    );
    expect(await wrongValues(objects)).toEqual([]);
    expect(unknownKeys(objects)).toEqual([]);
    expect(offences(objects)).toEqual([]);
    const { spec } = find(objects, "Deployment", "standpipe").spec.template;
    expect(spec.containers[0].image).toBe(`registry.example/standpipe@sha256:${"0".repeat(64)}`);
    expect(spec.volumes.at(-1)).toEqual({ name: "tls", secret: { secretName: "tls" } });
  },
  LIMIT_MS,
);

testWith(["helm"], "ports say what they speak: plaintext, or TLS where there is a certificate", () => {
  const spoken = (values: string): string[] =>
    renderChart(HELM, values)
      .filter(({ kind }) => kind === "Service")
      .flatMap(({ spec }) => spec.ports.map((port: { appProtocol: string }) => port.appProtocol));
  expect(spoken("")).toEqual(["kubernetes.io/h2c", "http", "kubernetes.io/h2c", "kubernetes.io/h2c"]);
  for (const secured of ["config: { identity: { certificate: /etc/x/tls.crt } }", "tls: { secret: standpipe-tls }"]) {
    expect(spoken(secured)).toEqual(["https", "https", "https", "https"]);
  }
});

testWith(["helm"], "values of an installation that is older than TLS and tokens by name can be used again", () => {
  // As `helm upgrade --reuse-values` gives them: without what has come since.
  expect(renderChart(HELM, "tls: null\ntokens: null")).toEqual(renderChart(HELM, ""));
});

testWith(["helm"], "a longer drain makes a longer grace period", () => {
  const objects = renderChart(HELM, "config: { shutdown: { drainMsMax: 3599500 } }");
  expect(find(objects, "StatefulSet", "standpipe").spec.template.spec.terminationGracePeriodSeconds).toBe(3_630);
});

testWith(["helm"], "values with a slip in them are refused, and the slip is named", () => {
  const slips: [string, string][] = [
    ["replicas: 3", "replicas"],
    ["image: { tag: latest }", "tag"],
    ["image: { digest: sha256:abc }", "digest"],
    ["autoscaling: { cpuUtilization: 0 }", "cpuUtilization"],
    ["volume: { size: 20 GB }", "size"],
    ["environment: { A: 1 }", "environment"],
    ['environment: { STANDPIPE_SHUTDOWN_DRAIN_MS_MAX: "1" }', "STANDPIPE_SHUTDOWN_DRAIN_MS_MAX"],
    ["config: { shutdown: { drainMsMax: soon } }", "drainMsMax"],
    ["resources: { limits: { memory: null } }", "memory"],
    ["tls: { secretName: standpipe-tls }", "secretName"],
    ["extraVolumeMounts: [{ name: x, mountPath: /etc/standpipe/x }]", "mountPath"],
  ];
  for (const [values, word] of slips) expect(() => renderChart(HELM, values)).toThrow(word);
});

testWith(["helm"], "Helm's own linter finds nothing wrong with the charts", () => {
  const { exitCode, stdout } = Bun.spawnSync({
    cmd: [HELM, "lint", "--strict", ...["", "-agent"].map((end) => `${import.meta.dir}/../helm/standpipe${end}`)],
  });
  expect([exitCode, stdout.toString()]).toEqual([0, expect.stringContaining("2 chart(s) linted, 0 chart(s) failed")]);
});
