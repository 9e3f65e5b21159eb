/** Standpipe's pods on a real node, with senders: as shipped, rolled, scaled in while Firehose is down, killed and adopted. */
import assert from "node:assert/strict";
import { mkdirSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { KubernetesObject } from "../objects.ts";
import { apply } from "./accepted.ts";
import type { ControlPlane } from "./control-plane.ts";
import type { Rendering } from "./renderings.ts";
import { adopt, roll, scale, untilReady } from "./running.ts";

const VOLUMES = 6;
const IMAGE = "registry.example/standpipe:0.1.0";
const PODS = "/var/lib/kubelet/pods";
/** Longer than a stop with its pause, and a half of the drain in which a replica tries to deliver. */
const STOP_MS_MAX = 150_000;
const ARRIVAL_MS_MAX = 60_000;
const ORPHANS = 25;

/** The overlay `durable`, sending to the local Firehose of the overlay `local`, which has to be found without a Service's address. */
export function installationOf(durable: Rendering, local: Rendering): KubernetesObject[] {
  const isEnvironment = ({ metadata }: KubernetesObject): boolean => metadata.name.startsWith("standpipe-environment-");
  const environment = local.objects.find(isEnvironment)?.data;
  const own = durable.objects.map((object) => (isEnvironment(object) ? { ...object, data: environment } : object));
  const firehose = structuredClone(local.objects.filter(({ metadata }) => metadata.name === "local-firehose"));
  for (const { kind, spec } of firehose) {
    if (kind === "Service") spec.clusterIP = "None";
    if (kind === "Deployment") spec.template.spec.containers[0].image = IMAGE;
  }
  return [...own, ...firehose];
}

/** Volumes of the node, which the kubelet gives to the pod's group, unlike a plain hostPath. */
export function makeVolumes(plane: ControlPlane): void {
  const here = { matchExpressions: [{ key: "kubernetes.io/hostname", operator: "In", values: ["node-a"] }] };
  const volumes = Array.from({ length: VOLUMES }, (_, index) => {
    const path = join(plane.folder, "volumes", String(index));
    mkdirSync(path, { recursive: true });
    return {
      apiVersion: "v1",
      kind: "PersistentVolume",
      metadata: { name: `volume-${index}` },
      spec: {
        capacity: { storage: "20Gi" },
        accessModes: ["ReadWriteOnce"],
        storageClassName: "",
        local: { path },
        nodeAffinity: { required: { nodeSelectorTerms: [here] } },
      },
    };
  });
  apply(plane, undefined, volumes);
}

export async function checkInstalled(plane: ControlPlane, objects: readonly KubernetesObject[]): Promise<void> {
  apply(plane, undefined, objects);
  await untilReady(plane, 2);
}

/** Both replicas are new afterwards; the sender keeps sending, and sees none of it. */
export async function checkRoll(plane: ControlPlane, objects: readonly KubernetesObject[]): Promise<void> {
  const sent = startSender(plane, "roll", 60);
  await plane.until("the sender sends", () => isRunning(plane, "sender-roll"));
  await roll(plane, "statefulset", objects, 2);
  await untilArrived(plane, "roll", await sent());
}

/** The one that leaves gives what it has to the others, within its time; they deliver it when Firehose is back. */
export async function checkHandOver(plane: ControlPlane): Promise<void> {
  scale(plane, "statefulset", 3);
  await untilReady(plane, 3);
  const local = await firehoseOf(plane);
  await fetch(`${local}/_local/faults`, { method: "POST", body: JSON.stringify({ kind: "outage" }) });
  const count = await startSender(plane, "outage", 10)();
  scale(plane, "statefulset", 2);
  const isGone = (): boolean => !plane.kubectl(["-n", "standpipe", "get", "pod", "standpipe-2"]).isGood;
  await plane.until("the third has left", isGone, STOP_MS_MAX);
  await fetch(`${local}/_local/faults`, { method: "DELETE" });
  await untilArrived(plane, "outage", count);
}

/** A pod that dies without its time leaves its logs on the volume: the job delivers them. */
export async function checkAdopted(plane: ControlPlane, objects: readonly KubernetesObject[]): Promise<void> {
  scale(plane, "statefulset", 3);
  await untilReady(plane, 3);
  const local = await firehoseOf(plane);
  await fetch(`${local}/_local/faults`, { method: "POST", body: JSON.stringify({ kind: "outage" }) });
  const [pod] = plane.list("pods", "standpipe", "statefulset.kubernetes.io/pod-name=standpipe-2");
  for (let index = 0; index < ORPHANS; index++) {
    const logRecords = [{ timeUnixNano: "1", body: { stringValue: `orphan-${index}.` } }];
    const answer = await fetch(`http://${pod?.status.podIP}:4318/v1/logs`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ resourceLogs: [{ scopeLogs: [{ logRecords }] }] }),
    });
    assert.equal(answer.status, 200, await answer.text());
  }
  scale(plane, "statefulset", 2);
  const words = ["-n", "standpipe", "delete", "pod", "standpipe-2", "--force", "--grace-period=0"];
  assert(plane.kubectl(words).isGood);
  await untilReady(plane, 2);
  await fetch(`${local}/_local/faults`, { method: "DELETE" });
  await adopt(plane, objects, "journal-standpipe-2");
  await untilArrived(plane, "orphan", ORPHANS);
}

