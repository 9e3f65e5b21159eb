/** The agent on the cluster: on every node, and beside an application. */
import { expect } from "bun:test";
import { readFileSync } from "node:fs";
import { parse } from "yaml";
import { loadTailConfig } from "../../clients/tail/config.ts";
import { sourceProblems } from "../../clients/tail/source.ts";
import { KUBECTL } from "../../collector/testing/kubernetes-tools.ts";
import { testWith } from "../../collector/testing/tools.ts";
import { find, podTemplates, renderOverlay, renderWithComponents } from "./objects.ts";
import { offences } from "./policy.ts";
import { unknownKeys, wrongValues } from "./schemas.ts";

const LIMIT_MS = 60_000;
/** Between the end of the drain and the end of the process. */
const STOP_MARGIN_SECONDS = 10;

interface Named {
  readonly name: string;
}

/** The agent of an overlay, the one pod that it is in, and its configuration by the agent's own parser. */
function agentOf(overlay: string, ...components: string[]) {
  const objects = renderWithComponents(KUBECTL, overlay, components);
  const [pod] = podTemplates(objects);
  const containers = [...(pod?.spec.initContainers ?? []), ...(pod?.spec.containers ?? [])];
  const container = containers.find(({ args }) => args?.[0] === "/app/clients/tail/main.ts");
  const text = find(
    objects,
    "ConfigMap",
    container.volumeMounts[0].name === "config" ? "standpipe-agent" : "standpipe-sidecar",
  ).data["standpipe-tail.yaml"];
  const environment = Object.fromEntries(
    (container.env ?? []).map(({ name, value }: Named & { value?: string }) => [name, value ?? "node-1"]),
  );
  const config = loadTailConfig({ path: "standpipe-tail.yaml", text }, environment, sourceProblems);
  return { objects, spec: pod?.spec, container, config };
}

for (const overlay of ["daemonset", "sidecar"]) {
  testWith(
    ["kubectl"],
    `the agent takes the configuration of overlay ${overlay}, and the manifests agree with it`,
    () => {
      const { spec, container, config } = agentOf(overlay);
      const mountOf = (path: string) =>
        container.volumeMounts.find(({ mountPath }: { mountPath: string }) => path.startsWith(mountPath));
      for (const pattern of config.sources.flatMap(({ include }) => include))
        expect(mountOf(pattern).readOnly).toBe(true);
      expect(mountOf(config.positions.directory).readOnly).not.toBe(true);
      expect(container.args[2].startsWith(`${container.volumeMounts[0].mountPath}/`)).toBe(true);
      expect(config.admin.address).toBe(`0.0.0.0:${container.ports[0].containerPort}`);
      expect(container.livenessProbe.httpGet.port).toBe(container.ports[0].name);
      expect(spec.terminationGracePeriodSeconds).toBeGreaterThanOrEqual(
        config.shutdown.drainMsMax / 1_000 + STOP_MARGIN_SECONDS,
      );
    },
  );

  testWith(
    ["kubectl"],
    `with agent-secured, the agent of overlay ${overlay} calls by TLS, and shows what is mounted`,
    () => {
      const { objects, container, config } = agentOf(overlay, "agent-secured");
      const { mountPath } = container.volumeMounts.find(({ name }: Named) => name === "standpipe-sender");
      expect(config.collector).toMatchObject({
        endpoint: ["https://standpipe.standpipe:4317"],
        caFile: `${mountPath}/ca.crt`,
        bearerTokenFile: `${mountPath}/token`,
      });
      expect(offences(objects)).toEqual([]);
      expect(unknownKeys(objects)).toEqual([]);
      const asked = parse(readFileSync(`${import.meta.dir}/components/tls/certificate.yaml`, "utf8"));
      expect(asked.spec.dnsNames).toContain("standpipe.standpipe");
    },
    LIMIT_MS,
  );

  testWith(
    ["kubectl"],
    `the agent of overlay ${overlay} finds the collector by its Service, and needs no more than those it replaces`,
    () => {
      const { container, config } = agentOf(overlay);
      const service = find(renderOverlay(KUBECTL, "durable"), "Service", "standpipe");
      const { name, namespace } = service.metadata;
      expect(config.collector.endpoint).toEqual([`http://${name}.${namespace}:${service.spec.ports[0].port}`]);
      expect(container.resources.requests).toEqual({ cpu: "100m", memory: "200Mi" });
      expect(container.resources.limits.memory).toBe("200Mi");
    },
  );
}

testWith(
  ["kubectl"],
  "the agent on every node runs on every node, only reads the logs, and keeps its positions there",
  () => {
    const { spec, config, objects } = agentOf("daemonset");
    expect(spec.tolerations).toEqual([{ operator: "Exists" }]);
    expect(spec.volumes.find(({ name }: Named) => name === "positions").hostPath.path).toBe(config.positions.directory);
    expect(objects.filter(({ kind }) => /Role/.test(kind))).toEqual([]);
    // It must not follow itself.
    expect(config.sources[0]?.exclude).toEqual(["/var/log/containers/*_standpipe-agent_*.log"]);
    expect(find(objects, "Namespace", "standpipe-agent")).toBeDefined();
  },
);

testWith(
  ["kubectl"],
  "with pod-labels it may read pods, and nothing else",
  async () => {
    const objects = renderWithComponents(KUBECTL, "daemonset", ["pod-labels"]);
    expect(find(objects, "ClusterRole", "standpipe-agent").rules).toEqual([
      { apiGroups: [""], resources: ["pods"], verbs: ["get", "list", "watch"] },
    ]);
    const [pod] = podTemplates(objects);
    expect(pod?.spec.automountServiceAccountToken).toBe(true);
    expect(await wrongValues(objects)).toEqual([]);
    expect(unknownKeys(objects)).toEqual([]);
    expect(offences(objects)).toEqual([]);
  },
  LIMIT_MS,
);

testWith(
  ["kubectl"],
  "the agent beside an application starts before it, stops after it, and reads what it writes",
  () => {
    const { spec, container } = agentOf("sidecar");
    expect(spec.initContainers.map(({ name }: Named) => name)).toEqual([container.name]);
    expect(container.restartPolicy).toBe("Always");
    const [application] = spec.containers;
    expect(application.volumeMounts.map(({ name }: Named) => name)).toContain("applog");
    expect(spec.securityContext.fsGroup).toBe(container.securityContext.runAsGroup);
    expect(spec.securityContext.runAsUser).toBe(101);
  },
);

testWith(["kubectl"], "only a Deployment that asks for the agent gets it", () => {
  const objects = renderWithComponents(KUBECTL, "deployment", ["agent-sidecar"]);
  for (const { spec } of podTemplates(objects)) expect(spec.initContainers).toBeUndefined();
});
