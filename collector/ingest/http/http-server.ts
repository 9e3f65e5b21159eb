/**
 * OTLP/HTTP beside gRPC: POST /v1/logs on a port of its own, onto the same append path with the same promises and limits.
 *
 * TLS and tokens are those of gRPC. A client's certificate is asked for and held against the authorities likewise, but
 * Bun shows nobody what stands in it: so over HTTP only a token says who somebody is. Bun's server keeps the certificate
 * that it began with; when the files change, another takes its place on the same port, and open connections go on.
 *
 * Bounds: `requestsMax` requests at once, large bodies within what gRPC's have as well (reception.ts), and
 * `BODY_SECONDS_MAX` for a body to arrive; Bun itself ends a connection that has sent no headers after some ten seconds.
 */
import type { Server } from "bun";
import { CollectorError } from "../../errors.ts";
import type { Current } from "../../identity/rotating.ts";
import type { ClientCertificates } from "../../identity/server-credentials.ts";
import type { TlsFiles } from "../../identity/tls-files.ts";
import type { Log } from "../../log.ts";
import { plain } from "./answers.ts";
import { CrossOrigin } from "./cross-origin.ts";
import type { HttpExport } from "./http-export.ts";

export interface HttpTls {
  readonly files: Current<TlsFiles>;
  readonly clients: ClientCertificates;
}

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
  readonly run: HttpExport;
  readonly log: Log;
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

/** From the headers to the end of the body. Bun counts seconds, up to 255, in steps of four. */
const BODY_SECONDS_MAX = 30;

/** Bun breaks off beyond this; up to it a sender is told what the limit is. */
const SLACK_BYTES = 64 * 1024;

/** Listens. Throws CollectorError `config_invalid` where the address can't be had. */
export function startHttpServer(options: HttpServerOptions): HttpServer {
  const { address, tls, origins, requestsMax, requestBytesMax, run, log } = options;
  const crossOrigin = new CrossOrigin(origins);
  const at = address.lastIndexOf(":");
  const hostname = address.slice(0, at).replace(/^\[|\]$/g, "");
  let requests = 0;
  let isDraining = false;
  let onIdle: (() => void) | undefined;

  const answer = async (request: Request, server: Server<undefined>): Promise<Response> => {
    if (new URL(request.url).pathname !== LOGS_PATH) {
      return plain(404, `logs are taken at ${LOGS_PATH}`, { connection: "close" });
    }
    if (request.method === "OPTIONS") {
      const allowed = crossOrigin.preflight(request);
      if (allowed !== undefined) return allowed;
    }
    if (request.method !== "POST") return plain(405, "send with POST", { allow: "POST", connection: "close" });
    const elsewhere = { "retry-after": "1", connection: "close" };
    if (isDraining) return plain(503, "this collector is stopping; send it again, to any replica", elsewhere);
    if (requests >= requestsMax)
      return plain(429, "more requests are open than memory allows; send it again", elsewhere);
    requests++;
    try {
      const response = await run(request, BODY_SECONDS_MAX, (seconds) => server.timeout(request, seconds));
      if (isDraining) response.headers.set("connection", "close");
      return crossOrigin.admit(request, response);
    } finally {
      requests--;
      if (requests === 0) onIdle?.();
    }
  };

  const serve = (port: number): Server<undefined> => {
    try {
      return Bun.serve({
        hostname,
        port,
        // Bun would otherwise share the port with whoever has it, in silence.
        reusePort: false,
        idleTimeout: BODY_SECONDS_MAX,
        maxRequestBodySize: requestBytesMax + SLACK_BYTES,
        ...(tls === undefined ? {} : { tls: tlsOptions(tls) }),
        fetch: answer,
        error: () => plain(503, "the collector could not take this now; send it again", { "retry-after": "1" }),
      });
    } catch (cause) {
      const what = `ingest.httpAddress ${address} can't be listened on (${String((cause as { code?: string }).code ?? cause)})`;
      const words = `${what}: is another collector running? Choose another address, or off`;
      throw new CollectorError("config_invalid", words, { cause });
    }
  };

  let server = serve(Number(address.slice(at + 1)));
  const port = server.port as number;
  const stopFollowing = tls?.files.onChange(() => {
    if (isDraining) return;
    // Nobody else can take the port in between: both happen in one turn of the event loop.
    void server.stop();
    try {
      server = serve(port);
    } catch (reason) {
      log.error(
        { err: reason },
        "OTLP/HTTP could not be offered again with the new certificate: restart the collector",
      );
    }
  });

  return {
    port,
    get requests() {
      return requests;
    },
    drain: async () => {
      isDraining = true;
      stopFollowing?.();
      void server.stop();
      if (requests > 0) {
        await new Promise<void>((resolve) => {
          onIdle = resolve;
        });
      }
    },
    cut: () => {
      void server.stop(true);
    },
  };
}

function tlsOptions({ files, clients }: HttpTls): Bun.TLSOptions {
  const { certificate, key, authorities } = files.value;
  return {
    cert: certificate,
    key,
    ...(authorities === undefined ? {} : { ca: authorities }),
    requestCert: clients !== "none",
    rejectUnauthorized: clients === "required",
  };
}
