/**
 * A certificate chain, its key, and who may sign clients: checked before anybody gets to use them. A key that is not the
 * certificate's, or half a file, would drop every new connection (grpc-js logs it and refuses all), so what does not
 * pass here leaves the pair before it in use (rotating.ts).
 */
import { createPrivateKey, X509Certificate } from "node:crypto";
import { createSecureContext } from "node:tls";
import type { Clock } from "../clock.ts";
import type { Log } from "../log.ts";
import { Rotating } from "./rotating.ts";

export interface TlsPaths {
  /** PEM: the certificate, then those in between up to the authority. */
  readonly certificate: string;
  /** PEM, without a passphrase. */
  readonly key: string;
  /** PEM: the authorities whose certificates are believed; undefined where none are asked for. */
  readonly authorities: string | undefined;
}

export interface TlsFiles {
  readonly certificate: Buffer;
  readonly key: Buffer;
  readonly authorities: Buffer | undefined;
  /** Wall time in milliseconds since 1970 at which the certificate runs out. */
  readonly expiresAtMs: number;
}

const PEM_CERTIFICATE = /-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/g;

/** `what` names it in the log: "the certificate of ingest". Rejects with CollectorError `config_invalid`. */
export async function openTlsFiles(
  paths: TlsPaths,
  what: string,
  environment: { readonly clock: Clock; readonly log: Log; readonly pollMs?: number },
): Promise<Rotating<TlsFiles>> {
  const { certificate, key, authorities } = paths;
  return await Rotating.open({
    ...environment,
    what,
    paths: [certificate, key, ...(authorities === undefined ? [] : [authorities])],
    parse: ([certificateBytes, keyBytes, authorityBytes]) =>
      checkTls(
        certificateBytes ?? Buffer.alloc(0),
        keyBytes ?? Buffer.alloc(0),
        authorityBytes,
        environment.clock.nowMs(),
      ),
  });
}

/** Throws an Error of one sentence where the pair can't be served with. */
export function checkTls(certificate: Buffer, key: Buffer, authorities: Buffer | undefined, nowMs: number): TlsFiles {
  const [leaf] = readCertificates(certificate, "the certificate");
  let privateKey: ReturnType<typeof createPrivateKey>;
  try {
    privateKey = createPrivateKey(key);
  } catch {
    throw new Error("the key is no private key in PEM, or has a passphrase");
  }
  if (!leaf.checkPrivateKey(privateKey)) throw new Error("the key is not the certificate's");
  const expiresAtMs = Date.parse(leaf.validTo);
  if (!(expiresAtMs > nowMs)) throw new Error(`the certificate ran out on ${leaf.validTo}`);
  if (Date.parse(leaf.validFrom) > nowMs) throw new Error(`the certificate is not good before ${leaf.validFrom}`);
  if (authorities !== undefined) readCertificates(authorities, "the list of authorities");
  // What OpenSSL refuses, whatever the checks above said.
  createSecureContext({ cert: certificate, key, ...(authorities === undefined ? {} : { ca: authorities }) });
  return { certificate, key, authorities, expiresAtMs };
}

function readCertificates(pem: Buffer, what: string): [X509Certificate, ...X509Certificate[]] {
  const blocks = pem.toString("latin1").match(PEM_CERTIFICATE) ?? [];
  try {
    const [first, ...others] = blocks.map((block) => new X509Certificate(block));
    if (first !== undefined) return [first, ...others];
  } catch {
    throw new Error(`${what} holds a block that is no certificate`);
  }
  throw new Error(`${what} holds no certificate in PEM`);
}
