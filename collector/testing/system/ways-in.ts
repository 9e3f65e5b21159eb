/** Every way by which a request can come in, and strangers who break off in the middle of one. */
import { type ClientHttp2Session, connect as connectHttp2, constants } from "node:http2";
import { connect as connectTcp } from "node:net";
import { deflateSync, gzipSync, zstdCompressSync } from "node:zlib";
import { compressionAlgorithms, status } from "@grpc/grpc-js";
import { connect, type Client as SdkClient } from "../../../clients/sdk/index.ts";
import type { Random } from "../../clock.ts";
import { EXPORT_PATH, RawClient } from "../../ingest/fixture.ts";
import type { Ports } from "./collector-process.ts";
import { encodeBodies, PASSING } from "./sender.ts";

/**
 * Sends log records with these bodies in one request. Resolves with whether they were acknowledged; where not, they are to
 * be sent again. Rejects when the answer is one after which a client drops its logs.
 */
export type Way = (bodies: readonly string[]) => Promise<boolean>;

export interface Ways extends AsyncDisposable {
  readonly all: Readonly<Record<string, Way>>;
}

const PACKERS = {
  identity: (bytes: Buffer): Buffer => bytes,
  gzip: gzipSync,
  deflate: deflateSync,
  zstd: zstdCompressSync,
} as const;
type Packing = keyof typeof PACKERS;

const CALL_MS_MAX = 30_000;
/** A collector that was killed is tried again soon. */
const RECONNECT = {
  "grpc.initial_reconnect_backoff_ms": 30,
  "grpc.min_reconnect_backoff_ms": 30,
  "grpc.max_reconnect_backoff_ms": 100,
};

export async function openWays({ ingest, http }: Ports): Promise<Ways> {
  const clients = {
    identity: new RawClient(ingest, RECONNECT),
    gzip: new RawClient(ingest, { ...RECONNECT, "grpc.default_compression_algorithm": compressionAlgorithms.gzip }),
    deflate: new RawClient(ingest, {
      ...RECONNECT,
      "grpc.default_compression_algorithm": compressionAlgorithms.deflate,
    }),
  };
  const zstd = new RawHttp2(ingest);
  const streams = await Promise.all(
    (["none", "gzip"] as const).map((compression) =>
      connect({ endpoint: `http://127.0.0.1:${ingest}`, compression, retry: { initialDelayMs: 20, delayMsMax: 200 } }),
    ),
  );
  const [plainStream, packedStream] = streams as [SdkClient, SdkClient];
  const unary = (client: RawClient) => async (bodies: readonly string[]) =>
    isTaken((await client.export(encodeBodies(bodies), { deadlineMs: CALL_MS_MAX })).code);
  const stream = (client: SdkClient) => async (bodies: readonly string[]) => {
    const { records, reason } = await client.send(bodies.map((body) => ({ body })));
    if (records < bodies.length) throw new Error(`${bodies.length - records} of a send were refused: ${reason}`);
    return true;
  };
  return {
    all: {
      unary: unary(clients.identity),
      "unary-gzip": unary(clients.gzip),
      "unary-deflate": unary(clients.deflate),
      "unary-zstd": async (bodies) => isTaken(await zstd.export(zstdCompressSync(encodeBodies(bodies)), "zstd")),
      stream: stream(plainStream),
      "stream-gzip": stream(packedStream),
      http: protobuf(http, "identity"),
      "http-gzip": protobuf(http, "gzip"),
      "http-deflate": protobuf(http, "deflate"),
      "http-zstd": protobuf(http, "zstd"),
      json: json(http, "identity"),
      "json-gzip": json(http, "gzip"),
    },
    [Symbol.asyncDispose]: async () => {
      for (const client of Object.values(clients)) client.grpc.close();
      zstd.close();
      await Promise.all(streams.map((client) => client.close(0)));
    },
  };
}

function isTaken(code: status | undefined): boolean {
  if (code !== undefined && code !== status.OK && !PASSING.includes(code)) throw new Error(`told ${status[code]}`);
  return code === status.OK;
}

