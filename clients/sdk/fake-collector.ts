/** A collector for tests: OTLP/gRPC on loopback, whose answers a test decides, decoded by protobufjs, not by code of ours. */
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import {
  Metadata,
  Server,
  ServerCredentials,
  type ServerDuplexStream,
  type ServerUnaryCall,
  type ServiceError,
  type sendUnaryData,
  status,
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

const StreamRequestType: Type = protocol.lookupType("standpipe.ingest.v1.StreamRequest");
const StreamResponseType: Type = protocol.lookupType("standpipe.ingest.v1.StreamResponse");

interface StreamRequest {
  readonly open?: { readonly client?: string };
  readonly batch?: { readonly number: number; readonly request: Uint8Array; readonly compression?: number };
}

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
  /** Names of the clients that opened streams. */
  readonly clients: string[] = [];
  /** Batches that came packed. */
  packed = 0;
  unaryCalls = 0;
  port = 0;
  /** Whether it knows standpipe.ingest.v1.Ingest. Looked at by `start`. */
  hasStreams = true;
  windowBytes = 1024 * 1024;
  /** Most bytes of requests that were under way on one stream at a time. */
  bytesUnderWayMax = 0;
  batchesUnderWayMax = 0;
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
          this.unaryCalls++;
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
    if (this.hasStreams) {
      server.addService(
        {
          Stream: {
            path: "/standpipe.ingest.v1.Ingest/Stream",
            requestStream: true,
            responseStream: true,
            requestSerialize: asItIs,
            requestDeserialize: asItIs,
            responseSerialize: asItIs,
            responseDeserialize: asItIs,
          },
        },
        { Stream: (call: ServerDuplexStream<Buffer, Buffer>) => this.#stream(call) },
      );
    }
    this.#server = server;
    this.port = await new Promise<number>((resolve, reject) => {
      server.bindAsync(`${host}:${this.port}`, credentials, (error, port) =>
        error === null ? resolve(port) : reject(error),
      );
    });
    return this;
  }

  /** Answers in the order of the numbers, as the protocol has it. */
  #stream(call: ServerDuplexStream<Buffer, Buffer>): void {
    const underWay: { number: number; bytes: number; answer?: () => void }[] = [];
    let bytes = 0;
    let isHalfClosed = false;
    let isGone = false;
    const write = (response: object): void => {
      if (!isGone) call.write(StreamResponseType.encode(StreamResponseType.fromObject(response)).finish() as Buffer);
    };
    const settle = (): void => {
      for (let first = underWay[0]; first?.answer !== undefined; first = underWay[0]) {
        underWay.shift();
        bytes -= first.bytes;
        first.answer();
      }
      if (isHalfClosed && underWay.length === 0) call.end();
    };
    call.on("data", (message: Buffer) => {
      const request = StreamRequestType.toObject(StreamRequestType.decode(message), { longs: Number }) as StreamRequest;
      if (request.open !== undefined) {
        this.clients.push(request.open.client ?? "");
        const { windowBytes } = this;
        write({ welcome: { collectorId: "fake", windowBytes, batchBytesMax: 4 * 1024 * 1024 } });
      }
      if (request.batch === undefined) return;
      const { number, compression } = request.batch;
      if (compression === 1) this.packed++;
      const raw = Buffer.from(request.batch.request);
      const unpacked = compression === 1 ? gunzipSync(raw) : raw;
      const records = decodeRequest(unpacked);
      this.sizes.push(records.length);
      const entry: (typeof underWay)[number] = { number, bytes: raw.length };
      underWay.push(entry);
      bytes += raw.length;
      this.bytesUnderWayMax = Math.max(this.bytesUnderWayMax, bytes);
      this.batchesUnderWayMax = Math.max(this.batchesUnderWayMax, underWay.length);
      const take = (): void => {
        entry.answer = () => {
          const firstOrdinal = this.taken.length;
          this.taken.push(...records);
          write({ progress: { through: number, written: [{ number, firstOrdinal, records: records.length }] } });
        };
        settle();
      };
      const answer: sendUnaryData<Buffer> = (error) => {
        const { code, details: reason } = error as ServiceError;
        if (code !== status.INVALID_ARGUMENT) {
          call.emit("error", error);
          return;
        }
        const refused = [{ number, code, reason, records: records.length }];
        entry.answer = () => write({ progress: { through: number, refused } });
        settle();
      };
      this.handle({ records, request: unpacked, metadata: call.metadata }, take, answer);
    });
    call.on("end", () => {
      isHalfClosed = true;
      settle();
    });
    call.on("cancelled", () => {
      isGone = true;
    });
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
