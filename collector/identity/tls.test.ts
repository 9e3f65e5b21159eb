/** TLS on grpc-js's servers: pairs that are checked before they are used, and that change while calls go on. */
import { expect } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { Client, credentials, Metadata, Server, type ServiceError, status } from "@grpc/grpc-js";
import { systemClock } from "../clock.ts";
import { silentLog } from "../log.ts";
import { Authority, type Pair, SecretFolder, tlsSecret } from "../testing/certificates.ts";
import { withFolder } from "../testing/temporary.ts";
import { testWith } from "../testing/tools.ts";
import { Authenticator } from "./authenticator.ts";
import { ConnectionGuard } from "./connection-guard.ts";
import { createIdentityInterceptor, identityOf } from "./interceptor.ts";
import { type ClientCertificates, RotatingServerCredentials } from "./server-credentials.ts";
import { checkTls, openTlsFiles } from "./tls-files.ts";

const PATH = "/test.Test/Who";
const asItIs = (bytes: Buffer): Buffer => bytes;

const WHO = {
  Who: {
    path: PATH,
    requestStream: false,
    responseStream: false,
    requestSerialize: asItIs,
    requestDeserialize: asItIs,
    responseSerialize: asItIs,
    responseDeserialize: asItIs,
  },
} as const;

/** A server that tells who called it; its files are the secret's. */
async function serve(secret: SecretFolder, clients: ClientCertificates) {
  const paths = {
    certificate: secret.path("tls.crt"),
    key: secret.path("tls.key"),
    authorities: clients === "none" ? undefined : secret.path("ca.crt"),
  };
  const environment = { clock: systemClock, log: silentLog, pollMs: 10 };
  const files = await openTlsFiles(paths, "the certificate", environment);
  const authenticator = new Authenticator({ certificates: clients !== "none" });
  const interceptor = createIdentityInterceptor({
    authenticatorOf: () => authenticator,
    toStatus: (reason) => ({ code: status.UNAUTHENTICATED, details: String(reason), metadata: new Metadata() }),
  });
  const server = new Server({ interceptors: [interceptor], "grpc.enable_channelz": 1 });
  server.addService(WHO, {
    Who: (call: { metadata: Metadata }, answer: (error: null, value: Buffer) => void) =>
      answer(null, Buffer.from(identityOf(call.metadata).tenant)),
  });
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync("127.0.0.1:0", new RotatingServerCredentials(files, clients), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    );
  });
  const guard = new ConnectionGuard(
    { connectionsMax: 100, handshakesPerSecondMax: 1_000, handshakeMsMax: 60_000 },
    systemClock,
  );
  guard.watch(server);
  return {
    port,
    files,
    guard,
    [Symbol.asyncDispose]: async () => {
      server.forceShutdown();
      await files.stop();
    },
  };
}

/** Calls on a connection of its own, and closes it. */
async function callOnce(port: number, authorities: Buffer, pair?: Pair): Promise<string> {
  const client = clientOf(port, authorities, pair);
  try {
    return await call(client);
  } finally {
    client.close();
  }
}

function clientOf(port: number, authorities: Buffer, pair?: Pair): Client {
  const shown = credentials.createSsl(authorities, pair?.key ?? null, pair?.certificate ?? null);
  return new Client(`localhost:${port}`, shown, { "grpc.use_local_subchannel_pool": 1 });
}

function call(client: Client): Promise<string> {
  return new Promise((resolve) => {
    client.makeUnaryRequest(
      PATH,
      asItIs,
      asItIs,
      Buffer.from("who?"),
      new Metadata(),
      { deadline: Date.now() + 30_000 },
      (error: ServiceError | null, value?: Buffer) => resolve(error === null ? String(value) : status[error.code]),
    );
  });
}

