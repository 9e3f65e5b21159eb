/**
 * Figures on the wire (proto/standpipe/peer/v1/peer.proto), and the service that hears them. What another process sends
 * is checked here, whoever it is: sizes, counts, names and numbers. What passes can't break a division.
 */
import { join } from "node:path";
import {
  type ServerUnaryCall,
  type ServiceDefinition,
  type sendUnaryData,
  status,
  type UntypedServiceImplementation,
} from "@grpc/grpc-js";
import { loadSync, type PackageDefinition } from "@grpc/proto-loader";
import type { Figures__Output } from "../../../proto/gen/standpipe/peer/v1/Figures.ts";
import { assert } from "../../errors.ts";
import { Authenticator } from "../../identity/authenticator.ts";
import type { Figures, RouteFigures } from "./peers.ts";

const PEER_SERVICE = "standpipe.peer.v1.Peer";

const PROTO_FOLDER = join(import.meta.dir, "../../../proto");

/** Room for a hundred routes with long names. */
export const FIGURES_BYTES_MAX = 32 * 1024;

const ROUTES_MAX = 256;
const NAME_LENGTH_MAX = 128;

/** However long somebody says that its figures are good: a part that nobody uses must come back. */
const LEASE_MS_MAX = 60_000;

/** Above every quota; keeps sums finite. */
const BYTES_PER_SECOND_MAX = 2 ** 50;

/** A service that the ingest server offers beside its own. */
export interface PeerService {
  readonly name: string;
  readonly packages: PackageDefinition;
  /** On raw bytes: nothing is decoded before its size is known. */
  readonly definition: ServiceDefinition;
  readonly handlers: UntypedServiceImplementation;
  readonly requestBytesMax: number;
  /** Knows the other replicas. */
  readonly authenticator: Authenticator;
}

/** The path of Exchange, as HTTP/2 names it, for the client. */
export const EXCHANGE_PATH = `/${PEER_SERVICE}/Exchange`;

const packages = loadSync("standpipe/peer/v1/peer.proto", {
  includeDirs: [PROTO_FOLDER],
  longs: String,
  enums: Number,
  bytes: Buffer,
  oneofs: true,
  defaults: true,
});

const exchange = (packages[PEER_SERVICE] as ServiceDefinition | undefined)?.Exchange;

export function encodeFigures(figures: Figures): Buffer {
  assert(exchange !== undefined, `${PEER_SERVICE} has Exchange`);
  const routes = figures.routes.map((route) => ({ ...route, backlogBytes: Math.round(route.backlogBytes) }));
  return exchange.requestSerialize({ ...figures, routes });
}

/** Throws an Error of one sentence for what are no figures. */
export function decodeFigures(bytes: Buffer): Figures {
  assert(exchange !== undefined, `${PEER_SERVICE} has Exchange`);
  check(bytes.length <= FIGURES_BYTES_MAX, `figures are ${FIGURES_BYTES_MAX} bytes at most`);
  const { collectorId, sequence, leaseMs = 0, routes = [] } = exchange.requestDeserialize(bytes) as Figures__Output;
  check(routes.length <= ROUTES_MAX, `a collector has ${ROUTES_MAX} routes at most`);
  const order = Number(sequence);
  check(Number.isSafeInteger(order), "the sequence number is below 2^53");
  return {
    collectorId: checkName(collectorId, "collector_id"),
    sequence: order,
    leaseMs: Math.min(leaseMs, LEASE_MS_MAX),
    routes: routes.map((route): RouteFigures => {
      return {
        route: checkName(route.route, "route"),
        stream: checkName(route.stream, "stream"),
        wantsBytesPerSecond: checkRate(Number(route.wantsBytesPerSecond), "wants_bytes_per_second"),
        hasBytesPerSecond: checkRate(Number(route.hasBytesPerSecond), "has_bytes_per_second"),
        backlogBytes: Number(route.backlogBytes),
        streamBytesPerSecond:
          route._streamBytesPerSecond === undefined
            ? undefined
            : checkRate(Number(route.streamBytesPerSecond), "stream_bytes_per_second"),
      };
    }),
  };
}

/** The service whose calls are answered by `hear`. `authenticator` knows who is a replica. @default everybody is */
export function peerService(
  hear: (figures: Figures) => Figures,
  authenticator: Authenticator = new Authenticator(),
): PeerService {
  assert(exchange !== undefined, `${PEER_SERVICE} has Exchange`);
  const handle = (call: ServerUnaryCall<Buffer, Buffer>, answer: sendUnaryData<Buffer>): void => {
    let figures: Figures;
    try {
      figures = decodeFigures(call.request);
    } catch (reason) {
      answer({ code: status.INVALID_ARGUMENT, details: reason instanceof Error ? reason.message : String(reason) });
      return;
    }
    answer(null, encodeFigures(hear(figures)));
  };
  const asItIs = (bytes: Buffer): Buffer => bytes;
  const raw = { requestDeserialize: asItIs, requestSerialize: asItIs, responseDeserialize: asItIs };
  return {
    name: PEER_SERVICE,
    packages,
    definition: { Exchange: { ...exchange, ...raw, responseSerialize: asItIs } },
    handlers: { Exchange: handle },
    requestBytesMax: FIGURES_BYTES_MAX,
    authenticator,
  };
}

function check(condition: boolean, sentence: string): void {
  if (!condition) throw new Error(sentence);
}

function checkName(name: string | undefined, field: string): string {
  if (name === undefined || name === "" || name.length > NAME_LENGTH_MAX) {
    throw new Error(`${field} has 1 to ${NAME_LENGTH_MAX} characters`);
  }
  return name;
}

function checkRate(value: number, field: string): number {
  check(value >= 0 && Number.isFinite(value), `${field} is a number, 0 or more`);
  return Math.min(value, BYTES_PER_SECOND_MAX);
}
