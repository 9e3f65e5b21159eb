/** What controllers make of it on nodes that kwok plays: volumes, rolls, scaling, evictions, the job that adopts a volume. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { KubernetesObject } from "../objects.ts";
import { apply, remove } from "./accepted.ts";
import { type ControlPlane, NODE_ADDRESS } from "./control-plane.ts";
import type { Programs } from "./programs.ts";
import type { Rendering } from "./renderings.ts";

const NODES = ["a", "b", "c"];
const VOLUMES = 40;
const COLLECTORS = "app.kubernetes.io/component=collector";
const ROLL_MS_MAX = 120_000;

/** Three nodes in three zones, and volumes for claims that ask for no class. */
export async function makeNodes(plane: ControlPlane, { stages }: Programs): Promise<void> {
  const options = [...stages.map((stage) => `--config=${stage}`), "--node-lease-duration-seconds=40"];
  const addresses = [`--node-ip=${NODE_ADDRESS}`, "--cidr=10.98.0.0/16"];
  plane.run("kwok", [
    `--kubeconfig=${join(plane.folder, "admin.yaml")}`,
    ...options,
    "--manage-all-nodes",
    ...addresses,
  ]);
  // What was only to be accepted is gone, but for the claims of its StatefulSets.
  assert(plane.kubectl(["-n", "standpipe", "delete", "persistentvolumeclaims", "--all"]).isGood);
  const capacity = { cpu: "8", memory: "16Gi", "ephemeral-storage": "50Gi", pods: "100" };
  const nodes = NODES.map((zone) => {
    const labels = { "topology.kubernetes.io/zone": zone, "kubernetes.io/hostname": `node-${zone}` };
    const metadata = { name: `node-${zone}`, labels };
    return { apiVersion: "v1", kind: "Node", metadata, status: { capacity, allocatable: capacity } };
  });
  const volumes = Array.from({ length: VOLUMES }, (_, index) => ({
    apiVersion: "v1",
    kind: "PersistentVolume",
    metadata: { name: `volume-${index}` },
    spec: {
      capacity: { storage: "20Gi" },
      accessModes: ["ReadWriteOnce"],
      persistentVolumeReclaimPolicy: "Retain",
      storageClassName: "",
      hostPath: { path: `/volumes/${index}` },
    },
  }));
  apply(plane, undefined, [...nodes, ...volumes]);
  const isReady = ({ status }: KubernetesObject): boolean => hasCondition(status, "Ready");
  await plane.until(
    "the nodes are ready",
    () => plane.list("nodes", "default").filter(isReady).length === NODES.length,
  );
}

export async function checkStatefulSet(plane: ControlPlane, { objects }: Rendering): Promise<void> {
  apply(plane, undefined, objects);
  // How many is the autoscaler's to say: it brings one, the controllers' default, to its least of two without any metric.
  await untilReady(plane, 2);
  const pods = collectors(plane);
  assert.equal(new Set(pods.map(({ spec }) => spec.nodeName)).size, 2, "both replicas are on one node");
  assert.deepEqual(pods.map(classOf), ["standpipe", "standpipe"]);
  await untilServed(plane, ["standpipe", "standpipe-headless", "standpipe-peers"], 2);
  scale(plane, "statefulset", 3);
  await untilReady(plane, 3);
  assert.deepEqual(claims(plane), ["journal-standpipe-0", "journal-standpipe-1", "journal-standpipe-2"]);

  const before = volumesOf(plane);
  const fewest = await roll(plane, "statefulset", objects, 3);
  assert(fewest >= 2, `a roll left ${fewest} of 3 ready`);
  assert.deepEqual(volumesOf(plane), before, "a roll gave a replica another volume");
}

