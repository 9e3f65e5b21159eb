/** The admin service of one collector, as promises, with failures in words; and which collectors are meant. */

import { lookup } from "node:dns/promises";
import { readFileSync } from "node:fs";
import { isIPv6 } from "node:net";
import { hostname, userInfo } from "node:os";
import {
  type ChannelCredentials,
  type Client,
  type ClientReadableStream,
  credentials,
  Metadata,
  makeGenericClientConstructor,
  type ServiceError,
} from "@grpc/grpc-js";
import { callFailure, Failure } from "./failure.ts";
import { adminDefinition } from "./protocol.ts";

/** An entry is as large as the largest request and what is laid beside it. */
const MESSAGE_BYTES_MAX = 64 * 1024 * 1024;

export interface ConnectionOptions {
  /** Several of them with commas between. */
  readonly address: string;
  /** Every address that the name stands for. */
  readonly all: boolean;
  readonly timeoutMs: number;
  readonly tokenFile: string | undefined;
  /** PEM files; with authorities the connection is TLS. */
  readonly authorities: string | undefined;
  readonly certificate: string | undefined;
  readonly key: string | undefined;
  readonly serverName: string | undefined;
}

type Callback = (error: ServiceError | null, response: unknown) => void;
type Unary = (request: object, metadata: Metadata, options: { deadline: number }, callback: Callback) => void;
type Streaming = (request: object, metadata: Metadata) => ClientReadableStream<unknown>;
type Methods = Client & Record<string, Unary & Streaming>;

const AdminClient = makeGenericClientConstructor(adminDefinition(), "Admin");

export class Connection {
  readonly address: string;
  readonly #client: Methods;
  readonly #metadata: Metadata;
  readonly #timeoutMs: number;
  readonly #hasShown: boolean;

  constructor(address: string, channel: ChannelCredentials, metadata: Metadata, options: ConnectionOptions) {
    this.address = address;
    this.#metadata = metadata;
    this.#timeoutMs = options.timeoutMs;
    this.#hasShown = options.certificate !== undefined;
    this.#client = new AdminClient(address, channel, {
      "grpc.max_receive_message_length": MESSAGE_BYTES_MAX,
      "grpc.max_send_message_length": MESSAGE_BYTES_MAX,
      // A collector that restarts is tried again by whoever asks, not in silence.
      "grpc.enable_retries": 0,
      ...(options.serverName === undefined ? {} : { "grpc.ssl_target_name_override": options.serverName }),
    }) as unknown as Methods;
  }

  /** Rejects with Failure. `timeoutMs` where it may take longer than usual. */
  call<T>(method: string, request: object = {}, timeoutMs = this.#timeoutMs): Promise<T> {
    return new Promise((resolve, reject) => {
      const deadline = Date.now() + timeoutMs;
      (this.#client[method] as Unary).call(this.#client, request, this.#metadata, { deadline }, (error, response) =>
        error === null ? resolve(response as T) : reject(this.#failure(error)),
      );
    });
  }

  /** Ends when `signal` is aborted. Throws Failure. */
  async *stream<T>(method: string, request: object, signal: AbortSignal): AsyncGenerator<T> {
    const stream = (this.#client[method] as Streaming).call(this.#client, request, this.#metadata);
    const cancel = (): void => stream.cancel();
    signal.addEventListener("abort", cancel, { once: true });
    if (signal.aborted) cancel();
    try {
      for await (const message of stream) yield message as T;
    } catch (reason) {
      if (!signal.aborted) throw this.#failure(reason);
    } finally {
      signal.removeEventListener("abort", cancel);
      stream.cancel();
    }
  }

  close(): void {
    this.#client.close();
  }

  #failure(reason: unknown): unknown {
    return callFailure(reason, this.address, this.#hasShown);
  }
}

/** The collectors that are meant. Throws Failure. */
export async function connect(options: ConnectionOptions): Promise<Connection[]> {
  const named = options.address.split(",").map(parseAddress);
  const metadata = new Metadata();
  metadata.set("standpipe-user", `${userName()}@${hostname()}`);
  if (options.tokenFile !== undefined) metadata.set("authorization", `Bearer ${readToken(options.tokenFile)}`);
  const channel = channelOf(options);
  const found = options.all ? (await Promise.all(named.map(resolve))).flat() : named.map(({ address }) => address);
  return [...new Set(found)].map((each) => new Connection(each, channel, metadata, options));
}

interface NamedAddress {
  readonly address: string;
  readonly host: string;
  readonly port: string;
}

function parseAddress(text: string): NamedAddress {
  const address = text.trim();
  const [, host = "", port = ""] = /^(\[[0-9a-fA-F:.]+\]|[^:\s]+):(\d{1,5})$/.exec(address) ?? [];
  if (port === "" || Number(port) > 65_535) {
    throw new Failure(`${address} is no address: say host:port, for example 127.0.0.1:4320`);
  }
  return { address, host, port };
}

async function resolve({ host, port }: NamedAddress): Promise<string[]> {
  try {
    const found = await lookup(host.replace(/^\[|\]$/g, ""), { all: true });
    const names = found.map(({ address }) => (isIPv6(address) ? `[${address}]:${port}` : `${address}:${port}`));
    return names.sort();
  } catch (reason) {
    const code = (reason as { code?: string }).code ?? String(reason);
    throw new Failure(`${host} stands for no address (${code}): name the headless Service of the collectors`);
  }
}

function channelOf({ authorities, certificate, key }: ConnectionOptions): ChannelCredentials {
  if ((certificate === undefined) !== (key === undefined)) throw new Failure("--certificate and --key need each other");
  if (authorities === undefined && certificate === undefined) return credentials.createInsecure();
  const read = (path: string | undefined): Buffer | null => (path === undefined ? null : readFile(path));
  return credentials.createSsl(read(authorities), read(key), read(certificate));
}

/** A file with a token alone, or a line of the collector's own file: `<name> <token>`. */
function readToken(path: string): string {
  const line = readFile(path)
    .toString("utf8")
    .split("\n")
    .map((each) => each.trim())
    .find((each) => each !== "" && !each.startsWith("#"));
  const token = line?.split(/\s+/).at(-1) ?? "";
  if (!/^[\x21-\x7e]+$/.test(token)) throw new Failure(`${path} holds no token`);
  return token;
}

function readFile(path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (reason) {
    throw new Failure(`can't read ${path} (${(reason as { code?: string }).code ?? String(reason)})`);
  }
}

function userName(): string {
  try {
    const { username, uid } = userInfo();
    // Bun reads the environment, where a container has no name.
    return username === "" || username === "unknown" ? `uid-${uid}` : username;
  } catch {
    return "unknown";
  }
}
