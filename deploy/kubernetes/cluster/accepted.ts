/** What the API server says to what deploy/ makes: every object strictly as it is, every pod under the standard it claims. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { type KubernetesObject, type PodTemplate, parseObjects, podTemplates } from "../objects.ts";
import type { Answer, ControlPlane } from "./control-plane.ts";
import type { Rendering } from "./renderings.ts";

/** A namespace where nothing but restricted pods may be: what must be refused is tried there. */
const STRICT = "strict";

export function makeNamespaces(plane: ControlPlane, rendered: readonly Rendering[]): void {
  const made = rendered.flatMap(({ objects }) => objects.filter(({ kind }) => kind === "Namespace"));
  const labels = { "pod-security.kubernetes.io/enforce": "restricted" };
  apply(plane, undefined, [...made, { apiVersion: "v1", kind: "Namespace", metadata: { name: STRICT, labels } }]);
}

/** Applies objects as they stand, with no unknown or doubled key. Fails on any refusal, and on any warning. */
export function apply(plane: ControlPlane, namespace: string | undefined, objects: readonly KubernetesObject[]): void {
  const words = [
    ...within(namespace),
    "apply",
    "--server-side",
    "--force-conflicts",
    "--validate=strict",
    "--filename=-",
  ];
  expectGood(plane.kubectl(words, toText(objects)));
}

export function remove(plane: ControlPlane, namespace: string | undefined, objects: readonly KubernetesObject[]): void {
  const words = [...within(namespace), "delete", "--ignore-not-found", "--timeout=60s", "--filename=-"];
  // It warns that some are in no namespace, which is known.
  const { isGood, trouble } = plane.kubectl(words, toText(objects.filter(({ kind }) => kind !== "Namespace")));
  assert(isGood, trouble);
}

/** One rendering: taken, the same when it is asked for again, and its pods let in where they are to be. */
export function checkRendering(plane: ControlPlane, { namespace, objects }: Rendering): void {
  apply(plane, namespace, objects);
  const words = [...within(namespace), "diff", "--server-side", "--force-conflicts", "--filename=-"];
  const { isGood, output, trouble } = plane.kubectl(words, toText(objects));
  assert(isGood, `the server keeps something else than it was given: ${output}${trouble}`);
  for (const pod of podTemplates(objects)) checkPod(plane, pod, pod.owner.metadata.namespace ?? namespace ?? "default");
  remove(plane, namespace, objects);
}

export function checkAdoptJob(plane: ControlPlane, { namespace, objects }: Rendering): void {
  apply(plane, namespace, objects);
  const text = readFileSync(join(import.meta.dir, "../adopt-job.yaml"), "utf8");
  expectGood(plane.kubectl(["create", "--validate=strict", "--dry-run=server", "--filename=-"], text));
  for (const pod of podTemplates(parseObjects(text))) checkPod(plane, pod, "standpipe");
  remove(plane, namespace, objects);
}

/** The pod as its controller would make it, without making it: quotas, priorities and the Pod Security Standard decide. */
function checkPod(plane: ControlPlane, { owner, labels, spec }: PodTemplate, namespace: string): void {
  const isOnEveryNode = owner.kind === "DaemonSet";
  expectGood(tryPod(plane, podOf(owner, labels, spec), namespace));
  const strict = tryPod(plane, podOf(owner, labels, { ...spec, serviceAccountName: "default" }), STRICT);
  if (isOnEveryNode) {
    assert.match(
      strict.trouble,
      /violates PodSecurity "restricted/,
      "a pod with folders of the node passes as restricted",
    );
  } else expectGood(strict);
}

function podOf(owner: KubernetesObject, labels: PodTemplate["labels"], spec: PodTemplate["spec"]): KubernetesObject {
  const claims = (owner.spec.volumeClaimTemplates ?? []).map(({ metadata: { name } }: KubernetesObject) => ({
    name,
    persistentVolumeClaim: { claimName: `${name}-0` },
  }));
  const metadata = { name: "probe", labels };
  return { apiVersion: "v1", kind: "Pod", metadata, spec: { ...spec, volumes: [...(spec.volumes ?? []), ...claims] } };
}

