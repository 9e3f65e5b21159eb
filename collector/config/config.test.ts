import { expect, test } from "bun:test";
import { configKeys, loadConfig } from "./config.ts";
import { tenantLimits } from "./tenants.ts";

const MINIMAL = { STANDPIPE_FIREHOSE_STREAM: "logs" };

function file(text: string): { path: string; text: string } {
  return { path: "standpipe.yaml", text };
}

function problemsOf(run: () => unknown): string {
  try {
    run();
  } catch (reason) {
    expect(reason).toMatchObject({ code: "config_invalid" });
    return (reason as Error).message;
  }
  throw new Error("it was accepted");
}

test("a stream's name is all that is needed", () => {
  const config = loadConfig(undefined, MINIMAL);
  expect(config.routes).toHaveLength(1);
  expect(config.routes[0]).toMatchObject({
    name: "default",
    stream: "logs",
    recordId: false,
  });
  expect(config.routes[0]?.bytesPerSecond).toBeUndefined();
  expect(config.ingest.address).toBe("127.0.0.1:4317");
  expect(config.routes[0]?.region).toBeUndefined();
});

test("the environment goes before the file, the file before the default", () => {
  const text = "firehose:\n  stream: a\n  bytesPerSecond: 5MiB\njournal:\n  bytesMax: 2GiB\n";
  const config = loadConfig(file(text), { STANDPIPE_FIREHOSE_BYTES_PER_SECOND: "2097152", PATH: "/bin" });
  expect(config.routes[0]).toMatchObject({ stream: "a", bytesPerSecond: 2_097_152 });
  expect(config.journal.bytesMax).toBe(2 * 1024 ** 3);
});

test("every problem is told at once, by the name of its key, with what would be right", () => {
  const text =
    "firehose:\n  strem: a\n  bytesPerSecond: fast\n  recordId: perhaps\njournal: 5\nextra: 1\ningest:\n  nestingMax: 1.5\n";
  const message = problemsOf(() =>
    loadConfig(file(text), { STANDPIPE_FIREHOSE_STREAMS: "x", STANDPIPE_INGEST_ADDRESS: "4317" }),
  );
  expect(message).toContain("firehose.strem is not a key: did you mean stream?");
  expect(message).toContain("firehose.bytesPerSecond must be 1KiB to 10GiB");
  expect(message).toContain("firehose.recordId");
  expect(message).toContain("journal must be a section");
  expect(problemsOf(() => loadConfig(file("routes: 5\n"), {}))).toContain("routes must be a list, each of its routes");
  expect(message).toContain("extra is not a key");
  expect(message).toContain("ingest.nestingMax must be a whole number from 1 to 256");
  expect(message).toContain("ingest.address must be host:port");
  expect(message).toContain(
    "STANDPIPE_FIREHOSE_STREAMS is not one of Standpipe's: did you mean STANDPIPE_FIREHOSE_STREAM?",
  );
});

test("a file that is no YAML, or holds no sections, says so, and nothing of what it would be missing", () => {
  const message = problemsOf(() => loadConfig(file("firehose: {stream: a\n  b: ["), {}));
  expect(message).toContain("is not YAML");
  expect(message).not.toContain("is needed");
  expect(problemsOf(() => loadConfig(file("firehose: [1\n"), MINIMAL))).toContain("standpipe.yaml is not YAML");
  expect(problemsOf(() => loadConfig(file("- a\n"), MINIMAL))).toContain("must hold sections");
});

test("an empty file and empty sections are fine", () => {
  expect(loadConfig(file(""), MINIMAL).log.level).toBe("info");
  expect(loadConfig(file("journal: {}\n"), MINIMAL).journal.directory).toBe("./journal");
});

test("limits that contradict each other are told", () => {
  const environment = {
    ...MINIMAL,
    STANDPIPE_INGEST_IN_FLIGHT_BYTES_MAX: "1MiB",
    STANDPIPE_JOURNAL_BYTES_MAX: "16MiB",
    STANDPIPE_JOURNAL_SEGMENT_BYTES_MAX: "9MiB",
  };
  const message = problemsOf(() => loadConfig(undefined, environment));
  expect(message).toContain("ingest.requestBytesMax must not exceed ingest.inFlightBytesMax");
  expect(message).toContain("journal.bytesMax must hold two segments");
});

