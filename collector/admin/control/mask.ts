/** The configuration as it may be shown: what could be a secret is masked. Pure. */

const MASK = "***";

/** Keys whose value would be a secret; where the value is the path of a file, the path is none. */
const SECRET_KEY = /secret|password|passphrase|^salt$|^headers$|credential/i;

/** A copy with the same keys. The schema has no secrets of its own: this is for URLs with a password, and for what comes. */
export function maskSecrets(value: unknown, key = ""): unknown {
  if (value !== undefined && SECRET_KEY.test(key)) return MASK;
  if (Array.isArray(value)) return value.map((each) => maskSecrets(each, key));
  if (typeof value === "object" && value !== null) {
    return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, maskSecrets(inner, name)]));
  }
  return typeof value === "string" ? value.replace(/^([a-z][a-z0-9+.-]*:\/\/)[^/@\s]+@/i, `$1${MASK}@`) : value;
}
