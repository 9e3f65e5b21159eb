/**
 * What the load is made of: serialised OTLP requests as a shop's services would send them. Each request comes from one
 * pod, in one to three scopes, and its log records are access lines, SQL, payments, caches, JSON, stack traces: many
 * templates, with ids, addresses, URLs, user agents and durations that never repeat. So zstd finds what it would find in
 * real logs, and not the request before.
 *
 * A log record takes 315 bytes on the wire on average, its share of resource and scope included, as the table of figures
 * says. The same seed gives the same bytes. Pure: no I/O but reading proto/.
 */
import { join } from "node:path";
import protobuf from "protobufjs";
import { type Chance, createChance } from "./chance.ts";
import { fillTemplate, SERVICES, TEMPLATES } from "./templates.ts";

/** One request on its way to an endpoint. */
export interface EncodedRequest {
  readonly bytes: Uint8Array;
  readonly records: number;
}

/** `count` distinct requests of `recordsEach` log records. About 8 µs per log record. */
export function createRequests(options: { count: number; recordsEach: number; seed: number }): EncodedRequest[] {
  const type = loadRequestType();
  const chance = createChance(options.seed);
  return Array.from({ length: options.count }, () => ({
    bytes: type.encode(createRequest(chance, options.recordsEach)).finish(),
    records: options.recordsEach,
  }));
}

/** `ExportLogsServiceRequest`, from proto/. */
export function loadRequestType(): protobuf.Type {
  const root = new protobuf.Root();
  root.resolvePath = (_origin, target) => join(import.meta.dir, "../../proto", target);
  root.loadSync("opentelemetry/proto/collector/logs/v1/logs_service.proto");
  return root.lookupType("opentelemetry.proto.collector.logs.v1.ExportLogsServiceRequest");
}

/** Records of one pod, in the order of their time. */
function createRequest(chance: Chance, records: number): protobuf.Message {
  const service = chance.pick(SERVICES);
  const resource = {
    "service.name": service.name,
    "service.version": `${chance.upTo(9)}.${chance.upTo(40)}.${chance.upTo(12)}`,
    "deployment.environment.name": "production",
    "k8s.namespace.name": service.namespace,
    "k8s.node.name": `ip-10-${chance.upTo(64)}-${chance.upTo(255)}-${chance.upTo(255)}.eu-central-1.compute.internal`,
    "k8s.pod.name": `${service.name}-${chance.hex(9)}-${chance.letters(5)}`,
  };
  const scopes = service.scopes.slice(0, 1 + chance.upTo(service.scopes.length));
  let timeMs = 1_763_800_000_000 + chance.upTo(86_400_000);
  const scopeLogs = scopes.map((name, index) => ({
    scope: { name, version: "2.4.1" },
    logRecords: Array.from({ length: shareOf(records, index, scopes.length) }, () => {
      timeMs += chance.upTo(9);
      return createRecord(chance, timeMs);
    }),
  }));
  const request = { resourceLogs: [{ resource: { attributes: toAttributes(resource) }, scopeLogs }] };
  return request as unknown as protobuf.Message;
}

function shareOf(records: number, index: number, parts: number): number {
  return Math.floor((records * (index + 1)) / parts) - Math.floor((records * index) / parts);
}

const THREAD = "{word}-io-{small}-thread-{small}";

function createRecord(chance: Chance, timeMs: number): object {
  const { level, text, attributes } = chance.pick(TEMPLATES);
  const time = toNanos(timeMs, chance.upTo(1_000_000));
  const filled = Object.entries(attributes).map(([key, value]) => [key, fillTemplate(value, chance)]);
  return {
    timeUnixNano: time,
    observedTimeUnixNano: time,
    severityNumber: level === "ERROR" ? 17 : level === "WARN" ? 13 : 9,
    severityText: level,
    body: { stringValue: fillTemplate(text, chance) },
    attributes: toAttributes({ ...Object.fromEntries(filled), "thread.name": fillTemplate(THREAD, chance) }),
    ...(chance.upTo(10) < 7 ? { traceId: chance.bytes(16), spanId: chance.bytes(8), flags: 1 } : {}),
  };
}

function toAttributes(values: Readonly<Record<string, string>>): object[] {
  return Object.entries(values).map(([key, value]) => ({
    key,
    value: /^\d{1,9}$/.test(value) ? { intValue: Number(value) } : { stringValue: value },
  }));
}

/** A 64-bit number as protobufjs takes it. */
function toNanos(timeMs: number, nanos: number): { low: number; high: number; unsigned: true } {
  const value = BigInt(timeMs) * 1_000_000n + BigInt(nanos);
  return { low: Number(BigInt.asIntN(32, value)), high: Number(BigInt.asIntN(32, value >> 32n)), unsigned: true };
}
