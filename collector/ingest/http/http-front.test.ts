/** Connections of the HTTP port: too many, too fast, half open, idle, old, and those that come in by another door. */
import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { connect as tlsConnect } from "node:tls";
import { Metadata, status } from "@grpc/grpc-js";
import { Authenticator } from "../../identity/authenticator.ts";
import { CONNECTION_LIMITS_DEFAULT } from "../../identity/connection-guard.ts";
import { checkTls } from "../../identity/tls-files.ts";
import { parseTokens } from "../../identity/tokens.ts";
import { Authority, type Pair } from "../../testing/certificates.ts";
import { ownPorts } from "../../testing/own-ports.ts";
import { withFolder } from "../../testing/temporary.ts";
import { testWith } from "../../testing/tools.ts";
import { logsRequest, startIngest, until } from "../fixture.ts";
import type { IngestOptions } from "../options.ts";

const HEAD = "POST /v1/logs HTTP/1.1\r\nhost: here\r\ncontent-type: application/x-protobuf\r\n";

async function start(options: Partial<IngestOptions> = {}) {
  const run = await startIngest({ http: { address: "127.0.0.1:0" }, ...options });
  return { ...run, http: run.server.httpPort as number, at: () => run.server.snapshot().httpConnections };
}

/** A connection that says `words`, what it was told, and whether it has ended. */
function open(port: number, words = "") {
  const opened = { socket: connect(port, "127.0.0.1") as Socket, isClosed: false, told: "" };
  opened.socket.on("error", () => undefined);
  opened.socket.on("data", (bytes) => {
    opened.told += bytes.toString("latin1");
  });
  opened.socket.on("close", () => {
    opened.isClosed = true;
  });
  if (words !== "") opened.socket.write(words);
  return opened;
}

/** One whole request, to be written to an open connection. */
function whole(): Buffer {
  const body = logsRequest(1);
  return Buffer.concat([Buffer.from(`${HEAD}content-length: ${body.length}\r\n\r\n`), body]);
}

test("beyond connectionsMax new ones are closed and counted, and there is room again when one ends", async () => {
  await using run = await start({ connectionLimits: { ...CONNECTION_LIMITS_DEFAULT, connectionsMax: 3 } });
  const first = [open(run.http), open(run.http), open(run.http)];
  await until(() => run.at().open === 3);
  const fourth = open(run.http);
  await until(() => fourth.isClosed);
  expect(run.at()).toMatchObject({ tooMany: 1, open: 3 });
  first[0]?.socket.destroy();
  await until(() => run.at().open === 2);
  const fifth = open(run.http);
  fifth.socket.write(whole());
  await until(() => fifth.told !== "");
  expect(fifth.told).toStartWith("HTTP/1.1 200");
  for (const { socket } of [...first, fifth]) socket.destroy();
});

test("faster than handshakesPerSecondMax new ones are closed and counted, those of gRPC by themselves", async () => {
  await using run = await start({ connectionLimits: { ...CONNECTION_LIMITS_DEFAULT, handshakesPerSecondMax: 2 } });
  // All but four at once, and two more for each second that it takes.
  const many = Array.from({ length: 40 }, () => open(run.http));
  await until(() => many.filter(({ isClosed }) => isClosed).length >= 20);
  expect(run.at().tooFast).toBeGreaterThanOrEqual(20);
  expect((await run.client.export(logsRequest(1))).code).toBe(0);
  for (const { socket } of many) socket.destroy();
});

