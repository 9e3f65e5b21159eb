/** A fleet on hosts of its own: replicas, Firehose at its quota, and two kinds of senders, the SDK and the tailing agent. */
import { appendFileSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Subprocess } from "bun";
import { freePorts, type Settings } from "../collector-process.ts";
import { ReplicaSet } from "../replica-set.ts";
import { TailProcess } from "../tail-process.ts";
import { FirehoseProcess } from "./firehose-process.ts";
import type { Hosts } from "./hosts.ts";
import { LoopbackHosts } from "./loopback.ts";
import { NamespaceHosts } from "./namespaces.ts";
import type { LoadResult } from "./sdk-load.ts";

const SDK_LOAD = join(import.meta.dir, "sdk-load.ts");
const SDK_CLIENTS = 2;
const WRITE_MS = 20;

export interface RigOptions {
  readonly directory: string;
  readonly replicas: number;
  readonly settings?: Settings;
  readonly mibPerSecond: number;
  /** Whether hosts are network namespaces: this process has its own (`inOwnNamespaces`). */
  readonly isNamespaced: boolean;
}

export class Rig implements AsyncDisposable {
  readonly replicas: ReplicaSet;
  readonly firehose: FirehoseProcess;
  readonly hosts: Hosts;
  readonly #directory: string;
  readonly #port: number;

  private constructor(
    parts: { replicas: ReplicaSet; firehose: FirehoseProcess; hosts: Hosts },
    directory: string,
    port: number,
  ) {
    this.replicas = parts.replicas;
    this.firehose = parts.firehose;
    this.hosts = parts.hosts;
    this.#directory = directory;
    this.#port = port;
  }

  static async create(options: RigOptions): Promise<Rig> {
    const { directory, replicas: size, settings = {}, mibPerSecond, isNamespaced } = options;
    const { ingest: port, http: firehosePort } = await freePorts();
    const hosts = isNamespaced
      ? NamespaceHosts.create(directory, size)
      : await LoopbackHosts.create(size, port, firehosePort);
    const objects = join(directory, "objects");
    const firehose = await FirehoseProcess.start(hosts.firehose, firehosePort, objects, mibPerSecond);
    const replicas = await ReplicaSet.create({
      directory,
      size,
      port,
      hosts,
      endpoint: (index) => `http://${hosts.wayToFirehose(index, firehosePort)}`,
      route: (from, to) => hosts.wayBetween(from, to, port),
      settings,
    });
    return new Rig({ replicas, firehose, hosts }, directory, port);
  }

  /** Senders of so many log records a second together, a fifth of them by the agent. */
  async send(recordsPerSecond: number): Promise<Senders> {
    return await Senders.start({
      hosts: this.hosts,
      port: this.#port,
      directory: this.#directory,
      recordsPerSecond,
    });
  }

  /** Stops the senders, waits until all is delivered, and holds what arrived against what was sent. */
  async settle(senders: Senders): Promise<Settled> {
    const { keys, failures, retries } = await senders.finish();
    await this.replicas.untilDelivered();
    const { idsOf, lines } = await this.firehose.arrived();
    const lost = keys.filter((key) => !idsOf.has(key));
    const ids = [...idsOf.values()].reduce((sum, each) => sum + each.size, 0);
    return {
      sent: keys.length,
      foreign: idsOf.size - (keys.length - lost.length),
      failures,
      lost,
      sentTwice: ids - idsOf.size,
      deliveredTwice: lines - ids,
      retries,
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.replicas[Symbol.asyncDispose]();
    await this.firehose[Symbol.asyncDispose]();
    await this.hosts[Symbol.asyncDispose]();
  }
}

export interface Settled {
  readonly sent: number;
  /** Keys that arrived and were not sent. */
  readonly foreign: number;
  /** Sends that the SDK did not get acknowledged: there must be none. */
  readonly failures: readonly string[];
  readonly lost: readonly string[];
  /** Log records that were accepted more than once: each has an id of its own. */
  readonly sentTwice: number;
  /** Lines that came again, with the same id. */
  readonly deliveredTwice: number;
  /** Batches that the SDK or the agent sent again. */
  readonly retries: number;
}

interface SendersOptions {
  readonly hosts: Hosts;
  /** That replicas listen on. */
  readonly port: number;
  readonly directory: string;
  readonly recordsPerSecond: number;
}

type Load = Subprocess<"pipe", "pipe", "inherit">;

export class Senders implements AsyncDisposable {
  readonly #loads: readonly Load[];
  readonly #agent: TailProcess;
  readonly #file: string;
  readonly #linesPerSecond: number;
  readonly #writing: Promise<void>;
  #isStopping = false;
  #lines = 0;

