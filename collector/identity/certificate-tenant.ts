/**
 * Whose a client's certificate is. It has been verified against the authorities before; here is only its name: the first
 * SPIFFE URI, else the first DNS name, else the common name. `spiffe://<trust domain>/ns/<namespace>/sa/<account>` is
 * `<namespace>/<account>`, the same tenant as that ServiceAccount by its token.
 */
import { isTenant } from "./identity.ts";

/** The parts of `tls.PeerCertificate` that are looked at. */
export interface CertificateNames {
  readonly subject?: { readonly CN?: string | string[] } | undefined;
  readonly subjectaltname?: string | undefined;
}

/** Undefined where the certificate names nobody, or in a way that could be read in two ways. */
export function tenantOfCertificate({ subject, subjectaltname = "" }: CertificateNames): string | undefined {
  // Names with commas or quotes come quoted (Node.js, CVE-2021-44532); no honest tenant needs them.
  if (subjectaltname.includes('"')) return undefined;
  const names = subjectaltname.split(", ");
  const uri = names.find((name) => name.startsWith("URI:spiffe://"))?.slice("URI:spiffe://".length);
  const commonName = typeof subject?.CN === "string" ? subject.CN : undefined;
  const dns = names.find((name) => name.startsWith("DNS:"))?.slice("DNS:".length);
  const tenant = uri === undefined ? (dns ?? commonName) : tenantOfSpiffe(uri);
  return tenant !== undefined && isTenant(tenant) ? tenant : undefined;
}

function tenantOfSpiffe(uri: string): string {
  const [, namespace, account] = /^[^/]+\/ns\/([^/]+)\/sa\/([^/]+)$/.exec(uri) ?? [];
  return namespace === undefined ? uri : `${namespace}/${account}`;
}