test("who says nothing, or a header at a time, is cut off in time; who has sent a request is not", async () => {
  await using run = await start({ connectionLimits: { ...CONNECTION_LIMITS_DEFAULT, handshakeMsMax: 3_000 } });
  const mute = open(run.http);
  const slow = open(run.http, HEAD);
  const trickle = setInterval(() => slow.socket.write("a: b\r\n"), 50);
  const speaking = open(run.http);
  speaking.socket.write(whole());
  await until(() => mute.isClosed && slow.isClosed);
  clearInterval(trickle);
  expect(run.at()).toMatchObject({ halfOpen: 2, open: 1 });
  speaking.told = "";
  speaking.socket.write(whole());
  await until(() => speaking.told !== "");
  expect(speaking.told).toStartWith("HTTP/1.1 200");
  speaking.socket.destroy();
  expect(run.appender.records).toBe(2);
});

test("a body that trickles is cut off, the first one of a connection and those after it, small and large", async () => {
  await using run = await start({ http: { address: "127.0.0.1:0", bodySecondsMax: 4 } });
  const connections = [10_000, 200_000].flatMap((length) =>
    [0, 1].map((before) => {
      const one = open(run.http);
      for (let each = 0; each < before; each++) one.socket.write(whole());
      return { one, before, head: `${HEAD}content-length: ${length}\r\n\r\n` };
    }),
  );
  await until(() => connections.every(({ one, before }) => before === 0 || one.told !== ""));
  for (const { one, head } of connections) one.socket.write(head);
  const trickle = setInterval(() => {
    for (const { one } of connections) one.socket.write("x");
  }, 200);
  await until(() => connections.every(({ one }) => one.isClosed));
  clearInterval(trickle);
  await until(() => run.server.snapshot().httpRequests === 0 && run.server.snapshot().receivingBytes === 0);
  expect(run.appender.records).toBe(2);
});

test("a connection without a request is closed after connectionIdleMsMax, and one with a request is not", async () => {
  await using run = await start({ connectionIdleMsMax: 2_000 });
  const idle = open(run.http);
  idle.socket.write(whole());
  await until(() => idle.told !== "");
  run.appender.pause();
  const busy = open(run.http);
  busy.socket.write(whole());
  await until(() => idle.isClosed);
  await Bun.sleep(2_500);
  expect(busy.isClosed).toBe(false);
  run.appender.resume();
  await until(() => busy.told !== "");
  expect(busy.told).toStartWith("HTTP/1.1 200");
  busy.socket.destroy();
});

test("a connection at its age ends with the next answer, so that its client finds new replicas", async () => {
  await using run = await start({ connectionAgeMsMax: 3_000 });
  const one = open(run.http);
  one.socket.write(whole());
  await until(() => one.told !== "");
  expect(one.told.toLowerCase()).not.toContain("connection: close");
  // Give or take a tenth.
  await Bun.sleep(3_400);
  expect(one.isClosed).toBe(false);
  one.told = "";
  one.socket.write(whole());
  await until(() => one.isClosed);
  expect(one.told).toStartWith("HTTP/1.1 200");
  expect(one.told.toLowerCase()).toContain("connection: close");
  expect(run.appender.records).toBe(2);
});

test("who sends with a preflight what nobody reads, has it held no longer than for the answer", async () => {
  await using run = await start({ http: { address: "127.0.0.1:0", corsOrigins: ["*"] } });
  const asked = "OPTIONS /v1/logs HTTP/1.1\r\nhost: here\r\norigin: https://shop.example\r\n";
  const usual = open(run.http, `${asked}\r\n`);
  const large = open(run.http, `${asked}content-length: 1000000\r\n\r\n`);
  large.socket.write(Buffer.alloc(1_000_000));
  await until(() => usual.told !== "" && large.isClosed);
  for (const { told } of [usual, large]) expect(told).toStartWith("HTTP/1.1 204");
  expect(usual.isClosed).toBe(false);
  usual.socket.destroy();
});

test("who speaks HTTP/1.0 need not say a name", async () => {
  await using run = await start();
  const body = logsRequest(1);
  const head = `${HEAD.replace("1.1", "1.0").replace("host: here\r\n", "")}content-length: ${body.length}\r\n\r\n`;
  const one = open(run.http);
  one.socket.write(Buffer.concat([Buffer.from(head), body]));
  await until(() => one.isClosed);
  expect(one.told).toStartWith("HTTP/1.1 200");
  expect(run.appender.records).toBe(1);
});

