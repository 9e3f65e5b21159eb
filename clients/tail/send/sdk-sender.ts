/** The SDK behind the agent's port: connections, attempts, replicas and TLS are its own. */
import { type Client, connect } from "../../sdk/client.ts";
import { ClientError } from "../../sdk/errors.ts";
import { TailError } from "../errors.ts";
import type { Sender, Verdict } from "./sender.ts";

export interface SdkSenderOptions {
  readonly endpoint: readonly string[];
  readonly compression: "none" | "gzip";
  readonly bearerTokenFile?: string | undefined;
  readonly caFile?: string | undefined;
  readonly certificateFile?: string | undefined;
  readonly keyFile?: string | undefined;
  readonly requestBytesMax: number;
  readonly inFlightBytesMax: number;
}

/** The SDK keeps what the outbox has let go, and a little more: a part is never cut. */
const KEPT_FACTOR = 4;
const KEPT_BYTES_MIN = 16 * 1024 * 1024;

/** Throws TailError `config_invalid` for an endpoint or a file that can't be used. */
export async function createSdkSender(options: SdkSenderOptions): Promise<Sender> {
  const { endpoint, compression, bearerTokenFile, requestBytesMax, inFlightBytesMax } = options;
  const tls = Object.fromEntries(
    (["caFile", "certificateFile", "keyFile"] as const).flatMap((key) =>
      options[key] === undefined ? [] : [[key, options[key]]],
    ),
  );
  try {
    const client = await connect({
      endpoint: [...endpoint],
      compression,
      tls,
      batch: { bytesMax: requestBytesMax, delayMsMax: 0 },
      keep: { type: "memory", bytesMax: Math.max(KEPT_BYTES_MIN, inFlightBytesMax * KEPT_FACTOR), whenFull: "block" },
      // The outbox tells and keeps them.
      onDrop: () => undefined,
      ...(bearerTokenFile === undefined ? {} : { bearerTokenFile }),
    });
    return new SdkSender(client);
  } catch (cause) {
    if (!(cause instanceof ClientError)) throw cause;
    throw new TailError("config_invalid", `the collector can't be reached as configured: ${cause.message}`, { cause });
  }
}

class SdkSender implements Sender {
  readonly #client: Client;
  readonly #connected = new Set<string>();

  constructor(client: Client) {
    this.#client = client;
    client.events.on("connected", ({ replica }) => this.#connected.add(replica));
    client.events.on("disconnected", ({ replica }) => this.#connected.delete(replica));
  }

  get isConnected(): boolean {
    return this.#connected.size > 0;
  }

  get retries(): number {
    return this.#client.status().retries;
  }

  async send(request: Uint8Array, records: number): Promise<Verdict> {
    try {
      const { refused, reason } = await this.#client.sendRequest(request);
      return { refused, reason: reason ?? "" };
    } catch (reason) {
      if (reason instanceof ClientError && reason.code === "refused")
        return { refused: records, reason: reason.message };
      throw reason;
    }
  }

  async close(): Promise<void> {
    await this.#client.close(0);
  }
}
