/**
 * TLS material and tokens, read from files that may be replaced while the client runs (cert-manager, projected service
 * account tokens): certificates with each new connection, a token when the one in memory is ten seconds old or refused.
 */
import { readFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { type ChannelCredentials, credentials } from "@grpc/grpc-js";
import type { ClientClock } from "../clock.ts";
import { ClientError } from "../errors.ts";

export interface TlsOptions {
  /** PEM file of the authorities that sign collectors' certificates. @default those the system trusts */
  readonly caFile?: string;
  /** PEM files of the client's own certificate and key, for mutual TLS. */
  readonly certificateFile?: string;
  readonly keyFile?: string;
  /** The name that the collector's certificate must carry. @default the endpoint's host */
  readonly serverName?: string;
}

/** Throws ClientError `invalid_options` where a file can't be read, or certificate and key do not go together. */
export function channelCredentials(isSecure: boolean, tls: TlsOptions): ChannelCredentials {
  if (!isSecure) return credentials.createInsecure();
  const { caFile, certificateFile, keyFile } = tls;
  if ((certificateFile === undefined) !== (keyFile === undefined)) {
    throw new ClientError("invalid_options", "tls.certificateFile and tls.keyFile go together: one is missing");
  }
  try {
    return credentials.createSsl(read(caFile), read(keyFile), read(certificateFile));
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new ClientError("invalid_options", `the files of tls can't be used: ${reason}`, { cause });
  }
}

function read(path: string | undefined): Buffer | null {
  return path === undefined ? null : readFileSync(path);
}

const TOKEN_AGE_MS_MAX = 10_000;

/** A bearer token in a file. The last one that could be read stays in use while the file can't be. */
export class TokenFile {
  readonly #path: string;
  readonly #clock: ClientClock;
  #token: string | undefined;
  #readAtMs = Number.NEGATIVE_INFINITY;
  #reading: Promise<void> | undefined;

  constructor(path: string, clock: ClientClock) {
    this.#path = path;
    this.#clock = clock;
  }

  /** The token as it was last read; asks for it anew, in the background, when that was long ago. */
  get current(): string | undefined {
    if (this.#clock.monotonicMs() - this.#readAtMs > TOKEN_AGE_MS_MAX) {
      // What goes wrong here is told by the next `fresh()`, which a refused call leads to.
      void this.fresh().catch(() => undefined);
    }
    return this.#token;
  }

  /** The collector did not take the token: the next use reads the file. */
  expire(): void {
    this.#readAtMs = Number.NEGATIVE_INFINITY;
  }

  /** Reads the file where that is due. Rejects when there is no token at all. */
  async fresh(): Promise<void> {
    if (this.#clock.monotonicMs() - this.#readAtMs <= TOKEN_AGE_MS_MAX) return;
    this.#reading ??= this.#read().finally(() => {
      this.#reading = undefined;
    });
    await this.#reading;
  }

  async #read(): Promise<void> {
    try {
      const token = (await readFile(this.#path, "utf8")).trim();
      // A file that is being replaced may be empty for a moment.
      if (token === "") throw new Error("it is empty");
      // The bytes of an HTTP header (RFC 9110): anything else would break every call, and might end up in a message.
      if (!/^[\x21-\x7e]+$/.test(token)) throw new Error("it holds characters that no token has");
      this.#token = token;
      this.#readAtMs = this.#clock.monotonicMs();
    } catch (cause) {
      if (this.#token !== undefined) return;
      const reason = cause instanceof Error ? cause.message : String(cause);
      throw new Error(`bearerTokenFile can't be used: ${reason}`, { cause });
    }
  }
}
