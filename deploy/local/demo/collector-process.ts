/** The real collector as its own process, started, asked for its status, killed and stopped by the demo. */
import { join } from "node:path";
import type { Subprocess } from "bun";
import { freePort } from "../../../collector/testing/free-port.ts";
import { RUNTIME } from "../../../collector/testing/runtime.ts";

const ENTRY = join(import.meta.dir, "../../../collector/main.ts");
const START_MS_MAX = 20_000;

/** The part of GET /status that the demo shows. */
export interface Status {
  readonly journal: { readonly head: number; readonly bytes: number };
  readonly routes: readonly {
    readonly ledger: { readonly accepted: number; readonly delivered: number; readonly waiting: number };
    readonly delivery: { readonly inFlight: { readonly calls: number; readonly bytes: number } };
    readonly drainSeconds?: number;
  }[];
}

export class CollectorProcess {
  readonly url: string;
  readonly #adminUrl: string;
  readonly #environment: Record<string, string>;
  #process: Subprocess | undefined;

  private constructor(ports: { ingest: number; admin: number }, environment: Record<string, string>) {
    this.url = `http://127.0.0.1:${ports.ingest}`;
    this.#adminUrl = `http://127.0.0.1:${ports.admin}`;
    this.#environment = {
      ...environment,
      STANDPIPE_INGEST_ADDRESS: `127.0.0.1:${ports.ingest}`,
      STANDPIPE_INGEST_HTTP_ADDRESS: "off",
      STANDPIPE_ADMIN_ADDRESS: `127.0.0.1:${ports.admin}`,
      STANDPIPE_ADMIN_GRPC_ADDRESS: "127.0.0.1:0",
    };
  }

  /** `environment` is what its configuration needs; nothing of the caller's own Standpipe settings gets through. */
  static async create(environment: Record<string, string>): Promise<CollectorProcess> {
    return new CollectorProcess({ ingest: await freePort(), admin: await freePort() }, environment);
  }

  /** Resolves when it takes logs. Rejects with its own words when it does not come up. */
  async start(): Promise<void> {
    const inherited = Object.entries(process.env).filter(([name]) => !/^(STANDPIPE_|AWS_)/.test(name));
    const started = Bun.spawn({
      cmd: [process.execPath, ...RUNTIME.arguments, ENTRY],
      env: { ...Object.fromEntries(inherited), ...RUNTIME.environment, ...this.#environment },
      stdout: "ignore",
      stderr: "pipe",
    });
    this.#process = started;
    const errors = new Response(started.stderr).text();
    const endMs = performance.now() + START_MS_MAX;
    while (performance.now() < endMs) {
      if (started.exitCode !== null) throw new Error(`the collector ended at once: ${await errors}`);
      if ((await this.status()) !== undefined) return;
      await Bun.sleep(50);
    }
    throw new Error("the collector did not come up");
  }

  /** Undefined while it is not there. */
  async status(): Promise<Status | undefined> {
    try {
      const answer = await fetch(`${this.#adminUrl}/status`, { signal: AbortSignal.timeout(2_000) });
      return (await answer.json()) as Status;
    } catch {
      return undefined;
    }
  }

  /** As a node that goes away, or the kernel out of memory. */
  async kill(): Promise<void> {
    this.#process?.kill("SIGKILL");
    await this.#process?.exited;
  }

  /** Resolves with its exit code. */
  async stop(): Promise<number> {
    this.#process?.kill("SIGTERM");
    return (await this.#process?.exited) ?? 0;
  }
}
