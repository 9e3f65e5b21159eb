/**
 * The processes of a bench: each part is its own, so that what /proc tells of one is of nobody else. They get an
 * environment made here: what is set where the bench is started changes nothing. Whatever happens, `stopAll` ends them.
 */
import { join } from "node:path";
import type { Subprocess } from "bun";
import type { CollectorStatus } from "../admin/status.ts";
import { systemClock } from "../clock.ts";
import { freePort } from "../testing/free-port.ts";
import { RUNTIME } from "../testing/runtime.ts";
import type { LoadResult } from "./load.ts";
import type { Order, Reply } from "./orders.ts";
import { type ProcessFacts, readProcessFacts } from "./process-facts.ts";

const ROOT = join(import.meta.dir, "../..");
const START_MS_MAX = 20_000;
const STOP_MS_MAX = 30_000;
const POLL_MS = 50;

const AWS_ENVIRONMENT = { AWS_REGION: "us-east-1", AWS_ACCESS_KEY_ID: "local", AWS_SECRET_ACCESS_KEY: "local" };

/** What JSON.parse makes of it: no count of a bench comes near 2^53. */
export type AsJson<T> = T extends bigint ? number : T extends object ? { readonly [K in keyof T]: AsJson<T[K]> } : T;

/** A server under load. */
export interface Endpoint {
  readonly name: string;
  /** host:port of OTLP/gRPC. */
  readonly target: string;
  facts(): ProcessFacts;
}

export interface CollectorProcess extends Endpoint {
  readonly directory: string;
  /** http://host:port of status and page. */
  readonly adminUrl: string;
  /** Of the admin service. */
  readonly controlPort: number;
  status(): Promise<AsJson<CollectorStatus>>;
  stop(): Promise<void>;
}

export interface FirehoseProcess {
  readonly url: string;
  /** Makes a stream of that name, unlimited and discarding. */
  createStream(name: string): Promise<void>;
}

export interface Loader {
  order(order: Exclude<Order, { kind: "prepare" }>): Promise<LoadResult>;
}

export class Children {
  readonly #running = new Set<Subprocess>();

