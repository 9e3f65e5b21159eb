/**
 * Administrators with real processes: certificates of their own, held by the CLI; and the page over HTTPS, whose certificate
 * changes while it is open.
 */
import { expect } from "bun:test";
import { mkdirSync, writeFileSync } from "node:fs";
import { networkInterfaces } from "node:os";
import { join } from "node:path";
import { Authority, type Pair, SecretFolder, tlsSecret } from "../certificates.ts";
import { withFolder } from "../temporary.ts";
import { testWith } from "../tools.ts";
import { runWords } from "./cli-process.ts";
import { CollectorProcess, freePorts } from "./collector-process.ts";

const LIMIT_MS = 120_000;

const TOKEN = "a-token-that-is-long-enough-to-be-one";

/** Files of a certificate and its key, as the CLI takes them. */
function written(directory: string, name: string, { certificate, key }: Pair): string[] {
  const folder = join(directory, name);
  mkdirSync(folder);
  writeFileSync(join(folder, "tls.crt"), certificate);
  writeFileSync(join(folder, "tls.key"), key);
  return ["--certificate", join(folder, "tls.crt"), "--key", join(folder, "tls.key")];
}

testWith(
  ["openssl"],
  "with admin.authorities an administrator's certificate lets the CLI in; none, a stranger's and a sender's do not",
  async () => {
    await withFolder(async (directory) => {
      const servers = new Authority(directory, "servers");
      const senders = new Authority(directory, "senders");
      const administrators = new Authority(directory, "administrators");
      const strangers = new Authority(directory, "strangers");
      const secret = new SecretFolder(
        join(directory, "tls"),
        tlsSecret(servers.issue("collector"), senders.certificate),
      );
      const folder = join(directory, "authorities");
      mkdirSync(folder);
      writeFileSync(join(folder, "administrators.crt"), administrators.certificate);
      writeFileSync(join(folder, "servers.crt"), servers.certificate);
      const ports = await freePorts();
      const settings = {
        identity: {
          certificate: secret.path("tls.crt"),
          key: secret.path("tls.key"),
          authorities: secret.path("ca.crt"),
        },
        admin: { authorities: join(folder, "administrators.crt") },
      };
      await using collector = await CollectorProcess.start({
        directory,
        endpoint: "http://127.0.0.1:9",
        ports,
        settings,
      });
      const address = ["--address", `localhost:${ports.control}`, "--timeout", "30"];
      const tls = ["--authorities", join(folder, "servers.crt")];
      const cli = (...words: string[]) => runWords([...words, ...address]);

      const ann = written(directory, "ann", administrators.issue("ann", { names: "DNS:ann" }));
      expect(await cli("status", ...tls, ...ann)).toMatchObject({ code: 0, errors: "" });
      expect((await cli("log-level", "debug", ...tls, ...ann)).code).toBe(0);
      // Who asked is in the log by the certificate's name, and not by what the caller says.
      await collector.said(/log level set to debug, by ann \(by certificate\)/);

      const notOne = "your certificate is not signed by one of its admin.authorities";
      const refused: [string[], string][] = [
        [tls, "wants an administrator's certificate: show one with --certificate and --key"],
        [[...tls, ...written(directory, "stranger", strangers.issue("ann"))], notOne],
        [[...tls, ...written(directory, "sender", senders.issue("shop"))], notOne],
        // The server's own: it is no administrator either.
        [[...tls, ...written(directory, "server", servers.issue("collector"))], notOne],
        [
          ["--authorities", join(folder, "administrators.crt"), ...ann],
          "is not believed (unable to verify the first certificate): name its authorities with --authorities",
        ],
        [[], "one that wants TLS (--authorities)?"],
      ];
      for (const [index, [words, said]] of refused.entries()) {
        const { code, out, errors } = await cli("status", ...words);
        expect({ index, code, out }).toEqual({ index, code: 2, out: "" });
        expect(errors).toMatch(/^standpipe: [^\n]+\n$/);
        expect(errors).toContain(said);
        expect(errors).not.toMatch(/\n\s+at |Error:/);
      }
    });
  },
  LIMIT_MS,
);

testWith(
  ["openssl"],
  "the page is shown over HTTPS to who shows a token, and follows its certificate; in plaintext to this machine only",
  async () => {
    await withFolder(async (directory) => {
      const authority = new Authority(directory);
      const first = authority.issue("collector", { names: "IP:127.0.0.1" });
      const secret = new SecretFolder(join(directory, "tls"), tlsSecret(first, authority.certificate));
      writeFileSync(join(directory, "tokens"), `ann ${TOKEN}\n`);
      const ports = await freePorts();
      const { http: pagePort } = await freePorts();
      const settings = {
        identity: { certificate: secret.path("tls.crt"), key: secret.path("tls.key") },
        admin: {
          // Beyond loopback, so that it is TLS.
          pageAddress: `0.0.0.0:${pagePort}`,
          address: `0.0.0.0:${ports.admin}`,
          tokens: join(directory, "tokens"),
        },
      };
      await using _collector = await CollectorProcess.start({
        directory,
        endpoint: "http://127.0.0.1:9",
        ports,
        settings,
      });
      const tls = { ca: authority.certificate.toString() };
      const ask = (path: string, headers: Record<string, string> = {}) =>
        // A connection each, since a connection keeps the certificate that it began with.
        fetch(`https://127.0.0.1:${pagePort}${path}`, { headers: { ...headers, connection: "close" }, tls });
      const token = { authorization: `Bearer ${TOKEN}` };
      expect((await ask("/")).status).toBe(200);
      expect((await ask("/console/quarantine")).status).toBe(401);
      expect((await ask("/console/quarantine", { authorization: "Bearer no" })).status).toBe(401);
      expect(await (await ask("/console/quarantine", token)).json()).toEqual([]);
      // Here is the page, and what probes and scrapers ask for is elsewhere.
      expect((await ask("/status", token)).status).toBe(404);
      await expect(fetch(`http://127.0.0.1:${pagePort}/`)).rejects.toThrow();

      // An event stream that is open goes on over the change.
      const events = await fetch(`https://127.0.0.1:${pagePort}/console/events`, { headers: token, tls });
      const reader = (events.body as ReadableStream<Uint8Array>).getReader();
      await reader.read();
      const other = new Authority(directory, "another");
      secret.write(tlsSecret(other.issue("collector", { names: "IP:127.0.0.1" }), other.certificate));
      tls.ca = other.certificate.toString();
      while (
        !(await ask("/").then(
          ({ ok }) => ok,
          () => false,
        ))
      )
        await Bun.sleep(50);
      for (let chunk = 0; chunk < 3; chunk++) expect((await reader.read()).done).toBe(false);
      await reader.cancel();

      const plain = (host: string, path: string) => fetch(`http://${host}:${ports.admin}${path}`, { headers: token });
      expect((await plain("127.0.0.1", "/console/quarantine")).status).toBe(200);
      const [far] = Object.values(networkInterfaces())
        .flatMap((each) => each ?? [])
        .filter(({ internal, family }) => !internal && family === "IPv4");
      if (far === undefined) return;
      expect((await plain(far.address, "/livez")).status).toBe(200);
      expect((await plain(far.address, "/console/quarantine")).status).toBe(403);
    });
  },
  LIMIT_MS,
);
