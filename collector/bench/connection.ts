/**
 * One connection to an OTLP/gRPC endpoint that costs as little as it can: node:http2 and frames made beforehand, so that
 * the endpoint is what is measured, and not its client. Plaintext, messages not compressed.
 */
import { type ClientHttp2Session, connect, constants } from "node:http2";
import type { EncodedRequest } from "./requests.ts";

/** How a call ended: a gRPC status, or no answer at all because the connection went. */
export type CallStatus = number | "connection lost";

const HEADERS = {
  [constants.HTTP2_HEADER_METHOD]: "POST",
  [constants.HTTP2_HEADER_PATH]: "/opentelemetry.proto.collector.logs.v1.LogsService/Export",
  [constants.HTTP2_HEADER_SCHEME]: "http",
  [constants.HTTP2_HEADER_CONTENT_TYPE]: "application/grpc",
  [constants.HTTP2_HEADER_TE]: "trailers",
};

const STATUS_UNKNOWN = 2;

/** The message as gRPC frames it: not compressed, its length, its bytes. */
export function toFrame(request: EncodedRequest): Buffer {
  const frame = Buffer.allocUnsafe(5 + request.bytes.length);
  frame[0] = 0;
  frame.writeUInt32BE(request.bytes.length, 1);
  frame.set(request.bytes, 5);
  return frame;
}

export class Connection {
  readonly #url: string;
  #session: ClientHttp2Session | undefined;

  /** `target` is host:port. Connects at the first call, and again when the endpoint has closed the connection. */
  constructor(target: string) {
    this.#url = `http://${target}`;
  }

  /** Sends one framed request and resolves with how it ended; never rejects. */
  send(frame: Buffer): Promise<CallStatus> {
    return new Promise((resolve) => {
      let status: string | undefined;
      const call = this.#open().request(HEADERS);
      call.on("response", (headers) => {
        status = asText(headers["grpc-status"]);
        // A proxy's or a web server's answer.
        if (status === undefined && headers[":status"] !== 200) status = String(STATUS_UNKNOWN);
      });
      call.on("trailers", (trailers) => {
        status = asText(trailers["grpc-status"]) ?? status;
      });
      call.on("error", () => undefined);
      call.on("close", () => resolve(status === undefined ? "connection lost" : Number(status)));
      call.resume();
      call.end(frame);
    });
  }

  close(): void {
    this.#session?.destroy();
    this.#session = undefined;
  }

  #open(): ClientHttp2Session {
    const open = this.#session;
    if (open !== undefined && !open.closed && !open.destroyed) return open;
    const session = connect(this.#url);
    session.on("error", () => undefined);
    const forget = (): void => {
      if (this.#session === session) this.#session = undefined;
    };
    session.on("goaway", forget);
    session.on("close", forget);
    this.#session = session;
    return session;
  }
}

function asText(header: string | string[] | undefined): string | undefined {
  return Array.isArray(header) ? header[0] : header;
}