test("headers that are too long are refused on both ports, and the next request is none the worse for it", async () => {
  await using run = await start();
  const KIB = 1024;
  const post = async (bytes: number): Promise<number> => {
    const headers = { "content-type": "application/x-protobuf", "x-long": "a".repeat(bytes) };
    const url = `http://127.0.0.1:${run.http}/v1/logs`;
    return (await fetch(url, { method: "POST", body: logsRequest(1), headers, keepalive: false })).status;
  };
  expect([await post(12 * KIB), await post(20 * KIB), await post(4 * KIB * KIB), await post(0)]).toEqual([
    200, 431, 431, 200,
  ]);
  const exported = async (bytes: number): Promise<boolean> => {
    const metadata = new Metadata();
    for (let at = 0; at < bytes; at += KIB) metadata.set(`x-${at}`, "a".repeat(KIB));
    return (await run.client.export(logsRequest(1), { metadata, deadlineMs: 20_000 })).code === status.OK;
  };
  expect([await exported(48 * KIB), await exported(100 * KIB), await exported(4 * KIB * KIB)]).toEqual([
    true,
    false,
    false,
  ]);
  expect(await exported(0)).toBe(true);
  expect(run.appender.records).toBe(4);
});

testWith(
  ["openssl"],
  "clients that leave at any moment, with and without TLS, cost nothing but their connection",
  async () => {
    await withFolder(async (folder) => {
      const authority = new Authority(folder);
      const { certificate, key } = authority.issue("server");
      const value = checkTls(certificate, key, undefined, Date.now());
      const files = { value, onChange: () => () => undefined };
      for (const tls of [undefined, { files, clients: "none" as const }]) {
        await using run = await start({ http: { address: "127.0.0.1:0", ...(tls === undefined ? {} : { tls }) } });
        const request = Buffer.concat([Buffer.from(`${HEAD}content-length: 200000\r\n\r\n`), Buffer.alloc(200_000)]);
        const gone = Array.from({ length: 120 }, async (_, index) => {
          const socket =
            tls === undefined
              ? connect(run.http, "127.0.0.1")
              : tlsConnect({ host: "127.0.0.1", port: run.http, ca: authority.certificate, servername: "localhost" });
          socket.on("error", () => undefined);
          socket.on("data", () => undefined);
          socket.write(request.subarray(0, Math.floor((request.length * (index % 12)) / 11)));
          await Bun.sleep(index % 7);
          if (index % 2 === 0) socket.resetAndDestroy();
          else socket.destroy();
        });
        await Promise.all(gone);
        await until(() => run.at().open === 0 && run.server.snapshot().httpRequests === 0);
        expect(run.server.snapshot()).toMatchObject({ receivingBytes: 0, unreadCalls: 0, inFlightBytes: 0 });
        const { status: answered } = await fetch(
          `http${tls === undefined ? "" : "s"}://localhost:${run.http}/v1/logs`,
          {
            method: "POST",
            body: logsRequest(1),
            headers: { "content-type": "application/x-protobuf" },
            keepalive: false,
            tls: { ca: authority.certificate },
          },
        );
        expect(answered).toBe(200);
      }
    });
  },
);

test("who finds that server and comes from the port of somebody else, of another address, is nobody either", async () => {
  const before = new Set(ownPorts());
  await using run = await start();
  const [behind] = ownPorts().filter((port) => !before.has(port) && port !== run.http && port !== run.port);
  const somebody = open(run.http);
  somebody.socket.write(whole());
  await until(() => somebody.told !== "");
  const localPort = portTo(behind as number);
  const door = connect({ host: "127.0.0.1", port: behind as number, localAddress: "127.0.0.2", localPort });
  let told = "";
  door.on("data", (bytes) => {
    told += bytes.toString("latin1");
  });
  door.write(whole());
  await until(() => told !== "");
  expect(told).toStartWith("HTTP/1.1 403");
  expect(run.appender.attempts).toBe(1);
  for (const socket of [door, somebody.socket]) socket.destroy();
});

