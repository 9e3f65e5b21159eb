/**
 * The servers that clients talk to: over gRPC LogsService, Ingest, health and reflection on one port, and OTLP/HTTP on
 * another (http/).
 *
 * A call's way in: reception.ts (is it its turn to be read?) -> export.ts, take.ts (scan, admit, append, answer) ->
 * boundary.ts when it fails. A stream's way in: streams.ts, stream.ts, and take.ts again.
 * Connections are closed after `connectionAgeMsMax`, give or take a tenth, with a GOAWAY and time to finish, so that
 * clients come back through the balancer and find new replicas.
 */
import { Server, ServerCredentials, type ServerUnaryCall, type sendUnaryData } from "@grpc/grpc-js";
import { ReflectionService } from "@grpc/reflection";
import { systemClock } from "../clock.ts";
import { type AssertionError, assert } from "../errors.ts";
import { Authenticator } from "../identity/authenticator.ts";
import { CONNECTION_LIMITS_DEFAULT, ConnectionGuard } from "../identity/connection-guard.ts";
import { createIdentityInterceptor, identityOf } from "../identity/interceptor.ts";
import { silentLog } from "../log.ts";
import { LITTER_BYTES_MAX, Litter } from "../memory/litter.ts";
import { RecycledMemory } from "../memory/recycled-memory.ts";
import { noObserver } from "../observer.ts";
import { ADMISSION_LIMITS_DEFAULT, Admission, type Caller, CallerGone, holdMsFor, shuttingDown } from "./admission.ts";
import { createCounters } from "./counters.ts";
import { createExport } from "./export.ts";
import { Failures } from "./failures.ts";
import { createHealth } from "./health.ts";
import { createHttpExport } from "./http/http-export.ts";
import { type HttpServer, startHttpServer } from "./http/http-server.ts";
import type { IngestOptions, IngestServer } from "./options.ts";
import { HEALTH_SERVICE, INGEST_SERVICE, LOGS_SERVICE, loadProtocol } from "./protocol.ts";
import { createReception, ReceptionGate } from "./reception.ts";
import { createSmallRequests } from "./small-requests.ts";
import { STREAM_LIMITS_DEFAULT, Streams } from "./streams.ts";
import { createTake } from "./take.ts";
import { Tenants } from "./tenants.ts";

const MIB = 1024 * 1024;

/** Memory of messages that is kept to be used again: those of some hundred calls of the usual size. */
const MESSAGE_MEMORY_BYTES_MAX = 8 * MIB;

/**
 * How many of the largest messages may be in memory. The journal takes one after the other, so that more of them would only
 * wait there; unread they wait with their senders. Not fewer either: what is compressed counts as the largest until it is
 * unpacked; three at a time are as fast as four, and take 10 MiB less. With eight of them the process took 218 MiB.
 */
const RECEIVED_AT_ONCE = 3;

