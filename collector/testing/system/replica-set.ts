/**
 * Replicas as a headless Service shows them: each a process with an address of its own (127.0.0.x, or on a host of its own)
 * and one port for all, peers of each other, and a name that resolves to those that are ready. Clients of the SDK are told
 * that name.
 */
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { ClientLoad } from "./client-load.ts";
import { CollectorProcess, freePorts, type Settings, type StatusView } from "./collector-process.ts";
import type { Hosts, Place } from "./hosts/hosts.ts";

/** Of a test: short, so that many rounds fit. */
const INTERVAL_MS = 200;
const LEASE_MS = 1_000;

/** Log records of one client that are under way at once. */
export const IN_FLIGHT = 8;

/** What is looked at here in a status. */
export interface ReplicaView extends StatusView {
  readonly ingest: StatusView["ingest"] & { readonly connections: { readonly open: number } };
  readonly peers: { readonly heard: readonly unknown[] };
  readonly routes: readonly [
    StatusView["routes"][0] & { readonly pace: { readonly replicas: number; readonly share: number } },
  ];
}

export interface ReplicaSetOptions {
  readonly directory: string;
  /** Where Firehose is, as each replica sees it. */
  readonly endpoint: (index: number) => string;
  /** How many addresses there are: those of replicas that do not run yet among them. */
  readonly size: number;
  readonly settings?: Settings;
  /** How one replica reaches another where not directly: `host:port`. */
  readonly route?: (from: number, to: number) => string;
  /** Hosts that they run on. @default the loopback */
  readonly hosts?: Pick<Hosts, "placeOf" | "name">;
  /** The port that all listen on. @default any that is free */
  readonly port?: number;
}

export class ReplicaSet implements AsyncDisposable {
  readonly #options: ReplicaSetOptions;
  readonly #port: number;
  readonly #running = new Map<number, CollectorProcess>();
  readonly #ready = new Set<number>();
  #said = "";

  private constructor(options: ReplicaSetOptions, port: number) {
    this.#options = options;
    this.#port = port;
  }

  static async create(options: ReplicaSetOptions): Promise<ReplicaSet> {
    return new ReplicaSet(options, options.port ?? (await freePorts()).ingest);
  }

  addressOf(index: number): string {
    return `${this.#placeOf(index).address}:${this.#port}`;
  }

  /** The log lines of those that were ended. */
  get said(): string {
    return this.#said;
  }

  at(index: number): CollectorProcess {
    const replica = this.#running.get(index);
    if (replica === undefined) throw new Error(`replica ${index} does not run`);
    return replica;
  }

  /** Starts one, on the volume of another where told; the name resolves to it when it is ready. */
  async start(index: number, volume = index): Promise<CollectorProcess> {
    const { size, settings = {}, endpoint, route = (_, to) => this.addressOf(to) } = this.#options;
    const { address, backAddress, wrapper } = this.#placeOf(index);
    const listens = address === backAddress ? { address: this.addressOf(index) } : this.#onBoth();
    const directory = join(this.#options.directory, `volume-${volume}`);
    await mkdir(directory, { recursive: true });
    const others = Array.from({ length: size }, (_, each) => each).filter((each) => each !== index);
    const replica = await CollectorProcess.start({
      directory,
      endpoint: endpoint(index),
      ports: await freePorts(),
      adminHost: address,
      wrapper,
      settings: {
        ...settings,
        ingest: { ...listens, ...settings.ingest },
        firehose: { recordId: true, ...settings.firehose },
        peers: {
          addresses: others.map((each) => route(index, each)).join(","),
          intervalMs: INTERVAL_MS,
          leaseMs: LEASE_MS,
          ...settings.peers,
        },
      },
    });
    this.#running.set(index, replica);
    this.#ready.add(index);
    this.#options.hosts?.name([...this.#ready]);
    return replica;
  }

  /** Ends one as Kubernetes does: out of the name, and a signal. Resolves with its exit code. */
  async end(index: number, signal: "SIGTERM" | "SIGKILL"): Promise<number | null> {
    this.#ready.delete(index);
    this.#options.hosts?.name([...this.#ready]);
    const replica = this.at(index);
    const code = await replica.end(signal);
    this.#said += replica.log;
    this.#running.delete(index);
    return code;
  }

  async views(): Promise<ReplicaView[]> {
    return await Promise.all([...this.#running.keys()].map((index) => this.viewOf(index)));
  }

  async viewOf(index: number): Promise<ReplicaView> {
    return (await this.at(index).status()) as ReplicaView;
  }

  /** Polls until it holds; the test's own time limit is the bound. Resolves with the milliseconds that it took. */
  async until(condition: (views: readonly ReplicaView[]) => boolean): Promise<number> {
    const startedMs = performance.now();
    while (!condition(await this.views())) await Bun.sleep(20);
    return Math.round(performance.now() - startedMs);
  }

  /** Until each of those that run counts that many, and their parts make one whole at most. */
  async untilShared(replicas: number): Promise<number> {
    return await this.until((views) => {
      const paces = views.map(({ routes: [{ pace }] }) => pace);
      const whole = paces.reduce((sum, { share }) => sum + share, 0);
      return paces.every((pace) => pace.replicas === replicas) && whole <= 1.001;
    });
  }

  /** Until everything that was accepted is finished. */
  async untilDelivered(): Promise<void> {
    await this.until((views) => views.every(({ routes: [{ ledger }] }) => ledger.waiting === 0));
  }

  /** An application that sends to the name. */
  async load(key: string, options: Partial<Parameters<typeof ClientLoad.start>[0]> = {}): Promise<ClientLoad> {
    const resolve = async (): Promise<string[]> => [...this.#ready].map((index) => this.#placeOf(index).address);
    return await ClientLoad.start({
      endpoint: `standpipe:${this.#port}`,
      resolve,
      inFlight: IN_FLIGHT,
      restMs: 20,
      key,
      ...options,
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#running.values()].map((replica) => replica[Symbol.asyncDispose]()));
  }

  #placeOf(index: number): Place {
    const { hosts } = this.#options;
    if (hosts !== undefined) return hosts.placeOf(index);
    const address = `127.0.0.${index + 1}`;
    return { address, backAddress: address, wrapper: [] };
  }

  /** On all networks of its host. */
  #onBoth(): { address: string; plaintext: boolean } {
    return { address: `0.0.0.0:${this.#port}`, plaintext: true };
  }
}