  private constructor(agent: TailProcess, loads: readonly Load[], file: string, linesPerSecond: number) {
    this.#agent = agent;
    this.#loads = loads;
    this.#file = file;
    this.#linesPerSecond = linesPerSecond;
    this.#writing = this.#write();
  }

  static async start({ hosts, port, directory, recordsPerSecond }: SendersOptions): Promise<Senders> {
    const endpoints = hosts.endpoints(port);
    const own = join(directory, "agent");
    const file = join(own, "app.log");
    mkdirSync(own, { recursive: true });
    writeFileSync(file, "");
    const agent = await TailProcess.start({
      directory: own,
      adminHost: hosts.agent.address,
      adminPort: (await freePorts()).admin,
      wrapper: hosts.agent.wrapper,
      collectorPort: port,
      sections: { collector: { endpoint: [...endpoints] } },
      sources: [{ name: "app", include: [file] }],
    });
    const linesPerSecond = Math.floor(recordsPerSecond / 5);
    const perClient = (recordsPerSecond - linesPerSecond) / SDK_CLIENTS;
    const loads = Array.from({ length: SDK_CLIENTS }, (_, index) =>
      Bun.spawn({
        cmd: [...hosts.clients.wrapper, process.execPath, SDK_LOAD, `c${index}`, `${perClient}`, ...endpoints],
        stdin: "pipe",
        stdout: "pipe",
        stderr: "inherit",
      }),
    );
    return new Senders(agent, loads, file, linesPerSecond);
  }

  /** Sends no more, and resolves when everything is acknowledged, or given up. */
  async finish(): Promise<{ keys: string[]; failures: string[]; retries: number }> {
    this.#isStopping = true;
    await this.#writing;
    for (const { stdin } of this.#loads) stdin.end();
    const results = await Promise.all(
      this.#loads.map(async ({ stdout }) => JSON.parse(await new Response(stdout).text()) as LoadResult),
    );
    const { retries } = await this.#agent.until(({ acknowledgedRecords }) => acknowledgedRecords >= this.#lines);
    const names = ["agent", ...results.map((_, index) => `c${index}`)];
    const counts = [this.#lines, ...results.map(({ sent }) => sent)];
    return {
      keys: names.flatMap((name, index) => Array.from({ length: counts[index] ?? 0 }, (_, each) => `${name}-${each}`)),
      failures: results.flatMap(({ failures }) => failures),
      retries: results.reduce((sum, each) => sum + each.retries, retries),
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isStopping = true;
    await this.#writing;
    for (const load of this.#loads) load.kill("SIGKILL");
    await Promise.all(this.#loads.map(({ exited }) => exited));
    await this.#agent[Symbol.asyncDispose]();
  }

  async #write(): Promise<void> {
    const startedMs = performance.now();
    for (let turn = 1; !this.#isStopping; turn++) {
      const due = Math.floor((turn * WRITE_MS * this.#linesPerSecond) / 1_000);
      let text = "";
      for (; this.#lines < due; this.#lines++) text += `agent-${this.#lines} something happened in the application\n`;
      if (text !== "") appendFileSync(this.#file, text);
      await Bun.sleep(Math.max(0, startedMs + turn * WRITE_MS - performance.now()));
    }
  }
}