/** Sends 200 logs a second with the client for some seconds; the answer waits for its end, and gives how many were sent. */
function startSender(plane: ControlPlane, name: string, seconds: number): () => Promise<number> {
  const program = `
const { connect } = await import("/app/clients/sdk/index.ts");
const client = await connect({ endpoint: "http://standpipe-headless:4317", onDrop: () => failed++ });
let count = 0, failed = 0;
const sends = [], end = Date.now() + ${seconds * 1_000};
while (Date.now() < end) {
  for (let i = 0; i < 20; i++) sends.push(client.send({ severity: "info", body: "${name}-" + count++ + "." }).catch(() => failed++));
  await Bun.sleep(100);
}
await Promise.all(sends);
await client.close(10_000);
console.log(JSON.stringify({ count, failed }));`;
  const security = { allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: { drop: ["ALL"] } };
  apply(plane, undefined, [
    {
      apiVersion: "v1",
      kind: "Pod",
      metadata: { name: `sender-${name}`, namespace: "standpipe" },
      spec: {
        restartPolicy: "Never",
        enableServiceLinks: false,
        automountServiceAccountToken: false,
        securityContext: { runAsNonRoot: true, runAsUser: 65_532, seccompProfile: { type: "RuntimeDefault" } },
        containers: [
          { name: "sender", image: IMAGE, workingDir: "/app", args: ["-e", program], securityContext: security },
        ],
      },
    },
  ]);
  return async () => {
    const said = (): string => plane.kubectl(["-n", "standpipe", "logs", `sender-${name}`]).output;
    await plane.until("the sender has ended", () => said().includes('{"count"'), STOP_MS_MAX);
    const { count, failed } = JSON.parse(said().trim().split("\n").at(-1) ?? "");
    assert.equal(failed, 0, `${failed} sends of ${count} failed`);
    assert(count > 0);
    return count;
  };
}

/** Waits until all of them are in objects; fails where one is there twice. */
async function untilArrived(plane: ControlPlane, name: string, count: number): Promise<void> {
  const local = await firehoseOf(plane);
  const endMs = performance.now() + ARRIVAL_MS_MAX;
  for (;;) {
    await fetch(`${local}/_local/flush`, { method: "POST" });
    const found = [...deliveredText().matchAll(new RegExp(`${name}-(\\d+)\\.`, "g"))].map(([, number]) => number);
    const distinct = new Set(found).size;
    assert.equal(found.length, distinct, `${found.length - distinct} of ${count} arrived twice`);
    if (distinct === count) return;
    assert(performance.now() < endMs, `${count - distinct} of ${count} have not arrived`);
    await Bun.sleep(500);
  }
}

/** What the local Firehose has put into its objects: in a folder of its pod. */
function deliveredText(): string {
  return readdirSync(PODS)
    .map((pod) => join(PODS, pod, "volumes/kubernetes.io~empty-dir/objects"))
    .flatMap((folder) => filesBelow(folder))
    .map((file) => readFileSync(file, "utf8"))
    .join("");
}

function filesBelow(folder: string): string[] {
  try {
    return readdirSync(folder, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name));
  } catch {
    return [];
  }
}

async function firehoseOf(plane: ControlPlane): Promise<string> {
  const address = (): string | undefined =>
    plane.list("pods", "standpipe", "app.kubernetes.io/name=local-firehose")[0]?.status.podIP;
  await plane.until("the local Firehose runs", () => address() !== undefined);
  return `http://${address()}:4573`;
}

function isRunning(plane: ControlPlane, name: string): boolean {
  return /Running/.test(plane.kubectl(["-n", "standpipe", "get", "pod", name]).output);
}
