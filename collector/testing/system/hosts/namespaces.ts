/**
 * Hosts that are network namespaces, with a bridge for each network, in the namespaces of the process that makes them: it
 * must have its own for network, mounts and processes (`inOwnNamespaces`), so that nothing of this is seen by the machine,
 * and all of it is gone with that process.
 */
import { readlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Subprocess } from "bun";
import type { Hosts, Place } from "./hosts.ts";

const NETWORKS = { front: "10.203.0", back: "10.203.1" } as const;
type Network = keyof typeof NETWORKS;

/** Addresses below are of replicas. */
const NUMBERS = { firehose: 100, clients: 101, agent: 102, test: 254 };

/** What runs `command` in namespaces of its own, as process 1 of them. */
export function inOwnNamespaces(command: readonly string[]): string[] {
  return ["unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc", ...command];
}

export class NamespaceHosts implements Hosts {
  readonly clients: Place;
  readonly agent: Place;
  readonly firehose: Place;
  readonly #replicas: Place[] = [];
  readonly #holders: Subprocess[] = [];
  readonly #namesFile: string;

  private constructor(namesFile: string) {
    this.#namesFile = namesFile;
    this.clients = this.#addHost("clients", NUMBERS.clients);
    this.agent = this.#addHost("agent", NUMBERS.agent);
    this.firehose = this.#addHost("firehose", NUMBERS.firehose);
  }

  /** With so many hosts for replicas. Files of its own go into `directory`. */
  static create(directory: string, replicas: number): NamespaceHosts {
    execute("ip", "link", "set", "lo", "up");
    for (const network of Object.keys(NETWORKS) as Network[]) {
      execute("ip", "link", "add", network, "type", "bridge");
      execute("ip", "address", "add", `${NETWORKS[network]}.${NUMBERS.test}/24`, "dev", network);
      execute("ip", "link", "set", network, "up");
    }
    const namesFile = join(directory, "names");
    writeFileSync(namesFile, "127.0.0.1 localhost\n");
    execute("mount", "--bind", namesFile, "/etc/hosts");
    const hosts = new NamespaceHosts(namesFile);
    for (let index = 0; index < replicas; index++) hosts.#replicas.push(hosts.#addHost(`r${index}`, index + 1));
    return hosts;
  }

  placeOf(index: number): Place {
    const place = this.#replicas[index];
    if (place === undefined) throw new Error(`there is no host for replica ${index}`);
    return place;
  }

  wayToFirehose(_index: number, port: number): string {
    return `${this.firehose.backAddress}:${port}`;
  }

  wayBetween(_from: number, to: number, port: number): string {
    return `${this.placeOf(to).backAddress}:${port}`;
  }

  endpoints(port: number): readonly string[] {
    return [`http://standpipe:${port}`];
  }

  name(replicas: readonly number[]): void {
    const lines = replicas.map((index) => `${this.placeOf(index).address} standpipe\n`);
    writeFileSync(this.#namesFile, `127.0.0.1 localhost\n${lines.join("")}`);
  }

  cut(index: number): void {
    execute("ip", "link", "set", `r${index}-back`, "down");
  }

  heal(index: number): void {
    execute("ip", "link", "set", `r${index}-back`, "up");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const holder of this.#holders) holder.kill("SIGKILL");
    await Promise.all(this.#holders.map(({ exited }) => exited));
    // Its cables went with each host.
    for (const network of Object.keys(NETWORKS)) execute("ip", "link", "delete", network);
    execute("umount", "/etc/hosts");
  }

  #addHost(name: string, number: number): Place {
    // A namespace lives as long as a process in it.
    const holder = Bun.spawn({ cmd: ["unshare", "--net", "sleep", "infinity"], stdin: "ignore", stdout: "ignore" });
    this.#holders.push(holder);
    const own = readlinkSync("/proc/self/ns/net");
    while (namespaceOf(holder.pid) === own) Bun.sleepSync(1);
    const wrapper = ["nsenter", `--net=/proc/${holder.pid}/ns/net`];
    execute(...wrapper, "ip", "link", "set", "lo", "up");
    for (const network of Object.keys(NETWORKS) as Network[]) {
      const cable = `${name}-${network}`;
      execute("ip", "link", "add", cable, "type", "veth", "peer", "name", network, "netns", String(holder.pid));
      execute("ip", "link", "set", cable, "master", network, "up");
      execute(...wrapper, "ip", "address", "add", `${NETWORKS[network]}.${number}/24`, "dev", network);
      execute(...wrapper, "ip", "link", "set", network, "up");
    }
    return { address: `${NETWORKS.front}.${number}`, backAddress: `${NETWORKS.back}.${number}`, wrapper };
  }
}

function namespaceOf(pid: number): string {
  return readlinkSync(`/proc/${pid}/ns/net`);
}

function execute(...cmd: string[]): void {
  const { exitCode, stderr } = Bun.spawnSync({ cmd });
  if (exitCode !== 0) throw new Error(`${cmd.join(" ")}: ${stderr.toString().trim()}`);
}
