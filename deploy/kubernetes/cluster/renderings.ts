/** Everything that deploy/ makes for a cluster: each overlay, the components over it, the charts with their ways to be set. */
import { type KubernetesObject, renderChart, renderOverlay, renderWithComponents } from "../objects.ts";

export interface Rendering {
  readonly name: string;
  /** Where the objects go: Helm leaves that to its caller; overlays' say it themselves. */
  readonly namespace: string | undefined;
  readonly objects: readonly KubernetesObject[];
}

const OVERLAYS: readonly (readonly [string, readonly string[]])[] = [
  ["deployment", []],
  ["durable", []],
  ["eks", []],
  ["local", []],
  ["daemonset", []],
  ["sidecar", []],
  ["deployment", ["tls", "tokens", "ingest-saturation"]],
  ["durable", ["tls", "tokens", "ingest-saturation"]],
  ["eks", ["tls", "tokens"]],
  ["daemonset", ["pod-labels", "agent-secured"]],
  ["sidecar", ["agent-secured"]],
];

const CHARTS: readonly (readonly ["standpipe" | "standpipe-agent", string])[] = [
  ["standpipe", ""],
  ["standpipe", "durable: false"],
  ["standpipe", "{ durable: false, localFirehose: { enabled: true } }"],
  [
    "standpipe",
    "{ storageClass: { create: true }, volume: { storageClass: standpipe-gp3, accessMode: ReadWriteOncePod } }",
  ],
  ["standpipe", "autoscaling: { ingestSaturation: true }"],
  [
    "standpipe",
    `
tls: { secret: standpipe-tls }
tokens: { secret: standpipe-tokens }
config: { shutdown: { drainMsMax: 299500 } }
extraVolumes: [{ name: keys, secret: { secretName: keys } }]
extraVolumeMounts: [{ name: keys, mountPath: /etc/keys, readOnly: true }]
podAnnotations: { a: b }
nodeSelector: { kubernetes.io/arch: arm64 }
tolerations: [{ key: logs, operator: Exists }]
`,
  ],
  ["standpipe-agent", ""],
  ["standpipe-agent", "{ podLabels: true, sender: { secret: standpipe-sender } }"],
];

/** All of them. Throws with the words of kubectl or helm when one can't be made. */
export function renderings(kubectl: string, helm: string): Rendering[] {
  const overlays = OVERLAYS.map(([overlay, components]) => {
    const objects =
      components.length === 0 ? renderOverlay(kubectl, overlay) : renderWithComponents(kubectl, overlay, components);
    return { name: ["overlay", overlay, ...components].join(" "), namespace: undefined, objects };
  });
  const charts = CHARTS.map(([chart, values]) => ({
    name: `chart ${chart}, ${values.trim().replace(/\s+/g, " ") || "as it is"}`,
    namespace: chart,
    objects: renderChart(helm, values, chart),
  }));
  return [...overlays, ...charts];
}
