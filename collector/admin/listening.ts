/**
 * How both ports of the admin's HTTP listen: Bun's server behind the front that ingest over HTTP has, which bounds connections and
 * knows whose they are (ingest/http/http-front.ts). Strangers who open connections and leave them lying keep nobody out: from
 * `crowdedAt` on a new one takes the place of that which has been without a request for longest.
 */
import type { Server } from "bun";
import type { Clock, Random } from "../clock.ts";
import { CollectorError } from "../errors.ts";
import { ConnectionGuard, type ConnectionLimits } from "../identity/connection-guard.ts";
import type { Current } from "../identity/rotating.ts";
import type { TlsFiles } from "../identity/tls-files.ts";
import { HttpFront } from "../ingest/http/http-front.ts";

export interface AdminConnectionLimits extends ConnectionLimits {
  /** From so many connections on, one that has no request makes room for a new one. */
  readonly crowdedAt: number;
  /** How long a connection may be without a request. */
  readonly idleMsMax: number;
}

/** Probes and scrapers come here, often on a new connection. */
export const ADMIN_CONNECTION_LIMITS: AdminConnectionLimits = {
  connectionsMax: 512,
  crowdedAt: 256,
  handshakesPerSecondMax: 2_000,
  handshakeMsMax: 10_000,
  idleMsMax: 240_000,
};

/** People with browsers come here, each with six connections at most; a TLS handshake takes a millisecond of the one core. */
export const PAGE_CONNECTION_LIMITS: AdminConnectionLimits = {
  connectionsMax: 256,
  crowdedAt: 128,
  handshakesPerSecondMax: 50,
  handshakeMsMax: 10_000,
  idleMsMax: 240_000,
};

export interface Asked {
  /** Where the client's connection comes from: an IP address. */
  readonly callerAddress: string;
  /** The name that it asks for. */
  readonly hostname: string;
  readonly pathname: string;
}

export interface ListeningOptions {
  /** The key of the configuration that says the address. */
  readonly key: string;
  /** host:port */
  readonly address: string;
  /** Undefined: plaintext. Followed else. */
  readonly tls?: Current<TlsFiles> | undefined;
  readonly limits: AdminConnectionLimits;
  readonly clock: Clock;
  readonly random: Random;
  readonly answer: (request: Request, asked: Asked) => Response | Promise<Response>;
}

export interface AdminServer {
  readonly port: number;
  /** Cuts off what is open. */
  stop(): Promise<void>;
}

/** Rejects with CollectorError `config_invalid` where the address can't be had. */
export async function listenForAdmin(options: ListeningOptions): Promise<AdminServer> {
  const { key, address, tls, limits, clock, random, answer } = options;
  let front: HttpFront | undefined;
  const inner: Server<undefined> = Bun.serve({
    hostname: LOCAL,
    port: 0,
    fetch: async (request, server) => {
      const visit = front?.enter(server.requestIP(request));
      if (visit === undefined) return say(403, `ask ${address}`, { connection: "close" });
      let isStream = false;
      try {
        // Probes that speak HTTP/1.0 need not say a name; browsers always do.
        const { hostname, pathname } = new URL(request.url, `http://${LOCAL}`);
        const response = await answer(request, { callerAddress: visit.callerAddress, hostname, pathname });
        isStream = request.method !== "HEAD" && response.headers.get("content-type") === "text/event-stream";
        if (isStream) {
          // A stream of events may be silent for longer than Bun waits, and is a request until its reader leaves.
          server.timeout(request, 0);
          request.signal.addEventListener("abort", () => visit.leave(), { once: true });
        }
        return response;
      } finally {
        if (!isStream) visit.leave();
      }
    },
    error: () => say(500, "this can't be told now"),
  });
  const at = address.lastIndexOf(":");
  try {
    front = await HttpFront.listen({
      hostname: address.slice(0, at).replace(/^\[|\]$/g, ""),
      port: Number(address.slice(at + 1)),
      tls: tls === undefined ? undefined : { files: tls, clients: "none" },
      innerPort: inner.port as number,
      guard: new ConnectionGuard(limits, clock),
      crowdedAt: limits.crowdedAt,
      idleMsMax: limits.idleMsMax,
      ageMsMax: Number.POSITIVE_INFINITY,
      clock,
      random,
    });
  } catch (cause) {
    await inner.stop(true);
    const what = `${key} ${address} can't be listened on (${String((cause as { code?: string }).code ?? cause)})`;
    const words = `${what}: is another collector running? Choose another address`;
    throw new CollectorError("config_invalid", words, { cause });
  }
  const { port } = front;
  return {
    port,
    stop: async () => {
      front.cut();
      await inner.stop(true);
    },
  };
}

const LOCAL = "127.0.0.1";

const PLAIN = { "content-type": "text/plain; charset=utf-8" };

/** An answer in words. */
export function say(status: number, words: string, headers: Record<string, string> = {}): Response {
  return new Response(`${words}\n`, { status, headers: { ...PLAIN, ...headers } });
}
