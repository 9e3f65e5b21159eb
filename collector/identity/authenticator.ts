/**
 * Who is calling, by what it shows: a bearer token decides where there is one, else the certificate of the connection.
 * With nothing configured everybody is `default`; with anything configured, who shows nothing is nobody.
 *
 * Refused is UNAUTHENTICATED (nobody) or PERMISSION_DENIED (somebody who may not), both of which OTLP clients take as
 * final; only where a token can't be verified for want of keys is it UNAVAILABLE. The words say what to do, and never
 * which part of a secret was near.
 */
import { CollectorError } from "../errors.ts";
import { type CertificateNames, tenantOfCertificate } from "./certificate-tenant.ts";
import { ANYBODY, type Identity, NOBODY_REFUSED, type Refusal } from "./identity.ts";
import type { Current } from "./rotating.ts";
import type { ServiceAccounts } from "./service-accounts.ts";
import { type Token, tenantOfToken } from "./tokens.ts";

/** What a caller shows. */
export interface Credentials {
  /** The `authorization` header. */
  readonly authorization: string | undefined;
  /** Of the connection, where it was verified; undefined where it has none. */
  readonly certificate: CertificateNames | undefined;
}

export interface AuthenticatorOptions {
  readonly tokens?: Current<readonly Token[]> | undefined;
  readonly serviceAccounts?: ServiceAccounts | undefined;
  /** Whether a verified certificate says who somebody is. */
  readonly certificates?: boolean;
  /** The tenants that may call; empty: all that are known. */
  readonly tenants?: readonly string[];
}

const WORDS: Readonly<Record<Refusal, string>> = {
  missing: "who are you? This collector takes a bearer token in `authorization`, or a client certificate",
  wrong: "the token is none that this collector knows: was it changed, or is it another collector's?",
  expired: "the token is not good at this time: get a new one, and compare the clocks",
  foreign: "the credentials are of another issuer, for another audience, or name no tenant",
  not_allowed: "these credentials are good, but their tenant is not among those that may send here",
  unverifiable: "the keys that tokens are verified with can't be had now: send it again",
};

export class Authenticator {
  readonly #options: AuthenticatorOptions;
  readonly refusals: Record<Refusal, number> = { ...NOBODY_REFUSED };

  constructor(options: AuthenticatorOptions = {}) {
    this.#options = options;
  }

  /** Whether anybody has to show anything. */
  get isOpen(): boolean {
    const { tokens, serviceAccounts, certificates = false } = this.#options;
    return tokens === undefined && serviceAccounts === undefined && !certificates;
  }

  /** Whether somebody without a certificate can say who he is. */
  get takesTokens(): boolean {
    const { tokens, serviceAccounts } = this.#options;
    return tokens !== undefined || serviceAccounts !== undefined;
  }

  /**
   * Throws, or rejects with, CollectorError `unauthenticated`, `permission_denied` or `unverifiable`, and counts it.
   * What can be said at once is said at once, without a promise.
   */
  authenticate(credentials: Credentials): Identity | Promise<Identity> {
    if (this.isOpen) return ANYBODY;
    const { tokens, serviceAccounts, certificates = false } = this.#options;
    const { authorization } = credentials;
    if (authorization !== undefined) {
      const [, secret] = /^bearer +(\S+)$/i.exec(authorization) ?? [];
      if (secret === undefined) return this.#refuse("wrong");
      const tenant = tokens === undefined ? undefined : tenantOfToken(tokens.value, secret);
      if (tenant !== undefined) return this.#allow({ tenant, by: "token" });
      if (serviceAccounts === undefined || secret.split(".").length !== 3) return this.#refuse("wrong");
      return serviceAccounts.verify(secret).then((verdict) => {
        if ("refusal" in verdict) return this.#refuse(verdict.refusal);
        return this.#allow({ tenant: verdict.tenant, by: "service_account" });
      });
    }
    const certificate = certificates ? credentials.certificate : undefined;
    if (certificate === undefined) return this.#refuse("missing");
    const tenant = tenantOfCertificate(certificate);
    return tenant === undefined ? this.#refuse("foreign") : this.#allow({ tenant, by: "certificate" });
  }

  #allow(identity: Identity): Identity {
    const { tenants = [] } = this.#options;
    if (tenants.length > 0 && !tenants.includes(identity.tenant)) return this.#refuse("not_allowed");
    return identity;
  }

  #refuse(refusal: Refusal): never {
    this.refusals[refusal]++;
    const code =
      refusal === "not_allowed" ? "permission_denied" : refusal === "unverifiable" ? "overloaded" : "unauthenticated";
    throw new CollectorError(code, WORDS[refusal]);
  }
}
