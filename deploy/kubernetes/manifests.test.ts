/** The overlays: rendered by Kustomize, held against Kubernetes' schemas, our own rules, and the collector itself. */
import { expect, test } from "bun:test";
import { type Config, loadConfig } from "../../collector/config/config.ts";
import { lineProblems } from "../../collector/delivery/lines.ts";
import { KUBECTL } from "../../collector/testing/kubernetes-tools.ts";
import { testWith } from "../../collector/testing/tools.ts";
import { find, type KubernetesObject, parseObjects, podTemplates, quantity, renderOverlay } from "./objects.ts";
import { offences } from "./policy.ts";
import { unknownKeys, wrongValues } from "./schemas.ts";

const LIMIT_MS = 60_000;
const COLLECTOR_OVERLAYS = ["deployment", "durable", "eks", "local"] as const;
const OVERLAYS = [...COLLECTOR_OVERLAYS, "daemonset", "sidecar"] as const;

/** What ext4 keeps for itself: tables, and 5 % for root. */
const FILE_SYSTEM_PART = 0.07;
/** Cursors and ledger. */
const META_BYTES = 64 * 2 ** 20;
/** Between SIGTERM and the end, beside the drain: opening what is left, closing the journal. */
const STOP_MARGIN_SECONDS = 15;

const rendered = new Map<string, KubernetesObject[]>();

function overlay(name: string): KubernetesObject[] {
  const objects = rendered.get(name) ?? renderOverlay(KUBECTL, name);
  rendered.set(name, objects);
  return objects;
}

/** What the collector makes of the configuration that its pods get. */
function configOf(objects: readonly KubernetesObject[]): Config {
  const text = find(objects, "ConfigMap", "standpipe-config").data["standpipe.yaml"];
  const { data } = find(objects, "ConfigMap", "standpipe-environment");
  return loadConfig({ path: "standpipe.yaml", text }, data, lineProblems);
}

function collectorPod(objects: readonly KubernetesObject[]) {
  const pod = podTemplates(objects).find(({ labels }) => labels["app.kubernetes.io/component"] === "collector");
  if (pod === undefined) throw new Error("there is no collector");
  return pod;
}

/** The volume under /var/lib/standpipe: its claim, whatever makes it. */
function claimOf({ owner, spec }: ReturnType<typeof collectorPod>): KubernetesObject["spec"] {
  const volume = spec.volumes.find(({ name }: { name: string }) => name === "journal");
  return volume?.ephemeral.volumeClaimTemplate.spec ?? owner.spec.volumeClaimTemplates[0].spec;
}

for (const name of OVERLAYS) {
  testWith(
    ["kubectl"],
    `overlay ${name} is what Kubernetes' schemas ask for, with no key that they do not have`,
    async () => {
      expect(await wrongValues(overlay(name))).toEqual([]);
      expect(unknownKeys(overlay(name))).toEqual([]);
    },
    LIMIT_MS,
  );

  testWith(
    ["kubectl"],
    `overlay ${name} keeps to our rules: restricted, limited, pinned, and no name leads nowhere`,
    () => {
      expect(offences(overlay(name))).toEqual([]);
    },
  );
}

for (const name of COLLECTOR_OVERLAYS) {
  testWith(
    ["kubectl"],
    `the collector takes the configuration of overlay ${name}, and the manifests agree with it`,
    () => {
      const objects = overlay(name);
      const config = configOf(objects);
      const pod = collectorPod(objects);
      const [container] = pod.spec.containers;
      const ports = new Map(
        container.ports.map((port: { name: string; containerPort: number }) => [port.name, port.containerPort]),
      );
      expect(config.ingest.address).toBe(`0.0.0.0:${ports.get("otlp-grpc")}`);
      expect(config.ingest.httpAddress).toBe(`0.0.0.0:${ports.get("otlp-http")}`);
      expect(config.admin.address).toBe(`0.0.0.0:${ports.get("admin")}`);
      expect(config.peers.service).toBe(`standpipe-peers:${ports.get("otlp-grpc")}`);
      expect(find(objects, "Service", "standpipe-peers").spec).toMatchObject({
        clusterIP: "None",
        publishNotReadyAddresses: true,
      });
      const mount = container.volumeMounts.find((each: { name: string }) => each.name === "journal");
      expect(config.journal.directory.startsWith(`${mount.mountPath}/`)).toBe(true);
    },
  );

  testWith(["kubectl"], `the volume of overlay ${name} holds all that the journal may take`, () => {
    const { journal, routes } = configOf(overlay(name));
    const needed =
      journal.bytesMax +
      journal.quarantineBytesMax * routes.length +
      2 * journal.segmentBytesMax +
      journal.freeBytesMin +
      META_BYTES;
    const claim = claimOf(collectorPod(overlay(name)));
    expect(needed).toBeLessThan(quantity(claim.resources.requests.storage) * (1 - FILE_SYSTEM_PART));
  });

  testWith(["kubectl"], `a pod of overlay ${name} has the time that its drain may take`, () => {
    const { shutdown } = configOf(overlay(name));
    const { spec } = collectorPod(overlay(name));
    const pauseSeconds = spec.containers[0].lifecycle.preStop.sleep.seconds;
    expect(spec.terminationGracePeriodSeconds).toBeGreaterThanOrEqual(
      pauseSeconds + shutdown.drainMsMax / 1_000 + STOP_MARGIN_SECONDS,
    );
  });
}

testWith(["kubectl"], "Deployment and StatefulSet run the same pod, but for where its volume comes from", () => {
  const [deployment, durable] = [overlay("deployment"), overlay("durable")].map((objects) =>
    structuredClone(collectorPod(objects)),
  );
  expect(claimOf(deployment as never)).toEqual(claimOf(durable as never));
  if (deployment === undefined || durable === undefined) throw new Error("unreachable");
  deployment.spec.volumes = deployment.spec.volumes.filter(({ name }: { name: string }) => name !== "journal");
  expect(deployment.spec).toEqual(durable.spec);
  expect(deployment.labels).toEqual(durable.labels);
});

