/**
 * What we ask of every object beyond its schema: the restricted Pod Security Standard, limits, probes, pinned images, and
 * names that lead somewhere. Pure: objects in, offences out, each in one sentence that begins with the object's name.
 *
 * A DaemonSet that reads the node's log files can't be restricted; what it may have instead is said here as well.
 */
import { type KubernetesObject, nameOf, type PodTemplate, podTemplates, selects, type Words } from "./objects.ts";

/** What a pod may mount under the restricted standard (kubernetes.io, Pod Security Standards). */
const VOLUMES = [
  "configMap",
  "csi",
  "downwardAPI",
  "emptyDir",
  "ephemeral",
  "persistentVolumeClaim",
  "projected",
  "secret",
];

/** Paths of the node that an agent on every node may have: the logs to read, and a folder for how far it read. */
const NODE_PATHS_READ = ["/var/log", "/var/lib/docker/containers"];
const NODE_PATHS_WRITTEN = ["/var/lib/standpipe-tail"];

/** A scale-in may take one pod in the time that the one before has for its drain. */
const SCALE_IN_WINDOW_SECONDS_MIN = 300;

/** Backlog is no reason for more replicas while the quota is the limit: they divide it, and none adds to it. */
const BACKLOG = /backlog|waiting|pending|pinned|queue|drain|lag|cursor|journal/i;

export function offences(objects: readonly KubernetesObject[]): string[] {
  return [
    ...podTemplates(objects).flatMap((pod) => [...podOffences(pod, objects), ...danglingNames(pod, objects)]),
    ...objects.flatMap((object) => objectOffences(object, objects)),
  ];
}

function podOffences({ owner, spec }: PodTemplate, objects: readonly KubernetesObject[]): string[] {
  const found: string[] = [];
  const say = (words: string) => found.push(`${owner.kind} ${owner.metadata.name}: ${words}`);
  const isOnEveryNode = owner.kind === "DaemonSet";
  const pod = spec.securityContext ?? {};
  if (spec.hostNetwork || spec.hostPID || spec.hostIPC) say("must not share a namespace of the node");
  if (spec.enableServiceLinks !== false)
    say("needs enableServiceLinks: false, or a Service's variables break its configuration");
  if (spec.automountServiceAccountToken !== false && !mayAsk(spec.serviceAccountName, objects))
    say("must not mount a token of the Kubernetes API");
  if (spec.terminationGracePeriodSeconds === undefined) say("needs a terminationGracePeriodSeconds");
  if (pod.seccompProfile?.type !== "RuntimeDefault") say("needs seccompProfile RuntimeDefault");
  // Files of other pods' logs belong to root.
  if (!isOnEveryNode && (pod.runAsNonRoot !== true || !(pod.runAsUser > 0)))
    say("must run as a numbered user other than root");
  for (const volume of spec.volumes ?? []) {
    const type = Object.keys(volume).find((key) => key !== "name") ?? "";
    const isAllowed = VOLUMES.includes(type) || (isOnEveryNode && isNodePath(volume.hostPath?.path));
    if (!isAllowed) say(`volume ${volume.name} is a ${type}`);
  }
  for (const container of [...(spec.initContainers ?? []), ...spec.containers]) {
    const at = `container ${container.name}`;
    const security = container.securityContext ?? {};
    if (security.privileged === true) say(`${at} is privileged`);
    if (security.allowPrivilegeEscalation !== false) say(`${at} needs allowPrivilegeEscalation: false`);
    if (security.readOnlyRootFilesystem !== true) say(`${at} needs readOnlyRootFilesystem`);
    if (security.capabilities?.drop?.includes("ALL") !== true) say(`${at} must drop ALL capabilities`);
    if ((security.capabilities?.add ?? []).length > 0) say(`${at} must not add capabilities`);
    for (const side of ["requests", "limits"]) {
      for (const what of ["cpu", "memory"]) {
        if (container.resources?.[side]?.[what] === undefined) say(`${at} has no ${side} of ${what}`);
      }
    }
    if (!isPinned(container.image)) say(`${at} has the image ${container.image}, which is not pinned to a version`);
    if (container.livenessProbe === undefined) say(`${at} has no livenessProbe`);
    for (const mount of container.volumeMounts ?? []) {
      const volume = spec.volumes?.find(({ name }: { name: string }) => name === mount.name);
      const path = volume?.hostPath?.path;
      if (NODE_PATHS_READ.includes(path) && mount.readOnly !== true) say(`${at} may only read ${path}`);
    }
  }
  return found;
}

/** Whether a role is bound to the account: only then is there anything to do with its token. */
function mayAsk(account: string, objects: readonly KubernetesObject[]): boolean {
  return objects.some(
    ({ kind, subjects }) =>
      /^(Cluster)?RoleBinding$/.test(kind) && subjects.some((each: Words) => each.name === account),
  );
}

