/** What the tests of this folder share: a journal in memory, requests, and a client that shows all that came back. */
import { join } from "node:path";
import { Client, credentials, Metadata, type ServiceError, status } from "@grpc/grpc-js";
import protobuf from "protobufjs";
import { CollectorError } from "../errors.ts";
import type { Appender } from "../journal/port.ts";
import type { ScanLimits } from "../otlp/scan.ts";
import type { IngestOptions, IngestServer } from "./options.ts";
import { createIngestServer } from "./server.ts";

const PROTO_FOLDER = join(import.meta.dir, "../../proto");
export const EXPORT_PATH = "/opentelemetry.proto.collector.logs.v1.LogsService/Export";

export const SCAN_LIMITS: ScanLimits = { recordsMax: 50_000, nestingMax: 32, recordBytesMax: 1_000_000 };

/** A journal in memory whose room and failures a test decides. */
export class FakeAppender implements Appender {
  readonly tail = 0n;
  readonly appended: { request: Buffer; records: number }[] = [];
  /** Thrown by the next appends, one each. */
  readonly failures: unknown[] = [];
  /** How often `append` was called. */
  attempts = 0;
  #hasRoom = true;
  readonly #listeners = new Set<() => void>();
  #pause: { promise: Promise<void>; resume: () => void } | undefined;

  get records(): number {
    return this.appended.reduce((sum, one) => sum + one.records, 0);
  }

  /** Appends wait from now on until `resume`. */
  pause(): void {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#pause = { promise, resume: resolve };
  }

  resume(): void {
    this.#pause?.resume();
    this.#pause = undefined;
  }

  setRoom(hasRoom: boolean): void {
    this.#hasRoom = hasRoom;
    if (hasRoom) this.tellRoom();
  }