/** Of three ready ones one may be evicted; while its successor has nowhere to run, no other. */
export async function checkEviction(plane: ControlPlane): Promise<void> {
  const names = collectors(plane).map(({ metadata }) => metadata.name);
  const allowed = (): number => plane.list("poddisruptionbudgets", "standpipe")[0]?.status?.disruptionsAllowed;
  await plane.until("one may be evicted", () => allowed() === 1);
  for (const zone of NODES) assert(plane.kubectl(["cordon", `node-${zone}`]).isGood);
  const first = evict(plane, names[0] ?? "");
  assert(first.isGood, first.trouble);
  await plane.until("its successor waits for a node", () =>
    collectors(plane).some(({ spec }) => spec.nodeName === undefined),
  );
  const second = evict(plane, names[1] ?? "");
  assert.match(second.trouble, /disruption budget/i, "two may be evicted at once");
  for (const zone of NODES) assert(plane.kubectl(["uncordon", `node-${zone}`]).isGood);
  await untilReady(plane, 3);
}

/** What is left of a StatefulSet that is scaled in and deleted is its volumes; the job runs on the one that it is given. */
export async function checkLeftVolumes(plane: ControlPlane, { objects }: Rendering): Promise<void> {
  const before = volumesOf(plane);
  scale(plane, "statefulset", 2);
  await untilReady(plane, 2);
  assert.deepEqual(volumesOf(plane), before, "a scale-in took a volume away");

  await adopt(plane, objects, "journal-standpipe-2");
  assert(plane.kubectl(["-n", "standpipe", "delete", "jobs", "--all"]).isGood);

  remove(plane, undefined, objects);
  await plane.until("the pods are gone", () => collectors(plane).length === 0);
  assert.deepEqual(volumesOf(plane), before, "the StatefulSet took volumes with it");
  assert(plane.kubectl(["-n", "standpipe", "delete", "persistentvolumeclaims", "--all"]).isGood);
}

/** Runs the job on a volume, with the names of what is installed, as its first lines say, until it is complete. */
export async function adopt(plane: ControlPlane, objects: readonly KubernetesObject[], claim: string): Promise<void> {
  const text = readFileSync(join(import.meta.dir, "../adopt-job.yaml"), "utf8").replace("SET-THE-CLAIM", claim);
  const named = objects.filter(({ kind }) => kind === "ConfigMap").map(({ metadata }) => metadata.name);
  const job = named.reduce(
    (words, name) => words.replaceAll(`name: ${name.replace(/-[a-z0-9]{10}$/, "")}\n`, `name: ${name}\n`),
    text,
  );
  const created = plane.kubectl(["create", "--validate=strict", "--filename=-"], job);
  assert(created.isGood, created.trouble);
  const jobs = (): KubernetesObject[] => plane.list("jobs", "standpipe");
  await plane.until("the job is complete", () => jobs().length === 1 && hasCondition(jobs()[0]?.status, "Complete"));
}

/** A roll never has fewer ready than before, and each volume goes with its pod. */
export async function checkDeployment(plane: ControlPlane, { objects }: Rendering): Promise<void> {
  apply(plane, undefined, objects);
  await untilReady(plane, 2);
  const before = claims(plane);
  assert.equal(before.length, 2);
  const fewest = await roll(plane, "deployment", objects, 2);
  assert(fewest >= 2, `a roll left ${fewest} of 2 ready`);
  await plane.until("volumes of pods that are gone go with them", () => claims(plane).length === 2);
  assert(claims(plane).every((name) => !before.includes(name)));
  remove(plane, undefined, objects);
  await plane.until("the pods are gone", () => collectors(plane).length === 0);
  await plane.until("their volumes are gone", () => claims(plane).length === 0);
}

/** One agent on each node, on those that keep others out as well. */
export async function checkDaemonSet(plane: ControlPlane, { objects }: Rendering): Promise<void> {
  assert(plane.kubectl(["taint", "node", "node-a", "only=others:NoExecute"]).isGood);
  apply(plane, undefined, objects);
  const agents = (): KubernetesObject[] =>
    plane.list("pods", "standpipe-agent").filter(({ status }) => hasCondition(status, "Ready"));
  await plane.until("an agent on each node", () => agents().length === NODES.length);
  assert.deepEqual(
    agents()
      .map(({ spec }) => spec.nodeName)
      .toSorted(),
    NODES.map((zone) => `node-${zone}`),
  );
  assert(plane.kubectl(["taint", "node", "node-a", "only-"]).isGood);
  remove(plane, undefined, objects);
}

