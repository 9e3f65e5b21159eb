/** The NetworkPolicies, asked as a cluster asks them: what is needed gets through, and what is not does not. */
import { expect } from "bun:test";
import { KUBECTL } from "../../collector/testing/kubernetes-tools.ts";
import { testWith } from "../../collector/testing/tools.ts";
import {
  type KubernetesObject,
  podTemplates,
  renderOverlay,
  renderWithComponents,
  selects,
  type Words,
} from "./objects.ts";

/** Somebody at the other end: a pod by its labels and namespace, or an address outside. */
type Other = { readonly namespace: string; readonly labels: Words } | { readonly address: string };

interface Port {
  readonly port: number;
  readonly protocol?: "TCP" | "UDP";
}

interface Rule {
  readonly from?: readonly PeerRule[];
  readonly to?: readonly PeerRule[];
  readonly ports?: readonly { readonly port: number | string; readonly protocol?: string }[];
}

interface PeerRule {
  readonly podSelector?: { readonly matchLabels?: Words };
  readonly namespaceSelector?: { readonly matchLabels?: Words };
  readonly ipBlock?: { readonly cidr: string };
}

/** Whether some rule of the policies for the pod with these labels lets it through. */
function passes(
  objects: readonly KubernetesObject[],
  pod: Words,
  direction: "ingress" | "egress",
  other: Other,
  { port, protocol = "TCP" }: Port,
): boolean {
  const policies = objects.filter(
    ({ kind, spec }) => kind === "NetworkPolicy" && selects(spec.podSelector.matchLabels, pod),
  );
  if (policies.length === 0) return true;
  const named = podTemplates(objects)
    .filter(({ labels }) => selects(pod, labels))
    .flatMap(({ spec }) => spec.containers[0].ports as { name: string; containerPort: number }[]);
  const numberOf = (each: number | string): number | undefined =>
    typeof each === "number" ? each : named.find(({ name }) => name === each)?.containerPort;
  return policies.some(({ metadata: { namespace = "" }, spec }) =>
    ((spec[direction] ?? []) as Rule[]).some(({ from, to, ports }) => {
      const peers = from ?? to;
      const isPort =
        ports === undefined ||
        ports.some((each) => numberOf(each.port) === port && (each.protocol ?? "TCP") === protocol);
      return isPort && (peers === undefined || peers.some((peer) => isFor(peer, other, namespace)));
    }),
  );
}

function isFor({ podSelector, namespaceSelector, ipBlock }: PeerRule, other: Other, own: string): boolean {
  // Only single addresses stand in ours.
  if (ipBlock !== undefined) return "address" in other && ipBlock.cidr === `${other.address}/32`;
  if ("address" in other) return false;
  const isNamespace =
    namespaceSelector === undefined
      ? other.namespace === own
      : selects(namespaceSelector.matchLabels, { "kubernetes.io/metadata.name": other.namespace });
  return isNamespace && selects(podSelector?.matchLabels, other.labels);
}

const COLLECTOR = { "app.kubernetes.io/name": "standpipe", "app.kubernetes.io/component": "collector" };
const AGENT = { "app.kubernetes.io/name": "standpipe-agent" };
const replica: Other = { namespace: "standpipe", labels: COLLECTOR };
const application: Other = { namespace: "shop", labels: { app: "shop" } };
const prometheus: Other = { namespace: "monitoring", labels: { app: "prometheus" } };
const names: Other = { namespace: "kube-system", labels: { "k8s-app": "kube-dns" } };
const namesOnTheNode: Other = { address: "169.254.20.10" };
const outside: Other = { address: "52.119.0.1" };
const podIdentity: Other = { address: "169.254.170.23" };

for (const overlay of ["deployment", "durable", "eks", "local"]) {
  testWith(
    ["kubectl"],
    `overlay ${overlay}: replicas get their logs, each other, names, scrapers and AWS, and no more`,
    () => {
      const objects = renderOverlay(KUBECTL, overlay);
      const lets = (direction: "ingress" | "egress", other: Other, port: Port) =>
        passes(objects, COLLECTOR, direction, other, port);
      for (const port of [4317, 4318]) expect(lets("ingress", application, { port })).toBe(true);
      expect(lets("ingress", replica, { port: 4317 }) && lets("egress", replica, { port: 4317 })).toBe(true);
      expect(lets("ingress", prometheus, { port: 4319 }) && lets("ingress", replica, { port: 4319 })).toBe(true);
      for (const other of [names, namesOnTheNode]) {
        expect(lets("egress", other, { port: 53, protocol: "UDP" }) && lets("egress", other, { port: 53 })).toBe(true);
      }
      expect(lets("egress", outside, { port: 443 }) && lets("egress", podIdentity, { port: 80 })).toBe(true);
      const refused: ["ingress" | "egress", Other, number][] = [
        ["ingress", application, 4319],
        ["ingress", application, 4320],
        ["ingress", prometheus, 4320],
        ["ingress", outside, 4317],
        ["egress", outside, 80],
        ["egress", application, 4317],
        ["egress", { address: "169.254.169.254" }, 80],
      ];
      for (const [direction, other, port] of refused)
        expect([direction, other, port, lets(direction, other, { port })]).toEqual([direction, other, port, false]);
      const firehose: Other = { namespace: "standpipe", labels: { "app.kubernetes.io/name": "local-firehose" } };
      expect(lets("egress", firehose, { port: 4573 })).toBe(overlay === "local");
      if (overlay !== "local") return;
      const its = { "app.kubernetes.io/name": "local-firehose" };
      expect(passes(objects, its, "ingress", replica, { port: 4573 })).toBe(true);
      expect(passes(objects, its, "ingress", application, { port: 4573 })).toBe(false);
    },
  );
}

testWith(
  ["kubectl"],
  "the agent on every node gets names and the collector, and the API server only where it asks for labels",
  () => {
    const apiServer: Other = { address: "10.100.0.1" };
    for (const [components, asks] of [
      [[], false],
      [["pod-labels"], true],
    ] as const) {
      const objects = renderWithComponents(KUBECTL, "daemonset", components);
      const out = (other: Other, port: Port): boolean => passes(objects, AGENT, "egress", other, port);
      expect(out(replica, { port: 4317 }) && out(names, { port: 53, protocol: "UDP" })).toBe(true);
      expect([out(apiServer, { port: 443 }), out(apiServer, { port: 6443 })]).toEqual([asks, asks]);
      expect(out(application, { port: 4317 }) || out(outside, { port: 80 })).toBe(false);
      expect(passes(objects, AGENT, "ingress", prometheus, { port: 4320 })).toBe(true);
      expect(passes(objects, AGENT, "ingress", application, { port: 4320 })).toBe(false);
    }
  },
);
