/**
 * A node on which containers run: the real kubelet over containerd and runc (Debian's packages, unpacked and not installed), with
 * the image that deploy/docker assembles, a bridge for the pods, and CoreDNS. Services have no address here, since nothing
 * balances (kube-proxy): pods find each other by headless ones.
 *
 * What it would leave on the machine lies in the mount namespace, which ends with it; the rest is removed by `sweep`.
 */
import { existsSync, mkdirSync, readdirSync, rmdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { RUNTIME } from "../../../collector/testing/runtime.ts";
import { assemble } from "../../docker/assemble.ts";
import { run } from "../../docker/run.ts";
import { type ControlPlane, NODE_ADDRESS } from "./control-plane.ts";
import { writeImage } from "./image-archive.ts";

const IMAGE = "registry.example/standpipe:0.1.0";
/** What holds the pod's namespaces: it waits, and ends when it is told to. */
const PAUSE = "registry.example/pause:1";
const PAUSE_PROGRAM = 'process.on("SIGTERM", () => process.exit(0)); setInterval(() => undefined, 1e9)';

const PACKAGES = ["containerd", "runc", "containernetworking-plugins"];
const SOCKET = "/run/standpipe-containerd/socket";
/** Of the kubelet and of the network's plugins: the machine may have none, then they are removed in the end. */
const OWN_FOLDERS = ["/var/lib/kubelet", "/var/lib/cni"];
const START_MS_MAX = 60_000;

/** As the Dockerfile has them. */
const ENVIRONMENT = {
  PATH: "/usr/local/bin",
  HOME: "/var/lib/standpipe",
  BUN_RUNTIME_TRANSPILER_CACHE_PATH: "0",
  ...RUNTIME.environment,
  SSL_CERT_FILE: "/etc/ssl/certs/ca-certificates.crt",
};

export interface NodeParts {
  /** Debian's packages, unpacked. */
  readonly system: string;
  /** Archives of the two images. */
  readonly images: readonly string[];
}

/** Fetches and builds what the node is made of, into an empty folder: outside the namespace, where the network is. */
export async function prepareNode(folder: string, tell: (words: string) => void): Promise<NodeParts> {
  tell("assembling the image, and unpacking containerd");
  const [system, debs, files] = ["system", "debs", "files"].map((name) => join(folder, name)) as [
    string,
    string,
    string,
  ];
  mkdirSync(debs);
  await run(["apt-get", "-qq", "download", ...PACKAGES], debs);
  for (const deb of readdirSync(debs)) await run(["dpkg-deb", "--extract", join(debs, deb), system]);
  await assemble("amd64", files);
  const layer = join(folder, "layer.tar");
  await run([
    "tar",
    "--create",
    "--owner=0",
    "--group=0",
    "--numeric-owner",
    `--file=${layer}`,
    `--directory=${files}`,
    ".",
  ]);
  const facts = { folder, layer, environment: ENVIRONMENT, user: "65532:65532" };
  const program = ["/usr/local/bin/bun", "--smol"];
  return {
    system,
    images: [
      await writeImage({ ...facts, name: IMAGE, program }),
      await writeImage({ ...facts, name: PAUSE, program: [...program, "-e", PAUSE_PROGRAM] }),
    ],
  };
}

/** Starts the node; resolves when pods can run on it. */
export async function startNode(plane: ControlPlane, { system, images }: NodeParts): Promise<void> {
  for (const each of ["/run", "/var/log", "/opt", ...OWN_FOLDERS]) {
    mkdirSync(each, { recursive: true });
    await run(["mount", "-t", "tmpfs", "none", each]);
  }
  const at = (name: string): string => join(plane.folder, name);
  const binaries = ["usr/bin", "usr/sbin"].map((each) => join(system, each));
  const path = [...binaries, process.env.PATH].join(":");
  mkdirSync(at("cni"));
  writeFileSync(join(at("cni"), "10-pods.conflist"), JSON.stringify(NETWORK));
  writeFileSync(at("containerd.toml"), containerdConfig(at("containerd"), join(system, "usr/lib/cni"), at("cni")));
  plane.runAt(join(system, "usr/bin/containerd"), ["--config", at("containerd.toml")], path);
  await plane.until("containerd answers", () => existsSync(SOCKET), START_MS_MAX);
  for (const image of images)
    await run([join(system, "usr/bin/ctr"), "--address", SOCKET, "--namespace", "k8s.io", "images", "import", image]);
  const access = `kubeconfig ${at("admin.yaml")} here`;
  writeFileSync(
    at("Corefile"),
    `.:53 {\n bind ${NODE_ADDRESS}\n errors\n kubernetes cluster.local {\n ${access}\n }\n}\n`,
  );
  plane.run("coredns", ["-conf", at("Corefile")]);
  writeFileSync(at("resolv.conf"), "");
  writeFileSync(at("kubelet.yaml"), JSON.stringify({ ...KUBELET, resolvConf: at("resolv.conf") }));
  const identity = ["--hostname-override=node-a", `--node-ip=${NODE_ADDRESS}`];
  plane.run("kubelet", [`--config=${at("kubelet.yaml")}`, `--kubeconfig=${at("admin.yaml")}`, ...identity], path);
  const isReady = (): boolean => / Ready /.test(plane.kubectl(["get", "nodes"]).output);
  await plane.until("the node is ready", isReady, START_MS_MAX);
}

/** Removes what outlives the namespace: control groups of containers, and folders that were mounted upon. What is in use stays. */
export function sweep(): void {
  for (const each of OWN_FOLDERS) removeIfEmpty(each);
  const groups = "/sys/fs/cgroup";
  const roots = readdirSync(groups).map((name) => join(groups, name, "k8s.io"));
  for (const root of [join(groups, "k8s.io"), ...roots].filter(existsSync)) removeEmpty(root);
}

function removeEmpty(folder: string): void {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    if (entry.isDirectory()) removeEmpty(join(folder, entry.name));
  }
  removeIfEmpty(folder);
}

