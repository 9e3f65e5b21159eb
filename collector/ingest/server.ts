/**
 * The server that OTLP clients talk to: LogsService, health and reflection on one port.
 *
 * A call's way in: reception.ts (is it its turn to be read?) -> export.ts (scan, admit, append, answer) -> boundary.ts
 * when it fails. Connections are closed after `connectionAgeMsMax`, give or take a tenth, with a GOAWAY and time to
 * finish, so that clients come back through the balancer and find new replicas.
 */
import {
  Server,
  ServerCredentials,
  type ServerUnaryCall,
  type ServiceDefinition,
  type sendUnaryData,
  type UntypedServiceImplementation,
} from "@grpc/grpc-js";
import type { PackageDefinition } from "@grpc/proto-loader";
import { ReflectionService } from "@grpc/reflection";
import { type Clock, type Random, systemClock } from "../clock.ts";
import { type AssertionError, assert, CollectorError, type ErrorCode } from "../errors.ts";
import { Authenticator } from "../identity/authenticator.ts";
import {
  CONNECTION_LIMITS_DEFAULT,
  type ConnectionCounters,
  ConnectionGuard,
  type ConnectionLimits,
} from "../identity/connection-guard.ts";
import { createIdentityInterceptor } from "../identity/interceptor.ts";
import type { Appender } from "../journal/port.ts";
import { type Log, silentLog } from "../log.ts";
import { noObserver, type Observer } from "../observer.ts";
import type { ScanLimits } from "../otlp/scan.ts";
import {
  ADMISSION_LIMITS_DEFAULT,
  Admission,
  type AdmissionLimits,
  type Caller,
  CallerGone,
  holdMsFor,
  shuttingDown,
} from "./admission.ts";
import { answerFailure, toStatus } from "./boundary.ts";
import { createCounters, type IngestCounters } from "./counters.ts";
import { createExport, type Exported } from "./export.ts";
import { createHealth } from "./health.ts";
import { MessageMemory } from "./message-memory.ts";
import { HEALTH_SERVICE, LOGS_SERVICE, loadProtocol } from "./protocol.ts";
import { createReception, ReceptionGate } from "./reception.ts";
import { createSmallRequests } from "./small-requests.ts";

/** A service that is offered on the same port, by another part of the collector. */
export interface ServedService {
  readonly name: string;
  /** For server reflection. */
  readonly packages: PackageDefinition;
  readonly definition: ServiceDefinition;
  readonly handlers: UntypedServiceImplementation;
  /** Who may call it. @default whoever may send logs */
  readonly authenticator?: Authenticator;
  /** Larger requests are refused before they are read, and compressed ones as well. */
  readonly requestBytesMax: number;
}

export interface IngestOptions {
  readonly appender: Appender;
  /** Where to listen, `host:port`; port 0 lets the system choose. */
  readonly address: string;
  readonly scanLimits: ScanLimits;
  /** @default ADMISSION_LIMITS_DEFAULT */
  readonly admissionLimits?: AdmissionLimits;
  /** Bytes of one request, unpacked. @default 4 MiB, what gRPC clients expect */
  readonly requestBytesMax?: number;
  /** Bytes of large or compressed messages from their first byte to their answer; others wait unread. @default 32 MiB */
  readonly receivingBytesMax?: number;
  /** Bytes of compressed messages, unpacked, after which garbage is collected. @default 32 MiB */
  readonly garbageBytesMax?: number;
  /** How long a call may take to arrive while others wait to be read. @default 10 s */
  readonly receiveMsMax?: number;
  /** How old a connection gets. @default 5 minutes */
  readonly connectionAgeMsMax?: number;
  /** How long its open calls may take after that. @default 30 s, longer than the deadline of common SDKs */
  readonly connectionAgeGraceMs?: number;
  /** A connection that is silent this long is asked whether it is alive. @default 60 s */
  readonly keepaliveMs?: number;
  /** How long it may take to answer that. @default 20 s */
  readonly keepaliveTimeoutMs?: number;
  /** Open calls of one connection; what is beyond waits at the client. @default 256 */
  readonly concurrentStreamsMax?: number;
  /** How often a watcher of health is looked after. @default 1 s */
  readonly healthPollMs?: number;
  /** Offered beside LogsService and health. @default none */
  readonly services?: readonly ServedService[];
  /** Plaintext or TLS. @default plaintext */
  readonly credentials?: ServerCredentials;
  /** Who may send. @default everybody */
  readonly authenticator?: Authenticator;
  /** @default CONNECTION_LIMITS_DEFAULT */
  readonly connectionLimits?: ConnectionLimits;
  /** How long a connection may be without a call. @default 4 minutes */
  readonly connectionIdleMsMax?: number;
  readonly clock?: Clock;
  readonly random?: Random;
  readonly log?: Log;
  /** Is told of every export. @default nobody */
  readonly observer?: Observer;
  /** Whether the process gets on with its work: health for "" says so. @default it does */
  readonly makesProgress?: () => boolean;
  /** Gets a broken invariant after its client was answered. @default throws it where nothing catches it */
  readonly onBug?: (bug: AssertionError) => void;
}

/** The counters, and what is going on now. */
export interface IngestSnapshot extends Readonly<IngestCounters> {
  readonly inFlightBytes: number;
  readonly heldCalls: number;
  readonly heldBytes: number;
  /** Calls that ever had to wait. */
  readonly heldTotal: number;
  /** Bytes that are set aside for messages on their way in. */
  readonly receivingBytes: number;
  /** Calls that wait to be read. */
  readonly unreadCalls: number;
  /** Connections that are open, and those that were not let in, by why. */
  readonly connections: Readonly<ConnectionCounters> & { readonly open: number };
}

