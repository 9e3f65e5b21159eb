/** What `connect` is told: every option with its default, checked at once, all problems told together. */
import type { ClientClock } from "./clock.ts";
import { ClientError } from "./errors.ts";
import type { LogValue } from "./record.ts";
import type { TlsOptions } from "./send/credentials.ts";
import type { Resolve } from "./send/endpoint.ts";
import type { Transport } from "./send/replica.ts";

export interface ClientOptions {
  /**
   * Where collectors are: `host:port`, `http://host:port`, or `https://host:port` for TLS; several as a list. All addresses
   * of a name are used. @default "http://localhost:4317"
   */
  readonly endpoint?: string | readonly string[];
  /** What the logs come from. @default { "service.name": "unknown_service:<program>" } */
  readonly resource?: Readonly<Record<string, LogValue>>;
  /**
   * `stream`: many batches under way on one call (standpipe.ingest.v1.Ingest), with `unary` where a collector knows OTLP
   * alone. @default "stream"
   */
  readonly transport?: Transport;
  /** Who sends, for the collector's figures: at most 256 bytes. @default host name and process id */
  readonly name?: string;
  readonly compression?: "none" | "gzip";
  readonly batch?: BatchOptions;
  readonly keep?: MemoryKeep | SpoolKeep;
  readonly tls?: TlsOptions;
  /** A file whose content is sent as `authorization: Bearer ...`. It may be replaced at any time. */
  readonly bearerTokenFile?: string;
  /** Further gRPC metadata of each call. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Collectors used at a time, of all addresses. @default 16 */
  readonly replicasMax?: number;
  /** How long one batch may go unanswered. A collector without room holds its answer, so give it time. @default 20 s */
  readonly callMsMax?: number;
  /** How long a connection may take to be made. @default 5 s */
  readonly connectMsMax?: number;
  /** A connection that is silent this long is asked whether it is alive. @default 20 s */
  readonly keepaliveMs?: number;
  /** How long it may take to answer that. @default 5 s */
  readonly keepaliveTimeoutMs?: number;
  /** Rests after failures: anything up to a limit that doubles from the first to the second. @default 100 ms, 5 s */
  readonly retry?: { readonly initialDelayMs?: number; readonly delayMsMax?: number };
  /** How long `flush()` and `close()` wait. @default 30 s */
  readonly flushMsMax?: number;
  /** Told of every log record that will never arrive. @default a line on console.error, at most one in ten seconds */
  readonly onDrop?: (drop: Drop) => void;
  /** For tests, and for names that the system does not resolve. @default what the system says */
  readonly resolve?: Resolve;
  readonly clock?: ClientClock;
  /** A number in [0, 1). */
  readonly random?: () => number;
}

export interface BatchOptions {
  /** Log records of one request. @default 512 */
  readonly recordsMax?: number;
  /** Bytes of one request; one record or one serialised request may be larger. @default 1 MiB */
  readonly bytesMax?: number;
  /** How long a record waits for others while earlier ones are under way. @default 50 ms */
  readonly delayMsMax?: number;
}

/** Keeps what is not acknowledged in memory: it dies with the process. */
export interface MemoryKeep {
  readonly type: "memory";
  /** Bytes of records that are not acknowledged. @default 64 MiB */
  readonly bytesMax?: number;
  /**
   * What `send` does when there is no room: wait for it, reject with `queue_full`, or resolve with the records counted
   * as dropped, after `onDrop`. @default "block"
   */
  readonly whenFull?: WhenFull;
}

/**
 * Keeps what is not acknowledged in a folder as well: `send` resolves when it is there (`kept: "spool"`), and what a process
 * leaves behind is sent by the next one that opens the folder. Needs the package classic-level.
 */
export interface SpoolKeep {
  readonly type: "spool";
  /** Of this client alone. It is made where it is not there. */
  readonly directory: string;
  /** Bytes of the folder. @default 256 MiB */
  readonly bytesMax?: number;
  /** Bytes of records on their way to the folder, and again of those on their way from it. @default 16 MiB */
  readonly memoryBytesMax?: number;
  /** As for memory, when the folder has no room. @default "block" */
  readonly whenFull?: WhenFull;
}

export type WhenFull = "block" | "error" | "drop";

/** Log records that will never arrive. */
export interface Drop {
  /**
   * `refused`: the collector can never take them. `queue_full`: there was no room and nobody could be made to wait.
   * `closed`: not acknowledged when the client was closed, or logged after it.
   */
  readonly reason: "refused" | "queue_full" | "closed";
  readonly records: number;
  /** What the collector said, where it did. */
  readonly message: string | undefined;
  /** The records as a serialised ExportLogsServiceRequest, where they are at hand. */
  readonly request: Uint8Array | undefined;
}

