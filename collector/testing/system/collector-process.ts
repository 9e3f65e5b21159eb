/**
 * The collector as users run it: a process of its own, with its configuration in the environment and its log on standard
 * error. Started, asked, signalled and killed from a test. A restart is a new process with the same options.
 */
import { join } from "node:path";
import type { Subprocess } from "bun";
import { type ConfigInput, configKeys } from "../../config/config.ts";
import { freePort } from "../free-port.ts";
import { RUNTIME } from "../runtime.ts";

const MAIN = join(import.meta.dir, "../../main.ts");

/** Far longer than a start takes, on a machine that does other things as well. */
const START_MS_MAX = 60_000;

const LOOPBACK = "127.0.0.1";

/** The end of the log is enough to say why a test failed. */
const LOG_CHARACTERS_MAX = 200_000;
const LAST_WORDS_CHARACTERS_MAX = 4_000;

/** Keys of the configuration, by section. */
export type Settings = {
  readonly [S in Exclude<keyof ConfigInput, "routes">]?: {
    readonly [K in keyof NonNullable<ConfigInput[S]>]?: string | number | boolean;
  };
};

export interface CollectorOptions {
  /** The journal is its subfolder `journal`; it is the process's working directory too. */
  readonly directory: string;
  /** Where Firehose is. */
  readonly endpoint: string;
  readonly ports: Ports;
  readonly settings?: Settings;
  readonly arguments?: readonly string[];
  /** What comes before the command, strace for example. */
  readonly wrapper?: readonly string[];
  /** Where its status is asked for. @default 127.0.0.1 */
  readonly adminHost?: string;
}

export interface Ports {
  readonly ingest: number;
  readonly admin: number;
  /** Of the admin service. */
  readonly control: number;
  readonly http: number;
}

/** The parts of `/status` that tests look at; numbers here stay far below 2^53. */
export interface StatusView {
  readonly ingest: {
    readonly acknowledgedRecords: number;
    readonly acknowledgedBytes: number;
    readonly heldCalls: number;
    readonly heldTotal: number;
    readonly receivingBytes: number;
  };
  readonly journal: {
    readonly collectorId: string;
    readonly head: number;
    readonly tail: number;
    readonly segments: number;
    readonly bytes: number;
    readonly isFull: boolean;
  };
  readonly routes: readonly [
    {
      readonly cursor: number;
      readonly ledger: LedgerView;
      readonly delivery: {
        readonly state: string;
        readonly calls: number;
        readonly inFlight: { readonly calls: number };
        readonly throttled: { readonly records: number };
      };
      readonly pace: { readonly backlogAgeMs: number };
    },
  ];
}

export interface LedgerView {
  readonly accepted: number;
  readonly delivered: number;
  readonly filtered: number;
  readonly quarantined: number;
  readonly waiting: number;
  readonly replayed: number;
  readonly handedOver: number;
}

/** Ports that nobody listens on: see `freePort`. */
export async function freePorts(): Promise<Ports> {
  return {
    ingest: await freePort(),
    admin: await freePort(),
    control: await freePort(),
    http: await freePort(),
  };
}

/** The environment of a collector that delivers to `endpoint`, with nothing of this process's own in it. */
export function environmentOf(options: CollectorOptions): Record<string, string> {
  const { directory, endpoint, ports, settings = {}, adminHost = LOOPBACK } = options;
  const all: Settings = {
    ...settings,
    ingest: {
      address: `127.0.0.1:${ports.ingest}`,
      httpAddress: `127.0.0.1:${ports.http}`,
      ...settings.ingest,
    },
    admin: { address: `${adminHost}:${ports.admin}`, grpcAddress: `127.0.0.1:${ports.control}`, ...settings.admin },
    journal: { directory: join(directory, "journal"), freeBytesMin: "1MiB", ...settings.journal },
    firehose: { stream: "logs", endpoint, packDelayMsMax: 20, ...settings.firehose },
  };
  const environment: Record<string, string> = {
    PATH: process.env.PATH ?? "",
    HOME: directory,
    AWS_REGION: "us-east-1",
    AWS_ACCESS_KEY_ID: "local",
    AWS_SECRET_ACCESS_KEY: "local",
    AWS_EC2_METADATA_DISABLED: "true",
  };
  for (const { section, key, variable } of configKeys()) {
    const value = (all[section as keyof Settings] as Record<string, unknown> | undefined)?.[key];
    if (value !== undefined) environment[variable] = String(value);
  }
  return environment;
}

