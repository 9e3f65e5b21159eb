/** What a real Kubernetes says to deploy/: `bun deploy/kubernetes/cluster/main.ts --help`. Not part of the test suite: it builds for minutes. */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { HELM, KUBECTL } from "../../../collector/testing/kubernetes-tools.ts";
import { withFolder } from "../../../collector/testing/temporary.ts";
import { hasTool, type Tool } from "../../../collector/testing/tools.ts";
import { checkAdoptJob, checkRefusals, checkRendering, checkRights, makeNamespaces } from "./accepted.ts";
import { ControlPlane, NODE_ADDRESS } from "./control-plane.ts";
import { checkAdopted, checkHandOver, checkInstalled, checkRoll, installationOf, makeVolumes } from "./on-node.ts";
import { buildPrograms, type Programs } from "./programs.ts";
import { type NodeParts, prepareNode, startNode, sweep } from "./real-node.ts";
import { type Rendering, renderings } from "./renderings.ts";
import {
  checkDaemonSet,
  checkDeployment,
  checkEviction,
  checkLeftVolumes,
  checkStatefulSet,
  makeNodes,
} from "./running.ts";

const VERSION_DEFAULT = "1.35.4";

const HELP = `Builds Kubernetes' API server, controllers and scheduler from their Go modules, starts them with etcd in a network namespace
of their own, and gives them all that deploy/kubernetes and deploy/helm make: is every object accepted strictly, every pod
let in under the Pod Security Standard that it claims, may accounts do what they need and nothing else, do volumes, rolls,
scaling, evictions and the adopting job go as the documents say. Nodes are played by kwok: no container runs.

  bun deploy/kubernetes/cluster/main.ts [--kubernetes ${VERSION_DEFAULT}] [--real-node]

With --real-node instead of all that: the kubelet runs the image that deploy/docker assembles, over containerd and runc, and
logs are sent while pods are rolled, scaled in with Firehose down, killed and adopted: does all arrive, once. It needs apt-get and
an amd64 machine besides, which must not be a node of a cluster itself.

Needs Linux, root (for the namespace), Go, and the Go module proxy for the first run, which builds for ten minutes or more and takes
some 7 GiB in the user's caches; helm and kubectl come with \`bun run test deploy/kubernetes\`. Exit status 0 only if everything holds.
`;

const INSIDE = "STANDPIPE_CLUSTER_INSIDE";
const NEEDED: readonly Tool[] = ["network namespaces", "helm", "kubectl"];
const NEEDED_BY_NODE: readonly Tool[] = ["debian packages"];

interface Inside {
  readonly programs: Programs;
  readonly folder: string;
  readonly node: NodeParts | undefined;
}

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      kubernetes: { type: "string", default: VERSION_DEFAULT },
      "real-node": { type: "boolean", default: false },
      help: { type: "boolean", short: "h" },
    },
    strict: true,
  });
  if (values.help === true) {
    process.stdout.write(HELP);
    return 0;
  }
  const inside = process.env[INSIDE];
  if (inside !== undefined) return await check(JSON.parse(inside));

  const hasNode = values["real-node"];
  const missing = [...NEEDED, ...(hasNode ? NEEDED_BY_NODE : [])].filter((tool) => !hasTool(tool));
  if (missing.length > 0) throw new Error(`${missing.join(" and ")} can't be used here: see --help`);
  const programs = await buildPrograms(values.kubernetes, hasNode, tell);
  return await withFolder(async (folder) => {
    const parts = join(folder, "node");
    const cluster = join(folder, "cluster");
    for (const each of [parts, cluster]) mkdirSync(each);
    const node = hasNode ? await prepareNode(parts, tell) : undefined;
    const code = await isolate({ programs, folder: cluster, node } satisfies Inside);
    if (hasNode) sweep();
    return code;
  });
}