function tryPod(plane: ControlPlane, pod: KubernetesObject, namespace: string): Answer {
  return plane.kubectl(
    ["-n", namespace, "create", "--validate=strict", "--dry-run=server", "--filename=-"],
    toText([pod]),
  );
}

/** That the checks can fail: an unknown key, a value out of bounds, and a pod that is privileged, are all refused. */
export function checkRefusals(plane: ControlPlane, { objects }: Rendering): void {
  const bends: readonly (readonly [string, (spec: KubernetesObject["spec"]) => void, RegExp])[] = [
    [
      "StatefulSet",
      ({ template }) => Object.assign(template.spec, { enableServiceLink: false }),
      /not declared in schema/,
    ],
    ["StatefulSet", (spec) => Object.assign(spec, { podManagementPolicy: "Some" }), /supported values|must be/],
    ["StatefulSet", ({ template }) => Object.assign(template.spec, { hostNetwork: true }), /violate PodSecurity/],
    ["PodDisruptionBudget", (spec) => Object.assign(spec, { minAvailable: 1 }), /cannot be both set/],
    [
      "HorizontalPodAutoscaler",
      ({ behavior }) => Object.assign(behavior.scaleDown.policies[0], { periodSeconds: 1_801 }),
      /1800/,
    ],
  ];
  for (const [kind, bend, words] of bends) {
    const bent = structuredClone(objects.find((object) => object.kind === kind)) as KubernetesObject;
    bend(bent.spec);
    try {
      assert.throws(() => apply(plane, undefined, [bent]), words);
    } finally {
      remove(plane, undefined, [bent]);
    }
  }
}

const PODS_READ = ["get", "list", "watch"];

/** Accounts may do what stands here, and nothing else of what stands below. */
export function checkRights(
  plane: ControlPlane,
  withLabels: Rendering,
  collector: Rendering,
  example: Rendering,
): void {
  for (const { namespace, objects } of [withLabels, collector, example]) apply(plane, namespace, objects);
  const questions: readonly (readonly string[])[] = [
    ...PODS_READ.map((verb) => [verb, "pods"]),
    ...["create", "delete", "patch", "update"].map((verb) => [verb, "pods"]),
    ["get", "pods", "--subresource=log"],
    ...["exec", "attach", "eviction"].map((what) => ["create", "pods", `--subresource=${what}`]),
    ["get", "nodes", "--subresource=proxy"],
    ...["secrets", "configmaps", "nodes", "serviceaccounts", "persistentvolumeclaims"].map((what) => ["list", what]),
    ["create", "serviceaccounts", "--subresource=token"],
    ["impersonate", "users"],
    ["list", "deployments.apps"],
    ["patch", "statefulsets.apps"],
    ["*", "*"],
  ];
  const accounts = ["standpipe-agent:standpipe-agent", "standpipe:standpipe", "standpipe-example:nginx"];
  for (const account of accounts) {
    const allowed = questions
      .filter((question) => {
        const words = ["auth", "can-i", ...question, `--as=system:serviceaccount:${account}`, "--all-namespaces"];
        return plane.kubectl(words).output.trim() === "yes";
      })
      .map((question) => question.join(" "));
    const expected = account === accounts[0] ? PODS_READ.map((verb) => `${verb} pods`) : [];
    assert.deepEqual(allowed, expected, `${account} may: ${allowed.join(", ")}`);
  }
  for (const { namespace, objects } of [withLabels, collector, example]) remove(plane, namespace, objects);
}

/** Objects that name their namespace are refused where kubectl is told another one. */
function within(namespace: string | undefined): string[] {
  return namespace === undefined ? [] : ["--namespace", namespace];
}

function expectGood({ isGood, trouble }: Answer): void {
  assert(isGood && !/warning/i.test(trouble), trouble);
}

function toText(objects: readonly KubernetesObject[]): string {
  return objects.map((object) => JSON.stringify(object)).join("\n---\n");
}
