/**
 * One connection to one replica, for one life: when it breaks, or the collector sends it away (GOAWAY), it is thrown away and
 * the replica makes another. So certificates are read anew each time, and no back-off of gRPC's own (up to two minutes)
 * stands beside the client's.
 */

import { isIP } from "node:net";
import {
  type ClientDuplexStream,
  connectivityState,
  Client as GrpcClient,
  Metadata,
  type ServiceError,
} from "@grpc/grpc-js";
import { channelCredentials, type TlsOptions, type TokenFile } from "./credentials.ts";
import { type Address, nameOf } from "./endpoint.ts";

export interface ConnectionOptions {
  readonly tls: TlsOptions;
  readonly headers: Readonly<Record<string, string>>;
  readonly token: TokenFile | undefined;
  readonly isGzip: boolean;
  readonly connectMsMax: number;
  readonly keepaliveMs: number;
  readonly keepaliveTimeoutMs: number;
}

const EXPORT_PATH = "/opentelemetry.proto.collector.logs.v1.LogsService/Export";
const STREAM_PATH = "/standpipe.ingest.v1.Ingest/Stream";

/** gzip, by the numbers of grpc-js's CompressionAlgorithms. */
const GZIP = 2;

const BACKOFF_MS = 600_000;

const ANSWER_BYTES_MAX = 4 * 1024 * 1024;

export class Connection {
  readonly #client: GrpcClient;
  readonly #options: ConnectionOptions;

  /** Throws ClientError `invalid_options` where the files of TLS can't be used. */
  constructor(address: Address, options: ConnectionOptions) {
    this.#options = options;
    const { host, port, isSecure, ip } = address;
    const target = `${isIP(ip) === 6 ? "ipv6" : "ipv4"}:${nameOf(address)}`;
    const { serverName = isIP(host) === 0 ? host : undefined } = options.tls;
    this.#client = new GrpcClient(target, channelCredentials(isSecure, options.tls), {
      "grpc.default_authority": `${isIP(host) === 6 ? `[${host}]` : host}:${port}`,
      ...(isSecure && serverName !== undefined ? { "grpc.ssl_target_name_override": serverName } : {}),
      "grpc.use_local_subchannel_pool": 1,
      // It has one life: gRPC must not try again behind the replica's back, nor after it was closed.
      "grpc.initial_reconnect_backoff_ms": BACKOFF_MS,
      "grpc.max_reconnect_backoff_ms": BACKOFF_MS,
      "grpc.enable_retries": 0,
      "grpc.service_config_disable_resolution": 1,
      "grpc.keepalive_time_ms": options.keepaliveMs,
      "grpc.keepalive_timeout_ms": options.keepaliveTimeoutMs,
      "grpc.max_receive_message_length": ANSWER_BYTES_MAX,
      ...(options.isGzip ? { "grpc.default_compression_algorithm": GZIP } : {}),
    });
  }

  /** Resolves when calls can be made; `onLeft` is called once when that has ended again. Rejects with the reason. */
  async open(onLeft: () => void): Promise<void> {
    const deadline = new Date(Date.now() + this.#options.connectMsMax);
    const channel = this.#client.getChannel();
    await this.#options.token?.fresh();
    await new Promise<void>((resolve, reject) => {
      const look = (): void => {
        const state = channel.getConnectivityState(true);
        if (state === connectivityState.READY) resolve();
        else if (state === connectivityState.TRANSIENT_FAILURE) void this.#reason().then(reject);
        else if (state === connectivityState.SHUTDOWN) reject(new Error("the connection was closed"));
        else {
          channel.watchConnectivityState(state, deadline, (late) => {
            if (late === undefined || late === null) look();
            else reject(new Error(`no connection within ${this.#options.connectMsMax} ms`));
          });
        }
      };
      look();
    });
    channel.watchConnectivityState(connectivityState.READY, Number.POSITIVE_INFINITY, onLeft);
  }

  /** Why there is no connection: gRPC tells it only to calls. This one is empty, should it go out after all. */
  #reason(): Promise<Error> {
    return new Promise((resolve) => {
      this.export(new Uint8Array(), this.#options.connectMsMax, (error) => {
        resolve(error ?? new Error("the connection failed, and came back at once"));
      });
    });
  }

  /** One unary Export. Never throws. */
  export(
    request: Uint8Array,
    deadlineMs: number,
    answered: (error: ServiceError | null, response: Buffer | undefined) => void,
  ): void {
    const bytes = Buffer.from(request.buffer, request.byteOffset, request.byteLength);
    // grpc-js measures deadlines by the wall clock, and so by no other clock here.
    const options = { deadline: Date.now() + deadlineMs };
    this.#client.makeUnaryRequest(EXPORT_PATH, asItIs, asItIs, bytes, this.#metadata(), options, answered);
  }

  stream(): ClientDuplexStream<Buffer, Buffer> {
    return this.#client.makeBidiStreamRequest(STREAM_PATH, asItIs, asItIs, this.#metadata());
  }

  /** Calls under way are finished; no other can be made. */
  close(): void {
    this.#client.close();
  }

  #metadata(): Metadata {
    const metadata = new Metadata();
    for (const [name, value] of Object.entries(this.#options.headers)) metadata.set(name, value);
    const token = this.#options.token?.current;
    if (token !== undefined) metadata.set("authorization", `Bearer ${token}`);
    return metadata;
  }
}

function asItIs(bytes: Buffer): Buffer {
  return bytes;
}
