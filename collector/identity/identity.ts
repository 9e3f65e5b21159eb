/** Who a caller is. The names of tenants are chosen by operators and certificates; here is what one may look like. */
import { TENANT_NAME } from "../limits.ts";

export interface Identity {
  /** Whose limits and counters its logs fall under. */
  readonly tenant: string;
  readonly by: "nobody_asked" | "token" | "service_account" | "certificate";
}

/** Everybody, where nobody is asked who they are. */
export const ANYBODY: Identity = Object.freeze({ tenant: "default", by: "nobody_asked" });

/** Why a caller is nobody, for counters. */
export type Refusal =
  /** No credentials at all. */
  | "missing"
  /** Not what anybody was given, or a signature that does not hold. */
  | "wrong"
  /** Was good once, or will be. */
  | "expired"
  /** Of another issuer, for another audience, or by a key that is not in the set. */
  | "foreign"
  /** Known, and not among those who may. */
  | "not_allowed"
  /** Could not be verified, since the keys can't be had. */
  | "unverifiable";

/** Counters of refusals at their beginning. */
export const NOBODY_REFUSED: Readonly<Record<Refusal, number>> = Object.freeze({
  missing: 0,
  wrong: 0,
  expired: 0,
  foreign: 0,
  not_allowed: 0,
  unverifiable: 0,
});

/** What may name a tenant: short, printable, without anything that means something elsewhere. */
export function isTenant(name: string): boolean {
  return TENANT_NAME.test(name);
}
