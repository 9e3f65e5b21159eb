/** Who may connect, and how that is shown: the part of the schema in config.ts that says so. Used by config.ts alone. */
import { z } from "zod";
import { integer, names, url, yesOrNo } from "./values.ts";

const path = z.string().min(1, "must be the path of a file");

export const identity = z.strictObject({
  certificate: path
    .optional()
    .describe("PEM file of the certificate that ingest shows, with those in between: cert-manager's tls.crt."),
  key: path.optional().describe("PEM file of its key: tls.key. Both are followed while running."),
  authorities: path
    .optional()
    .describe("PEM file of the authorities whose client certificates are believed: ca.crt. It asks clients for one."),
  clientCertificates: z
    .enum(["required", "optional"], "must be required or optional")
    .default("required")
    .describe("Whether a client without a certificate gets no connection, or has to show a token."),
  tokens: path
    .optional()
    .describe("File of bearer tokens, a line each: `<tenant> <token>`. A tenant may have several. It is followed."),
  jwks: z
    .union([url, path])
    .optional()
    .describe("File or URL of the keys that sign Kubernetes ServiceAccount tokens, which are then taken as well."),
  jwksAuthorities: path.optional().describe("PEM file of the authorities that are believed for that URL."),
  jwksToken: path.optional().describe("File of the token that is shown to that URL."),
  issuer: z.string().min(1).optional().describe("Issuer (`iss`) of ServiceAccount tokens."),
  audience: z
    .string()
    .min(1)
    .optional()
    .describe("Audience (`aud`) that they must be for: never the API server's own."),
  tenants: names.default([]).describe("Tenants that may send; all that are known, where it is empty."),
});

/** Keys of the section `ingest`. */
export const connectionKeys = {
  plaintext: yesOrNo
    .default(false)
    .describe("Take connections from beyond loopback without TLS: whoever can see the network can read the logs."),
  connectionsMax: integer(1, 1_000_000, 4_096).describe("Connections at once, of gRPC and of HTTP each."),
  handshakesPerSecondMax: integer(1, 1_000_000, 500).describe(
    "New connections per second, of gRPC and of HTTP each; two seconds' worth at once.",
  ),
  handshakeMsMax: integer(100, 600_000, 10_000).describe(
    "How long a new connection may take to speak HTTP/2, or over HTTP to send the headers of a request.",
  ),
  connectionIdleMsMax: integer(1_000, 86_400_000, 240_000).describe("How long a connection may be without a call."),
};

/** Keys of the section `peers`. */
export const peerIdentityKeys = {
  tokens: path
    .optional()
    .describe("File of tokens between replicas, as identity.tokens: the first is shown, all are taken."),
  authorities: path
    .optional()
    .describe("PEM file of the authorities that the others' certificates are held against; identity.authorities else."),
  serverName: z
    .string()
    .min(1)
    .optional()
    .describe("Name that the others' certificates must have, where their addresses are not in them."),
};

/** Whether only this machine can reach `address` (host:port). */
export function isLoopback(address: string): boolean {
  const host = address.slice(0, address.lastIndexOf(":")).replace(/^\[|\]$/g, "");
  return host === "localhost" || host === "::1" || /^127(\.\d{1,3}){3}$/.test(host);
}

interface Sections {
  readonly ingest: { readonly address: string; readonly httpAddress: string; readonly plaintext: boolean };
  readonly identity: z.output<typeof identity>;
  readonly peers: {
    readonly tokens?: string | undefined;
    readonly service?: string | undefined;
    readonly addresses: readonly string[];
  };
}

/** What must hold between them: whether it does, and the words where it does not. */
export function identityRelations({ ingest, identity: who, peers }: Sections): [boolean, string][] {
  const isTls = who.certificate !== undefined;
  const asks = who.tokens !== undefined || who.jwks !== undefined || who.authorities !== undefined;
  const hasPeers = peers.service !== undefined || peers.addresses.length > 0;
  const isUrl = who.jwks !== undefined && /^https?:/.test(who.jwks);
  return [
    [isTls === (who.key !== undefined), "identity.certificate and identity.key need each other"],
    [who.authorities === undefined || isTls, "identity.authorities needs identity.certificate and identity.key"],
    ...(["address", "httpAddress"] as const).map((key): [boolean, string] => [
      isTls || ingest.plaintext || ingest[key] === "off" || isLoopback(ingest[key]),
      `ingest.${key} ${ingest[key]} can be reached by others, who could read everything: set identity.certificate and identity.key, or ask for it with ingest.plaintext: true`,
    ]),
    [
      who.clientCertificates === "required" || who.tokens !== undefined || who.jwks !== undefined || !isTls,
      "identity.clientCertificates optional needs identity.tokens or identity.jwks for those without one",
    ],
    [
      who.jwks === undefined || (who.issuer !== undefined && who.audience !== undefined),
      "identity.jwks needs identity.issuer and identity.audience",
    ],
    [
      isUrl || (who.jwksAuthorities === undefined && who.jwksToken === undefined),
      "identity.jwksAuthorities and identity.jwksToken are for an identity.jwks that is a URL",
    ],
    [
      who.tenants.length === 0 || asks,
      "identity.tenants needs a way to know tenants: identity.tokens, identity.jwks or identity.authorities",
    ],
    [
      !hasPeers || !asks || peers.tokens !== undefined,
      "peers.tokens is needed where senders have to say who they are: replicas have credentials of their own",
    ],
  ];
}