  tellRoom(): void {
    for (const listener of this.#listeners) listener();
  }

  get listeners(): number {
    return this.#listeners.size;
  }

  async append(request: Uint8Array, records: number): Promise<bigint> {
    this.attempts++;
    await this.#pause?.promise;
    const failure = this.failures.shift();
    if (failure !== undefined) throw failure;
    if (!this.#hasRoom) throw new CollectorError("journal_full", "no room");
    const first = BigInt(this.records);
    this.appended.push({ request: Buffer.from(request), records });
    return first;
  }

  status(): { committedBytes: number; writtenBytes: number } {
    return { committedBytes: 0, writtenBytes: 0 };
  }

  hasRoom(): boolean {
    return this.#hasRoom;
  }

  onRoom(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
}

const root = new protobuf.Root();
root.resolvePath = (_origin, target) => (target.startsWith("google/protobuf/") ? target : join(PROTO_FOLDER, target));
root.loadSync([
  "opentelemetry/proto/collector/logs/v1/logs_service.proto",
  "standpipe/ingest/v1/ingest.proto",
  "google/rpc/status.proto",
]);

const LOGS_PACKAGE = "opentelemetry.proto.collector.logs.v1";

/** A message as protobufjs reads it: what the server encodes is never decoded by the server's own code. */
export function decode(type: string, bytes: Uint8Array): Record<string, unknown> {
  const message = root.lookupType(type);
  return message.toObject(message.decode(bytes), { longs: Number, defaults: false });
}

/** The bytes of a message, as protobufjs writes it. */
export function encode(type: string, message: Record<string, unknown>): Buffer {
  const of = root.lookupType(type);
  return Buffer.from(of.encode(of.fromObject(message)).finish());
}

/** An ExportLogsServiceRequest of `records` log records with bodies of `bodyBytes` each. */
export function logsRequest(records: number, bodyBytes = 20): Buffer {
  const logRecords = Array.from({ length: records }, (_, index) => ({
    body: { stringValue: `${index} `.padEnd(bodyBytes, "x") },
  }));
  return encode(`${LOGS_PACKAGE}.ExportLogsServiceRequest`, { resourceLogs: [{ scopeLogs: [{ logRecords }] }] });
}

/** What came back from one call. */
export interface Answer {
  readonly code: status;
  readonly details: string;
  readonly response: Record<string, unknown> | undefined;
  /** The delay of RetryInfo in milliseconds, where there was one. */
  readonly retryDelayMs: number | undefined;
  readonly metadata: Metadata;
}

export interface CallOptions {
  readonly deadlineMs?: number;
  readonly metadata?: Metadata;
}

/** A LogsService client on raw bytes that never rejects. */
export class RawClient {
  readonly grpc: Client;

  constructor(port: number, options: Record<string, unknown> = {}) {
    this.grpc = new Client(`127.0.0.1:${port}`, credentials.createInsecure(), {
      "grpc.use_local_subchannel_pool": 1,
      ...options,
    });
  }

  export(request: Uint8Array, options: CallOptions = {}): Promise<Answer> {
    return this.start(request, options).answer;
  }

  start(
    request: Uint8Array,
    { deadlineMs, metadata = new Metadata() }: CallOptions = {},
  ): {
    answer: Promise<Answer>;
    cancel: () => void;
  } {
    const { promise, resolve } = Promise.withResolvers<Answer>();
    const call = this.grpc.makeUnaryRequest<Uint8Array, Buffer>(
      EXPORT_PATH,
      (bytes) => Buffer.from(bytes),
      (bytes) => bytes,
      request,
      metadata,
      deadlineMs === undefined ? {} : { deadline: Date.now() + deadlineMs },
      (error, response) => resolve(toAnswer(error, response)),
    );
    return { answer: promise, cancel: () => call.cancel() };
  }
}

function toAnswer(error: ServiceError | null, response: Buffer | undefined): Answer {
  if (error === null) {
    const decoded = decode(`${LOGS_PACKAGE}.ExportLogsServiceResponse`, response ?? Buffer.alloc(0));
    return { code: status.OK, details: "", response: decoded, retryDelayMs: undefined, metadata: new Metadata() };
  }
  const { code, details, metadata } = error;
  return { code, details, response: undefined, retryDelayMs: retryDelayMsOf(metadata), metadata };
}

/** The delay in google.rpc.RetryInfo, read by protobufjs. Throws when the details are there and something else. */
export function retryDelayMsOf(metadata: Metadata): number | undefined {
  const [bytes] = metadata.get("grpc-status-details-bin");
  if (bytes === undefined) return undefined;
  const { details } = decode("google.rpc.Status", bytes as Buffer) as {
    details: { type_url: string; value: Uint8Array }[];
  };
  const [detail] = details;
  if (detail?.type_url !== "type.googleapis.com/google.rpc.RetryInfo") throw new Error("not RetryInfo");
  const { retryDelay } = decode("google.rpc.RetryInfo", detail.value) as {
    retryDelay: { seconds?: number; nanos?: number };
  };
  return (retryDelay.seconds ?? 0) * 1_000 + (retryDelay.nanos ?? 0) / 1_000_000;
}

/** A server on a port of its own, with its journal and one client; `await using` stops it. */
export interface Running extends AsyncDisposable {
  readonly server: IngestServer;
  readonly appender: FakeAppender;
  readonly client: RawClient;
  readonly port: number;
}

export async function startIngest(options: Partial<IngestOptions> = {}): Promise<Running> {
  const appender = new FakeAppender();
  const server = createIngestServer({
    appender,
    collectorId: "here",
    address: "127.0.0.1:0",
    scanLimits: SCAN_LIMITS,
    ...options,
  });
  const port = await server.start();
  const client = new RawClient(port);
  return {
    server,
    appender,
    client,
    port,
    [Symbol.asyncDispose]: async () => {
      client.grpc.close();
      await server.drain(0);
    },
  };
}

/** Waits until `condition` holds; the test's own time limit is the bound. */
export async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await Bun.sleep(2);
}
