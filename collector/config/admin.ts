/** How an operator reaches the collector: the section `admin`. Used by config.ts alone. */
import { z } from "zod";
import { isLoopback } from "./identity.ts";
import { hostAndPort } from "./values.ts";

const path = z.string().min(1, "must be the path of a file");

export const admin = z.strictObject({
  address: hostAndPort.default("127.0.0.1:4319").describe("Where status and health are shown, over HTTP."),
  pageAddress: hostAndPort
    .optional()
    .describe(
      "Where the page is as well, over HTTPS with the certificate of ingest, for who shows one of admin.tokens; on loopback without TLS. At admin.address, which is plaintext, logs are shown to this machine only.",
    ),
  plaintextPage: z
    .boolean()
    .default(false)
    .describe(
      "Show logs, and take tokens, at admin.address from other machines too: inside a network that is trusted.",
    ),
  grpcAddress: hostAndPort
    .default("127.0.0.1:4320")
    .describe("Where the admin service is, for the CLI: it can pause, replay and discard. gRPC."),
  tokens: path
    .optional()
    .describe("File of tokens for the admin service, as identity.tokens; each line names a person. It is followed."),
  authorities: path
    .optional()
    .describe("PEM file of the authorities whose client certificates may use the admin service. It needs TLS."),
});

/** Relations between keys: whether each holds, and the words where it does not. */
export function adminRelations({
  admin: { grpcAddress, pageAddress, plaintextPage, tokens, authorities },
  identity: { certificate },
}: {
  readonly admin: z.output<typeof admin>;
  readonly identity: { readonly certificate?: string | undefined };
}): [boolean, string][] {
  const isTls = certificate !== undefined;
  const isFar = !isLoopback(grpcAddress);
  return [
    [
      pageAddress === undefined || isLoopback(pageAddress) || (isTls && tokens !== undefined),
      `admin.pageAddress ${pageAddress} can be reached by others, who could read logs: it needs identity.certificate and identity.key, and admin.tokens (browsers show a token, and no certificate)`,
    ],
    [!plaintextPage || tokens !== undefined, "admin.plaintextPage shows logs to other machines: it needs admin.tokens"],
    [authorities === undefined || isTls, "admin.authorities needs identity.certificate and identity.key"],
    [
      !isFar || (isTls && (tokens !== undefined || authorities !== undefined)),
      `admin.grpcAddress ${grpcAddress} can be reached by others, who could discard logs: it needs identity.certificate and identity.key, and admin.tokens or admin.authorities`,
    ],
  ];
}
