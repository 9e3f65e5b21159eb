import { expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { ServerCredentials, status } from "@grpc/grpc-js";
import { Authority, type Pair } from "../../../collector/testing/certificates.ts";
import { withFolder } from "../../../collector/testing/temporary.ts";
import { testWith } from "../../../collector/testing/tools.ts";
import { connect } from "../client.ts";
import type { ClientError } from "../errors.ts";
import { FakeCollector, failure } from "../fake-collector.ts";

const LIMIT_MS = 60_000;
const RETRY = { initialDelayMs: 5, delayMsMax: 50 };

function credentialsOf(authority: Authority, { certificate, key }: Pair, isMutual: boolean): ServerCredentials {
  const ca = isMutual ? authority.certificate : null;
  return ServerCredentials.createSsl(ca, [{ cert_chain: certificate, private_key: key }], isMutual);
}

for (const transport of ["stream", "unary"] as const) {
  testWith(
    ["openssl"],
    `${transport}: TLS and mutual TLS by files, and nothing is sent to whoever has no proper certificate`,
    async () => {
      await withFolder(async (folder) => {
        const authority = new Authority(folder);
        const write = (name: string, content: Buffer): string => {
          writeFileSync(join(folder, name), content);
          return join(folder, name);
        };
        const own = authority.issue("app");
        const caFile = write("ca.pem", authority.certificate);
        const certificateFile = write("app.pem", own.certificate);
        const keyFile = write("app.key", own.key);
        const server = credentialsOf(authority, authority.issue("collector"), true);
        using collector = await new FakeCollector().start(server);
        const endpoint = `https://localhost:${collector.port}`;
        const resolve = async () => ["127.0.0.1"];
        const options = { endpoint, resolve, transport, onDrop: () => {} };
        const good = await connect({ ...options, tls: { caFile, certificateFile, keyFile } });
        expect((await good.send({ body: "good" })).records).toBe(1);
        await good.close();
        const wrong = new Authority(folder, "other");
        const bad = [
          { caFile },
          { certificateFile, keyFile },
          { caFile: write("other.pem", wrong.certificate), certificateFile, keyFile },
          { caFile, certificateFile, keyFile, serverName: "elsewhere" },
        ];
        for (const tls of bad) {
          const client = await connect({ ...options, tls });
          // Not expect().rejects, which runs the event loop itself until the promise is settled.
          const outcome = client.send({ body: "bad" }).catch((error: ClientError) => error.code);
          const reason = await new Promise<string | undefined>((tell) =>
            client.events.once("disconnected", (event) => tell(event.reason)),
          );
          expect(reason).toMatch(/certificate|TLS|SSL|altname/i);
          await client.close(0);
          expect(await outcome).toBe("closed");
        }
        expect(collector.bodies).toEqual(["good"]);
      });
    },
    LIMIT_MS,
  );

  test(
    `${transport}: a token is read from its file, and again when it was refused`,
    async () => {
      await withFolder(async (folder) => {
        const bearerTokenFile = join(folder, "token");
        writeFileSync(bearerTokenFile, "old\n");
        using collector = await new FakeCollector().start();
        const seen: string[] = [];
        let valid = "old";
        collector.handle = ({ metadata }, take, answer) => {
          const token = String(metadata.get("authorization")[0]);
          seen.push(token);
          if (token === `Bearer ${valid}`) take();
          else answer(failure(status.UNAUTHENTICATED, "token expired"));
        };
        const endpoint = `127.0.0.1:${collector.port}`;
        const headers = { "x-team": "checkout" };
        await using client = await connect({ endpoint, transport, bearerTokenFile, headers, retry: RETRY });
        await client.send({ body: 1 });
        valid = "new";
        writeFileSync(bearerTokenFile, "new\n");
        collector.die();
        await collector.start();
        await client.send({ body: 2 });
        expect([collector.bodies, seen.at(0), seen.at(-1)]).toEqual([["1", "2"], "Bearer old", "Bearer new"]);
      });
    },
    LIMIT_MS,
  );
}

test(
  "without a token that can be read nothing is sent, and the reason is told; it need not be there at the start",
  async () => {
    await withFolder(async (folder) => {
      const bearerTokenFile = join(folder, "token");
      using collector = await new FakeCollector().start();
      await using client = await connect({ endpoint: `127.0.0.1:${collector.port}`, bearerTokenFile, retry: RETRY });
      const told = new Promise<string | undefined>((tell) =>
        client.events.once("disconnected", ({ reason }) => tell(reason)),
      );
      const sent = client.send({ body: "a" });
      expect(await told).toContain("bearerTokenFile");
      writeFileSync(bearerTokenFile, "secret\nthat is none");
      await Bun.sleep(50);
      expect(collector.bodies).toEqual([]);
      writeFileSync(bearerTokenFile, "secret");
      expect((await sent).records).toBe(1);
    });
  },
  LIMIT_MS,
);