testWith(["kubectl"], "volumes of the durable overlays outlive their pods, their StatefulSet and their claims", () => {
  for (const name of ["durable", "eks"]) {
    const { owner, spec } = collectorPod(overlay(name));
    expect(owner.spec.persistentVolumeClaimRetentionPolicy).toEqual({ whenDeleted: "Retain", whenScaled: "Retain" });
    expect(spec.volumes.some((volume: object) => "ephemeral" in volume || "emptyDir" in volume)).toBe(false);
  }
  expect(find(overlay("eks"), "StorageClass", "standpipe-gp3").reclaimPolicy).toBe("Retain");
  expect(claimOf(collectorPod(overlay("eks"))).storageClassName).toBe("standpipe-gp3");
});

testWith(["kubectl"], "a change of the configuration gives its ConfigMap another name, so that the pods roll", () => {
  const [one, other] = (["deployment", "local"] as const).map(
    (name) => overlay(name).find((each) => each.metadata.name.startsWith("standpipe-environment-"))?.metadata.name,
  );
  expect(one).toBeDefined();
  expect(one).not.toBe(other);
});

const GOOD = parseObjects(`
apiVersion: apps/v1
kind: Deployment
metadata: { name: x }
spec:
  selector: { matchLabels: { a: b } }
  template:
    metadata: { labels: { a: b } }
    spec:
      enableServiceLinks: false
      automountServiceAccountToken: false
      terminationGracePeriodSeconds: 30
      securityContext: { runAsNonRoot: true, runAsUser: 65532, seccompProfile: { type: RuntimeDefault } }
      containers:
        - name: c
          image: registry.example/x:1.2.3
          resources: { requests: { cpu: 1m, memory: 1Mi }, limits: { cpu: 1m, memory: 1Mi } }
          livenessProbe: { httpGet: { path: /, port: 1 } }
          securityContext: { allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: { drop: [ALL] } }
`);

test("our rules find what they are for", () => {
  expect(offences(GOOD)).toEqual([]);
  const bends: [(pod: KubernetesObject["spec"], container: KubernetesObject["spec"]) => void, string][] = [
    [(pod) => delete pod.enableServiceLinks, "enableServiceLinks"],
    [(pod) => delete pod.automountServiceAccountToken, "token of the Kubernetes API"],
    [(pod) => Object.assign(pod, { hostNetwork: true }), "namespace of the node"],
    [(pod) => delete pod.securityContext.runAsNonRoot, "numbered user"],
    [(pod) => delete pod.securityContext.seccompProfile, "seccompProfile"],
    [(pod) => Object.assign(pod, { volumes: [{ name: "v", hostPath: { path: "/" } }] }), "is a hostPath"],
    [(pod) => Object.assign(pod, { serviceAccountName: "none" }), "no ServiceAccount none"],
    [(pod) => Object.assign(pod, { priorityClassName: "none" }), "no PriorityClass none"],
    [(_, container) => Object.assign(container, { image: "x:latest" }), "not pinned"],
    [(_, container) => Object.assign(container, { image: "localhost:5000/x" }), "not pinned"],
    [(_, container) => delete container.resources.limits.memory, "no limits of memory"],
    [(_, container) => delete container.livenessProbe, "no livenessProbe"],
    [(_, container) => Object.assign(container.securityContext, { privileged: true }), "privileged"],
    [(_, container) => Object.assign(container.securityContext, { capabilities: { drop: [] } }), "drop ALL"],
    [(_, container) => Object.assign(container, { volumeMounts: [{ name: "none" }] }), "no volume none"],
  ];
  for (const [bend, words] of bends) {
    const objects = structuredClone(GOOD);
    const pod = objects[0]?.spec.template.spec;
    bend(pod, pod.containers[0]);
    expect(offences(objects).join("\n")).toContain(words);
  }
});

const AUTOSCALER = `
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: { name: x }
spec:
  scaleTargetRef: { apiVersion: apps/v1, kind: Deployment, name: x }
  metrics: [{ type: METRIC }]
  behavior: { scaleDown: { stabilizationWindowSeconds: 600, policies: [{ type: Pods, value: 1, periodSeconds: SECONDS }] } }
`;

test("no autoscaler that follows the backlog, or takes several pods at once, passes our rules", () => {
  const judge = (metric: string, seconds = 300) =>
    offences([...GOOD, ...parseObjects(AUTOSCALER.replace("METRIC", metric).replace("SECONDS", String(seconds)))]);
  expect(judge("Resource, resource: { name: cpu }")).toEqual([]);
  for (const name of ["standpipe_backlog_bytes", "standpipe_log_records_waiting", "standpipe_journal_bytes"]) {
    expect(judge(`Pods, pods: { metric: { name: ${name} } }`)).toEqual([
      expect.stringContaining("must not scale by the backlog"),
    ]);
  }
  expect(judge("Resource, resource: { name: cpu }", 10)).toEqual([expect.stringContaining("one at a time")]);
});

test(
  "the schemas find a wrong value, and a key that is not one",
  async () => {
    const objects = structuredClone(GOOD);
    const container = objects[0]?.spec.template.spec.containers[0];
    container.ports = [{ containerPort: "4317" }];
    expect(await wrongValues(objects)).toEqual([expect.stringContaining("containerPort must be integer")]);
    container.ports = [];
    container.livenesProbe = {};
    expect(unknownKeys(objects)).toEqual([expect.stringContaining("livenesProbe")]);
  },
  LIMIT_MS,
);
