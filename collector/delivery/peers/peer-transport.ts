/**
 * How figures travel: a gRPC call to the ingest port of another collector, on a connection that stays open; and how the
 * others are found. Decides nothing: see peers.ts.
 */
import { lookup } from "node:dns/promises";
import { isIPv6 } from "node:net";
import { Client } from "@grpc/grpc-js";
import { type PeerAccess, PLAINTEXT_ACCESS } from "../../identity/access.ts";
import { encodeWaiting, HAND_OVER_PATH, type Waiting } from "./hand-over-protocol.ts";
import { decodeFigures, EXCHANGE_PATH, encodeFigures, FIGURES_BYTES_MAX } from "./peer-protocol.ts";
import { type Figures, NobodyThere, type PeerAddresses, type PeerTransport } from "./peers.ts";

/** A peer that comes back is to be found within a few intervals. */
const RECONNECT_MS_MIN = 100;
const RECONNECT_MS_MAX = 2_000;

export class GrpcPeerTransport implements PeerTransport {
  readonly #access: PeerAccess;
  readonly #clients = new Map<string, Client>();
  readonly #stopListening: () => void;

  /** `access` is what this replica shows to others and holds them to. @default nothing, and plaintext */
  constructor(access: PeerAccess = PLAINTEXT_ACCESS) {
    this.#access = access;
    // Clients keep what they were made with: new ones are made at the next round.
    this.#stopListening = access.onChange(() => this.keep([]));
  }

  exchange(address: string, figures: Figures, signal: AbortSignal): Promise<Figures> {
    return new Promise((resolve, reject) => {
      const cancel = (): void => call.cancel();
      const call = this.#client(address).makeUnaryRequest(
        EXCHANGE_PATH,
        encodeFigures,
        decodeFigures,
        figures,
        this.#access.metadata(),
        (error, answer) => {
          signal.removeEventListener("abort", cancel);
          if (answer !== undefined) resolve(answer);
          // grpc-js has no other place for it than its words; peer-protocol.test.ts would tell if they changed.
          else if (error?.details.includes("ECONNREFUSED")) reject(new NobodyThere(error.details));
          else reject(error ?? new Error("the answer was empty"));
        },
      );
      signal.addEventListener("abort", cancel, { once: true });
      if (signal.aborted) cancel();
    });
  }

  /** Resolves when the collector at `address` has the log records; rejects with a ServiceError. */
  handOver(address: string, waiting: Waiting, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const cancel = (): void => call.cancel();
      const call = this.#client(address).makeUnaryRequest(
        HAND_OVER_PATH,
        encodeWaiting,
        (bytes: Buffer) => bytes,
        waiting,
        this.#access.metadata(),
        (error) => {
          signal.removeEventListener("abort", cancel);
          if (error === null) resolve();
          else reject(error);
        },
      );
      signal.addEventListener("abort", cancel, { once: true });
      if (signal.aborted) cancel();
    });
  }

  keep(addresses: readonly string[]): void {
    for (const [address, client] of this.#clients) {
      if (addresses.includes(address)) continue;
      client.close();
      this.#clients.delete(address);
    }
  }

  close(): void {
    this.#stopListening();
    this.keep([]);
  }

  #client(address: string): Client {
    const known = this.#clients.get(address);
    if (known !== undefined) return known;
    const client = new Client(address, this.#access.credentials(), {
      ...this.#access.channelOptions,
      "grpc.max_receive_message_length": FIGURES_BYTES_MAX,
      "grpc.initial_reconnect_backoff_ms": RECONNECT_MS_MIN,
      "grpc.min_reconnect_backoff_ms": RECONNECT_MS_MIN,
      "grpc.max_reconnect_backoff_ms": RECONNECT_MS_MAX,
      // Each address is one collector: no proxy, no balancing, no configuration from DNS.
      "grpc.enable_http_proxy": 0,
      "grpc.service_config_disable_resolution": 1,
    });
    this.#clients.set(address, client);
    return client;
  }
}

/** Those of a list. */
export function listedAddresses(addresses: readonly string[]): PeerAddresses {
  return async () => addresses;
}

/**
 * All addresses of a name, IPv4 and IPv6, as the system resolves it: those of a headless Service are its ready pods.
 * `service` is `name:port`. A name without any address means that nobody is ready, which is what the others are then.
 */
export function serviceAddresses(service: string, resolve: Resolve = resolveAll): PeerAddresses {
  const at = service.lastIndexOf(":");
  const [name, port] = [service.slice(0, at), service.slice(at + 1)];
  return async () => {
    const found = await resolve(name).catch((reason: unknown) => {
      if (NOBODY.includes((reason as { code?: string }).code ?? "")) return [];
      throw reason;
    });
    return found.map((address) => `${isIPv6(address) ? `[${address}]` : address}:${port}`);
  };
}

/** There is no such name, or it has no address: so says the name server, as against not answering. */
const NOBODY = ["ENOTFOUND", "ENODATA"];

/** Rejects with the system's code where there is no address. */
export type Resolve = (name: string) => Promise<readonly string[]>;

async function resolveAll(name: string): Promise<readonly string[]> {
  return (await lookup(name, { all: true })).map(({ address }) => address);
}
