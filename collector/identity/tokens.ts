/**
 * Bearer tokens from a file: a line each, `<tenant> <token>`; empty lines and those that begin with # say nothing. A
 * tenant may have several, so that one can be changed without a moment in which none is good: add the new one, change
 * the clients, remove the old one.
 *
 * Tokens are kept and compared as SHA-256 sums, every one of them for every call: how long that takes tells nothing of
 * which was near.
 */
import { createHash, timingSafeEqual } from "node:crypto";
import { isTenant } from "./identity.ts";

/** Shorter ones can be guessed. */
const TOKEN_LENGTH_MIN = 16;
const TOKEN_LENGTH_MAX = 4_096;

/** Each is compared for each call. */
const TOKENS_MAX = 1_024;

export interface Token {
  readonly tenant: string;
  readonly sum: Buffer;
  /** For a client that has to show one itself. Never logged. */
  readonly secret: string;
}

/** The tokens of a file, in its order. Throws an Error that names the line, and never what stands in it. */
export function parseTokens(text: string): Token[] {
  const tokens: Token[] = [];
  for (const [index, line] of text.split("\n").entries()) {
    const content = line.trim();
    if (content === "" || content.startsWith("#")) continue;
    const [tenant = "", secret = "", ...rest] = content.split(/\s+/);
    if (secret === "" || rest.length > 0) throw new Error(`line ${index + 1} is not "<tenant> <token>"`);
    if (!isTenant(tenant)) throw new Error(`line ${index + 1} names no tenant: letters, digits and . _ : @ / -`);
    if (secret.length < TOKEN_LENGTH_MIN || secret.length > TOKEN_LENGTH_MAX || !/^[\x21-\x7e]+$/.test(secret)) {
      throw new Error(
        `the token in line ${index + 1} must be ${TOKEN_LENGTH_MIN} to ${TOKEN_LENGTH_MAX} plain characters`,
      );
    }
    const sum = sumOf(secret);
    if (tokens.some((other) => other.sum.equals(sum))) throw new Error(`the token in line ${index + 1} is there twice`);
    tokens.push({ tenant, sum, secret });
  }
  if (tokens.length === 0) throw new Error("it holds no token");
  if (tokens.length > TOKENS_MAX) throw new Error(`it holds more than ${TOKENS_MAX} tokens`);
  return tokens;
}

/** Whose token it is. */
export function tenantOfToken(tokens: readonly Token[], secret: string): string | undefined {
  const sum = sumOf(secret);
  let found: string | undefined;
  for (const token of tokens) if (timingSafeEqual(token.sum, sum)) found = token.tenant;
  return found;
}

function sumOf(secret: string): Buffer {
  return createHash("sha256").update(secret).digest();
}
