/** The tailing agent as users run it: a process of its own with a configuration file. Started, asked, signalled, killed. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Subprocess } from "bun";
import type { TailConfigInput } from "../../../clients/tail/config.ts";
import { RUNTIME } from "../runtime.ts";

const MAIN = join(import.meta.dir, "../../../clients/tail/main.ts");
const LOG_CHARACTERS_MAX = 200_000;

export interface TailOptions {
  /** Positions and the configuration file go below it. */
  readonly directory: string;
  /** On 127.0.0.1, where `sections.collector` says nothing else. */
  readonly collectorPort: number;
  readonly adminPort: number;
  /** Where its status is asked for. @default 127.0.0.1 */
  readonly adminHost?: string;
  /** What comes before the command. */
  readonly wrapper?: readonly string[];
  readonly sources: TailConfigInput["sources"];
  readonly sections?: Omit<TailConfigInput, "sources">;
}

export interface TailStatusView {
  readonly lines: number;
  readonly acknowledgedRecords: number;
  readonly unreadBytes: number;
  readonly waitingBytes: number;
  readonly files: number;
  readonly truncatedWithoutCopy: number;
  readonly retries: number;
}

export class TailProcess implements AsyncDisposable {
  readonly exited: Promise<number | null>;
  readonly #child: Subprocess<"ignore", "ignore", "pipe">;
  readonly #admin: string;
  readonly #following = Promise.withResolvers<void>();
  #log = "";

  private constructor(options: TailOptions) {
    const { directory, adminPort, adminHost = "127.0.0.1", wrapper = [] } = options;
    this.#admin = `${adminHost}:${adminPort}`;
    const path = TailProcess.configure(options);
    this.#child = Bun.spawn({
      cmd: [...wrapper, process.execPath, ...RUNTIME.arguments, MAIN, "--config", path],
      cwd: directory,
      env: { ...RUNTIME.environment, PATH: process.env.PATH ?? "", HOME: directory },
      stdin: "ignore",
      stdout: "ignore",
      stderr: "pipe",
    });
    const read = this.#readLog();
    this.exited = this.#child.exited.then(async () => {
      await read;
      return this.#child.signalCode === null ? this.#child.exitCode : null;
    });
    this.#following.promise.catch(() => undefined);
  }

  /** Writes the configuration file, which SIGHUP has read again. Returns its path. */
  static configure(options: TailOptions): string {
    const { directory, collectorPort, adminPort, adminHost = "127.0.0.1", sources, sections = {} } = options;
    const path = join(directory, "standpipe-tail.yaml");
    const config: TailConfigInput = {
      ...sections,
      collector: { endpoint: `http://127.0.0.1:${collectorPort}`, ...sections.collector },
      positions: { directory: join(directory, "positions"), ...sections.positions },
      files: { refreshMs: 500, ...sections.files },
      admin: { address: `${adminHost}:${adminPort}` },
      sources,
    };
    // JSON is YAML.
    writeFileSync(path, JSON.stringify(config));
    return path;
  }

  /** Resolves when it follows; rejects with its own words when it ends instead. */
  static async start(options: TailOptions): Promise<TailProcess> {
    const agent = new TailProcess(options);
    await agent.#following.promise;
    return agent;
  }

  get pid(): number {
    return this.#child.pid;
  }

  get log(): string {
    return this.#log;
  }

  async ask(path: string): Promise<Response> {
    return await fetch(`http://${this.#admin}${path}`, { keepalive: false });
  }

  async status(): Promise<TailStatusView> {
    return (await (await this.ask("/status")).json()) as TailStatusView;
  }

  async until(condition: (status: TailStatusView) => boolean): Promise<TailStatusView> {
    for (;;) {
      const status = await this.status();
      if (condition(status)) return status;
      await Bun.sleep(20);
    }
  }

  kill(signal: "SIGKILL" | "SIGTERM" | "SIGINT" | "SIGHUP"): void {
    this.#child.kill(signal);
  }

  async end(signal: "SIGKILL" | "SIGTERM" | "SIGINT"): Promise<number | null> {
    this.kill(signal);
    return await this.exited;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.end("SIGKILL");
  }

  async #readLog(): Promise<void> {
    const decoder = new TextDecoder();
    for await (const chunk of this.#child.stderr) {
      this.#log = (this.#log + decoder.decode(chunk, { stream: true })).slice(-LOG_CHARACTERS_MAX);
      if (this.#log.includes('"following files"')) this.#following.resolve();
    }
    this.#following.reject(new Error(`it ended before it followed files:\n${this.#log}`));
  }
}