/** Changes the configuration, and gives the fewest ready replicas that were seen until all are new and ready. */
export async function roll(
  plane: ControlPlane,
  kind: string,
  objects: readonly KubernetesObject[],
  size: number,
): Promise<number> {
  const old = new Set(collectors(plane).map(uidOf));
  const workload = objects.find((object) => object.kind.toLowerCase() === kind);
  assert(workload !== undefined);
  const changed = structuredClone(workload) as KubernetesObject;
  changed.spec.template.metadata.annotations.changed = "yes";
  apply(plane, undefined, [changed]);
  let fewest = size;
  const isOver = (): boolean => {
    const ready = collectors(plane).filter(isReadyPod);
    fewest = Math.min(fewest, ready.length);
    return ready.length === size && ready.every((pod) => !old.has(uidOf(pod)));
  };
  await plane.until("every replica is new", isOver, ROLL_MS_MAX);
  return fewest;
}

function evict(plane: ControlPlane, name: string) {
  const eviction = { apiVersion: "policy/v1", kind: "Eviction", metadata: { name, namespace: "standpipe" } };
  const path = `/api/v1/namespaces/standpipe/pods/${name}/eviction`;
  return plane.kubectl(["create", "--raw", path, "--filename=-"], JSON.stringify(eviction));
}

/** The autoscaler must not take back what is being tried: its least is moved along. */
export function scale(plane: ControlPlane, kind: string, size: number): void {
  const patch = JSON.stringify({ spec: { minReplicas: size } });
  assert(plane.kubectl(["-n", "standpipe", "patch", "hpa", "standpipe", `--patch=${patch}`]).isGood);
  assert(plane.kubectl(["-n", "standpipe", "scale", `${kind}/standpipe`, `--replicas=${size}`]).isGood);
}

export async function untilReady(plane: ControlPlane, size: number): Promise<void> {
  const isReached = (): boolean => {
    const pods = collectors(plane);
    return pods.length === size && pods.every(isReadyPod);
  };
  await plane.until(`${size} collectors are ready`, isReached, ROLL_MS_MAX);
}

async function untilServed(plane: ControlPlane, services: readonly string[], size: number): Promise<void> {
  for (const name of services) {
    const addresses = (): number =>
      plane
        .list("endpointslices", "standpipe", `kubernetes.io/service-name=${name}`)
        .flatMap(({ endpoints }) => endpoints ?? []).length;
    await plane.until(`the Service ${name} leads to ${size}`, () => addresses() === size);
  }
}

export function collectors(plane: ControlPlane): KubernetesObject[] {
  return plane.list("pods", "standpipe", COLLECTORS);
}

function claims(plane: ControlPlane): string[] {
  return plane.list("persistentvolumeclaims", "standpipe").map(({ metadata }) => metadata.name);
}

function volumesOf(plane: ControlPlane): Record<string, string> {
  const all = plane.list("persistentvolumeclaims", "standpipe");
  return Object.fromEntries(all.map(({ metadata, spec }) => [metadata.name, spec.volumeName]));
}

function uidOf({ metadata }: KubernetesObject): string {
  return (metadata as unknown as { uid: string }).uid;
}

function classOf({ spec }: KubernetesObject): string {
  return spec.priorityClassName;
}

function isReadyPod({ metadata, status }: KubernetesObject): boolean {
  return !("deletionTimestamp" in metadata) && hasCondition(status, "Ready");
}

export function hasCondition(status: KubernetesObject["status"], type: string): boolean {
  const conditions: { type: string; status: string }[] = status?.conditions ?? [];
  return conditions.some((each) => each.type === type && each.status === "True");
}
