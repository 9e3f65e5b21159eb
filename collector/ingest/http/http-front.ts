/**
 * What stands before Bun's HTTP server, which tells nobody of its connections, nor what stands in a client's certificate.
 *
 *   client ──TCP, TLS──> front: limits, certificate, idleness, age ──bytes──> Bun.serve on loopback ──> http-export.ts
 *
 * Each connection has one of its own to Bun's server, and goes at its pace: a body that is not read is held back (relay.ts). A request is known by the address and port that its bytes came from. One that came from elsewhere is of somebody on this
 * machine who found Bun's server by himself: it is nobody's, so that there is no way around TLS and the limits.
 *
 * Bounds: what is here of requests that wait, `unreadBytesMax` of all connections together; those of connection-guard.ts (a connection must have sent the headers of its first request within
 * `handshakeMsMax`), and `idleMsMax` between two requests: Bun closes no connection that had one. Its server bounds the
 * time for bodies. Where `crowdedAt` is given, nobody keeps others out by connections without a request (the admin's ports).
 */
import { createServer, type Server, type Socket } from "node:net";
import { createServer as createTlsServer, type TLSSocket, type TlsOptions, type Server as TlsServer } from "node:tls";
import type { Clock, Random } from "../../clock.ts";
import type { CertificateNames } from "../../identity/certificate-tenant.ts";
import type { ConnectionGuard } from "../../identity/connection-guard.ts";
import type { Current } from "../../identity/rotating.ts";
import type { ClientCertificates } from "../../identity/server-credentials.ts";
import type { TlsFiles } from "../../identity/tls-files.ts";
import { release } from "../../memory/release.ts";
import { type Relay, relay } from "./relay.ts";
import { UnreadBytes } from "./unread-bytes.ts";

export interface HttpTls {
  readonly files: Current<TlsFiles>;
  readonly clients: ClientCertificates;
}

export interface HttpFrontOptions {
  readonly hostname: string;
  /** 0 lets the system choose. */
  readonly port: number;
  /** Undefined: plaintext. */
  readonly tls: HttpTls | undefined;
  /** Where Bun's server listens, on 127.0.0.1. */
  readonly innerPort: number;
  readonly guard: ConnectionGuard;
  /** From so many connections on, that which has been without a request for longest makes room for a new one. */
  readonly crowdedAt?: number;
  /** How long a connection may be without a request, in milliseconds. */
  readonly idleMsMax: number;
  /** Age at which a connection ends with its next answer, give or take a tenth. */
  readonly ageMsMax: number;
  /** Bytes of requests that wait for their turn, in memory. @default 8 MiB */
  readonly unreadBytesMax?: number | undefined;
  readonly clock: Clock;
  readonly random: Random;
}

/** One request, as long as it is under way. */
export interface Visit {
  /** The IP address that the connection comes from; empty where it has ended already. */
  readonly callerAddress: string;
  /** Of the connection, where it was held against the authorities. */
  readonly certificate: CertificateNames | undefined;
  /** Whether the connection has reached its age: the client shall come again, by way of the balancer. */
  readonly isLast: boolean;
  /** Lets the rest of its body come; before, what comes beyond a small one waits with its sender. False: part of it is gone. */
  open(): boolean;
  /** Calls `listener` when there is no room for what is here of it before that: part of it is gone, and it can't be taken. */
  onFull(listener: () => void): void;
  leave(): void;
}

interface Connection {
  readonly socket: Socket;
  readonly callerAddress: string;
  readonly sinceMs: number;
  readonly certificate: CertificateNames | undefined;
  readonly endsAtMs: number;
  relay: Relay | undefined;
  /** Part of what came is gone. */
  isFull: boolean;
  onFull: (() => void) | undefined;
  requests: number;
  /** Undefined before the first request, when the guard watches. */
  idleSinceMs: number | undefined;
}

/** Fourteen requests that wait take that where Bun has read as much of each as it can, and forty on new connections. */
const UNREAD_BYTES_MAX = 8 * 1024 * 1024;

/** How often it is looked who has been idle for too long. */
const LOOK_MS = 1_000;

/** How long what a client still sends is read and dropped after the last answer, so that it gets to read that. */
const LINGER_MS = 1_000;