export function createIngestServer(options: IngestOptions): IngestServer {
  const {
    appender,
    collectorId,
    address,
    scanLimits,
    admissionLimits = ADMISSION_LIMITS_DEFAULT,
    requestBytesMax = 4 * MIB,
    receivingBytesMax = RECEIVED_AT_ONCE * requestBytesMax,
    receiveMsMax = 10_000,
    connectionAgeMsMax = 300_000,
    connectionAgeGraceMs = 30_000,
    keepaliveMs = 60_000,
    keepaliveTimeoutMs = 20_000,
    concurrentStreamsMax = 256,
    healthPollMs = 1_000,
    streamLimits = STREAM_LIMITS_DEFAULT,
    services = [],
    credentials = ServerCredentials.createInsecure(),
    authenticator = new Authenticator(),
    tenants: tenantsOptions = {},
    connectionLimits = CONNECTION_LIMITS_DEFAULT,
    connectionIdleMsMax = 240_000,
    memory = new RecycledMemory(MESSAGE_MEMORY_BYTES_MAX),
    litter = new Litter(LITTER_BYTES_MAX),
    http,
    clock = systemClock,
    random = Math.random,
    log = silentLog,
    observer = noObserver,
    makesProgress = () => true,
    onBug = stopTheProcess,
  } = options;
  assert(requestBytesMax <= admissionLimits.inFlightBytesMax, "the largest request fits in flight");
  assert(requestBytesMax <= admissionLimits.heldBytesMax, "the largest request can be held");

  const protocol = loadProtocol();
  const counters = createCounters();
  const admission = new Admission(appender, admissionLimits, clock);
  const receptionLimits = { requestBytesMax, receivingBytesMax, receiveMsMax };
  const gate = new ReceptionGate(receptionLimits, clock, litter);
  const acceptsWrites = (): boolean => admission.acceptsWrites();
  const health = createHealth({ acceptsWrites, makesProgress, clock, pollMs: healthPollMs });
  const tenants = new Tenants(tenantsOptions, admissionLimits, appender, clock);
  const take = createTake({ appender, admission, tenants, limits: scanLimits, counters, observer, clock });
  const failures = new Failures({ counters, log, clock, random, onBug });
  const exportLogs = createExport(take, counters);
  const streams = new Streams({
    limits: streamLimits,
    reception: receptionLimits,
    take,
    collectorId,
    memory,
    clock,
    random,
    litter,
    connectionAgeGraceMs,
    fail: (reason, client, end) => failures.answerStream(reason, client, end),
  });

  const handleExport = (call: ServerUnaryCall<Buffer, Buffer>, answer: sendUnaryData<Buffer>): void => {
    counters.calls++;
    // Written, or refused: nobody looks at the request again.
    const exported = exportLogs(call.request, callerOf(call)).finally(() => memory.giveBack(call.request));
    exported.then(
      (response) => {
        if (call.cancelled) counters.goneWhileWritten++;
        answer(null, response);
      },
      (reason: unknown) => {
        if (reason instanceof CallerGone) counters.goneWhileHeld++;
        else failures.answer(reason, (failure) => answer(failure));
      },
    );
  };

  const holdMs = (deadlineAtMs: number): number => holdMsFor(deadlineAtMs, clock.nowMs(), admissionLimits);
  const { exportPath, streamPath } = protocol;
  const reception = createReception({
    exportPath,
    limits: receptionLimits,
    gate,
    memory,
    counters,
    random,
    holdMs,
    clock,
  });
  const smallRequests = new Map(
    services.flatMap(({ definition, requestBytesMax: most }) =>
      Object.values(definition).map(({ path }): [string, number] => [path, most]),
    ),
  );
  const guard = new ConnectionGuard(connectionLimits, clock);
  const authenticators = new Map<string, Authenticator | undefined>([
    // Probes show nothing, and learn nothing.
    ...Object.values(protocol.health).map(({ path }): [string, undefined] => [path, undefined]),
    ...services.flatMap(({ definition, authenticator: own = authenticator }) =>
      Object.values(definition).map(({ path }): [string, Authenticator] => [path, own]),
    ),
  ]);
  const identify = createIdentityInterceptor({
    authenticatorOf: (path) => (authenticators.has(path) ? authenticators.get(path) : authenticator),
    toStatus: (reason) => failures.toStatus(reason),
  });
  const server = new Server({
    interceptors: [streams.intercept(streamPath, createSmallRequests(smallRequests, reception)), identify],
    "grpc.max_receive_message_length": requestBytesMax,
    "grpc.max_connection_age_ms": connectionAgeMsMax,
    "grpc.max_connection_age_grace_ms": connectionAgeGraceMs,
    "grpc.max_connection_idle_ms": connectionIdleMsMax,
    "grpc.keepalive_time_ms": keepaliveMs,
    "grpc.keepalive_timeout_ms": keepaliveTimeoutMs,
    "grpc.max_concurrent_streams": concurrentStreamsMax,
    // forceShutdown() only knows the connections that channelz keeps account of. It costs too little to measure.
    "grpc.enable_channelz": 1,
  });
  server.addService(protocol.logs, { Export: handleExport });
  server.addService(protocol.ingest, { Stream: streams.handle });
  server.addService(protocol.health, health.handlers);
  for (const { definition, handlers } of services) server.addService(definition, handlers);
  const packages = Object.assign({}, protocol.packages, ...services.map((service) => service.packages));
  const offered = new Set(services.map(({ name }) => name));
  const names = [LOGS_SERVICE, INGEST_SERVICE, HEALTH_SERVICE, ...offered];
  new ReflectionService(packages, { services: names }).addToServer(server);

  const httpGuard = new ConnectionGuard(connectionLimits, clock);
  const startHttp = async (): Promise<HttpServer | undefined> => {
    if (http === undefined) return undefined;
    const { corsOrigins = [], requestsMax = 1_024, unreadBytesMax, holdMsMax = 8_000, bodySecondsMax, tls } = http;
    const { deadlineMarginMs } = admissionLimits;
    const own = { holdMsMax, deadlineMarginMs, authenticator, limits: receptionLimits };
    const run = createHttpExport({ take, gate, counters, failures, clock, random, ...own });
    return await startHttpServer({
      address: http.address,
      tls,
      origins: corsOrigins,
      requestsMax,
      requestBytesMax,
      unreadBytesMax,
      bodySecondsMax,
      run,
      guard: httpGuard,
      connectionIdleMsMax,
      connectionAgeMsMax,
      clock,
      random,
    });
  };
  let httpServer: HttpServer | undefined;

  return {
    start: async () => {
      httpServer = await startHttp();
      return await new Promise((resolve, reject) => {
        server.bindAsync(address, credentials, (error, port) => {
          if (error !== null) {
            httpServer?.cut();
            reject(error);
            return;
          }
          guard.watch(server);
          resolve(port);
        });
      });
    },
    get httpPort() {
      return httpServer?.port;
    },
    drain: async (deadlineMs) => {
      health.drain();
      streams.drain();
      tenants.drain();
      admission.drain();
      gate.drain(shuttingDown());
      const finished = new AbortController();
      const closed = new Promise<void>((resolve) => {
        server.tryShutdown(() => resolve());
      });
      const cut = clock.sleep(deadlineMs, finished.signal).then(() => {
        if (!finished.signal.aborted) server.forceShutdown();
      });
      await Promise.race([Promise.all([closed, httpServer?.drain()]), cut]);
      finished.abort();
      httpServer?.cut();
      await closed;
    },
    snapshot: () => ({
      ...counters,
      refused: { ...counters.refused },
      inFlightBytes: admission.inFlightBytes,
      heldCalls: admission.heldCalls,
      heldBytes: admission.heldBytes,
      heldTotal: admission.heldTotal,
      receivingBytes: gate.bytes,
      unreadCalls: gate.waiting,
      streams: streams.snapshot(),
      tenants: tenants.status(),
      httpRequests: httpServer?.requests ?? 0,
      connections: { ...guard.counters, open: guard.open },
      httpConnections: { ...httpGuard.counters, open: httpGuard.open },
    }),
  };
}

/** grpc-js emits "cancelled" after every call; admission listens only while a call is held, so it means the client. */
function callerOf(call: ServerUnaryCall<Buffer, Buffer>): Caller {
  return {
    tenant: identityOf(call.metadata).tenant,
    deadlineAtMs: Number(call.getDeadline()),
    get traceparent() {
      return call.metadata.get("traceparent").map(String)[0];
    },
    get cancelled() {
      return call.cancelled;
    },
    onCancelled: (listener) => {
      call.once("cancelled", listener);
    },
  };
}

function stopTheProcess(bug: AssertionError): void {
  setImmediate(() => {
    throw bug;
  });
}
