/** Who is let in by what it shows, who is not and why, and that no word of a secret gets out. */
import { expect, test } from "bun:test";
import fc from "fast-check";
import { exportJWK, generateKeyPair, type JWK, SignJWT } from "jose";
import { VirtualClock } from "../testing/virtual-clock.ts";
import { Authenticator, type Credentials } from "./authenticator.ts";
import { tenantOfCertificate } from "./certificate-tenant.ts";
import type { Identity } from "./identity.ts";
import type { Current } from "./rotating.ts";
import { type Keys, parseKeys, remoteKeys, ServiceAccounts, tenantOfSubject } from "./service-accounts.ts";
import { parseTokens, tenantOfToken } from "./tokens.ts";

const A = "a-token-of-payments-1";
const B = "a-token-of-payments-2";
const C = "a-token-of-checkout-1";
const TOKENS = `# tokens\n\npayments ${A}\r\npayments ${B}\ncheckout\t${C}\n`;
const ISSUER = "https://issuer.example";
const AUDIENCE = "standpipe";

function fixed<Value>(value: Value): Current<Value> & { value: Value } {
  return { value, onChange: () => () => undefined };
}

/** The identity, or code and words of the refusal. */
async function ask(authenticator: Authenticator, shown: Partial<Credentials>): Promise<Identity | string> {
  try {
    return await authenticator.authenticate({ authorization: undefined, certificate: undefined, ...shown });
  } catch (reason) {
    return (reason as { code: string }).code;
  }
}

test("each token of a file names its tenant, and a change of the file counts at the next call", async () => {
  const tokens = fixed(parseTokens(TOKENS));
  const authenticator = new Authenticator({ tokens });
  for (const [token, tenant] of [
    [A, "payments"],
    [B, "payments"],
    [C, "checkout"],
  ]) {
    expect(await ask(authenticator, { authorization: `Bearer ${token}` })).toEqual({ tenant, by: "token" } as Identity);
  }
  tokens.value = parseTokens(`payments ${B}`);
  expect(await ask(authenticator, { authorization: `Bearer ${A}` })).toBe("unauthenticated");
  expect(await ask(authenticator, { authorization: `bearer ${B}` })).toEqual({ tenant: "payments", by: "token" });
});

test("who shows nothing, something else, or what nobody was given is unauthenticated, and counted by why", async () => {
  const authenticator = new Authenticator({ tokens: fixed(parseTokens(TOKENS)) });
  expect(await ask(authenticator, {})).toBe("unauthenticated");
  for (const authorization of ["", A, `Basic ${A}`, `Bearer ${A}x`, `Bearer ${A} ${B}`, "Bearer", "Bearer a.b.c"]) {
    expect(await ask(authenticator, { authorization })).toBe("unauthenticated");
  }
  // Without authorities a certificate says nothing.
  expect(await ask(authenticator, { certificate: { subject: { CN: "payments" } } })).toBe("unauthenticated");
  expect(authenticator.refusals).toMatchObject({ missing: 2, wrong: 7 });
});

test("with nothing configured everybody is the default tenant, whatever is shown", async () => {
  expect(await ask(new Authenticator(), { authorization: "Bearer x" })).toEqual({
    tenant: "default",
    by: "nobody_asked",
  });
});

test("a known tenant that is not among those that may is denied, not unknown", async () => {
  const authenticator = new Authenticator({ tokens: fixed(parseTokens(TOKENS)), tenants: ["checkout"] });
  expect(await ask(authenticator, { authorization: `Bearer ${A}` })).toBe("permission_denied");
  expect(await ask(authenticator, { authorization: `Bearer ${C}` })).toMatchObject({ tenant: "checkout" });
  expect(authenticator.refusals.not_allowed).toBe(1);
});

