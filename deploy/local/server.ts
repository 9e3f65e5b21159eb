/**
 * The local Firehose on a socket: `startLocalFirehose` for tests and programs, main.ts for the command line. Thin: what
 * is decided is decided in service.ts.
 */
import type { Server } from "bun";
import { ADMIN_PREFIX, handleAdmin } from "./admin.ts";
import { type Clock, type Random, systemClock } from "./clock.ts";
import type { FaultPlan } from "./faults.ts";
import type { StreamCounters } from "./meter.ts";
import { uuid } from "./object-key.ts";
import { FileObjectStore, listObjects, type ObjectStore, type StoredObject } from "./object-store.ts";
import { FirehoseService, type ServiceAnswer, type ServiceOptions } from "./service.ts";

export interface LocalFirehoseOptions extends Partial<Omit<ServiceOptions, "store">> {
  /** 127.0.0.1 unless told. There is no authentication: only loopback is safe. */
  readonly host?: string;
  /** 4573 unless told; 0 takes any that is free. */
  readonly port?: number;
  /** Where the objects go: `<directory>/<bucket>/<key>`. */
  readonly directory: string;
  /** Instead of files, for tests. */
  readonly store?: ObjectStore;
}

export interface LocalFirehose {
  /** For the `endpoint` of an AWS client. */
  readonly url: string;
  readonly port: number;
  readonly directory: string;
  /** Trouble on order; the same as POST /_local/faults. */
  readonly faults: FaultPlan;
  /** The core, for what is not here: streams, limits, metrics. */
  readonly service: FirehoseService;
  /** Counts of a stream since the start. Throws an Error where there is no such stream. */
  counters(streamName: string): Readonly<StreamCounters>;
  /** Cuts all buffers; resolves when their objects are there. */
  flush(): Promise<void>;
  /** The objects on disk. */
  objects(): Promise<StoredObject[]>;
  /** Ends all connections and writes what is buffered. Safe to call twice. */
  stop(): Promise<void>;
}

export const PORT_DEFAULT = 4573;

/** Room for 4 MiB as base64, and for more, which must be refused in the service's words. */
const BODY_BYTES_MAX = 32 * 1024 * 1024;

/** Rejects where the port is taken or the directory can't be written, or with FirehoseError for a bad stream. */
export async function startLocalFirehose(options: LocalFirehoseOptions): Promise<LocalFirehose> {
  const clock: Clock = options.clock ?? systemClock;
  const random: Random = options.random ?? Math.random;
  const files = new FileObjectStore(options.directory);
  const service = new FirehoseService({ ...options, clock, random, store: options.store ?? files });
  const stopping = new AbortController();
  if (options.store === undefined) await files.open();
  let server: Server<undefined>;
  try {
    server = Bun.serve({
      hostname: options.host ?? "127.0.0.1",
      port: options.port ?? PORT_DEFAULT,
      maxRequestBodySize: BODY_BYTES_MAX,
      // An answer may be late on purpose: no clock but the client's ends a call.
      idleTimeout: 0,
      development: false,
      // Told, since without development mode Bun lets two programs share a port in silence.
      reusePort: false,
      fetch: (request) => respond(service, request, random, stopping.signal),
    });
  } catch (reason) {
    if (options.store === undefined) await files.close();
    throw reason;
  }
  const running = service.run(stopping.signal);
  let stopped: Promise<void> | undefined;
  const stop = async (): Promise<void> => {
    stopping.abort();
    await server.stop(true);
    await running;
    await service.close();
    if (options.store === undefined) await files.close();
  };
  const port = server.port ?? 0;
  return {
    url: `http://${server.hostname}:${port}`,
    port,
    directory: options.directory,
    faults: service.faults,
    service,
    counters: (streamName) => service.counters(streamName),
    flush: () => service.flush(),
    objects: () => listObjects(options.directory),
    stop: () => {
      stopped ??= stop();
      return stopped;
    },
  };
}

async function respond(
  service: FirehoseService,
  request: Request,
  random: Random,
  stopping: AbortSignal,
): Promise<Response> {
  if (request.url.includes(ADMIN_PREFIX)) return handleAdmin(service, request);
  if (service.faults.hitsOutage()) return resetConnection();
  const body = Buffer.from(await request.arrayBuffer());
  await service.room();
  const answer = service.handle({
    target: request.headers.get("x-amz-target") ?? "",
    body,
    authorization: request.headers.get("authorization"),
    date: request.headers.get("x-amz-date"),
  });
  if (answer.latencyMs > 0) await service.clock.sleep(answer.latencyMs, stopping);
  if (answer.fate === "hang") await untilAborted(AbortSignal.any([request.signal, stopping]));
  if (answer.fate !== "answer") return resetConnection();
  // CloudWatch speaks AWS JSON 1.0, Firehose 1.1.
  const jsonVersion = request.headers.get("content-type") === "application/x-amz-json-1.0" ? "1.0" : "1.1";
  return new Response(answer.body, { status: answer.status, headers: headersOf(answer, service, random, jsonVersion) });
}

function headersOf(
  answer: ServiceAnswer,
  service: FirehoseService,
  random: Random,
  jsonVersion: string,
): Record<string, string> {
  const { errorTypeHeader, retryAfterSeconds } = service.guesses;
  const isJson = answer.errorType !== "";
  const throttled = answer.errorType === "ServiceUnavailableException" || answer.errorType === "ThrottlingException";
  return {
    "x-amzn-requestid": uuid(random),
    "x-amz-id-2": Buffer.from(uuid(random) + uuid(random)).toString("base64"),
    "content-type": isJson ? `application/x-amz-json-${jsonVersion}` : "text/html",
    date: new Date(service.clock.nowMs()).toUTCString(),
    ...(errorTypeHeader && isJson && answer.errorType !== undefined ? { "x-amzn-errortype": answer.errorType } : {}),
    ...(retryAfterSeconds > 0 && throttled ? { "retry-after": String(retryAfterSeconds) } : {}),
  };
}

/**
 * Bun.serve has no way to drop a connection, but an answer whose body fails before its first byte does just that: the
 * client reads ECONNRESET and no status line. An error object here would be printed; none is not. (A test holds it.)
 */
function resetConnection(): Response {
  return new Response(new ReadableStream({ start: (controller) => controller.error() }));
}

function untilAborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
}