export interface IngestServer {
  /** Listens. Resolves with the port; rejects with what the system said, for example EADDRINUSE. */
  start(): Promise<number>;
  /**
   * Stops: health says NOT_SERVING, held calls are refused with `shutting_down`, no new connection is taken, open ones
   * get a GOAWAY, and calls under way are finished. What is still open after `deadlineMs` is cut off.
   */
  drain(deadlineMs: number): Promise<void>;
  snapshot(): IngestSnapshot;
}

const MIB = 1024 * 1024;

/** Memory of messages that is kept to be used again: those of some hundred calls of the usual size. */
const MESSAGE_MEMORY_BYTES_MAX = 8 * MIB;

/** Unforeseen failures are logged at most this often: one per request would fill the disk that the journal needs. */
const UNFORESEEN_LOG_MS = 10_000;

export function createIngestServer(options: IngestOptions): IngestServer {
  const {
    appender,
    address,
    scanLimits,
    admissionLimits = ADMISSION_LIMITS_DEFAULT,
    requestBytesMax = 4 * MIB,
    receivingBytesMax = 32 * MIB,
    garbageBytesMax = 32 * MIB,
    receiveMsMax = 10_000,
    connectionAgeMsMax = 300_000,
    connectionAgeGraceMs = 30_000,
    keepaliveMs = 60_000,
    keepaliveTimeoutMs = 20_000,
    concurrentStreamsMax = 256,
    healthPollMs = 1_000,
    services = [],
    credentials = ServerCredentials.createInsecure(),
    authenticator = new Authenticator(),
    connectionLimits = CONNECTION_LIMITS_DEFAULT,
    connectionIdleMsMax = 240_000,
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
  const receptionLimits = { requestBytesMax, receivingBytesMax, receiveMsMax, garbageBytesMax };
  const gate = new ReceptionGate(receptionLimits, clock, () => Bun.gc(true));
  const memory = new MessageMemory(MESSAGE_MEMORY_BYTES_MAX);
  const health = createHealth({
    acceptsWrites: () => admission.acceptsWrites(),
    makesProgress,
    clock,
    pollMs: healthPollMs,
  });
  const exportLogs = createExport({ appender, admission, limits: scanLimits, counters });
  let lastLoggedAtMs = Number.NEGATIVE_INFINITY;

  const logUnforeseen = (cause: unknown): void => {
    const nowMs = clock.monotonicMs();
    if (nowMs - lastLoggedAtMs < UNFORESEEN_LOG_MS) return;
    lastLoggedAtMs = nowMs;
    log.error({ err: cause, failures: counters.refused.internal }, "export failed in a way nobody foresaw");
  };

  const handleExport = (call: ServerUnaryCall<Buffer, Buffer>, answer: sendUnaryData<Buffer>): void => {
    counters.calls++;
    const sinceMs = clock.monotonicMs();
    const bytes = call.request.length;
    const tell = ({ records, first }: Pick<Exported, "records" | "first">, refused?: ErrorCode): void => {
      const [traceparent] = call.metadata.get("traceparent").map(String);
      observer.exported({ ms: clock.monotonicMs() - sinceMs, records, bytes, first, refused, traceparent });
    };
    // Written, or refused: nobody looks at the request again.
    const exported = exportLogs(call.request, callerOf(call)).finally(() => memory.giveBack(call.request));
    exported.then(
      (result) => {
        if (call.cancelled) counters.goneWhileWritten++;
        answer(null, result.response);
        tell(result);
      },
      (reason: unknown) => {
        if (reason instanceof CallerGone) {
          counters.goneWhileHeld++;
          return;
        }
        answerFailure(
          reason,
          random,
          (failure, error) => {
            counters.refused[error.code]++;
            tell({ records: 0, first: undefined }, error.code);
            if (error.code === "internal") logUnforeseen(reason);
            answer(failure);
          },
          onBug,
        );
      },
    );
  };

  const holdMs = (deadlineAtMs: number): number => holdMsFor(deadlineAtMs, clock.nowMs(), admissionLimits);
  const { exportPath } = protocol;
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
    toStatus: (reason) => {
      const error = CollectorError.from(reason);
      counters.refused[error.code]++;
      if (error.code === "internal") logUnforeseen(reason);
      return toStatus(error, random);
    },
  });
  const server = new Server({
    interceptors: [createSmallRequests(smallRequests, reception), identify],
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
  server.addService(protocol.health, health.handlers);
  for (const { definition, handlers } of services) server.addService(definition, handlers);
  const packages = Object.assign({}, protocol.packages, ...services.map((service) => service.packages));
  const names = [LOGS_SERVICE, HEALTH_SERVICE, ...services.map(({ name }) => name)];
  new ReflectionService(packages, { services: names }).addToServer(server);

  return {
    start: () =>
      new Promise((resolve, reject) => {
        server.bindAsync(address, credentials, (error, port) => {
          if (error !== null) {
            reject(error);
            return;
          }
          guard.watch(server);
          resolve(port);
        });
      }),
    drain: async (deadlineMs) => {
      health.drain();
      admission.drain();
      gate.drain(shuttingDown());
      const finished = new AbortController();
      const closed = new Promise<void>((resolve) => {
        server.tryShutdown(() => {
          finished.abort();
          resolve();
        });
      });
      void clock.sleep(deadlineMs, finished.signal).then(() => {
        if (!finished.signal.aborted) server.forceShutdown();
      });
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
      connections: { ...guard.counters, open: guard.open },
    }),
  };
}

/** grpc-js emits "cancelled" after every call; admission listens only while a call is held, so it means the client. */
function callerOf(call: ServerUnaryCall<Buffer, Buffer>): Caller {
  return {
    deadlineAtMs: Number(call.getDeadline()),
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