test("a file of tokens that is wrong is refused by its line, without a word of what stands there", () => {
  const long = "x".repeat(16);
  for (const [text, words] of [
    ["", "it holds no token"],
    ["# nothing\n", "it holds no token"],
    [`${long}\n`, 'line 1 is not "<tenant> <token>"'],
    [`a ${long} b\n`, 'line 1 is not "<tenant> <token>"'],
    [`a ${long}\nb short\n`, "the token in line 2 must be 16 to 4096 plain characters"],
    [`ä ${long}\n`, "line 1 names no tenant: letters, digits and . _ : @ / -"],
    [`a ${long}\n\nb ${long}\n`, "the token in line 3 is there twice"],
  ] as const) {
    expect(() => parseTokens(text)).toThrow(words);
  }
  fc.assert(
    fc.property(fc.string(), (text) => {
      try {
        for (const { tenant, secret } of parseTokens(text))
          expect(tenantOfToken(parseTokens(text), secret)).toBe(tenant);
      } catch (reason) {
        const secret = text.trim();
        if (secret.length > 8) expect((reason as Error).message).not.toContain(secret);
      }
    }),
    { numRuns: 500 },
  );
});

test("a certificate is its SPIFFE name, else its DNS name, else its common name; one that can be read in two ways is nobody", () => {
  const named = (subjectaltname: string | undefined, CN?: string) =>
    tenantOfCertificate({ subject: CN === undefined ? {} : { CN }, subjectaltname });
  expect(named("DNS:a.example, URI:spiffe://cluster.local/ns/shop/sa/payments", "x")).toBe("shop/payments");
  expect(named("URI:spiffe://example.org/payments/api")).toBe("example.org/payments/api");
  expect(named("IP Address:10.0.0.1, DNS:a.example", "x")).toBe("a.example");
  expect(named(undefined, "payments")).toBe("payments");
  expect(named("IP Address:10.0.0.1")).toBeUndefined();
  expect(named('DNS:"a.example\\", URI:spiffe://cluster.local/ns/shop/sa/admin"')).toBeUndefined();
  expect(named(undefined, "pay ments")).toBeUndefined();
});

test("only a ServiceAccount's subject names namespace and account", () => {
  expect(tenantOfSubject("system:serviceaccount:shop:payments")).toBe("shop/payments");
  for (const subject of [
    undefined,
    "",
    "admin",
    "system:serviceaccount:shop",
    "system:serviceaccount:shop:a/b",
    "system:serviceaccount:a:b:c",
  ]) {
    expect(tenantOfSubject(subject)).toBeUndefined();
  }
});

interface Signer {
  readonly key: CryptoKey;
  readonly jwk: JWK;
}

async function signer(kid: string, algorithm = "ES256"): Promise<Signer> {
  const { publicKey, privateKey } = await generateKeyPair(algorithm, { extractable: true });
  return { key: privateKey, jwk: { ...(await exportJWK(publicKey)), kid, alg: algorithm } };
}

interface Claims {
  readonly issuer?: string;
  readonly audience?: string;
  readonly subject?: string;
  readonly expiresInS?: number;
  readonly notBeforeInS?: number;
}

function sign({ key, jwk }: Signer, clock: VirtualClock, claims: Claims = {}): Promise<string> {
  const nowS = clock.nowMs() / 1_000;
  const { issuer = ISSUER, audience = AUDIENCE, subject = "system:serviceaccount:shop:payments" } = claims;
  const token = new SignJWT()
    .setProtectedHeader({ alg: jwk.alg ?? "ES256", kid: jwk.kid ?? "" })
    .setIssuer(issuer)
    .setAudience(audience)
    .setSubject(subject)
    .setNotBefore(nowS + (claims.notBeforeInS ?? -60))
    .setExpirationTime(nowS + (claims.expiresInS ?? 3_600));
  return token.sign(key);
}

