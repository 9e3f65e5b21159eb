/**
 * The services as .proto files state them, and LogsService once more on raw bytes: decoding requests into objects would
 * cost ten times what scanning them does, and the journal keeps the bytes anyway.
 */
import { join } from "node:path";
import type { ServiceDefinition } from "@grpc/grpc-js";
import { loadSync, type PackageDefinition } from "@grpc/proto-loader";
import { assert } from "../errors.ts";

export const LOGS_SERVICE = "opentelemetry.proto.collector.logs.v1.LogsService";
export const HEALTH_SERVICE = "grpc.health.v1.Health";

const PROTO_FOLDER = join(import.meta.dir, "../../proto");

export interface Protocol {
  /** Everything loaded, for server reflection. */
  readonly packages: PackageDefinition;
  /** LogsService whose handlers get and give serialised messages. */
  readonly logs: ServiceDefinition;
  readonly health: ServiceDefinition;
  /** The path of Export, as HTTP/2 names it. */
  readonly exportPath: string;
}

export function loadProtocol(): Protocol {
  const packages = loadSync(
    ["opentelemetry/proto/collector/logs/v1/logs_service.proto", "grpc/health/v1/health.proto"],
    { includeDirs: [PROTO_FOLDER], longs: String, enums: Number, bytes: Buffer, oneofs: true },
  );
  const logs = serviceOf(packages, LOGS_SERVICE);
  const exportMethod = logs.Export;
  assert(exportMethod !== undefined, "LogsService has Export");
  const raw = { requestDeserialize: asItIs, requestSerialize: asItIs, responseDeserialize: asItIs };
  return {
    packages,
    logs: { Export: { ...exportMethod, ...raw, responseSerialize: asItIs } },
    health: serviceOf(packages, HEALTH_SERVICE),
    exportPath: exportMethod.path,
  };
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