/** The port that the one connection to `port` comes from. */
function portTo(port: number): number {
  const hex = port.toString(16).toUpperCase().padStart(4, "0");
  const found = new RegExp(`: [0-9A-F]{8}:([0-9A-F]{4}) [0-9A-F]{8}:${hex} 01 `).exec(
    readFileSync("/proc/net/tcp", "utf8"),
  );
  return Number.parseInt(found?.[1] ?? "", 16);
}

testWith(["openssl"], "who finds the server behind it gets around neither TLS nor the limits", async () => {
  await withFolder(async (folder) => {
    const authority = new Authority(folder);
    const before = new Set(ownPorts());
    const { certificate, key } = authority.issue("server");
    const value = checkTls(certificate, key, undefined, Date.now());
    const files = { value, onChange: () => () => undefined };
    await using run = await start({ http: { address: "127.0.0.1:0", tls: { files, clients: "none" } } });
    const others = ownPorts().filter((port) => !before.has(port) && port !== run.http && port !== run.port);
    expect(others).toHaveLength(1);
    const door = open(others[0] as number);
    door.socket.write(whole());
    await until(() => door.isClosed);
    expect(door.told).toStartWith("HTTP/1.1 403");
    expect(run.appender.attempts).toBe(0);
  });
});

testWith(
  ["openssl"],
  "a client's certificate says who it is, a token decides, and a stranger's says nothing",
  async () => {
    await withFolder(async (folder) => {
      const [ours, theirs] = [new Authority(folder, "ours"), new Authority(folder, "theirs")];
      const { certificate, key } = ours.issue("server");
      const files = {
        value: checkTls(certificate, key, ours.certificate, Date.now()),
        onChange: () => () => undefined,
      };
      const tokens = { value: parseTokens("bakery a-token-of-the-bakery\n"), onChange: () => () => undefined };
      const tenants = ["shop/payments", "bakery"];
      const authenticator = new Authenticator({ certificates: true, tokens, tenants });
      await using run = await start({
        authenticator,
        http: { address: "127.0.0.1:0", tls: { files, clients: "optional" } },
      });
      const post = async (pair: Pair | undefined, headers: Record<string, string> = {}): Promise<number> => {
        const own = pair === undefined ? {} : { cert: pair.certificate, key: pair.key };
        const { status } = await fetch(`https://localhost:${run.http}/v1/logs`, {
          method: "POST",
          body: logsRequest(1),
          headers: { "content-type": "application/x-protobuf", ...headers },
          keepalive: false,
          tls: { ca: ours.certificate, ...own },
        });
        return status;
      };
      const payments = ours.issue("x", { names: "URI:spiffe://cluster.local/ns/shop/sa/payments" });
      expect(await post(payments)).toBe(200);
      expect(await post(undefined, { authorization: "Bearer a-token-of-the-bakery" })).toBe(200);
      expect(await post(payments, { authorization: "Bearer a-token-of-the-bakerx" })).toBe(401);
      expect(await post(undefined)).toBe(401);
      expect(await post(ours.issue("other", { names: "DNS:other" }))).toBe(403);
      expect(await post(theirs.issue("x", { names: "URI:spiffe://cluster.local/ns/shop/sa/payments" }))).toBe(401);
      expect(
        run.server
          .snapshot()
          .tenants.map(({ tenant }) => tenant)
          .sort(),
      ).toEqual(["bakery", "shop/payments"]);
      expect(run.appender.records).toBe(2);
      expect(authenticator.refusals).toMatchObject({ wrong: 1, missing: 2, not_allowed: 1 });
    });
  },
);