  constructor() {
    // A bench that is ended in the middle leaves nobody behind; first, since others then remove what children write to.
    process.prependListener("exit", () => {
      for (const child of this.#running) child.kill("SIGKILL");
    });
  }

  async startNullServer(): Promise<Endpoint> {
    const target = `127.0.0.1:${await freePort()}`;
    const child = this.#spawn([...RUNTIME.arguments, "collector/bench/null-server.ts", target], RUNTIME.environment);
    await this.#until(child, "the null server", () => canConnect(target));
    return { name: "null server", target, facts: () => readProcessFacts(child.pid) };
  }

  /** See bare-journal.ts. */
  async startBareJournal(directory: string): Promise<Endpoint> {
    const target = `127.0.0.1:${await freePort()}`;
    const words = ["collector/bench/bare-journal.ts", target, directory];
    const child = this.#spawn([...RUNTIME.arguments, ...words], RUNTIME.environment);
    await this.#until(child, "the bare journal", () => canConnect(target));
    return { name: "bare journal", target, facts: () => readProcessFacts(child.pid) };
  }

  /** The local Firehose, unlimited, which counts what comes and keeps nothing; with one stream of that name. */
  async startFirehose(directory: string, stream: string): Promise<FirehoseProcess> {
    const port = await freePort();
    const url = `http://127.0.0.1:${port}`;
    const words = ["--port", String(port), "--directory", directory, "--stream", stream];
    const child = this.#spawn(["deploy/local/main.ts", ...words, "--mib-per-second", "unlimited", "--discard"], {});
    await this.#until(child, "the local Firehose", () => canConnect(`127.0.0.1:${port}`));
    return { url, createStream: (name) => createStream(url, name) };
  }

  /** The collector, as `bun run start` runs it, with a quota that is never the limit. */
  async startCollector(options: {
    readonly directory: string;
    readonly firehose: FirehoseProcess;
    readonly stream: string;
    /** Further variables, STANDPIPE_…. */
    readonly settings: Readonly<Record<string, string>>;
  }): Promise<CollectorProcess> {
    const target = `127.0.0.1:${await freePort()}`;
    const admin = `127.0.0.1:${await freePort()}`;
    const controlPort = await freePort();
    const child = this.#spawn([...RUNTIME.arguments, "collector/main.ts"], {
      ...RUNTIME.environment,
      ...AWS_ENVIRONMENT,
      STANDPIPE_INGEST_ADDRESS: target,
      STANDPIPE_INGEST_HTTP_ADDRESS: "off",
      STANDPIPE_ADMIN_ADDRESS: admin,
      STANDPIPE_ADMIN_GRPC_ADDRESS: `127.0.0.1:${controlPort}`,
      STANDPIPE_JOURNAL_DIRECTORY: options.directory,
      STANDPIPE_FIREHOSE_STREAM: options.stream,
      STANDPIPE_FIREHOSE_ENDPOINT: options.firehose.url,
      STANDPIPE_FIREHOSE_BYTES_PER_SECOND: "10GiB",
      STANDPIPE_FIREHOSE_RECORDS_PER_SECOND: "100000000",
      STANDPIPE_FIREHOSE_REQUESTS_PER_SECOND: "1000000",
      STANDPIPE_LOG_LEVEL: "silent",
      ...options.settings,
    });
    await this.#until(child, "the collector", () => canConnect(target));
    return {
      name: "collector",
      target,
      directory: options.directory,
      adminUrl: `http://${admin}`,
      controlPort,
      facts: () => readProcessFacts(child.pid),
      status: async () => (await (await fetch(`http://${admin}/status`)).json()) as AsJson<CollectorStatus>,
      stop: () => this.#stop(child),
    };
  }

  /** Resolves once its requests are made: `large` of them of 200 log records, `small` of 50. */
  async startLoader(requests: { large: number; small: number; seed: number }): Promise<Loader> {
    const replies: ((reply: Reply) => void)[] = [];
    const child = this.#spawn(["collector/bench/loader.ts"], {}, (reply) => replies.shift()?.(reply));
    void child.exited.then(() => {
      for (const tell of replies) tell({ kind: "failed", reason: "the loader has ended" });
    });
    const ask = async (order: Order): Promise<Reply> => {
      const reply = await new Promise<Reply>((resolve) => {
        replies.push(resolve);
        child.send(order);
      });
      if (reply.kind === "failed") throw new Error(`the loader failed: ${reply.reason}`);
      return reply;
    };
    await ask({ kind: "prepare", ...requests });
    return {
      order: async (order) => {
        const reply = await ask(order);
        if (reply.kind !== "done") throw new Error("the loader answered out of turn");
        return reply.result;
      },
    };
  }

  async stopAll(): Promise<void> {
    await Promise.all([...this.#running].map((child) => this.#stop(child)));
  }

  #spawn(words: string[], environment: Record<string, string>, onReply?: (reply: Reply) => void): Subprocess {
    const child = Bun.spawn({
      cmd: [process.execPath, ...words],
      cwd: ROOT,
      env: environment,
      stdin: "ignore",
      stdout: "ignore",
      stderr: "inherit",
      ...(onReply === undefined ? {} : { ipc: (message: unknown) => onReply(message as Reply) }),
    });
    this.#running.add(child);
    return child;
  }

  async #until(child: Subprocess, name: string, isReady: () => Promise<boolean>): Promise<void> {
    const sinceMs = systemClock.monotonicMs();
    while (!(await isReady())) {
      if (child.exitCode !== null) throw new Error(`${name} ended before it was ready (exit ${child.exitCode})`);
      if (systemClock.monotonicMs() - sinceMs > START_MS_MAX) throw new Error(`${name} was not ready in time`);
      await systemClock.sleep(POLL_MS);
    }
  }

  async #stop(child: Subprocess): Promise<void> {
    const ended = new AbortController();
    child.kill("SIGTERM");
    void systemClock.sleep(STOP_MS_MAX, ended.signal).then(() => child.kill("SIGKILL"));
    await child.exited;
    ended.abort();
    this.#running.delete(child);
  }
}

/** Whether something takes connections at host:port. */
export async function canConnect(target: string): Promise<boolean> {
  const at = target.lastIndexOf(":");
  try {
    const hostname = target.slice(0, at).replace(/^\[|\]$/g, "");
    const socket = await Bun.connect({
      hostname,
      port: Number(target.slice(at + 1)),
      socket: { data: () => undefined },
    });
    socket.end();
    return true;
  } catch {
    return false;
  }
}

async function createStream(url: string, name: string): Promise<void> {
  const answer = await fetch(url, {
    method: "POST",
    headers: {
      "content-type": "application/x-amz-json-1.1",
      "x-amz-target": "Firehose_20150804.CreateDeliveryStream",
    },
    body: JSON.stringify({
      DeliveryStreamName: name,
      ExtendedS3DestinationConfiguration: {
        RoleARN: "arn:aws:iam::123456789012:role/x",
        BucketARN: "arn:aws:s3:::bench",
      },
    }),
  });
  if (!answer.ok) throw new Error(`the stream could not be made: ${await answer.text()}`);
}
