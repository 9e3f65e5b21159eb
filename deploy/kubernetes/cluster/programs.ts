/**
 * Kubernetes itself, built from its Go modules: API server, controllers, scheduler, etcd; kwok, which plays nodes; kubelet and
 * CoreDNS for a real one. Kept in the user's cache folder. What Go downloads is held against the public sums of modules, as with every Go build.
 */
import { cpSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { basename, join } from "node:path";

const ETCD = "go.etcd.io/etcd/server/v3";
const KWOK = "sigs.k8s.io/kwok";
const COREDNS = "github.com/coredns/coredns";
const KUBERNETES = "k8s.io/kubernetes";

/** Each program: the module that it is built in, and its package. */
const PROGRAMS = {
  etcd: ["etcd", ETCD],
  kwok: ["kwok", `${KWOK}/cmd/kwok`],
  "kube-apiserver": ["kubernetes", `${KUBERNETES}/cmd/kube-apiserver`],
  "kube-controller-manager": ["kubernetes", `${KUBERNETES}/cmd/kube-controller-manager`],
  "kube-scheduler": ["kubernetes", `${KUBERNETES}/cmd/kube-scheduler`],
  kubelet: ["kubernetes", `${KUBERNETES}/cmd/kubelet`],
  coredns: ["coredns", COREDNS],
} as const;

type ProgramName = keyof typeof PROGRAMS;

/** Those that a node needs on which containers run. */
const OF_A_REAL_NODE: readonly ProgramName[] = ["kubelet", "coredns"];

/** How kwok's nodes and pods behave: nodes are ready, pods run at once, those of jobs end well, and go when they are asked to. */
const STAGES = ["node/fast/node-initialize", "pod/fast/pod-ready", "pod/fast/pod-complete", "pod/fast/pod-delete"];

const CACHE = join(process.env.XDG_CACHE_HOME ?? join(homedir(), ".cache"), "standpipe");

export interface Programs {
  /** The folder that the programs are in, under their own names. */
  readonly folder: string;
  /** Configuration files for kwok. */
  readonly stages: readonly string[];
}

/** Builds what is not in the cache yet. Rejects with an Error of one sentence when a step fails. */
export async function buildPrograms(
  version: string,
  hasRealNode: boolean,
  tell: (words: string) => void,
): Promise<Programs> {
  const root = join(CACHE, `kubernetes-${version}`);
  const folder = join(root, "bin");
  mkdirSync(folder, { recursive: true });
  const modules: Record<string, () => Promise<string>> = {
    etcd: async () => `require ${ETCD} v3.6.5\n`,
    kwok: async () => `require ${KWOK} v0.8.0\n`,
    coredns: async () => `require ${COREDNS} v1.13.1\n`,
    kubernetes: () => kubernetesModule(root, version),
  };
  for (const [name, [module, path]] of Object.entries(PROGRAMS)) {
    if (existsSync(join(folder, name))) continue;
    if (!hasRealNode && OF_A_REAL_NODE.includes(name as ProgramName)) continue;
    const directory = join(root, module);
    if (!existsSync(join(directory, "go.mod"))) newModule(directory, (await modules[module]?.()) ?? "");
    tell(`building ${name} (once; all of them take minutes, and some GiB of Go's caches)`);
    const unfinished = join(folder, `${name}.new`);
    await go(
      [
        "build",
        "-mod=mod",
        "-buildvcs=false",
        `-ldflags=-s -w -X k8s.io/component-base/version.gitVersion=v${version}`,
        "-o",
        unfinished,
        path,
      ],
      directory,
    );
    renameSync(unfinished, join(folder, name));
  }
  return { folder, stages: await placeStages(root) };
}

/**
 * Kubernetes' own module replaces the libraries of its repository by folders, which another module can't use. They are published
 * as modules as well, as version 0.x where it is 1.x.
 */
async function kubernetesModule(root: string, version: string): Promise<string> {
  const scratch = join(root, "scratch");
  newModule(scratch, "");
  const told = await go(["mod", "download", "-json", `${KUBERNETES}@v${version}`], scratch);
  const { GoMod } = JSON.parse(told) as { GoMod: string };
  const libraries = [...readFileSync(GoMod, "utf8").matchAll(/^\s+(k8s\.io\/[\w-]+) => \.\/staging/gm)];
  const replaced = libraries.map(([, name]) => `\t${name} => ${name} v${version.replace(/^1/, "0")}\n`);
  rmSync(scratch, { recursive: true });
  return `require ${KUBERNETES} v${version}\n\nreplace (\n${replaced.join("")})\n`;
}

function newModule(directory: string, rest: string): void {
  mkdirSync(directory, { recursive: true });
  writeFileSync(join(directory, "go.mod"), `module standpipe/${basename(directory)}\n\ngo 1.25.0\n\n${rest}`);
}

async function placeStages(root: string): Promise<string[]> {
  const directory = join(root, "stages");
  if (!existsSync(directory)) {
    const module = (await go(["list", "-mod=mod", "-m", "-f", "{{.Dir}}", KWOK], join(root, "kwok"))).trim();
    mkdirSync(directory);
    for (const stage of STAGES)
      cpSync(join(module, `kustomize/stage/${stage}.yaml`), join(directory, `${basename(stage)}.yaml`));
  }
  return STAGES.map((stage) => join(directory, `${basename(stage)}.yaml`));
}

async function go(words: readonly string[], cwd: string): Promise<string> {
  if (Bun.which("go") === null)
    throw new Error("Go is not installed here: Kubernetes is built from its modules, by Go 1.26 or later");
  const env = { ...process.env, CGO_ENABLED: "0", GOFLAGS: "" };
  const child = Bun.spawn({ cmd: ["go", ...words], cwd, env, stdin: "ignore", stdout: "pipe", stderr: "pipe" });
  const [output, trouble] = await Promise.all([child.stdout.text(), child.stderr.text()]);
  if ((await child.exited) !== 0) {
    // `go mod download -json` says what went wrong in its answer.
    const lines = (trouble + output).trim().split("\n").slice(-5).join(" / ");
    throw new Error(
      `go ${words[0]} failed (it needs the Go module proxy, or modules that were loaded before): ${lines}`,
    );
  }
  return output;
}