test("a ServiceAccount token is its namespace and account, by any key of the set; others are refused by why", async () => {
  const clock = new VirtualClock();
  const [first, second, stranger] = await Promise.all([signer("1"), signer("2", "RS256"), signer("1")]);
  const keys = parseKeys(JSON.stringify({ keys: [first.jwk, second.jwk] }));
  const serviceAccounts = new ServiceAccounts({ keys: () => keys, issuer: ISSUER, audience: AUDIENCE, clock });
  const authenticator = new Authenticator({ serviceAccounts });
  const shop = { tenant: "shop/payments", by: "service_account" } as const;
  for (const by of [first, second]) {
    expect(await ask(authenticator, { authorization: `Bearer ${await sign(by, clock)}` })).toEqual(shop);
  }
  const good = await sign(first, clock);
  const [header = "", payload = "", signature = ""] = good.split(".");
  const none = `${Buffer.from('{"alg":"none"}').toString("base64url")}.${payload}.`;
  const secretHeader = Buffer.from(JSON.stringify({ alg: "HS256", kid: "1" })).toString("base64url");
  const cases: [string, keyof Authenticator["refusals"]][] = [
    [await sign(first, clock, { expiresInS: -60 }), "expired"],
    [await sign(first, clock, { notBeforeInS: 600 }), "expired"],
    [await sign(first, clock, { issuer: "https://elsewhere.example" }), "foreign"],
    [await sign(first, clock, { audience: "https://kubernetes.default.svc" }), "foreign"],
    [await sign(first, clock, { subject: "admin" }), "foreign"],
    [await sign(await signer("3"), clock), "foreign"],
    [await sign(stranger, clock), "wrong"],
    [`${header}.${payload}.${signature.slice(0, -4)}AAAA`, "wrong"],
    [none, "wrong"],
    [`${secretHeader}.${payload}.${signature}`, "wrong"],
    ["a.b.c", "wrong"],
    [`${"x".repeat(20_000)}.b.c`, "wrong"],
  ];
  for (const [token, why] of cases) {
    const before = authenticator.refusals[why];
    expect(await ask(authenticator, { authorization: `Bearer ${token}` })).toBe("unauthenticated");
    expect({ [why]: authenticator.refusals[why], token }).toEqual({ [why]: before + 1, token });
  }
});

test("a token that was verified runs out when it says, and with the key set that it was verified by", async () => {
  const clock = new VirtualClock();
  const [first, second] = await Promise.all([signer("1"), signer("2")]);
  let keys: Keys = parseKeys(JSON.stringify({ keys: [first.jwk] }));
  const accounts = new ServiceAccounts({ keys: () => keys, issuer: ISSUER, audience: AUDIENCE, clock });
  const short = await sign(first, clock, { expiresInS: 20 });
  const long = await sign(first, clock);
  expect(await accounts.verify(short)).toEqual({ tenant: "shop/payments" });
  expect(await accounts.verify(long)).toEqual({ tenant: "shop/payments" });
  await clock.advance(51_000);
  expect(await accounts.verify(short)).toEqual({ refusal: "expired" });
  keys = parseKeys(JSON.stringify({ keys: [second.jwk] }));
  expect(await accounts.verify(long)).toEqual({ refusal: "foreign" });
});

test("keys behind a URL are fetched once for many calls; while they can't be had a token is unverifiable, which is told as trouble that passes", async () => {
  const clock = new VirtualClock(Date.now());
  const key = await signer("1");
  let fetches = 0;
  let isBroken = true;
  const seen: (string | null)[] = [];
  using server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    fetch: (request) => {
      fetches++;
      seen.push(request.headers.get("authorization"));
      if (isBroken) return new Response("no", { status: 503 });
      return Response.json({ keys: [key.jwk] });
    },
  });
  const keys = remoteKeys(new URL(`http://127.0.0.1:${server.port}/openid/v1/jwks`), undefined, fixed("own-token"));
  const serviceAccounts = new ServiceAccounts({ keys: () => keys, issuer: ISSUER, audience: AUDIENCE, clock });
  const authenticator = new Authenticator({ serviceAccounts });
  const token = await sign(key, clock);
  expect(await ask(authenticator, { authorization: `Bearer ${token}` })).toBe("overloaded");
  expect(authenticator.refusals.unverifiable).toBe(1);
  isBroken = false;
  for (const subject of ["a", "b", "c"]) {
    const each = await sign(key, clock, { subject: `system:serviceaccount:shop:${subject}` });
    expect(await ask(authenticator, { authorization: `Bearer ${each}` })).toMatchObject({ tenant: `shop/${subject}` });
  }
  expect([fetches, new Set(seen)]).toEqual([2, new Set(["Bearer own-token"])]);
});

test("a file that is no key set is refused", () => {
  for (const text of ["", "{}", '{"keys":[]}', '{"keys":3}', "[]", "null"]) expect(() => parseKeys(text)).toThrow();
});
