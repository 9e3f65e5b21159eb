/** Log records on their way from one collector's journal into another's (proto/standpipe/peer/v1/peer.proto). */
import { join } from "node:path";
import {
  Metadata,
  type ServerUnaryCall,
  type ServiceDefinition,
  type sendUnaryData,
  status,
  type UntypedServiceImplementation,
} from "@grpc/grpc-js";
import { loadSync, type PackageDefinition } from "@grpc/proto-loader";
import type { Waiting__Output } from "../../../proto/gen/standpipe/peer/v1/Waiting.ts";
import { assert, CollectorError } from "../../errors.ts";
import { Authenticator } from "../../identity/authenticator.ts";
import { type ScanLimits, scan } from "../../otlp/scan.ts";

const PEER_SERVICE = "standpipe.peer.v1.Peer";
const PROTO_FOLDER = join(import.meta.dir, "../../../proto");

/** The path of HandOver, as HTTP/2 names it. */
export const HAND_OVER_PATH = `/${PEER_SERVICE}/HandOver`;

/** Room in a message for all but the request. */
export const ENVELOPE_BYTES = 1_024;

const NAME_LENGTH_MAX = 128;

/** Log records that wait for one route; see the proto. */
export interface Waiting {
  readonly collectorId: string;
  readonly first: bigint;
  readonly records: number;
  readonly route: string;
  readonly stream: string;
  readonly request: Uint8Array;
}

/** What is offered on the ingest port, beside Exchange. */
export interface HandOverService {
  readonly name: string;
  readonly packages: PackageDefinition;
  readonly definition: ServiceDefinition;
  readonly handlers: UntypedServiceImplementation;
  readonly requestBytesMax: number;
  readonly authenticator: Authenticator;
}

const packages = loadSync("standpipe/peer/v1/peer.proto", {
  includeDirs: [PROTO_FOLDER],
  longs: String,
  bytes: Buffer,
  defaults: true,
});

const handOver = (packages[PEER_SERVICE] as ServiceDefinition | undefined)?.HandOver;

export function encodeWaiting(waiting: Waiting): Buffer {
  assert(handOver !== undefined, `${PEER_SERVICE} has HandOver`);
  return handOver.requestSerialize({ ...waiting, first: String(waiting.first) });
}

/** Throws an Error of one sentence, or CollectorError `invalid_request`, for what can't be journalled. */
export function decodeWaiting(bytes: Buffer, limits: ScanLimits): Waiting {
  assert(handOver !== undefined, `${PEER_SERVICE} has HandOver`);
  const read = handOver.requestDeserialize(bytes) as Waiting__Output;
  const { collectorId = "", first = "0", records = 0, route = "", stream = "", request = Buffer.alloc(0) } = read;
  for (const [field, name] of Object.entries({ collectorId, route, stream })) {
    if (!/^[\x21-\x7e]+$/.test(name) || name.length > NAME_LENGTH_MAX) {
      throw new Error(`${field} has 1 to ${NAME_LENGTH_MAX} plain characters`);
    }
  }
  if (collectorId.includes("/")) throw new Error("a collector's id has no slash");
  const found = scan(request, limits);
  if (found.refused > 0 || found.records !== records || records === 0) {
    throw new Error(`the request holds ${found.records} log records that can be taken, and not ${records}`);
  }
  return { collectorId, first: BigInt(first), records, route, stream, request };
}

export interface HandOverServiceOptions {
  /** Resolves when they are on disk. */
  readonly take: (waiting: Waiting) => Promise<void>;
  readonly limits: ScanLimits;
  readonly requestBytesMax: number;
  /** Knows who is a replica. */
  readonly authenticator?: Authenticator;
  /** Gets what failed in a way nobody foresaw, after its caller was answered. */
  readonly onFailure: (reason: unknown) => void;
}

/** The service that takes what others can't deliver. */
export function handOverService(options: HandOverServiceOptions): HandOverService {
  assert(handOver !== undefined, `${PEER_SERVICE} has HandOver`);
  const { take, limits, requestBytesMax, authenticator = new Authenticator(), onFailure } = options;
  const handle = (call: ServerUnaryCall<Buffer, Buffer>, answer: sendUnaryData<Buffer>): void => {
    let waiting: Waiting;
    try {
      waiting = decodeWaiting(call.request, limits);
    } catch (reason) {
      answer({ code: status.INVALID_ARGUMENT, details: reason instanceof Error ? reason.message : String(reason) });
      return;
    }
    take(waiting).then(
      () => answer(null, Buffer.alloc(0)),
      (reason: unknown) => {
        const { code, status: number, message } = CollectorError.from(reason);
        const metadata = new Metadata();
        // Tells the other one that it was this collector that said no, and not the connection that was lost.
        metadata.set("standpipe-code", code);
        answer({ code: number, details: message, metadata });
        if (code === "internal") onFailure(reason);
      },
    );
  };
  const asItIs = (bytes: Buffer): Buffer => bytes;
  const raw = { requestDeserialize: asItIs, requestSerialize: asItIs, responseDeserialize: asItIs };
  return {
    name: PEER_SERVICE,
    packages,
    definition: { HandOver: { ...handOver, ...raw, responseSerialize: asItIs } },
    handlers: { HandOver: handle },
    requestBytesMax,
    authenticator,
  };
}