export class HttpFront {
  readonly #options: HttpFrontOptions;
  readonly #listener: Server;
  readonly #connections = new Set<Connection>();
  /** Before the end of their TLS handshake, by when they came. */
  readonly #greeting = new Map<Socket, number>();
  /** By the port that their bytes come from at Bun's server. */
  readonly #byPort = new Map<number, Connection>();
  readonly #unread: UnreadBytes;
  readonly #closed = new AbortController();
  #closedAtMs = Number.POSITIVE_INFINITY;
  #stopFollowing: (() => void) | undefined;

  private constructor(options: HttpFrontOptions) {
    this.#options = options;
    this.#unread = new UnreadBytes(options.unreadBytesMax ?? UNREAD_BYTES_MAX);
    this.#listener = this.#createListener();
    options.guard.watchListener(this.#listener);
  }

  /** Rejects with what the system said, for example EADDRINUSE. */
  static async listen(options: HttpFrontOptions): Promise<HttpFront> {
    const front = new HttpFront(options);
    const { hostname, port } = options;
    await new Promise<void>((resolve, reject) => {
      // For good: what it can't accept later on, for want of descriptors, its client tries again.
      front.#listener.on("error", reject);
      front.#listener.listen({ host: hostname, port }, () => resolve());
    });
    void front.#endIdle();
    return front;
  }

  get port(): number {
    const address = this.#listener.address();
    return typeof address === "object" && address !== null ? address.port : 0;
  }

  /** The request whose bytes came from there; undefined where that is none of ours. */
  enter(peer: { readonly address: string; readonly port: number } | null): Visit | undefined {
    // Somebody else on this machine may have the same port of another of its addresses.
    const connection = peer?.address === "127.0.0.1" ? this.#byPort.get(peer.port) : undefined;
    if (connection === undefined) return undefined;
    const { clock, guard } = this.#options;
    if (connection.idleSinceMs === undefined) guard.speaks(connection.socket, connection.socket);
    connection.idleSinceMs = clock.monotonicMs();
    connection.requests++;
    return {
      callerAddress: connection.callerAddress,
      certificate: connection.certificate,
      isLast: clock.monotonicMs() >= connection.endsAtMs,
      open: () => {
        connection.relay?.open();
        return !connection.isFull;
      },
      onFull: (listener) => {
        connection.onFull = listener;
        if (connection.isFull) listener();
      },
      leave: () => {
        connection.requests--;
        if (connection.requests === 0) connection.relay?.shut();
        connection.idleSinceMs = clock.monotonicMs();
      },
    };
  }

  /** Takes no new connection. */
  close(): void {
    if (this.#closed.signal.aborted) return;
    this.#closedAtMs = this.#options.clock.monotonicMs();
    this.#stopFollowing?.();
    this.#closed.abort();
    this.#listener.close();
  }

  /**
   * Ends what is open, when it is closed and nothing is under way any more: those that had their last answer since, which
   * said so, end by themselves when it is there. Resolves when the clients have it.
   */
  async end(): Promise<void> {
    await Promise.all(
      [...this.#connections].map(({ socket, requests, idleSinceMs = 0 }) => {
        if (requests === 0 && idleSinceMs < this.#closedAtMs) socket.end();
        return this.#linger(socket);
      }),
    );
  }

  /** Cuts off what is open. */
  cut(): void {
    this.close();
    for (const socket of this.#greeting.keys()) socket.destroy();
    for (const { socket } of this.#connections) socket.destroy();
  }

  #createListener(): Server {
    const { tls } = this.#options;
    // Half open: a probe like `printf ... | nc -N` waits for its answer when it has said all.
    const how = { noDelay: true, allowHalfOpen: true };
    if (tls === undefined) return createServer(how, (socket) => this.#pass(socket, undefined));
    const { files, clients } = tls;
    const listener: TlsServer = createTlsServer(
      {
        ...contextOf(files.value),
        ALPNProtocols: ["http/1.1"],
        noDelay: true,
        requestCert: clients !== "none",
        rejectUnauthorized: clients === "required",
      },
      (socket) => this.#pass(socket, certificateOf(socket)),
    );
    listener.on("connection", (socket) => this.#greet(socket));
    this.#stopFollowing = files.onChange((changed) => listener.setSecureContext(contextOf(changed)));
    return listener;
  }

  /** Of a connection by TLS, which is passed on after its handshake. In Bun its socket is the same one then. */
  #greet(socket: Socket): void {
    if (socket.destroyed) return;
    this.#makeRoom();
    this.#greeting.set(socket, this.#options.clock.monotonicMs());
    socket.once("close", () => this.#greeting.delete(socket));
  }

  #pass(socket: Socket, certificate: CertificateNames | undefined): void {
    socket.on("error", () => socket.destroy());
    // The guard was asked first.
    if (socket.destroyed) return;
    const { innerPort, ageMsMax, clock, random } = this.#options;
    if (!this.#greeting.delete(socket)) this.#makeRoom();
    const sinceMs = clock.monotonicMs();
    const connection: Connection = {
      socket,
      callerAddress: socket.remoteAddress ?? "",
      sinceMs,
      certificate,
      endsAtMs: sinceMs + ageMsMax * (0.9 + 0.2 * random()),
      relay: undefined,
      isFull: false,
      onFull: undefined,
      requests: 0,
      idleSinceMs: undefined,
    };
    let port: number | undefined;
    this.#connections.add(connection);
    socket.on("close", () => {
      this.#connections.delete(connection);
      if (port !== undefined) this.#byPort.delete(port);
    });
    connection.relay = relay(socket, innerPort, this.#unread, {
      onOpen: (own) => {
        port = own;
        this.#byPort.set(own, connection);
      },
      onFull: () => {
        connection.isFull = true;
        connection.onFull?.();
      },
      onEnd: () => {
        if (port !== undefined) this.#byPort.delete(port);
        port = undefined;
        socket.end();
        // What is still sent is read and dropped: a reset would take the answer from the client.
        socket.on("data", release);
        socket.resume();
        void this.#linger(socket);
      },
    });
  }

  /** Where it is crowded, ends the connection that has been without a request for longest; none, where all have one. */
  #makeRoom(): void {
    const { crowdedAt = Number.POSITIVE_INFINITY } = this.#options;
    if (this.#connections.size + this.#greeting.size < crowdedAt) return;
    // The first of these came before the others.
    let longest = this.#greeting.keys().next().value;
    let longestSinceMs = longest === undefined ? Number.POSITIVE_INFINITY : (this.#greeting.get(longest) ?? 0);
    let connection: Connection | undefined;
    for (const each of this.#connections) {
      const since = each.idleSinceMs ?? each.sinceMs;
      if (each.requests > 0 || since >= longestSinceMs) continue;
      connection = each;
      longest = each.socket;
      longestSinceMs = since;
    }
    if (longest === undefined) return;
    // Now: another may come before it is closed.
    if (connection === undefined) this.#greeting.delete(longest);
    else this.#connections.delete(connection);
    longest.destroy();
  }

  /** Lets the client have what was said to it last. */
  async #linger(socket: Socket): Promise<void> {
    if (socket.destroyed) return;
    const isClosed = new AbortController();
    socket.once("close", () => isClosed.abort());
    await this.#options.clock.sleep(LINGER_MS, isClosed.signal);
    socket.destroy();
  }

  async #endIdle(): Promise<void> {
    const { clock, idleMsMax } = this.#options;
    while (!this.#closed.signal.aborted) {
      const longAgoMs = clock.monotonicMs() - idleMsMax;
      for (const { socket, requests, idleSinceMs } of this.#connections) {
        if (requests === 0 && idleSinceMs !== undefined && idleSinceMs <= longAgoMs) socket.destroy();
      }
      await clock.sleep(LOOK_MS, this.#closed.signal);
    }
  }
}

function contextOf({ certificate, key, authorities }: TlsFiles): TlsOptions {
  return { cert: certificate, key, ...(authorities === undefined ? {} : { ca: authorities }) };
}

/** What is not believed is as good as none. */
function certificateOf(socket: TLSSocket): CertificateNames | undefined {
  return socket.authorized ? (socket.getPeerCertificate() as CertificateNames) : undefined;
}
