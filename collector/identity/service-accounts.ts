/**
 * Kubernetes ServiceAccount tokens, verified offline: signature by a key of the cluster's JWKS, issuer, audience, times.
 * No call per request, and none to the API server where the key set is a file.
 *
 * The algorithm is on a list of asymmetric ones: "none", and a secret that is really the public key, can't pass. What was
 * verified is remembered for up to a minute, by the token's sum, since RSA costs as much as scanning a request: a key
 * that is taken out of the set is refused that much later.
 *
 * From a URL the set is fetched at the start, again after `REFRESH_MS`, and when a key is not in it, at most every half
 * minute (jose). While it can't be had nobody can be verified: that is UNAVAILABLE, so that senders keep their logs.
 */
import { createHash } from "node:crypto";
import { createLocalJWKSet, createRemoteJWKSet, customFetch, errors, type JSONWebKeySet, jwtVerify } from "jose";
import type { Clock } from "../clock.ts";
import type { Refusal } from "./identity.ts";
import type { Current } from "./rotating.ts";

/** Kubernetes signs with RS256 or ES256/384/512 (API server, --service-account-signing-key-file). */
const ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"];

/** Clocks of two machines differ that much, in seconds. */
const CLOCK_TOLERANCE_S = 30;

const REMEMBERED_MS = 60_000;
const REMEMBERED_MAX = 1_024;
const REFRESH_MS = 600_000;
const FETCH_MS_MAX = 5_000;
const TOKEN_LENGTH_MAX = 16 * 1024;

export type Keys = ReturnType<typeof createLocalJWKSet>;

export interface ServiceAccountOptions {
  readonly keys: () => Keys;
  readonly issuer: string;
  readonly audience: string;
  readonly clock: Clock;
}

/** A tenant, or why not. */
export type Verdict = { readonly tenant: string } | { readonly refusal: Refusal };

/** The keys of a file. Throws an Error of one sentence. */
export function parseKeys(text: string): Keys {
  let set: JSONWebKeySet;
  try {
    set = JSON.parse(text) as JSONWebKeySet;
  } catch {
    throw new Error("it is not JSON");
  }
  if (!Array.isArray(set?.keys) || set.keys.length === 0) throw new Error('it is no key set: {"keys": [...]}');
  try {
    return createLocalJWKSet(set);
  } catch {
    throw new Error("it is no key set: a key is malformed");
  }
}

/** The keys behind a URL. `authorities` (PEM) are believed for it, `token` is shown to it, where they are given. */
export function remoteKeys(url: URL, authorities?: Current<Buffer>, token?: Current<string>): Keys {
  const set = createRemoteJWKSet(url, {
    cacheMaxAge: REFRESH_MS,
    timeoutDuration: FETCH_MS_MAX,
    [customFetch]: async (address, options) => {
      const headers = new Headers(options.headers);
      if (token !== undefined) headers.set("authorization", `Bearer ${token.value}`);
      // A set that was moved may have been moved by somebody else.
      const request: BunFetchRequestInit = { ...(options as RequestInit), headers, redirect: "error" };
      if (authorities !== undefined) request.tls = { ca: authorities.value };
      return await fetch(address, request);
    },
  });
  return set as Keys;
}

/** `<namespace>/<account>` of the `sub` of a ServiceAccount token. */
export function tenantOfSubject(subject: string | undefined): string | undefined {
  const [, namespace, account] =
    /^system:serviceaccount:([a-z0-9](?:[a-z0-9-]{0,62})):([a-z0-9](?:[a-z0-9.-]{0,252}))$/.exec(subject ?? "") ?? [];
  return namespace === undefined || account === undefined ? undefined : `${namespace}/${account}`;
}

export class ServiceAccounts {
  readonly #options: ServiceAccountOptions;
  readonly #remembered = new Map<string, { readonly tenant: string; readonly untilMs: number }>();
  /** The key set that the remembered ones were verified with. */
  #keys: Keys | undefined;

  constructor(options: ServiceAccountOptions) {
    this.#options = options;
  }

  async verify(token: string): Promise<Verdict> {
    if (token.length > TOKEN_LENGTH_MAX) return { refusal: "wrong" };
    const { clock, issuer, audience } = this.#options;
    const keys = this.#options.keys();
    if (keys !== this.#keys) this.#remembered.clear();
    this.#keys = keys;
    const sum = createHash("sha256").update(token).digest("base64");
    const nowMs = clock.nowMs();
    const known = this.#remembered.get(sum);
    if (known !== undefined && nowMs < known.untilMs) return { tenant: known.tenant };
    this.#remembered.delete(sum);
    try {
      const { payload } = await jwtVerify(token, keys, {
        algorithms: ALGORITHMS,
        issuer,
        audience,
        requiredClaims: ["exp", "sub"],
        clockTolerance: CLOCK_TOLERANCE_S,
        currentDate: new Date(nowMs),
      });
      const tenant = tenantOfSubject(payload.sub);
      if (tenant === undefined) return { refusal: "foreign" };
      const untilMs = Math.min(nowMs + REMEMBERED_MS, (payload.exp ?? 0) * 1_000);
      for (const oldest of this.#remembered.keys()) {
        if (this.#remembered.size < REMEMBERED_MAX) break;
        this.#remembered.delete(oldest);
      }
      this.#remembered.set(sum, { tenant, untilMs });
      return { tenant };
    } catch (reason) {
      return { refusal: refusalOf(reason) };
    }
  }
}

function refusalOf(reason: unknown): Refusal {
  if (reason instanceof errors.JWTExpired) return "expired";
  if (reason instanceof errors.JWTClaimValidationFailed) return reason.claim === "nbf" ? "expired" : "foreign";
  if (reason instanceof errors.JWKSNoMatchingKey) return "foreign";
  if (reason instanceof errors.JWSSignatureVerificationFailed) return "wrong";
  // The set could not be fetched: jose says so by these two, and fetch by a TypeError or its own.
  if (reason instanceof errors.JWKSTimeout || !(reason instanceof errors.JOSEError)) return "unverifiable";
  return reason.code === "ERR_JOSE_GENERIC" || reason.code === "ERR_JWKS_INVALID" ? "unverifiable" : "wrong";
}
