/**
 * Who may hold a connection of a server, gRPC's or HTTP's, and for how long without using it.
 *
 * - No more than `connectionsMax` at once: what is beyond is closed before it is read.
 * - No more than `handshakesPerSecondMax` new ones, with two seconds' worth at once: a TLS handshake costs a hundred
 *   times what a call does, and after a restart everybody comes back together. Clients of gRPC come again by themselves.
 * - A new one must say something that is HTTP/2, or over HTTP/1.1 a request's headers, within `handshakeMsMax`, its TLS
 *   handshake included. Who opens and then says nothing, or a byte a minute, is cut off.
 *
 * For gRPC, how long a connection that once said something may be idle, how long it may be unreachable, and how old it gets is
 * grpc-js's to watch (`grpc.max_connection_idle_ms`, keepalive, `grpc.max_connection_age_ms`); how many calls and how
 * large, the server's own limits.
 */

import type { ServerHttp2Session } from "node:http2";
import type { Server, Socket } from "node:net";
import type { Server as GrpcServer } from "@grpc/grpc-js";
import type { Clock } from "../clock.ts";
import { assert } from "../errors.ts";

export interface ConnectionLimits {
  readonly connectionsMax: number;
  /** New connections per second. */
  readonly handshakesPerSecondMax: number;
  /** From the first packet until HTTP is spoken, in milliseconds. */
  readonly handshakeMsMax: number;
}

export const CONNECTION_LIMITS_DEFAULT: ConnectionLimits = {
  connectionsMax: 4_096,
  handshakesPerSecondMax: 500,
  handshakeMsMax: 10_000,
};

/** How many seconds' worth of new connections may come at once. */
const BURST_SECONDS = 2;

/** Since the start, for status. */
export interface ConnectionCounters {
  /** Closed at once: `connectionsMax` were open. */
  tooMany: number;
  /** Closed at once: too many new ones. */
  tooFast: number;
  /** Cut off: they did not get to speak HTTP in time. */
  halfOpen: number;
  /** TLS handshakes that failed: no certificate, one that is not believed, or no TLS at all. */
  handshakesFailed: number;
}

export class ConnectionGuard {
  readonly counters: ConnectionCounters = { tooMany: 0, tooFast: 0, halfOpen: 0, handshakesFailed: 0 };
  readonly #limits: ConnectionLimits;
  readonly #clock: Clock;
  #allowance: number;
  #allowanceAtMs: number;
  #open = 0;
  /** Connections that speak HTTP. */
  readonly #speaking = new Set<string>();

  constructor(limits: ConnectionLimits, clock: Clock) {
    this.#limits = limits;
    this.#clock = clock;
    this.#allowance = limits.handshakesPerSecondMax * BURST_SECONDS;
    this.#allowanceAtMs = clock.monotonicMs();
  }

  /** Connections that are open now. */
  get open(): number {
    return this.#open;
  }

  /** Watches every address that the server listens on; to be called when it is bound. */
  watch(server: GrpcServer): void {
    for (const listener of listenersOf(server)) this.watchListener(listener);
  }

  watchListener(listener: Server): void {
    listener.maxConnections = this.#limits.connectionsMax;
    listener.on("drop", () => this.counters.tooMany++);
    listener.on("tlsClientError", () => this.counters.handshakesFailed++);
    listener.prependListener("connection", (socket: Socket) => {
      const closed = new AbortController();
      this.#open++;
      socket.once("close", () => {
        this.#open--;
        closed.abort();
      });
      if (!this.#takeAllowance()) {
        this.counters.tooFast++;
        socket.destroy();
        return;
      }
      void this.#watchHandshake(socket, closed.signal);
    });
    listener.on("session", (session: ServerHttp2Session) => {
      session.once("remoteSettings", () => this.speaks(session.socket, session));
    });
  }

  /** To be told of a connection that has begun to speak HTTP. It has until `ended` emits "close". */
  speaks(
    socket: Pick<Socket, "remoteAddress" | "remotePort">,
    ended: { once(event: "close", listener: () => void): unknown },
  ): void {
    // In Bun a session's socket is not the object that "connection" told of, so its address names it.
    const name = nameOf(socket);
    this.#speaking.add(name);
    ended.once("close", () => this.#speaking.delete(name));
  }

  async #watchHandshake(socket: Socket, closed: AbortSignal): Promise<void> {
    await this.#clock.sleep(this.#limits.handshakeMsMax, closed);
    // Before its TLS handshake is over, a socket has no address in Bun.
    if (closed.aborted || this.#speaking.has(nameOf(socket))) return;
    this.counters.halfOpen++;
    socket.destroy();
  }

  #takeAllowance(): boolean {
    const { handshakesPerSecondMax } = this.#limits;
    const nowMs = this.#clock.monotonicMs();
    const grown = this.#allowance + ((nowMs - this.#allowanceAtMs) / 1_000) * handshakesPerSecondMax;
    this.#allowance = Math.min(grown, handshakesPerSecondMax * BURST_SECONDS);
    this.#allowanceAtMs = nowMs;
    if (this.#allowance < 1) return false;
    this.#allowance -= 1;
    return true;
  }
}

function nameOf({ remoteAddress, remotePort }: Pick<Socket, "remoteAddress" | "remotePort">): string {
  return `${remoteAddress} ${remotePort}`;
}

/** grpc-js keeps its HTTP/2 servers to itself. It is pinned, and connection-guard.test.ts tells if that changes. */
function listenersOf(server: GrpcServer): Server[] {
  const { http2Servers } = server as unknown as { http2Servers: ReadonlyMap<Server, unknown> };
  assert(http2Servers instanceof Map, "grpc-js keeps its HTTP/2 servers in a map");
  return [...http2Servers.keys()];
}