test("replicas are found by a service's name or by a list, and not by both", () => {
  const listed = loadConfig(undefined, { ...MINIMAL, STANDPIPE_PEERS_ADDRESSES: "a:4317, [::1]:4317" });
  expect(listed.peers.addresses).toEqual(["a:4317", "[::1]:4317"]);
  const text = "peers: { service: 'peers:4317', addresses: ['b:4317'], intervalMs: 2000 }\n";
  const message = problemsOf(() => loadConfig(file(text), MINIMAL));
  expect(message).toContain("peers.service and peers.addresses exclude each other");
  expect(message).toContain("peers.leaseMs must be twice peers.intervalMs at least");
  expect(problemsOf(() => loadConfig(file("peers: { addresses: [b] }\n"), MINIMAL))).toContain(
    "peers.addresses.0 must be host:port",
  );
});

test("a word is taken for another one only where it is near", () => {
  const message = problemsOf(() => loadConfig(file("foo: 1\njurnal: {}\ningest: { address: 'a:99999' }\n"), MINIMAL));
  expect(message).toContain("jurnal is not a key: did you mean journal?");
  expect(message).toMatch(/foo is not a key$/m);
  expect(message).toContain("ingest.address must have a port from 0 to 65535");
});

test("the result can't be changed", () => {
  const config = loadConfig(undefined, MINIMAL);
  expect(() => {
    (config.routes[0] as { stream: string }).stream = "other";
  }).toThrow();
});

test("every key has a description and a variable of its own", () => {
  const keys = configKeys();
  expect(keys.filter(({ description }) => description === "")).toEqual([]);
  expect(new Set(keys.map(({ variable }) => variable)).size).toBe(keys.length);
  expect(keys.map(({ variable }) => variable)).toContain("STANDPIPE_JOURNAL_SEGMENT_BYTES_MAX");
});

test("a configuration without any stream says which key is needed", () => {
  expect(problemsOf(() => loadConfig(undefined, {}))).toContain("firehose.stream is needed");
});

test("routes take from the section firehose what they do not say themselves", () => {
  const text = `
firehose: { region: eu-west-1, bytesPerSecond: 5MiB, stream: all }
routes:
  - { name: errors, stream: errors, startAt: head }
  - { name: everything, bytesPerSecond: 1MiB }
`;
  const { routes } = loadConfig(file(text), { STANDPIPE_FIREHOSE_RECORD_ID: "true" });
  expect(routes).toMatchObject([
    {
      name: "errors",
      stream: "errors",
      startAt: "head",
      region: "eu-west-1",
      bytesPerSecond: 5_242_880,
      recordId: true,
    },
    {
      name: "everything",
      stream: "all",
      startAt: "tail",
      region: "eu-west-1",
      bytesPerSecond: 1_048_576,
      recordId: true,
    },
  ]);
});

test("what is wrong with a route is told by its place", () => {
  const text =
    "routes:\n  - { name: a, streem: x }\n  - { name: a, stream: y }\n  - { stream: z, bytesPerSecond: 1 }\n";
  const message = problemsOf(() => loadConfig(file(text), {}));
  expect(message).toContain("routes.0.streem is not a key: did you mean stream?");
  expect(message).toContain("routes.2.name is needed");
  expect(message).toContain("routes.2.bytesPerSecond must be 1KiB to 10GiB");
  const twice = "routes:\n  - { name: a, stream: x }\n  - { name: a, stream: y }\n  - { name: b }\n";
  const relations = problemsOf(() => loadConfig(file(twice), {}));
  expect(relations).toContain("routes.1.name a is there twice");
  expect(relations).toContain("routes.2.stream is needed");
  expect(problemsOf(() => loadConfig(file("routes: []\n"), {}))).toContain("routes must hold a route, or be left out");
});

test("a route can't be configured and forgotten at once", () => {
  const environment = { ...MINIMAL, STANDPIPE_JOURNAL_FORGET_ROUTES: "old, default" };
  expect(problemsOf(() => loadConfig(undefined, environment))).toContain(
    "forgetRoutes must not name a route that is configured",
  );
  expect(loadConfig(undefined, { ...MINIMAL, STANDPIPE_JOURNAL_FORGET_ROUTES: "old" }).journal.forgetRoutes).toEqual([
    "old",
  ]);
});

test("beyond loopback the page wants a certificate and tokens, and plaintext has to be asked for by name", () => {
  const tls = "identity: { certificate: a.crt, key: a.key }";
  for (const admin of ['pageAddress: "0.0.0.0:4321"', 'pageAddress: "10.0.0.1:4321", tokens: t']) {
    expect(problemsOf(() => loadConfig(file(`admin: { ${admin} }`), MINIMAL))).toContain("who could read logs");
  }
  const authorities = 'admin: { pageAddress: "0.0.0.0:4321", authorities: ca.crt }';
  expect(problemsOf(() => loadConfig(file(`${authorities}\n${tls}`), MINIMAL))).toContain("and no certificate");
  const page = loadConfig(file(`admin: { pageAddress: "0.0.0.0:4321", tokens: t }\n${tls}`), MINIMAL);
  expect(page.admin).toMatchObject({ pageAddress: "0.0.0.0:4321", plaintextPage: false });
  expect(loadConfig(file('admin: { pageAddress: "127.0.0.1:4321" }'), MINIMAL).admin.pageAddress).toBe(
    "127.0.0.1:4321",
  );
  expect(problemsOf(() => loadConfig(file("admin: { plaintextPage: true }"), MINIMAL))).toContain("needs admin.tokens");
});

