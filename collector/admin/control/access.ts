/**
 * Who may use the admin service: people have tokens or certificates of their own, which no sender and no replica has.
 * On loopback it is plaintext, and with nothing configured anybody there may; elsewhere it is TLS by the certificate of
 * ingest, and config/admin.ts insists on tokens or authorities.
 */
import { ServerCredentials } from "@grpc/grpc-js";
import type { Clock } from "../../clock.ts";
import type { Config } from "../../config/config.ts";
import { isLoopback } from "../../config/identity.ts";
import { Authenticator } from "../../identity/authenticator.ts";
import { type Current, Rotating } from "../../identity/rotating.ts";
import { RotatingServerCredentials } from "../../identity/server-credentials.ts";
import { openTlsFiles, type TlsFiles } from "../../identity/tls-files.ts";
import { parseTokens } from "../../identity/tokens.ts";
import type { Log } from "../../log.ts";

export interface AdminAccess {
  readonly credentials: ServerCredentials;
  /** For the page, where it is served beyond loopback. */
  readonly pageFiles: Current<TlsFiles> | undefined;
  readonly authenticator: Authenticator;
  stop(): Promise<void>;
}

/** Rejects with CollectorError `config_invalid` when a file can't be used. */
export async function openAdminAccess(
  { admin, identity }: Pick<Config, "admin" | "identity">,
  environment: { readonly clock: Clock; readonly log: Log },
): Promise<AdminAccess> {
  const opened: { stop(): Promise<void> }[] = [];
  const stop = async (): Promise<void> => {
    await Promise.all(opened.map((each) => each.stop()));
  };
  try {
    const { certificate, key } = identity;
    const isTls = !isLoopback(admin.grpcAddress) || admin.authorities !== undefined;
    let credentials = ServerCredentials.createInsecure();
    if (isTls && certificate !== undefined && key !== undefined) {
      const paths = { certificate, key, authorities: admin.authorities };
      const files = await openTlsFiles(paths, "the certificate of the admin service", environment);
      opened.push(files);
      const clients = admin.authorities === undefined ? "none" : admin.tokens === undefined ? "required" : "optional";
      credentials = new RotatingServerCredentials(files, clients);
    }
    let pageFiles: Rotating<TlsFiles> | undefined;
    const isPageTls = admin.pageAddress !== undefined && !isLoopback(admin.pageAddress);
    if (isPageTls && certificate !== undefined && key !== undefined) {
      const paths = { certificate, key, authorities: undefined };
      pageFiles = await openTlsFiles(paths, "the certificate of the page", environment);
      opened.push(pageFiles);
    }
    const tokens =
      admin.tokens === undefined
        ? undefined
        : await Rotating.open({
            ...environment,
            what: "the file of tokens for the admin service",
            paths: [admin.tokens],
            parse: ([bytes = Buffer.alloc(0)]) => parseTokens(bytes.toString("utf8")),
          });
    if (tokens !== undefined) opened.push(tokens);
    const authenticator = new Authenticator({ tokens, certificates: admin.authorities !== undefined });
    return { credentials, pageFiles, authenticator, stop };
  } catch (reason) {
    await stop();
    throw reason;
  }
}