function removeIfEmpty(folder: string): void {
  try {
    rmdirSync(folder);
  } catch {
    // In use, or not ours.
  }
}

const NETWORK = {
  cniVersion: "0.4.0",
  name: "pods",
  plugins: [
    {
      type: "bridge",
      bridge: "node",
      ipam: {
        type: "host-local",
        dataDir: "/run/pod-addresses",
        ranges: [
          [{ subnet: "10.97.0.0/24", rangeStart: "10.97.0.10", rangeEnd: "10.97.0.250", gateway: NODE_ADDRESS }],
        ],
        routes: [{ dst: "0.0.0.0/0" }],
      },
    },
  ],
};

const KUBELET = {
  apiVersion: "kubelet.config.k8s.io/v1beta1",
  kind: "KubeletConfiguration",
  authentication: { anonymous: { enabled: true }, webhook: { enabled: false } },
  authorization: { mode: "AlwaysAllow" },
  cgroupDriver: "cgroupfs",
  cgroupsPerQOS: false,
  enforceNodeAllocatable: [],
  failCgroupV1: false,
  failSwapOn: false,
  clusterDNS: [NODE_ADDRESS],
  clusterDomain: "cluster.local",
  containerRuntimeEndpoint: `unix://${SOCKET}`,
  evictionHard: { "memory.available": "1Mi", "nodefs.available": "0%", "imagefs.available": "0%" },
};

function containerdConfig(root: string, plugins: string, networks: string): string {
  return `version = 2
root = ${JSON.stringify(root)}
state = "/run/standpipe-containerd/state"
[grpc]
address = ${JSON.stringify(SOCKET)}
[plugins."io.containerd.grpc.v1.cri"]
sandbox_image = ${JSON.stringify(PAUSE)}
disable_apparmor = true
restrict_oom_score_adj = true
[plugins."io.containerd.grpc.v1.cri".cni]
bin_dir = ${JSON.stringify(plugins)}
conf_dir = ${JSON.stringify(networks)}
`;
}
