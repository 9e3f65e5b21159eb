/**
 * A cluster on this machine: the real API server over etcd, the real controllers and scheduler; nodes are for others to add.
 * Ports are Kubernetes' own: it is meant for a network namespace of its own.
 */
import { generateKeyPairSync, randomBytes } from "node:crypto";
import { closeSync, openSync, readFileSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import type { Subprocess } from "bun";
import type { KubernetesObject } from "../objects.ts";

const START_MS_MAX = 120_000;
const POLL_MS = 200;
const ADMIN = "https://127.0.0.1:6443";
/** Of the network namespace: the machine that all of it runs on. */
export const NODE_ADDRESS = "10.97.0.1";

/** What a call of kubectl said. */
export interface Answer {
  readonly isGood: boolean;
  readonly output: string;
  /** Warnings, and why it was refused. */
  readonly trouble: string;
}

export class ControlPlane {
  /** What its programs write, logs among it, and `admin.yaml`, the way in for an administrator. */
  readonly folder: string;
  readonly #programs: string;
  readonly #kubectl: string;
  readonly #children: { readonly name: string; readonly process: Subprocess }[] = [];

  private constructor(folder: string, programs: string, kubectl: string) {
    this.folder = folder;
    this.#programs = programs;
    this.#kubectl = kubectl;
  }

  /** Starts all of it. `folder` must be empty, `programs` is the folder that they are in. Rejects with the last words of what did not start. */
  static async start(folder: string, programs: string, kubectl: string): Promise<ControlPlane> {
    const plane = new ControlPlane(folder, programs, kubectl);
    await plane.#start();
    return plane;
  }

  async #start(): Promise<void> {
    const at = (name: string): string => join(this.folder, name);
    const token = randomBytes(16).toString("hex");
    writeFileSync(at("tokens.csv"), `${token},admin,admin,system:masters\n`);
    const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2_048 });
    writeFileSync(at("accounts.key"), privateKey.export({ type: "pkcs8", format: "pem" }));
    this.run("etcd", [`--data-dir=${at("etcd")}`, "--unsafe-no-fsync"]);
    this.run("kube-apiserver", [
      "--etcd-servers=http://127.0.0.1:2379",
      "--bind-address=127.0.0.1",
      `--advertise-address=${NODE_ADDRESS}`,
      `--cert-dir=${at("certificates")}`,
      `--token-auth-file=${at("tokens.csv")}`,
      "--authorization-mode=Node,RBAC",
      "--kubelet-preferred-address-types=InternalIP",
      "--service-cluster-ip-range=10.96.0.0/16",
      "--service-account-issuer=https://kubernetes.default.svc",
      `--service-account-key-file=${at("accounts.key")}`,
      `--service-account-signing-key-file=${at("accounts.key")}`,
    ]);
    writeFileSync(at("admin.yaml"), accessOf(join(at("certificates"), "apiserver.crt"), token));
    await this.until("the API server is ready", () => this.kubectl(["get", "--raw", "/readyz"]).isGood, START_MS_MAX);
    const access = `--kubeconfig=${at("admin.yaml")}`;
    this.run("kube-controller-manager", [
      access,
      `--service-account-private-key-file=${at("accounts.key")}`,
      `--cert-dir=${at("certificates")}`,
      "--use-service-account-credentials",
    ]);
    this.run("kube-scheduler", [access, `--cert-dir=${at("certificates")}`]);
    const isReady = (): boolean => this.kubectl(["get", "serviceaccount", "default"]).isGood;
    await this.until("the controllers work", isReady, START_MS_MAX);
  }

  /** kubectl as administrator; `input` is what it reads from standard input. */
  kubectl(words: readonly string[], input = ""): Answer {
    const cmd = [this.#kubectl, `--kubeconfig=${join(this.folder, "admin.yaml")}`, ...words];
    // It keeps what it learns of the server at HOME, and runs `diff`.
    const env = { HOME: this.folder, PATH: process.env.PATH ?? "" };
    const { exitCode, stdout, stderr } = Bun.spawnSync({ cmd, stdin: Buffer.from(input), env });
    return { isGood: exitCode === 0, output: stdout.toString(), trouble: stderr.toString().trim() };
  }

  /** Objects of a kind; none where the kind has none. Throws with kubectl's words. */
  list(kind: string, namespace: string, selector?: string): KubernetesObject[] {
    const chosen = selector === undefined ? [] : [`--selector=${selector}`];
    const { isGood, output, trouble } = this.kubectl(["-n", namespace, "get", kind, "--output=json", ...chosen]);
    if (!isGood) throw new Error(trouble);
    return JSON.parse(output).items;
  }

  /** Waits until something holds. Throws when it takes longer than `limitMs`, or when a program of the cluster has ended. */
  async until(what: string, holds: () => boolean, limitMs = 60_000): Promise<void> {
    const endMs = performance.now() + limitMs;
    while (!holds()) {
      const ended = this.#children.find(({ process: { exitCode } }) => exitCode !== null);
      if (ended !== undefined) throw new Error(`${ended.name} has ended: ${this.#lastWords(ended.name)}`);
      if (performance.now() > endMs) throw new Error(`not within ${limitMs / 1_000} s: ${what}`);
      await Bun.sleep(POLL_MS);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { process: child } of this.#children.toReversed()) {
      child.kill("SIGKILL");
      await child.exited;
    }
  }

  /** Runs one of its programs beside the others until the end. Its log is `<name>.log` in the folder. */
  run(name: string, words: readonly string[], path?: string): void {
    this.runAt(join(this.#programs, name), words, path);
  }

  /** The same with a program from elsewhere. */
  runAt(program: string, words: readonly string[], path = process.env.PATH ?? ""): void {
    const name = basename(program);
    const log = openSync(join(this.folder, `${name}.log`), "w");
    // Nothing of this machine's settings: no proxy, no other cluster.
    const env = { HOME: this.folder, PATH: path };
    const options = { cwd: this.folder, env, stdin: "ignore", stdout: log, stderr: log } as const;
    this.#children.push({ name, process: Bun.spawn({ cmd: [program, ...words], ...options }) });
    closeSync(log);
  }

  #lastWords(name: string): string {
    return readFileSync(join(this.folder, `${name}.log`), "utf8")
      .trim()
      .split("\n")
      .slice(-3)
      .join(" / ");
  }
}

function accessOf(authority: string, token: string): string {
  return JSON.stringify({
    apiVersion: "v1",
    kind: "Config",
    clusters: [{ name: "here", cluster: { server: ADMIN, "certificate-authority": authority } }],
    users: [{ name: "admin", user: { token } }],
    contexts: [{ name: "here", context: { cluster: "here", user: "admin" } }],
    "current-context": "here",
  });
}
