/** Connections that are too many, too fast, or say nothing. */
import { expect, test } from "bun:test";
import { connect, type Socket } from "node:net";
import { join } from "node:path";
import { Server, ServerCredentials } from "@grpc/grpc-js";
import { systemClock } from "../clock.ts";
import { silentLog } from "../log.ts";
import { Authority, SecretFolder, tlsSecret } from "../testing/certificates.ts";
import { withFolder } from "../testing/temporary.ts";
import { testWith } from "../testing/tools.ts";
import { VirtualClock } from "../testing/virtual-clock.ts";
import { ConnectionGuard, type ConnectionLimits } from "./connection-guard.ts";
import { RotatingServerCredentials } from "./server-credentials.ts";
import { openTlsFiles } from "./tls-files.ts";

const LIMITS: ConnectionLimits = { connectionsMax: 100, handshakesPerSecondMax: 100, handshakeMsMax: 5_000 };

/** HTTP/2's first words, and a SETTINGS frame with nothing in it. */
const PREFACE = Buffer.concat([
  Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
  Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0]),
]);

async function serve(limits: Partial<ConnectionLimits>, serverCredentials = ServerCredentials.createInsecure()) {
  const clock = new VirtualClock();
  const guard = new ConnectionGuard({ ...LIMITS, ...limits }, clock);
  const server = new Server({ "grpc.enable_channelz": 1 });
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync("127.0.0.1:0", serverCredentials, (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    );
  });
  guard.watch(server);
  return { clock, guard, port, [Symbol.dispose]: () => server.forceShutdown() };
}

/** A connection that says `words`, and whether it has ended since. */
function open(port: number, words?: Buffer): { socket: Socket; isClosed: boolean } {
  const opened = { socket: connect(port, "127.0.0.1"), isClosed: false };
  opened.socket.on("error", () => undefined);
  opened.socket.on("data", () => undefined);
  opened.socket.on("close", () => {
    opened.isClosed = true;
  });
  if (words !== undefined) opened.socket.write(words);
  return opened;
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await Bun.sleep(2);
}

test("beyond connectionsMax new ones are closed and counted, and there is room again when one ends", async () => {
  using server = await serve({ connectionsMax: 3 });
  const first = [open(server.port), open(server.port), open(server.port)];
  await until(() => server.guard.open === 3);
  const fourth = open(server.port);
  await until(() => fourth.isClosed);
  expect(server.guard.counters.tooMany).toBe(1);
  expect(first.some(({ isClosed }) => isClosed)).toBe(false);
  first[0]?.socket.destroy();
  await until(() => server.guard.open === 2);
  const fifth = open(server.port);
  await until(() => server.guard.open === 3);
  expect(fifth.isClosed).toBe(false);
  for (const { socket } of [...first, fifth]) socket.destroy();
});

test("two seconds' worth of new connections get in at once, then as many as the rate allows", async () => {
  using server = await serve({ handshakesPerSecondMax: 2 });
  const many = Array.from({ length: 10 }, () => open(server.port));
  await until(() => many.filter(({ isClosed }) => isClosed).length === 6);
  expect(server.guard.counters.tooFast).toBe(6);
  await server.clock.advance(1_000);
  const more = Array.from({ length: 3 }, () => open(server.port));
  await until(() => more.some(({ isClosed }) => isClosed));
  await until(() => server.guard.open === 6);
  expect(server.guard.counters.tooFast).toBe(7);
  for (const { socket } of [...many, ...more]) socket.destroy();
});

test("who says nothing, or half of it, is cut off in time; who speaks HTTP/2 is not", async () => {
  using server = await serve({});
  const mute = open(server.port);
  const slow = open(server.port, PREFACE.subarray(0, 10));
  const speaking = open(server.port, PREFACE);
  await until(() => server.guard.open === 3);
  await server.clock.advance(LIMITS.handshakeMsMax - 1);
  slow.socket.write(PREFACE.subarray(10, 12));
  // The answer to its settings shows that they were read.
  await until(() => speaking.socket.bytesRead > 0);
  await Bun.sleep(20);
  expect([mute.isClosed, slow.isClosed]).toEqual([false, false]);
  await server.clock.advance(1);
  await until(() => mute.isClosed && slow.isClosed);
  expect(server.guard.counters.halfOpen).toBe(2);
  await server.clock.advance(60_000);
  expect(speaking.isClosed).toBe(false);
  speaking.socket.destroy();
});

testWith(["openssl"], "a TLS handshake that is never finished is cut off in time", async () => {
  await withFolder(async (folder) => {
    const authority = new Authority(folder);
    const secret = new SecretFolder(
      join(folder, "secret"),
      tlsSecret(authority.issue("server"), authority.certificate),
    );
    const paths = { certificate: secret.path("tls.crt"), key: secret.path("tls.key"), authorities: undefined };
    const files = await openTlsFiles(paths, "it", { clock: systemClock, log: silentLog });
    using server = await serve({}, new RotatingServerCredentials(files, "none"));
    const mute = open(server.port);
    // The first bytes of a ClientHello that says it is 512 long.
    const half = open(server.port, Buffer.from([22, 3, 1, 2, 0, 1, 0, 1, 252]));
    await until(() => server.guard.open === 2);
    await server.clock.advance(LIMITS.handshakeMsMax);
    await until(() => mute.isClosed && half.isClosed);
    expect(server.guard.counters.halfOpen).toBe(2);
    await until(() => server.guard.open === 0);
    await files.stop();
  });
});
