/**
 * TLS for grpc-js servers that follows its files: new connections get the new certificate, open ones go on.
 *
 * grpc-js has credentials on certificate providers, still experimental in 1.14: they take their two providers in the
 * wrong order, and drop every connection until a provider has spoken a second time. Their base class is public, and is
 * all that is needed.
 */
import { ServerCredentials } from "@grpc/grpc-js";
import type { Current } from "./rotating.ts";
import type { TlsFiles } from "./tls-files.ts";

/** Whether clients are asked for a certificate, and whether one that shows none is let in. */
export type ClientCertificates = "none" | "optional" | "required";

export class RotatingServerCredentials extends ServerCredentials {
  readonly #stopListening: () => void;

  constructor(files: Current<TlsFiles>, clients: ClientCertificates) {
    const isRequested = clients !== "none";
    // An optional certificate that is not believed is as good as none: the handler sees only those that are.
    super({ requestCert: isRequested, rejectUnauthorized: clients === "required" }, contextOf(files.value));
    this.#stopListening = files.onChange((changed) => this.updateSecureContextOptions(contextOf(changed)));
  }

  /** Ends following the files. */
  stop(): void {
    this.#stopListening();
  }

  override _equals(other: ServerCredentials): boolean {
    return this === other;
  }
}

function contextOf({ certificate, key, authorities }: TlsFiles): { cert: Buffer[]; key: Buffer[]; ca?: Buffer } {
  return { cert: [certificate], key: [key], ...(authorities === undefined ? {} : { ca: authorities }) };
}
