/**
 * What the real service does here nobody has confirmed, so each is a setting: a client that depends on one of them is
 * wrong, and turning it shows that.
 */
export interface Guesses {
  /** The quotas' averaging window: the bucket holds that much of the rate. */
  readonly quotaWindowMs: number;
  /** Raw bytes that one PutRecordBatch may hold. The documents say 4 MiB; whether the edge is inclusive, none says. */
  readonly callBytesMax: number;
  /** What a PutRecordBatch over the requests/s limit gets: every record failed in a 200, or a 500 for the call. */
  readonly requestsOverQuota: "records" | "call";
  /** What a PutRecordBatch gets of whose records none fits: every record failed in a 200, or a 500 for the call. */
  readonly nothingFits: "records" | "call";
  /** What counts against bytes/s: the raw data, or the data as base64. */
  readonly quotaCounts: "raw" | "base64";
  /** The answer to a put while the stream is still CREATING. */
  readonly inactiveStream: "ResourceNotFoundException" | "InvalidArgumentException";
  /** Whether `myPrefix` becomes `myPrefix2026/...` (the written rule) or `myPrefix/2026/...` (the written example). */
  readonly prefixJoin: "direct" | "slash";
  /** Whether an error also has the header x-amzn-errortype. */
  readonly errorTypeHeader: boolean;
  /** Seconds of a Retry-After header on throttled answers; 0 leaves it out. */
  readonly retryAfterSeconds: number;
}

export const GUESSES_DEFAULT: Guesses = {
  quotaWindowMs: 1_000,
  callBytesMax: 4 * 1024 * 1024,
  requestsOverQuota: "records",
  nothingFits: "records",
  quotaCounts: "raw",
  inactiveStream: "ResourceNotFoundException",
  prefixJoin: "direct",
  errorTypeHeader: false,
  retryAfterSeconds: 0,
};

const CHOICES: { readonly [K in keyof Guesses]: readonly string[] | "number" | "boolean" } = {
  quotaWindowMs: "number",
  callBytesMax: "number",
  requestsOverQuota: ["records", "call"],
  nothingFits: ["records", "call"],
  quotaCounts: ["raw", "base64"],
  inactiveStream: ["ResourceNotFoundException", "InvalidArgumentException"],
  prefixJoin: ["direct", "slash"],
  errorTypeHeader: "boolean",
  retryAfterSeconds: "number",
};

/** Reads `name=value` pairs, as the command line has them. Throws an Error of one sentence for what is none. */
export function parseGuesses(pairs: readonly string[]): Guesses {
  const found: Record<string, string | number | boolean> = {};
  for (const pair of pairs) {
    const [name = "", value = ""] = pair.split(/=(.*)/s);
    const choice = Object.hasOwn(CHOICES, name) ? CHOICES[name as keyof Guesses] : undefined;
    if (choice === undefined)
      throw new Error(`no guess is called "${name}"; there are ${Object.keys(CHOICES).join(", ")}`);
    if (choice === "number") {
      const least = name === "retryAfterSeconds" ? 0 : 1;
      const number = Number(value);
      if (value === "" || !Number.isFinite(number) || number < least) {
        throw new Error(`${name} is a number, ${least} or more, and not "${value}"`);
      }
      found[name] = number;
    } else if (choice === "boolean") {
      if (value !== "true" && value !== "false") throw new Error(`${name} is true or false, and not "${value}"`);
      found[name] = value === "true";
    } else {
      if (!choice.includes(value)) throw new Error(`${name} is one of ${choice.join(", ")}, and not "${value}"`);
      found[name] = value;
    }
  }
  return { ...GUESSES_DEFAULT, ...found };
}
