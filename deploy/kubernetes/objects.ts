/** Kubernetes objects as tests look at them, and the two ways in which they are rendered. */
import { mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { parseAllDocuments } from "yaml";

/** What tests read of objects. Anything may be missing: it is YAML. */
export interface KubernetesObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string; readonly labels?: Words };
  // biome-ignore lint/suspicious/noExplicitAny: a tree of YAML, whose shape the schemas hold (schemas.ts).
  readonly [key: string]: any;
}

export type Words = Readonly<Record<string, string>>;

/** What a pod is made of, wherever it stands. */
export interface PodTemplate {
  readonly owner: KubernetesObject;
  readonly labels: Words;
  readonly spec: KubernetesObject["spec"];
}

export function parseObjects(text: string): KubernetesObject[] {
  return parseAllDocuments(text)
    .map((document) => document.toJS() as KubernetesObject | null)
    .filter((object) => object !== null);
}

/** The objects of an overlay. `kubectl` is the program's path. Throws with its words when it fails. */
export function renderOverlay(kubectl: string, overlay: string): KubernetesObject[] {
  return parseObjects(output([kubectl, "kustomize", join(import.meta.dir, "overlays", overlay)]));
}

/** The objects of an overlay with components over it, as an overlay of one's own has them. */
export function renderWithComponents(
  kubectl: string,
  overlay: string,
  components: readonly string[],
): KubernetesObject[] {
  const folder = mkdtempSync(join(tmpdir(), "standpipe-overlay-"));
  // Kustomize takes folders by relative paths only.
  const path = (name: string): string => relative(realpathSync(folder), join(import.meta.dir, name));
  try {
    const kustomization = {
      apiVersion: "kustomize.config.k8s.io/v1beta1",
      kind: "Kustomization",
      resources: [path(`overlays/${overlay}`)],
      components: components.map((name) => path(`components/${name}`)),
    };
    writeFileSync(join(folder, "kustomization.yaml"), JSON.stringify(kustomization));
    return parseObjects(output([kubectl, "kustomize", folder]));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** The objects of the chart, with the values of a YAML text over its own. Throws with Helm's words when it fails. */
export function renderChart(
  helm: string,
  values: string,
  name: "standpipe" | "standpipe-agent" = "standpipe",
): KubernetesObject[] {
  const chart = join(import.meta.dir, "../helm", name);
  return parseObjects(output([helm, "template", name, chart, "--namespace", name, "--values", "-"], values));
}

function output(cmd: string[], input = ""): string {
  const { exitCode, stdout, stderr } = Bun.spawnSync({ cmd, stdin: Buffer.from(input) });
  if (exitCode !== 0) throw new Error(stderr.toString().trim());
  return stdout.toString();
}

export function find(objects: readonly KubernetesObject[], kind: string, name: string): KubernetesObject {
  const found = objects.find((each) => each.kind === kind && nameOf(each) === name);
  if (found === undefined) throw new Error(`there is no ${kind} ${name}`);
  return found;
}

/** The name without the sum that Kustomize puts behind a ConfigMap's. */
export function nameOf({ kind, metadata: { name } }: KubernetesObject): string {
  return kind === "ConfigMap" ? name.replace(/-[a-z0-9]{10}$/, "") : name;
}

export function podTemplates(objects: readonly KubernetesObject[]): PodTemplate[] {
  return objects.flatMap((owner) => {
    const template = owner.kind === "CronJob" ? owner.spec.jobTemplate.spec.template : owner.spec?.template;
    return template === undefined ? [] : [{ owner, labels: template.metadata?.labels ?? {}, spec: template.spec }];
  });
}

export function selects(selector: Words | undefined, labels: Words): boolean {
  return Object.entries(selector ?? {}).every(([key, value]) => labels[key] === value);
}

const QUANTITY_UNITS: Readonly<Record<string, number>> = {
  "": 1,
  m: 1e-3,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
  Ti: 2 ** 40,
};

/** A quantity such as 500m or 20Gi, in cores or bytes. */
export function quantity(text: string | number): number {
  const [, digits = "", unit = ""] = /^([\d.]+)([A-Za-z]*)$/.exec(String(text)) ?? [];
  const factor = QUANTITY_UNITS[unit];
  if (digits === "" || factor === undefined) throw new Error(`${text} is no quantity`);
  return Number(digits) * factor;
}
