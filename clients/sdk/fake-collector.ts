/** A collector for tests: OTLP/gRPC on loopback, whose answers a test decides, decoded by protobufjs, not by code of ours. */
import { join } from "node:path";
import {
  Metadata,
  Server,
  ServerCredentials,
  type ServerUnaryCall,
  type ServiceError,
  type sendUnaryData,
} from "@grpc/grpc-js";
import { Root, type Type } from "protobufjs";

const PROTO_FOLDER = join(import.meta.dir, "../../proto");
const asItIs = (bytes: Buffer): Buffer => bytes;

export const protocol = new Root();
protocol.resolvePath = (_origin, target) => join(PROTO_FOLDER, target);
protocol.loadSync(["opentelemetry/proto/collector/logs/v1/logs_service.proto", "standpipe/ingest/v1/ingest.proto"], {
  keepCase: false,
});

export const RequestType: Type = protocol.lookupType("opentelemetry.proto.collector.logs.v1.ExportLogsServiceRequest");
export const ResponseType: Type = protocol.lookupType(
  "opentelemetry.proto.collector.logs.v1.ExportLogsServiceResponse",
);

/** A log record as protobufjs gives it, with what stands around it. */
export interface SeenRecord {
  readonly body: unknown;
  readonly attributes: Readonly<Record<string, unknown>>;
  readonly resource: Readonly<Record<string, unknown>>;
  readonly scope: string;
  readonly raw: Readonly<Record<string, unknown>>;
}

export type Handle = (
  seen: { readonly records: readonly SeenRecord[]; readonly request: Buffer; readonly metadata: Metadata },
  take: () => void,
  answer: sendUnaryData<Buffer>,
) => void;

export class FakeCollector implements Disposable {
  /** All records that were taken, in order. */
  readonly taken: SeenRecord[] = [];
  /** Records of each call. */
  readonly sizes: number[] = [];
  port = 0;
  /** Takes everything unless told. */
  handle: Handle = (_seen, take) => take();
  #server: Server | undefined;

  /** Listens where it did before, or on any port. */
  async start(credentials = ServerCredentials.createInsecure(), host = "127.0.0.1"): Promise<this> {
    const server = new Server();
    server.addService(
      {
        Export: {
          path: "/opentelemetry.proto.collector.logs.v1.LogsService/Export",
          requestStream: false,
          responseStream: false,
          requestSerialize: asItIs,
          requestDeserialize: asItIs,
          responseSerialize: asItIs,
          responseDeserialize: asItIs,
        },
      },
      {
        Export: (call: ServerUnaryCall<Buffer, Buffer>, answer: sendUnaryData<Buffer>) => {
          const records = decodeRequest(call.request);
          this.sizes.push(records.length);
          const take = (): void => {
            this.taken.push(...records);
            answer(null, Buffer.alloc(0));
          };
          this.handle({ records, request: call.request, metadata: call.metadata }, take, answer);
        },
      },
    );
    this.#server = server;
    this.port = await new Promise<number>((resolve, reject) => {
      server.bindAsync(`${host}:${this.port}`, credentials, (error, port) =>
        error === null ? resolve(port) : reject(error),
      );
    });
    return this;
  }

  get bodies(): unknown[] {
    return this.taken.map(({ body }) => body);
  }

  /** Sends everyone away (GOAWAY), finishes what is under way, and listens no more. */
  async drain(): Promise<void> {
    await new Promise<void>((resolve) => this.#server?.tryShutdown(() => resolve()));
  }

  /** As when it is killed. */
  die(): void {
    this.#server?.forceShutdown();
  }

  [Symbol.dispose](): void {
    this.die();
  }
}

/** A failure that carries RetryInfo, by google/rpc/status.proto and error_details.proto. */
export function failure(code: number, details = "scripted", retryAfterMs?: number): ServiceError {
  const metadata = new Metadata();
  if (retryAfterMs !== undefined) metadata.set("grpc-status-details-bin", statusWithRetryInfo(code, retryAfterMs));
  return Object.assign(new Error(details), { code, details, metadata });
}

function statusWithRetryInfo(code: number, retryAfterMs: number): Buffer {
  const nested = (field: number, content: Buffer): Buffer =>
    Buffer.concat([Buffer.from([field * 8 + 2, content.length]), content]);
  const nanos = retryAfterMs * 1e6;
  const varint: number[] = [];
  let rest = nanos;
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) varint.push((rest % 0x80) | 0x80);
  const duration = Buffer.from([2 * 8, ...varint, rest]);
  const url = nested(1, Buffer.from("type.googleapis.com/google.rpc.RetryInfo"));
  const any = Buffer.concat([url, nested(2, nested(1, duration))]);
  return Buffer.concat([Buffer.from([8, code]), nested(3, any)]);
}

interface AnyValue {
  readonly arrayValue?: { readonly values?: readonly AnyValue[] };
  readonly kvlistValue?: { readonly values?: readonly KeyValue[] };
  readonly [kind: string]: unknown;
}

interface KeyValue {
  /** Left out when it is empty. */
  readonly key?: string;
  readonly value?: AnyValue;
}

export function decodeRequest(request: Uint8Array): SeenRecord[] {
  const plain = RequestType.toObject(RequestType.decode(request), { longs: String, bytes: String }) as {
    resourceLogs?: {
      resource?: { attributes?: KeyValue[] };
      scopeLogs?: {
        scope?: { name?: string };
        logRecords?: (Record<string, unknown> & { attributes?: KeyValue[] })[];
      }[];
    }[];
  };
  return (plain.resourceLogs ?? []).flatMap(({ resource, scopeLogs = [] }) =>
    scopeLogs.flatMap(({ scope, logRecords = [] }) =>
      logRecords.map((raw) => ({
        body: toPlain(raw.body as AnyValue | undefined),
        attributes: toObject(raw.attributes ?? []),
        resource: toObject(resource?.attributes ?? []),
        scope: scope?.name ?? "",
        raw,
      })),
    ),
  );
}

function toObject(pairs: readonly KeyValue[]): Record<string, unknown> {
  return Object.fromEntries(pairs.map(({ key = "", value }) => [key, toPlain(value)]));
}

/** An AnyValue as the value that it stands for; int64 as a text. */
function toPlain(value: AnyValue | undefined): unknown {
  if (value === undefined) return undefined;
  if (value.arrayValue !== undefined) return (value.arrayValue.values ?? []).map(toPlain);
  if (value.kvlistValue !== undefined) return toObject(value.kvlistValue.values ?? []);
  const [first] = Object.values(value);
  return first;
}