testWith(["openssl"], "a pair that can't be served with is refused by what is wrong with it", async () => {
  await withFolder(async (folder) => {
    const authority = new Authority(folder);
    const [a, b] = [authority.issue("a"), authority.issue("b")];
    const nowMs = Date.now();
    const { expiresAtMs } = checkTls(a.certificate, a.key, authority.certificate, nowMs);
    expect(expiresAtMs).toBeGreaterThan(nowMs);
    const check =
      (certificate: Buffer, key: Buffer, authorities?: Buffer, atMs = nowMs) =>
      () =>
        checkTls(certificate, key, authorities, atMs);
    expect(check(a.certificate, b.key)).toThrow("the key is not the certificate's");
    expect(check(a.certificate.subarray(0, 100), a.key)).toThrow("the certificate holds no certificate in PEM");
    expect(check(a.certificate, a.key.subarray(0, 50))).toThrow("the key is no private key in PEM");
    expect(check(Buffer.alloc(0), a.key)).toThrow("the certificate holds no certificate in PEM");
    expect(check(a.certificate, a.key, Buffer.from("nobody"))).toThrow("the list of authorities holds no certificate");
    expect(check(a.certificate, a.key, undefined, expiresAtMs)).toThrow("the certificate ran out on ");
    expect(check(a.certificate, a.key, undefined, nowMs - 86_400_000)).toThrow("the certificate is not good before ");
  });
});

testWith(
  ["openssl"],
  "a new pair serves new connections, open ones go on, and a bad one changes nothing",
  async () => {
    await withFolder(async (folder) => {
      const [old, young] = [new Authority(folder, "old"), new Authority(folder, "young")];
      const secret = new SecretFolder(join(folder, "secret"), tlsSecret(old.issue("server"), old.certificate));
      await using server = await serve(secret, "none");
      const open = clientOf(server.port, old.certificate);
      expect(await call(open)).toBe("default");
      expect(await callOnce(server.port, young.certificate)).toBe("UNAVAILABLE");

      secret.write({ "tls.key": young.issue("other").key });
      while (server.files.status().problem === undefined) await Bun.sleep(2);
      expect(server.files.status().problem).toBe("the key is not the certificate's");
      expect(await callOnce(server.port, old.certificate)).toBe("default");

      const changed = Promise.withResolvers<unknown>();
      server.files.onChange(changed.resolve);
      secret.write(tlsSecret(young.issue("server"), young.certificate));
      await changed.promise;
      expect(await callOnce(server.port, young.certificate)).toBe("default");
      expect(await callOnce(server.port, old.certificate)).toBe("UNAVAILABLE");
      expect(await call(open)).toBe("default");
      open.close();
    });
  },
  60_000,
);

testWith(
  ["openssl"],
  "required: no connection without a certificate of ours; optional: no tenant without one; and authorities change as well",
  async () => {
    await withFolder(async (folder) => {
      const [ours, theirs] = [new Authority(folder, "ours"), new Authority(folder, "theirs")];
      const names = "URI:spiffe://cluster.local/ns/shop/sa/payments";
      const [mine, stranger] = [ours.issue("a", { names }), theirs.issue("b", { names })];
      const late = ours.issue("c", { names, days: -1 });
      for (const clients of ["required", "optional"] as const) {
        const folderOf = join(folder, clients);
        const secret = new SecretFolder(folderOf, tlsSecret(ours.issue("server"), ours.certificate));
        await using server = await serve(secret, clients);
        const refused = clients === "required" ? "UNAVAILABLE" : "UNAUTHENTICATED";
        expect(await callOnce(server.port, ours.certificate, mine)).toBe("shop/payments");
        expect(await callOnce(server.port, ours.certificate)).toBe(refused);
        expect(await callOnce(server.port, ours.certificate, stranger)).toBe(refused);
        expect(await callOnce(server.port, ours.certificate, late)).toBe(refused);
        const changed = Promise.withResolvers<unknown>();
        server.files.onChange(changed.resolve);
        writeFileSync(secret.path("ca.crt"), theirs.certificate);
        await changed.promise;
        expect(await callOnce(server.port, ours.certificate, stranger)).toBe("shop/payments");
        expect(await callOnce(server.port, ours.certificate, mine)).toBe(refused);
        if (clients === "required") expect(server.guard.counters.handshakesFailed).toBeGreaterThanOrEqual(4);
      }
    });
  },
  60_000,
);
