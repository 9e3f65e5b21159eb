/**
 * What the kubelet's file names say (kubernetes/pkg/kubelet/kuberuntime): OpenTelemetry's names for it.
 *
 *   /var/log/containers/POD_NAMESPACE_CONTAINER-ID.log
 *   /var/log/pods/NAMESPACE_POD_UID/CONTAINER/RESTARTS.log
 *
 * No name of Kubernetes holds an underscore.
 */
export function metadataOfPath(path: string): Record<string, string | number> {
  const [, pod, namespace, container, id] =
    /\/([^/_]+)_([^/_]+)_([^/_]+)-([0-9a-f]{64})\.log(?:\.[^/]*)?$/.exec(path) ?? [];
  if (pod !== undefined && namespace !== undefined && container !== undefined && id !== undefined)
    return {
      "k8s.namespace.name": namespace,
      "k8s.pod.name": pod,
      "k8s.container.name": container,
      "container.id": id,
    };
  const [, podNamespace, podName, uid, name, restarts] =
    /\/([^/_]+)_([^/_]+)_([^/_]+)\/([^/]+)\/(\d+)\.log(?:\.[^/]*)?$/.exec(path) ?? [];
  if (podNamespace === undefined || podName === undefined || uid === undefined || name === undefined) return {};
  return {
    "k8s.namespace.name": podNamespace,
    "k8s.pod.name": podName,
    "k8s.pod.uid": uid,
    "k8s.container.name": name,
    "k8s.container.restart_count": Number(restarts),
  };
}