export class CollectorProcess implements AsyncDisposable {
  readonly ports: Ports;
  /** Its exit code; null where a signal ended it. */
  readonly exited: Promise<number | null>;
  readonly #child: Subprocess<"ignore", "ignore", "pipe">;
  readonly #adminHost: string;
  readonly #taking = Promise.withResolvers<void>();
  #log = "";
  #hasEnded = false;

  private constructor(options: CollectorOptions) {
    this.ports = options.ports;
    this.#adminHost = options.adminHost ?? LOOPBACK;
    this.#child = Bun.spawn({
      cmd: [...(options.wrapper ?? []), process.execPath, ...RUNTIME.arguments, MAIN, ...(options.arguments ?? [])],
      cwd: options.directory,
      env: { ...RUNTIME.environment, ...environmentOf(options) },
      stdin: "ignore",
      stdout: "ignore",
      stderr: "pipe",
    });
    const read = this.#readLog();
    this.exited = this.#child.exited.then(async () => {
      await read;
      return this.#child.signalCode === null ? this.#child.exitCode : null;
    });
    this.#taking.promise.catch(() => undefined);
  }

  /** Does not wait until it takes logs. */
  static spawn(options: CollectorOptions): CollectorProcess {
    return new CollectorProcess(options);
  }

  /** Resolves when it takes logs; rejects with its own words when it ends instead. */
  static async start(options: CollectorOptions): Promise<CollectorProcess> {
    const collector = new CollectorProcess(options);
    await collector.ready();
    return collector;
  }

  get pid(): number {
    return this.#child.pid;
  }

  /** What it has written to standard error, the last part of it. */
  get log(): string {
    return this.#log;
  }

  /** How many log records it left waiting, by its last words; NaN before it has stopped as asked. */
  get waitingAtEnd(): number {
    return Number(/"logRecords":"(\d+)"\}\],"msg":"stopped/.exec(this.#log)?.[1]);
  }

  async ready(): Promise<void> {
    const tooLate = Promise.withResolvers<never>();
    const timer = setTimeout(() => tooLate.reject(new Error(`it does not start:\n${this.#log}`)), START_MS_MAX);
    try {
      await Promise.race([this.#taking.promise, tooLate.promise]);
    } finally {
      clearTimeout(timer);
    }
  }

  /** Rejects with the end of its log where it does not answer. */
  async status(): Promise<StatusView> {
    try {
      const response = await fetch(`http://${this.#adminHost}:${this.ports.admin}/status`, { keepalive: false });
      return (await response.json()) as StatusView;
    } catch (cause) {
      const { exitCode, signalCode } = this.#child;
      const end = this.#log.slice(-LAST_WORDS_CHARACTERS_MAX);
      throw new Error(`no status (exit code ${exitCode}, signal ${signalCode}): ${String(cause)}\n${end}`, { cause });
    }
  }

  /** Polls the status until `condition` holds; the test's own time limit is the bound. */
  async until(condition: (status: StatusView) => boolean): Promise<StatusView> {
    for (;;) {
      const status = await this.status();
      if (condition(status)) return status;
      await Bun.sleep(20);
    }
  }

  /**
   * Polls the log until that is in it. What a call made it say may be read after the call's answer.
   */
  async said(words: string | RegExp): Promise<void> {
    while (!(typeof words === "string" ? this.#log.includes(words) : words.test(this.#log))) {
      if (this.#hasEnded) throw new Error(`it ended before it said ${words}:\n${this.#log}`);
      await Bun.sleep(20);
    }
  }

  kill(signal: "SIGKILL" | "SIGTERM" | "SIGINT" | "SIGHUP"): void {
    this.#child.kill(signal);
  }

  /** Sends the signal and resolves with the exit code. */
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
      if (this.#log.includes('"taking logs"')) this.#taking.resolve();
    }
    this.#hasEnded = true;
    this.#taking.reject(new Error(`it ended before it took logs:\n${this.#log}`));
  }
}

/** Anonymous resident memory in bytes (Linux): what the process itself holds, without mapped files. */
export async function anonymousBytes(pid: number): Promise<number> {
  const text = await Bun.file(`/proc/${pid}/status`).text();
  return Number(/^RssAnon:\s+(\d+) kB$/m.exec(text)?.[1]) * 1_024;
}