function isNodePath(path: string | undefined): boolean {
  return path !== undefined && [...NODE_PATHS_READ, ...NODE_PATHS_WRITTEN].includes(path);
}

/** A version with a number in it, or a digest. */
function isPinned(image: string): boolean {
  return /@sha256:[0-9a-f]{64}$/.test(image) || /:v?\d+\.\d+[\w.-]*$/.test(image);
}

/** Names in a pod for which there is no object, or no volume. */
function danglingNames({ owner, spec }: PodTemplate, objects: readonly KubernetesObject[]): string[] {
  const found: string[] = [];
  const ask = (kind: string, name: string | undefined) => {
    // The cluster's own.
    if (name === undefined || name === "default" || name.startsWith("system-")) return;
    if (!objects.some((each) => each.kind === kind && each.metadata.name === name)) {
      found.push(`${owner.kind} ${owner.metadata.name}: there is no ${kind} ${name}`);
    }
  };
  ask("ServiceAccount", spec.serviceAccountName);
  ask("PriorityClass", spec.priorityClassName);
  for (const { configMap } of spec.volumes ?? []) ask("ConfigMap", configMap?.name);
  const claims = (owner.spec.volumeClaimTemplates ?? []).map((each: KubernetesObject) => each.metadata.name);
  const volumes = new Set([...claims, ...(spec.volumes ?? []).map(({ name }: { name: string }) => name)]);
  for (const container of [...(spec.initContainers ?? []), ...spec.containers]) {
    for (const { configMapRef } of container.envFrom ?? []) ask("ConfigMap", configMapRef?.name);
    for (const { name } of container.volumeMounts ?? []) {
      if (!volumes.has(name)) found.push(`${owner.kind} ${owner.metadata.name}: there is no volume ${name}`);
    }
  }
  return found;
}

function objectOffences(object: KubernetesObject, objects: readonly KubernetesObject[]): string[] {
  const { kind, spec } = object;
  const found: string[] = [];
  const say = (words: string) => found.push(`${kind} ${nameOf(object)}: ${words}`);
  const pods = podTemplates(objects);
  if (kind === "Service") {
    const chosen = pods.filter(({ labels }) => selects(spec.selector, labels));
    if (chosen.length !== 1) say(`selects ${chosen.length} kinds of pods`);
    const ports = chosen.flatMap((pod) => pod.spec.containers.flatMap((each: KubernetesObject) => each.ports ?? []));
    for (const { targetPort } of spec.ports) {
      if (!ports.some(({ name }: { name: string }) => name === targetPort))
        say(`leads to a port ${targetPort} that is not there`);
    }
  }
  if (["Deployment", "StatefulSet", "DaemonSet"].includes(kind)) {
    if (!selects(spec.selector.matchLabels, spec.template.metadata.labels)) say("does not select its own pods");
  }
  if (kind === "PodDisruptionBudget" && !pods.some(({ labels }) => selects(spec.selector.matchLabels, labels)))
    say("protects nothing");
  if (kind === "NetworkPolicy" && !pods.some(({ labels }) => selects(spec.podSelector.matchLabels, labels)))
    say("is for no pods");
  if (kind === "StatefulSet") {
    const { whenDeleted, whenScaled } = spec.persistentVolumeClaimRetentionPolicy ?? {};
    if (whenDeleted !== "Retain" || whenScaled !== "Retain") say("would delete volumes that hold logs");
  }
  if (kind === "StorageClass" && object.reclaimPolicy !== "Retain") say("would delete volumes that hold logs");
  if (kind === "ClusterRole" || kind === "Role") {
    for (const { verbs } of object.rules) {
      if (verbs.some((verb: string) => !["get", "list", "watch"].includes(verb))) say("may do more than read");
    }
  }
  if (kind === "HorizontalPodAutoscaler") {
    const { kind: targetKind, name } = spec.scaleTargetRef;
    if (!objects.some((each) => each.kind === targetKind && each.metadata.name === name))
      say(`there is no ${targetKind} ${name}`);
    const metrics = spec.metrics.map((metric: KubernetesObject) => JSON.stringify(metric)).join();
    if (BACKLOG.test(metrics)) say("must not scale by the backlog: replicas divide the quota, and none adds to it");
    const { stabilizationWindowSeconds, policies = [] } = spec.behavior?.scaleDown ?? {};
    const isSlow = policies.length === 1 && policies[0].type === "Pods" && policies[0].value === 1;
    const target = pods.find(({ owner }) => owner.kind === targetKind && owner.metadata.name === name);
    const grace = target?.spec.terminationGracePeriodSeconds ?? 0;
    if (!isSlow || policies[0].periodSeconds < grace)
      say("must scale in one at a time, each with its whole grace period");
    if (!(stabilizationWindowSeconds >= SCALE_IN_WINDOW_SECONDS_MIN)) say("must not scale in after a short lull");
  }
  return found;
}