function protobuf(port: number, packing: Packing): Way {
  return (bodies) => post(port, packing, "application/x-protobuf", encodeBodies(bodies));
}

function json(port: number, packing: Packing): Way {
  return (bodies) => {
    const logRecords = bodies.map((body) => ({ body: { stringValue: body } }));
    const text = JSON.stringify({ resourceLogs: [{ scopeLogs: [{ logRecords }] }] });
    return post(port, packing, "application/json", Buffer.from(text));
  };
}

async function post(port: number, packing: Packing, type: string, bytes: Buffer): Promise<boolean> {
  const answer = await fetch(`http://127.0.0.1:${port}/v1/logs`, {
    method: "POST",
    headers: { "content-type": type, "content-encoding": packing },
    body: PACKERS[packing](bytes),
    signal: AbortSignal.timeout(CALL_MS_MAX),
  }).catch(() => undefined);
  // What OTLP has a client send again.
  if (answer === undefined || [429, 502, 503, 504].includes(answer.status)) return false;
  if (answer.status !== 200) throw new Error(`told ${answer.status}: ${await answer.text()}`);
  return true;
}

/** gRPC by hand: grpc-js packs by gzip and deflate only, and sends messages whole. */
class RawHttp2 {
  readonly #port: number;
  #session: ClientHttp2Session | undefined;

  constructor(port: number) {
    this.#port = port;
  }

  /** Resolves with the status, or undefined without an answer. `cutAt` ends it after so many bytes of the message. */
  export(message: Buffer, encoding: string, cutAt?: number): Promise<status | undefined> {
    return new Promise((resolve) => {
      let answer: status | undefined;
      const call = this.#open().request({
        ":method": "POST",
        ":path": EXPORT_PATH,
        "content-type": "application/grpc",
        "grpc-encoding": encoding,
        te: "trailers",
      });
      const read = (headers: Record<string, unknown>): void => {
        if (headers["grpc-status"] !== undefined) answer = Number(headers["grpc-status"]);
      };
      call.on("response", read);
      call.on("trailers", read);
      call.on("error", () => undefined);
      call.on("close", () => resolve(answer));
      call.resume();
      const head = Buffer.alloc(5);
      head[0] = encoding === "identity" ? 0 : 1;
      head.writeUInt32BE(message.length, 1);
      if (cutAt === undefined) call.end(Buffer.concat([head, message]));
      else call.write(Buffer.concat([head, message.subarray(0, cutAt)]), () => call.close(constants.NGHTTP2_CANCEL));
    });
  }

  close(): void {
    this.#session?.destroy();
  }

  #open(): ClientHttp2Session {
    if (this.#session === undefined || this.#session.closed || this.#session.destroyed) {
      this.#session = connectHttp2(`http://127.0.0.1:${this.#port}`);
      this.#session.on("error", () => undefined);
    }
    return this.#session;
  }
}

/** Begins requests with this body by gRPC and HTTP in turn, and breaks each off somewhere, until `signal` is aborted. */
export async function breakOff(ports: Ports, body: string, random: Random, signal: AbortSignal): Promise<void> {
  const message = encodeBodies([body]);
  while (!signal.aborted) {
    const grpc = new RawHttp2(ports.ingest);
    const packed = random() < 0.5;
    const bytes = packed ? gzipSync(message) : message;
    await grpc.export(bytes, packed ? "gzip" : "identity", Math.floor(random() * bytes.length));
    grpc.close();
    await breakOffHttp(ports.http, message, Math.floor(random() * message.length));
  }
}

function breakOffHttp(port: number, message: Buffer, cutAt: number): Promise<void> {
  return new Promise((resolve) => {
    const socket = connectTcp(port, "127.0.0.1", () => {
      const head = `POST /v1/logs HTTP/1.1\r\nhost: here\r\ncontent-type: application/x-protobuf\r\ncontent-length: ${message.length}\r\n\r\n`;
      socket.write(head);
      socket.write(message.subarray(0, cutAt), () => socket.destroy());
    });
    socket.on("error", () => undefined);
    socket.on("close", () => resolve());
  });
}