export interface Settings {
  readonly endpoints: readonly string[];
  readonly resource: Readonly<Record<string, LogValue>>;
  readonly transport: Transport;
  readonly compression: "none" | "gzip";
  readonly batchRecordsMax: number;
  readonly batchBytesMax: number;
  readonly batchDelayMsMax: number;
  readonly bytesMax: number;
  readonly spool: { readonly directory: string; readonly bytesMax: number } | undefined;
  readonly whenFull: WhenFull;
  readonly replicasMax: number;
  readonly callMsMax: number;
  readonly connectMsMax: number;
  readonly keepaliveMs: number;
  readonly keepaliveTimeoutMs: number;
  readonly initialDelayMs: number;
  readonly delayMsMax: number;
  readonly flushMsMax: number;
}

const KIB = 1024;
const MIB = 1024 * KIB;
const DAY_MS = 86_400_000;

/** Throws ClientError `invalid_options` that names every problem. */
export function toSettings(options: ClientOptions): Settings {
  const problems: string[] = [];
  const number = (name: string, value: unknown, fallback: number, least: number, most: number): number => {
    if (value === undefined) return fallback;
    if (typeof value === "number" && value >= least && value <= most) return value;
    problems.push(`${name} must be a number from ${least} to ${most}, and is ${show(value)}`);
    return fallback;
  };
  const word = <W extends string>(name: string, value: unknown, words: readonly [W, ...W[]]): W => {
    if (value === undefined) return words[0];
    const found = words.find((each) => each === value);
    if (found === undefined) problems.push(`${name} must be ${words.join(" or ")}, and is ${show(value)}`);
    return found ?? words[0];
  };
  for (const key of Object.keys(options)) {
    if (!KNOWN.has(key)) problems.push(`there is no option ${key}; there are ${[...KNOWN].join(", ")}`);
  }
  const { batch = {}, keep = { type: "memory" }, retry = {} } = options;
  const endpoints = typeof options.endpoint === "string" ? [options.endpoint] : (options.endpoint ?? [ENDPOINT]);
  if (!Array.isArray(endpoints) || endpoints.length === 0) problems.push("endpoint must be one or several addresses");
  const type = word("keep.type", keep.type, ["memory", "spool"]);
  const spool = type === "spool" ? (keep as SpoolKeep) : undefined;
  if (spool !== undefined && (typeof spool.directory !== "string" || spool.directory === "")) {
    problems.push("keep.directory must name the spool's folder");
  }
  const settings: Settings = {
    endpoints,
    resource: { "service.name": unknownService(), ...options.resource },
    transport: word("transport", options.transport, ["stream", "unary"]),
    compression: word("compression", options.compression, ["none", "gzip"]),
    batchRecordsMax: number("batch.recordsMax", batch.recordsMax, 512, 1, 100_000),
    batchBytesMax: number("batch.bytesMax", batch.bytesMax, MIB, KIB, 4 * MIB),
    batchDelayMsMax: number("batch.delayMsMax", batch.delayMsMax, 50, 0, DAY_MS),
    bytesMax:
      spool === undefined
        ? number("keep.bytesMax", keep.bytesMax, 64 * MIB, MIB, 1024 * 1024 * MIB)
        : number("keep.memoryBytesMax", spool.memoryBytesMax, 16 * MIB, MIB, 1024 * 1024 * MIB),
    spool: spool && {
      directory: spool.directory,
      bytesMax: number("keep.bytesMax", spool.bytesMax, 256 * MIB, 16 * MIB, 1024 * 1024 * MIB),
    },
    whenFull: word("keep.whenFull", keep.whenFull, ["block", "error", "drop"]),
    replicasMax: number("replicasMax", options.replicasMax, 16, 1, 1_000),
    callMsMax: number("callMsMax", options.callMsMax, 20_000, 10, DAY_MS),
    connectMsMax: number("connectMsMax", options.connectMsMax, 5_000, 10, DAY_MS),
    keepaliveMs: number("keepaliveMs", options.keepaliveMs, 20_000, 100, DAY_MS),
    keepaliveTimeoutMs: number("keepaliveTimeoutMs", options.keepaliveTimeoutMs, 5_000, 100, DAY_MS),
    initialDelayMs: number("retry.initialDelayMs", retry.initialDelayMs, 100, 1, DAY_MS),
    delayMsMax: number("retry.delayMsMax", retry.delayMsMax, 5_000, 1, DAY_MS),
    flushMsMax: number("flushMsMax", options.flushMsMax, 30_000, 0, DAY_MS),
  };
  if (problems.length > 0) throw new ClientError("invalid_options", problems.join("; "));
  return settings;
}

const ENDPOINT = "http://localhost:4317";

const KNOWN: ReadonlySet<string> = new Set<keyof ClientOptions>([
  "endpoint",
  "resource",
  "transport",
  "name",
  "compression",
  "batch",
  "keep",
  "tls",
  "bearerTokenFile",
  "headers",
  "replicasMax",
  "callMsMax",
  "connectMsMax",
  "keepaliveMs",
  "keepaliveTimeoutMs",
  "retry",
  "flushMsMax",
  "onDrop",
  "resolve",
  "clock",
  "random",
]);

/** By OpenTelemetry's conventions, where nobody says what the service is called. */
function unknownService(): string {
  const program = process.argv0.split("/").at(-1) ?? "";
  return `unknown_service:${program}`;
}

function show(value: unknown): string {
  return typeof value === "string" ? `"${value}"` : String(value);
}
