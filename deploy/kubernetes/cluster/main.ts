/** What a real Kubernetes says to deploy/: `bun deploy/kubernetes/cluster/main.ts --help`. Not part of the test suite: it builds for minutes. */
import { parseArgs } from "node:util";
import { HELM, KUBECTL } from "../../../collector/testing/kubernetes-tools.ts";
import { withFolder } from "../../../collector/testing/temporary.ts";
import { hasTool, type Tool } from "../../../collector/testing/tools.ts";
import { checkAdoptJob, checkRefusals, checkRendering, checkRights, makeNamespaces } from "./accepted.ts";
import { ControlPlane, NODE_ADDRESS } from "./control-plane.ts";
import { buildPrograms, type Programs } from "./programs.ts";
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

  bun deploy/kubernetes/cluster/main.ts [--kubernetes ${VERSION_DEFAULT}]

Needs Linux, root (for the namespace), Go, and the Go module proxy for the first run, which builds for ten minutes or more and takes
about 4 GiB in the user's caches; helm and kubectl come with \`bun run test deploy/kubernetes\`. Exit status 0 only if everything holds.
`;

const INSIDE = "STANDPIPE_CLUSTER_INSIDE";
const NEEDED: readonly Tool[] = ["network namespaces", "helm", "kubectl"];

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: { kubernetes: { type: "string", default: VERSION_DEFAULT }, help: { type: "boolean", short: "h" } },
    strict: true,
  });
  if (values.help === true) {
    process.stdout.write(HELP);
    return 0;
  }
  const tell = (words: string): void => void process.stdout.write(`${words}\n`);
  const inside = process.env[INSIDE];
  if (inside !== undefined) return await check(JSON.parse(inside), tell);

  const missing = NEEDED.filter((tool) => !hasTool(tool));
  if (missing.length > 0) throw new Error(`${missing.join(" and ")} can't be used here: see --help`);
  const programs = await buildPrograms(values.kubernetes, tell);
  // The namespace ends with its first process, and everything in it.
  const around = ["unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"];
  const node = `ip link add node type bridge && ip address add ${NODE_ADDRESS}/24 dev node && ip link set node up`;
  const child = Bun.spawn({
    cmd: [...around, "sh", "-c", `ip link set lo up && ${node} && exec "$0" "$1"`, process.execPath, import.meta.path],
    env: { ...process.env, [INSIDE]: JSON.stringify(programs) },
    stdio: ["ignore", "inherit", "inherit"],
  });
  return await child.exited;
}

async function check(programs: Programs, tell: (words: string) => void): Promise<number> {
  const all = renderings(KUBECTL, HELM);
  const named = (name: string): Rendering => {
    const found = all.find((each) => each.name === name);
    if (found === undefined) throw new Error(`there is no rendering ${name}`);
    return found;
  };
  let broken = 0;
  await withFolder(async (folder) => {
    await using plane = await ControlPlane.start(folder, programs, KUBECTL);
    const hold = async (what: string, body: () => Promise<void> | void): Promise<void> => {
      try {
        await body();
        tell(`holds   ${what}`);
      } catch (reason) {
        broken += 1;
        tell(`BROKEN  ${what}: ${(reason as Error).message}`);
      }
    };
    tell(plane.kubectl(["version"]).output.trim());
    makeNamespaces(plane, all);
    for (const each of all) await hold(`accepted as it is: ${each.name}`, () => checkRendering(plane, each));
    await hold("accepted as it is: the job that adopts a volume", () => checkAdoptJob(plane, named("overlay durable")));
    await hold("what is wrong is refused", () => checkRefusals(plane, named("overlay durable")));
    await hold("accounts may read pods where that is asked for, and nothing else", () =>
      checkRights(
        plane,
        named("overlay daemonset pod-labels agent-secured"),
        named("overlay durable"),
        named("overlay sidecar"),
      ),
    );
    await makeNodes(plane);
    const durable = named("overlay durable");
    await hold("StatefulSet: spread, served, rolled one at a time on its own volumes", () =>
      checkStatefulSet(plane, durable),
    );
    await hold("evictions: one at a time", () => checkEviction(plane));
    await hold("volumes outlive scale-in and deletion, and are adopted", () => checkLeftVolumes(plane, durable));
    await hold("Deployment: rolled without a gap, volumes go with their pods", () =>
      checkDeployment(plane, named("overlay deployment")),
    );
    await hold("DaemonSet: on every node", () => checkDaemonSet(plane, named("overlay daemonset")));
  });
  tell(broken === 0 ? "everything holds" : `${broken} do not hold`);
  return broken === 0 ? 0 : 1;
}

try {
  process.exit(await main());
} catch (reason) {
  process.stderr.write(`the manifests were not tried: ${(reason as Error).message}\n`);
  process.exit(1);
}