test("plaintext beyond loopback is taken only where it is asked for by name", () => {
  const problems = (text: string) => problemsOf(() => loadConfig(file(text), MINIMAL));
  for (const address of ["0.0.0.0:4317", "[::]:4317", "10.0.0.1:4317", "127.example.org:4317"]) {
    expect(problems(`ingest: { address: "${address}" }`)).toContain(
      `ingest.address ${address} can be reached by others`,
    );
    const asked = loadConfig(file(`ingest: { address: "${address}", plaintext: true }`), MINIMAL);
    expect(asked.ingest).toMatchObject({ address, plaintext: true });
    loadConfig(file(`{ ingest: { address: "${address}" }, identity: { certificate: a, key: b } }`), MINIMAL);
  }
  for (const address of ["127.0.0.1:4317", "localhost:4317", "[::1]:4317", "127.1.2.3:1"]) {
    expect(loadConfig(file(`ingest: { address: "${address}" }`), MINIMAL).ingest.plaintext).toBe(false);
  }
});

test("what identity needs beside it is said", () => {
  for (const [text, words] of [
    ["identity: { certificate: a }", "identity.certificate and identity.key need each other"],
    ["identity: { authorities: a }", "identity.authorities needs identity.certificate and identity.key"],
    ["identity: { jwks: /a }", "identity.jwks needs identity.issuer and identity.audience"],
    ["identity: { jwks: /a, issuer: i, audience: a, jwksToken: t }", "are for an identity.jwks that is a URL"],
    ["identity: { tenants: a }", "identity.tenants needs a way to know tenants"],
    ["{ identity: { tokens: t }, peers: { service: 'a:1' } }", "peers.tokens is needed"],
    [
      "identity: { certificate: a, key: b, authorities: c, clientCertificates: optional }",
      "identity.clientCertificates optional needs identity.tokens or identity.jwks",
    ],
  ] as const) {
    expect(problemsOf(() => loadConfig(file(text), MINIMAL))).toContain(words);
  }
});

test("tenants have limits of their own, which go before those of all, in a file or as JSON in the environment", () => {
  const text =
    "tenants: { bytesPerSecond: 1MiB, limits: [{ tenant: shop/a, bytesPerSecond: 4MiB, journalPercentMax: 50 }] }";
  const { tenants } = loadConfig(file(text), MINIMAL);
  const { limits, own } = tenantLimits(tenants, 1_000);
  expect(limits).toEqual({ bytesPerSecond: 1_048_576, inFlightBytesMax: undefined, journalBytesMax: undefined });
  expect(own.get("shop/a")).toEqual({
    bytesPerSecond: 4_194_304,
    inFlightBytesMax: undefined,
    journalBytesMax: 500,
  });
  const asJson = { ...MINIMAL, STANDPIPE_TENANTS_LIMITS: '[{"tenant":"b","inFlightBytesMax":"8MiB"}]' };
  expect(tenantLimits(loadConfig(undefined, asJson).tenants, 1_000).own.get("b")).toMatchObject({
    inFlightBytesMax: 8_388_608,
  });
  for (const [limit, words] of [
    ["nobody", "tenants.limits must be a list of tenants with limits"],
    ["[{ bytesPerSecond: 1MiB }]", "tenants.limits.0.tenant is needed: whose limits these are"],
    ["[{ tenant: 'a b' }]", "tenants.limits.0.tenant must be a tenant's name"],
    ["[{ tenant: a, bytesPerSecnd: 1MiB }]", "bytesPerSecnd is not a key: did you mean bytesPerSecond?"],
    [
      "[{ tenant: a, journalPercentMax: 0 }]",
      "tenants.limits.0.journalPercentMax must be a whole number from 1 to 100",
    ],
    ["[{ tenant: a }, { tenant: a }]", "tenants.limits.1.tenant a is there twice"],
    ["[{ tenant: a, inFlightBytesMax: 1MiB }]", "must not exceed tenants.limits.0.inFlightBytesMax"],
  ] as const) {
    expect(problemsOf(() => loadConfig(file(`tenants: { limits: ${limit} }`), MINIMAL))).toContain(words);
  }
});