/** Runs the rest of it in namespaces of its own, which end with its first process, and everything in them. */
async function isolate(inside: Inside): Promise<number> {
  const around = ["unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"];
  const network = `ip link add node type bridge && ip address add ${NODE_ADDRESS}/24 dev node && ip link set node up`;
  const child = Bun.spawn({
    cmd: [
      ...around,
      "sh",
      "-c",
      `ip link set lo up && ${network} && exec "$0" "$1"`,
      process.execPath,
      import.meta.path,
    ],
    env: { ...process.env, [INSIDE]: JSON.stringify(inside) },
    stdio: ["ignore", "inherit", "inherit"],
  });
  return await child.exited;
}

async function check({ programs, folder, node }: Inside): Promise<number> {
  const all = renderings(KUBECTL, HELM);
  await using plane = await ControlPlane.start(folder, programs.folder, KUBECTL);
  tell(plane.kubectl(["version"]).output.trim());
  makeNamespaces(plane, all);
  const broken = await (node === undefined ? checkPlayed(plane, programs, all) : checkReal(plane, node, all));
  tell(broken === 0 ? "everything holds" : `${broken} do not hold`);
  return broken === 0 ? 0 : 1;
}

/** Everything as objects, on nodes that are played. Gives how much does not hold. */
async function checkPlayed(plane: ControlPlane, programs: Programs, all: readonly Rendering[]): Promise<number> {
  let broken = 0;
  const hold = async (what: string, body: () => Promise<void> | void): Promise<void> => {
    if (!(await holds(what, body))) broken += 1;
  };
  const durable = named(all, "overlay durable");
  for (const each of all) await hold(`accepted as it is: ${each.name}`, () => checkRendering(plane, each));
  await hold("accepted as it is: the job that adopts a volume", () => checkAdoptJob(plane, durable));
  await hold("what is wrong is refused", () => checkRefusals(plane, durable));
  await hold("accounts may read pods where that is asked for, and nothing else", () =>
    checkRights(
      plane,
      named(all, "overlay daemonset pod-labels agent-secured"),
      durable,
      named(all, "overlay sidecar"),
    ),
  );
  await makeNodes(plane, programs);
  await hold("StatefulSet: spread, served, rolled one at a time on its own volumes", () =>
    checkStatefulSet(plane, durable),
  );
  await hold("evictions: one at a time", () => checkEviction(plane));
  await hold("volumes outlive scale-in and deletion, and are adopted", () => checkLeftVolumes(plane, durable));
  await hold("Deployment: rolled without a gap, volumes go with their pods", () =>
    checkDeployment(plane, named(all, "overlay deployment")),
  );
  await hold("DaemonSet: on every node", () => checkDaemonSet(plane, named(all, "overlay daemonset")));
  return broken;
}

/** Each builds on the one before: ends with the first that does not hold. Gives how much does not hold. */
async function checkReal(plane: ControlPlane, node: NodeParts, all: readonly Rendering[]): Promise<number> {
  await startNode(plane, node);
  makeVolumes(plane);
  const objects = installationOf(named(all, "overlay durable"), named(all, "overlay local"));
  const steps: readonly (readonly [string, () => Promise<void>])[] = [
    ["the image runs as shipped, under the restricted standard", () => checkInstalled(plane, objects)],
    ["rolled under load: no send failed, all arrived once", () => checkRoll(plane, objects)],
    ["scaled in with Firehose down: handed over, all arrived once", () => checkHandOver(plane)],
    ["a pod killed without its time: its volume is adopted, all arrived once", () => checkAdopted(plane, objects)],
  ];
  for (const [what, body] of steps) if (!(await holds(what, body))) return 1;
  return 0;
}

async function holds(what: string, body: () => Promise<void> | void): Promise<boolean> {
  try {
    await body();
    tell(`holds   ${what}`);
    return true;
  } catch (reason) {
    tell(`BROKEN  ${what}: ${(reason as Error).message}`);
    return false;
  }
}

function named(all: readonly Rendering[], name: string): Rendering {
  const found = all.find((each) => each.name === name);
  if (found === undefined) throw new Error(`there is no rendering ${name}`);
  return found;
}

function tell(words: string): void {
  process.stdout.write(`${words}\n`);
}

try {
  process.exit(await main());
} catch (reason) {
  process.stderr.write(`the manifests were not tried: ${(reason as Error).message}\n`);
  process.exit(1);
}
