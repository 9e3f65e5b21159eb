/**
 * OTLP/HTTP beside gRPC: POST /v1/logs on a port of its own, onto the same append path with the same promises and limits.
 *
 * http-front.ts takes the connections, with TLS, client certificates and the limits that gRPC's connections have; Bun's
 * server behind it makes requests of them, and answers. A client's certificate or a token says who somebody is.
 *
 * Bounds: `requestsMax` requests at once, large bodies within what gRPC's have as well (reception.ts), `unreadBytesMax`
 * of those that wait, and `bodySecondsMax` for a body to arrive; Bun itself ends a connection whose headers are not here after some ten seconds.
 */
import type { Server } from "bun";
import type { Clock, Random } from "../../clock.ts";
import { CollectorError } from "../../errors.ts";
import type { ConnectionGuard } from "../../identity/connection-guard.ts";
import { plain } from "./answers.ts";
import { CrossOrigin } from "./cross-origin.ts";
import type { HttpExport } from "./http-export.ts";
import { HttpFront, type HttpTls, type Visit } from "./http-front.ts";

export interface HttpServerOptions {
  /** Where to listen, `host:port`; port 0 lets the system choose. */
  readonly address: string;
  /** Undefined: plaintext. */
  readonly tls: HttpTls | undefined;
  /** Origins whose pages may send; none, where it is empty. */
  readonly origins: readonly string[];
  /** Requests at once. */
  readonly requestsMax: number;
  readonly requestBytesMax: number;
  /** Bytes of requests that wait for their turn, in memory; who comes with more is told to send again. @default 8 MiB */
  readonly unreadBytesMax?: number | undefined;
  /** From the headers to the end of the body. Bun counts up to 255, in steps of four. @default 30 */
  readonly bodySecondsMax?: number | undefined;
  readonly run: HttpExport;
  /** Of this port alone. */
  readonly guard: ConnectionGuard;
  readonly connectionIdleMsMax: number;
  readonly connectionAgeMsMax: number;
  readonly clock: Clock;
  readonly random: Random;
}

export interface HttpServer {
  readonly port: number;
  /** Requests under way. */
  readonly requests: number;
  /** Refuses what comes from now on, and resolves when what is under way is answered. */
  drain(): Promise<void>;
  /** Cuts off what is open. */
  cut(): void;
}

export const LOGS_PATH = "/v1/logs";

const BODY_SECONDS_MAX = 30;

/** Bun breaks off beyond this; up to it a sender is told what the limit is. */
const SLACK_BYTES = 64 * 1024;

/** Listens. Rejects with CollectorError `config_invalid` where the address can't be had. */
export async function startHttpServer(options: HttpServerOptions): Promise<HttpServer> {
  const { address, tls, origins, requestsMax, requestBytesMax, run, guard, clock, random } = options;
  const timeoutSeconds = options.bodySecondsMax ?? BODY_SECONDS_MAX;
  const crossOrigin = new CrossOrigin(origins);
  let requests = 0;
  let isDraining = false;
  let onIdle: (() => void) | undefined;

  const answer = async (request: Request, visit: Visit): Promise<Response> => {
    // HTTP/1.0 may say no name.
    if (new URL(request.url, "http://127.0.0.1").pathname !== LOGS_PATH) {
      return plain(404, `logs are taken at ${LOGS_PATH}`, { connection: "close" });
    }
    if (request.method === "OPTIONS") {
      const allowed = crossOrigin.preflight(request);
      // What is sent with it would be held, and counted, until the connection is idle for too long.
      if (request.body !== null) allowed?.headers.set("connection", "close");
      if (allowed !== undefined) return allowed;
    }
    if (request.method !== "POST") return plain(405, "send with POST", { allow: "POST", connection: "close" });
    const elsewhere = { "retry-after": "1", connection: "close" };
    if (isDraining) return plain(503, "this collector is stopping; send it again, to any replica", elsewhere);
    if (requests >= requestsMax)
      return plain(429, "more requests are open than memory allows; send it again", elsewhere);
    requests++;
    try {
      const connection = {
        certificate: visit.certificate,
        open: () => visit.open(),
        onFull: (listener: () => void) => visit.onFull(listener),
        timeoutSeconds,
        setTimeoutSeconds: (seconds: number) => inner.timeout(request, seconds),
      };
      const response = await run(request, connection);
      if (isDraining || visit.isLast) response.headers.set("connection", "close");
      return crossOrigin.admit(request, response);
    } finally {
      requests--;
      if (requests === 0) onIdle?.();
    }
  };

  const inner: Server<undefined> = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    idleTimeout: timeoutSeconds,
    maxRequestBodySize: requestBytesMax + SLACK_BYTES,
    fetch: async (request, server) => {
      const visit = front?.enter(server.requestIP(request));
      if (visit === undefined) return plain(403, `send to ${address}`, { connection: "close" });
      try {
        return await answer(request, visit);
      } finally {
        visit.leave();
      }
    },
    error: () => plain(503, "the collector could not take this now; send it again", { "retry-after": "1" }),
  });
  const at = address.lastIndexOf(":");
  let front: HttpFront | undefined;
  try {
    front = await HttpFront.listen({
      hostname: address.slice(0, at).replace(/^\[|\]$/g, ""),
      port: Number(address.slice(at + 1)),
      tls,
      innerPort: inner.port as number,
      guard,
      idleMsMax: options.connectionIdleMsMax,
      ageMsMax: options.connectionAgeMsMax,
      unreadBytesMax: options.unreadBytesMax,
      clock,
      random,
    });
  } catch (cause) {
    await inner.stop(true);
    const what = `ingest.httpAddress ${address} can't be listened on (${String((cause as { code?: string }).code ?? cause)})`;
    const words = `${what}: is another collector running? Choose another address, or off`;
    throw new CollectorError("config_invalid", words, { cause });
  }
  const { port } = front;

  return {
    port,
    get requests() {
      return requests;
    },
    drain: async () => {
      isDraining = true;
      front.close();
      if (requests > 0) {
        await new Promise<void>((resolve) => {
          onIdle = resolve;
        });
      }
      await front.end();
    },
    cut: () => {
      front.cut();
      void inner.stop(true);
    },
  };
}
