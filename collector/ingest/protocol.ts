/**
 * The services as .proto files state them, and LogsService and Ingest once more on raw bytes: decoding requests into
 * objects would cost ten times what scanning them does, and the journal keeps the bytes anyway.
 */
import { join } from "node:path";
import type { ServiceDefinition } from "@grpc/grpc-js";
import { loadSync, type PackageDefinition } from "@grpc/proto-loader";
import { assert } from "../errors.ts";

export const LOGS_SERVICE = "opentelemetry.proto.collector.logs.v1.LogsService";
export const INGEST_SERVICE = "standpipe.ingest.v1.Ingest";
export const HEALTH_SERVICE = "grpc.health.v1.Health";

const PROTO_FOLDER = join(import.meta.dir, "../../proto");

export interface Protocol {
  /** Everything loaded, for server reflection. */
  readonly packages: PackageDefinition;
  /** LogsService whose handlers get and give serialised messages. */
  readonly logs: ServiceDefinition;
  /** Ingest, likewise. */
  readonly ingest: ServiceDefinition;
  readonly health: ServiceDefinition;
  /** The paths of Export and of Stream, as HTTP/2 names them. */
  readonly exportPath: string;
  readonly streamPath: string;
}

export function loadProtocol(): Protocol {
  const packages = loadSync(
    [
      "opentelemetry/proto/collector/logs/v1/logs_service.proto",
      "standpipe/ingest/v1/ingest.proto",
      "grpc/health/v1/health.proto",
    ],
    { includeDirs: [PROTO_FOLDER], longs: String, enums: Number, bytes: Buffer, oneofs: true },
  );
  const logs = onRawBytes(serviceOf(packages, LOGS_SERVICE));
  const ingest = onRawBytes(serviceOf(packages, INGEST_SERVICE));
  assert(logs.Export !== undefined && ingest.Stream !== undefined, "LogsService has Export, Ingest has Stream");
  return {
    packages,
    logs,
    ingest,
    health: serviceOf(packages, HEALTH_SERVICE),
    exportPath: logs.Export.path,
    streamPath: ingest.Stream.path,
  };
}

function onRawBytes(service: ServiceDefinition): ServiceDefinition {
  const raw = { requestDeserialize: asItIs, requestSerialize: asItIs, responseDeserialize: asItIs };
  return Object.fromEntries(
    Object.entries(service).map(([name, method]) => [name, { ...method, ...raw, responseSerialize: asItIs }]),
  );
}

function asItIs(bytes: Buffer): Buffer {
  return bytes;
}

/** proto-loader gives services and messages in one table; only a message has a format. */
function serviceOf(packages: PackageDefinition, name: string): ServiceDefinition {
  const found = packages[name];
  assert(found !== undefined && !("format" in found), `${name} is a service in proto/`);
  return found as ServiceDefinition;
}
