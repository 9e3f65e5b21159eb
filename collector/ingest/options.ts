/** What the ingest server is made with, and what it tells of itself. */
import type { ServerCredentials, ServiceDefinition, UntypedServiceImplementation } from "@grpc/grpc-js";
import type { PackageDefinition } from "@grpc/proto-loader";
import type { Clock, Random } from "../clock.ts";
import type { AssertionError } from "../errors.ts";
import type { Authenticator } from "../identity/authenticator.ts";
import type { ConnectionCounters, ConnectionLimits } from "../identity/connection-guard.ts";
import type { Appender } from "../journal/port.ts";
import type { Log } from "../log.ts";
import type { Litter } from "../memory/litter.ts";
import type { RecycledMemory } from "../memory/recycled-memory.ts";
import type { Observer } from "../observer.ts";
import type { ScanLimits } from "../otlp/scan.ts";
import type { AdmissionLimits } from "./admission.ts";
import type { IngestCounters } from "./counters.ts";
import type { HttpTls } from "./http/http-front.ts";
import type { StreamLimits, StreamsSnapshot } from "./streams.ts";
import type { TenantJournal, TenantStatus, TenantsOptions } from "./tenants.ts";

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
  readonly appender: Appender & TenantJournal;
  /** Names the journal, for clients of streams. */
  readonly collectorId: string;
  /** Where to listen, `host:port`; port 0 lets the system choose. */
  readonly address: string;
  readonly scanLimits: ScanLimits;
  /** @default ADMISSION_LIMITS_DEFAULT */
  readonly admissionLimits?: AdmissionLimits;
  /** Bytes of one request, unpacked. @default 4 MiB, what gRPC clients expect */
  readonly requestBytesMax?: number;
  /** Bytes of large or compressed messages from their first byte to their answer; others wait unread. @default three requests */
  readonly receivingBytesMax?: number;
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
  /** @default STREAM_LIMITS_DEFAULT */
  readonly streamLimits?: StreamLimits;
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
  /** What each tenant may take. @default all */
  readonly tenants?: TenantsOptions;
  /** @default CONNECTION_LIMITS_DEFAULT */
  readonly connectionLimits?: ConnectionLimits;
  /** How long a connection may be without a call. @default 4 minutes */
  readonly connectionIdleMsMax?: number;
  /** For messages on their way in. @default its own */
  readonly memory?: RecycledMemory;
  /** Told of compressed messages, when they have ended. @default its own */
  readonly litter?: Litter;
  /** OTLP over HTTP beside gRPC. @default none */
  readonly http?: HttpOptions;
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

/** OTLP/HTTP: http/http-server.ts. */
export interface HttpOptions {
  /** Where to listen, `host:port`; port 0 lets the system choose. */
  readonly address: string;
  /** Origins whose web pages may send. @default none */
  readonly corsOrigins?: readonly string[];
  /** Requests at once. @default 1,024 */
  readonly requestsMax?: number;
  /** Bytes of requests that wait for their turn, in memory; who comes with more is told to send again. @default 8 MiB */
  readonly unreadBytesMax?: number;
  /** How long a request is held: HTTP tells of no deadline. @default 8 s, within the ten of common exporters */
  readonly holdMsMax?: number;
  /** How long a body may take to arrive, in seconds. @default 30 */
  readonly bodySecondsMax?: number;
  /** @default plaintext */
  readonly tls?: HttpTls;
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
  readonly streams: StreamsSnapshot;
  /** Those that take most. */
  readonly tenants: readonly TenantStatus[];
  /** Requests over HTTP that are under way. */
  readonly httpRequests: number;
  /** Connections of gRPC that are open, and those that were not let in, by why. */
  readonly connections: Readonly<ConnectionCounters> & { readonly open: number };
  readonly httpConnections: Readonly<ConnectionCounters> & { readonly open: number };
}

export interface IngestServer {
  /**
   * Listens. Resolves with the port of gRPC; rejects with what the system said, for example EADDRINUSE, and with
   * CollectorError `config_invalid` where the address of HTTP can't be had.
   */
  start(): Promise<number>;
  /** The port of HTTP; undefined where it is not offered, and before `start`. */
  readonly httpPort: number | undefined;
  /**
   * Stops: health says NOT_SERVING, held calls are refused with `shutting_down`, streams are ended, no new connection is
   * taken, open ones get a GOAWAY, and calls under way are finished. What is still open after `deadlineMs` is cut off.
   */
  drain(deadlineMs: number): Promise<void>;
  snapshot(): IngestSnapshot;
}
