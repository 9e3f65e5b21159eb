/**
 * Everything of a collector's identity in one place: opens the files that the configuration names, follows them, and
 * hands out what servers and clients need. Senders and replicas have credentials of their own: an application that may
 * send logs can't claim a part of the stream's quota, or hand logs over.
 */
import { type ChannelCredentials, credentials, Metadata, ServerCredentials } from "@grpc/grpc-js";
import type { Clock } from "../clock.ts";
import type { Config } from "../config/config.ts";
import type { Log } from "../log.ts";
import { Authenticator } from "./authenticator.ts";
import type { Refusal } from "./identity.ts";
import { type Current, Rotating, type RotatingStatus } from "./rotating.ts";
import { RotatingServerCredentials } from "./server-credentials.ts";
import { type Keys, parseKeys, remoteKeys, ServiceAccounts } from "./service-accounts.ts";
import { openTlsFiles, type TlsFiles } from "./tls-files.ts";
import { parseTokens, type Token } from "./tokens.ts";

export interface AccessEnvironment {
  readonly clock: Clock;
  readonly log: Log;
}

/** What a client shows to another replica, and holds it to. */
export interface PeerAccess {
  credentials(): ChannelCredentials;
  /** Options of the channel: the name that the other's certificate must have. */
  readonly channelOptions: Readonly<Record<string, string>>;
  metadata(): Metadata;
  /** Calls `listener` when connections made from now on would be others than before. */
  onChange(listener: () => void): () => void;
}

/** Nothing is shown, and nobody is held to anything. */
export const PLAINTEXT_ACCESS: PeerAccess = peerAccess(undefined, undefined, undefined, undefined);

/** For status. */
export interface AccessStatus {
  readonly files: readonly (RotatingStatus & { readonly expiresAtMs: number | undefined })[];
  readonly senders: Readonly<Record<Refusal, number>>;
  readonly replicas: Readonly<Record<Refusal, number>>;
}

export interface Access {
  readonly serverCredentials: ServerCredentials;
  /** Undefined where the server is plaintext. */
  readonly tls: Current<TlsFiles> | undefined;
  readonly senders: Authenticator;
  readonly replicas: Authenticator;
  readonly peers: PeerAccess;
  status(): AccessStatus;
  stop(): Promise<void>;
}

/** Rejects with CollectorError `config_invalid` when a file can't be used. */
export async function openAccess(
  { identity, peers }: Pick<Config, "identity" | "peers">,
  environment: AccessEnvironment,
): Promise<Access> {
  const opened: Pick<Rotating<never>, "status" | "stop">[] = [];
  const stop = async (): Promise<void> => {
    await Promise.all(opened.map((each) => each.stop()));
  };
  const open = async <Value>(
    what: string,
    path: string | undefined,
    parse: (bytes: Buffer) => Value,
  ): Promise<Rotating<Value> | undefined> => {
    if (path === undefined) return undefined;
    const read = ([bytes = Buffer.alloc(0)]: readonly Buffer[]): Value => parse(bytes);
    const rotating = await Rotating.open({ ...environment, what, paths: [path], parse: read });
    opened.push(rotating);
    return rotating;
  };
  const asText = (bytes: Buffer): string => bytes.toString("utf8").trim();
  const asTokens = (bytes: Buffer): readonly Token[] => parseTokens(bytes.toString("utf8"));

  try {
    const { certificate, key, authorities } = identity;
    let tls: Rotating<TlsFiles> | undefined;
    if (certificate !== undefined && key !== undefined) {
      tls = await openTlsFiles({ certificate, key, authorities }, "the certificate of ingest", environment);
      opened.push(tls);
    }
    const tokens = await open("the file of tokens", identity.tokens, asTokens);
    const replicaTokens = await open("the file of tokens between replicas", peers.tokens, asTokens);
    const replicaAuthorities = await open("the authorities of replicas", peers.authorities, asIs);
    const serviceAccounts = await openServiceAccounts(identity, environment.clock, {
      keys: (path) => open("the key set", path, (bytes) => parseKeys(bytes.toString("utf8"))),
      authorities: await open("the authorities of the key set's URL", identity.jwksAuthorities, asIs),
      token: await open("the token for the key set's URL", identity.jwksToken, asText),
    });
    const senders = new Authenticator({
      tokens,
      serviceAccounts,
      certificates: authorities !== undefined,
      tenants: identity.tenants,
    });
    const replicas = new Authenticator({ tokens: replicaTokens });
    const clients = authorities === undefined ? "none" : identity.clientCertificates;
    return {
      serverCredentials:
        tls === undefined ? ServerCredentials.createInsecure() : new RotatingServerCredentials(tls, clients),
      tls,
      senders,
      replicas,
      peers: peerAccess(tls, replicaAuthorities, replicaTokens, peers.serverName),
      status: () => ({
        files: opened.map((each) => ({
          ...each.status(),
          expiresAtMs: tls !== undefined && each === tls ? tls.value.expiresAtMs : undefined,
        })),
        senders: { ...senders.refusals },
        replicas: { ...replicas.refusals },
      }),
      stop,
    };
  } catch (reason) {
    await stop();
    throw reason;
  }
}

function asIs(bytes: Buffer): Buffer {
  return bytes;
}

async function openServiceAccounts(
  { jwks, issuer, audience }: Config["identity"],
  clock: Clock,
  sources: {
    readonly keys: (path: string) => Promise<Current<Keys> | undefined>;
    readonly authorities: Current<Buffer> | undefined;
    readonly token: Current<string> | undefined;
  },
): Promise<ServiceAccounts | undefined> {
  if (jwks === undefined || issuer === undefined || audience === undefined) return undefined;
  if (/^https?:/.test(jwks)) {
    const keys = remoteKeys(new URL(jwks), sources.authorities, sources.token);
    return new ServiceAccounts({ keys: () => keys, issuer, audience, clock });
  }
  const keys = await sources.keys(jwks);
  return keys === undefined ? undefined : new ServiceAccounts({ keys: () => keys.value, issuer, audience, clock });
}

function peerAccess(
  tls: Current<TlsFiles> | undefined,
  authorities: Current<Buffer> | undefined,
  tokens: Current<readonly Token[]> | undefined,
  serverName: string | undefined,
): PeerAccess {
  return {
    credentials: () => {
      if (tls === undefined) return credentials.createInsecure();
      const { certificate, key } = tls.value;
      return credentials.createSsl(authorities?.value ?? tls.value.authorities ?? null, key, certificate);
    },
    channelOptions: serverName === undefined ? {} : { "grpc.ssl_target_name_override": serverName },
    metadata: () => {
      const metadata = new Metadata();
      const [first] = tokens?.value ?? [];
      if (first !== undefined) metadata.set("authorization", `Bearer ${first.secret}`);
      return metadata;
    },
    onChange: (listener) => {
      const stops = [tls?.onChange(listener), authorities?.onChange(listener)];
      return () => {
        for (const stop of stops) stop?.();
      };
    },
  };
}
