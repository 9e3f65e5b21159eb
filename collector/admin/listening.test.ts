/** The admin's HTTP ports before strangers: who opens connections and leaves them lying keeps nobody out, and nothing open. */
import { expect, test } from "bun:test";
import { connect, type Socket } from "node:net";
import { checkTls } from "../identity/tls-files.ts";
import { Authority } from "../testing/certificates.ts";
import { ownPorts } from "../testing/own-ports.ts";
import { withFolder } from "../testing/temporary.ts";
import { testWith } from "../testing/tools.ts";
import { VirtualClock } from "../testing/virtual-clock.ts";
import { type Asked, type ListeningOptions, listenForAdmin, say } from "./listening.ts";

const LIMITS = {
  connectionsMax: 8,
  crowdedAt: 4,
  handshakesPerSecondMax: 1_000,
  handshakeMsMax: 10_000,
  idleMsMax: 240_000,
};

class Opened {
  told = "";
  isClosed = false;
  readonly socket: Socket;

  constructor(port: number, words = "", localAddress = "127.0.0.1") {
    this.socket = connect({ port, host: "127.0.0.1", localAddress });
    this.socket.on("error", () => undefined);
    this.socket.on("data", (bytes) => {
      this.told += bytes.toString("latin1");
    });
    this.socket.on("close", () => {
      this.isClosed = true;
    });
    if (words !== "") this.socket.write(words);
  }

  async says(words: string): Promise<void> {
    while (!this.told.includes(words)) {
      if (this.isClosed) throw new Error(`it was closed, having said ${JSON.stringify(this.told)}`);
      await Bun.sleep(5);
    }
  }

  async closed(): Promise<void> {
    while (!this.isClosed) await Bun.sleep(5);
  }
}

const ask = (path: string): string => `GET ${path} HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n`;

/** Answers with who asks; at /events with events that the test sends. */
async function start(options: Partial<ListeningOptions> = {}) {
  const clock = new VirtualClock();
  const asked: Asked[] = [];
  let send = (_text: string): void => undefined;
  const server = await listenForAdmin({
    key: "admin.address",
    address: "127.0.0.1:0",
    limits: LIMITS,
    clock,
    random: () => 0.5,
    answer: (_request, each) => {
      asked.push(each);
      if (each.pathname !== "/events") return say(200, `hello ${each.callerAddress}`);
      const body = new ReadableStream<Uint8Array>({
        start: (controller) => {
          send = (text) => controller.enqueue(new TextEncoder().encode(`data: ${text}\n\n`));
          send("begun");
        },
      });
      return new Response(body, { headers: { "content-type": "text/event-stream" } });
    },
    ...options,
  });
  const { port } = server;
  return { clock, port, asked, send: (text: string) => send(text), [Symbol.asyncDispose]: () => server.stop() };
}

test("whoever holds connections without a request makes room, that one first which has held it longest", async () => {
  await using run = await start();
  const idle = [];
  for (let index = 0; index < 4; index++) {
    // One says nothing, one half a request, two have had an answer.
    const one = new Opened(run.port, ["", "GET /half HTTP/1.1\r\nhost:", ask("/"), ask("/")][index]);
    idle.push(one);
    if (index > 1) await one.says("hello");
    await run.clock.advance(1);
  }
  for (let index = 0; index < 4; index++) {
    const probe = new Opened(run.port, ask("/livez"));
    await probe.says("hello 127.0.0.1");
    await idle[index]?.closed();
    expect(idle.map(({ isClosed }) => isClosed)).toEqual([0, 1, 2, 3].map((each) => each <= index));
    await run.clock.advance(1);
  }
});

test("a page that is open is not idle: it loses its place to nobody, however many come, and however long it lasts", async () => {
  await using run = await start();
  const page = new Opened(run.port, ask("/events"));
  await page.says("begun");
  for (let index = 0; index < 3 * LIMITS.connectionsMax; index++) {
    await new Opened(run.port, ask("/")).says("hello");
    await run.clock.advance(1_000);
  }
  await run.clock.advance(10 * LIMITS.idleMsMax);
  run.send("still here");
  await page.says("still here");
});

test("a connection that has not sent a request in time, or none for too long, is ended", async () => {
  await using run = await start();
  const slow = new Opened(run.port, "GET / HTTP/1.1\r\n");
  const answered = new Opened(run.port, ask("/"));
  await answered.says("hello");
  // What has been connected is known when one that came later has been answered.
  await new Opened(run.port, ask("/")).says("hello");
  await run.clock.advance(LIMITS.handshakeMsMax);
  await slow.closed();
  expect(answered.isClosed).toBe(false);
  await run.clock.advance(LIMITS.idleMsMax);
  await answered.closed();
});

test("who has asked and says nothing more is answered, and so is who asks as HTTP/1.0 does, by no name", async () => {
  await using run = await start();
  for (const words of [ask("/livez"), "GET /livez HTTP/1.0\r\n\r\n"]) {
    const probe = new Opened(run.port);
    probe.socket.end(words);
    await probe.says("hello 127.0.0.1");
    await probe.closed();
    expect(probe.told).toStartWith("HTTP/1.1 200");
  }
  expect(run.asked.map(({ hostname, pathname }) => [hostname, pathname])).toEqual([
    ["127.0.0.1", "/livez"],
    ["127.0.0.1", "/livez"],
  ]);
});

test("who asks for no more than the head of a stream of events has no request any more", async () => {
  await using run = await start();
  const head = new Opened(run.port, ask("/events").replace("GET", "HEAD"));
  await head.says("HTTP/1.1 200");
  await run.clock.advance(LIMITS.idleMsMax + 1_000);
  await head.closed();
});

test("where all have a request, no more than connectionsMax are let in", async () => {
  await using run = await start();
  const pages: Opened[] = [];
  while (pages.length < LIMITS.connectionsMax) {
    const page = new Opened(run.port, ask("/events"));
    await page.says("begun");
    pages.push(page);
  }
  await new Opened(run.port, ask("/")).closed();
  pages[0]?.socket.destroy();
  await pages[0]?.closed();
  for (;;) {
    const next = new Opened(run.port, ask("/"));
    await Promise.race([next.says("hello").catch(() => undefined), next.closed()]);
    if (next.told.includes("hello")) break;
  }
});

test("who asks is told by the client's own address, and nobody is let in behind the front", async () => {
  const before = new Set(ownPorts());
  await using run = await start();
  const far = new Opened(run.port, ask("/"), "127.0.0.9");
  await far.says("hello 127.0.0.9");
  expect(run.asked).toEqual([{ callerAddress: "127.0.0.9", hostname: "127.0.0.1", pathname: "/" }]);
  const behind = ownPorts().filter((port) => port !== run.port && !before.has(port));
  expect(behind.length).toBe(1);
  await new Opened(behind[0] as number, ask("/")).says("HTTP/1.1 403");
  expect(run.asked.length).toBe(1);
});

testWith(["openssl"], "over HTTPS it is the same; who begins no handshake is ended as well", async () => {
  await withFolder(async (folder) => {
    const authority = new Authority(folder);
    const { certificate, key } = authority.issue("page");
    const value = checkTls(certificate, key, undefined, Date.now());
    await using run = await start({ tls: { value, onChange: () => () => undefined } });
    const silent = new Opened(run.port);
    const tls = { ca: authority.certificate.toString() };
    const answer = await fetch(`https://localhost:${run.port}/`, { tls });
    expect(await answer.text()).toStartWith("hello 127.0.0.1");
    await run.clock.advance(LIMITS.handshakeMsMax);
    await silent.closed();
    expect((await fetch(`https://localhost:${run.port}/`, { tls })).status).toBe(200);
  });
});

testWith(
  ["openssl"],
  "over HTTPS, too, whoever says nothing makes room: before the handshake nobody is known",
  async () => {
    await withFolder(async (folder) => {
      const authority = new Authority(folder);
      const { certificate, key } = authority.issue("page");
      const value = checkTls(certificate, key, undefined, Date.now());
      await using run = await start({ tls: { value, onChange: () => () => undefined } });
      const silent = [];
      while (silent.length < 2 * LIMITS.connectionsMax) {
        const one = new Opened(run.port);
        await new Promise((resolve) => one.socket.once("connect", resolve));
        silent.push(one);
        await run.clock.advance(1);
      }
      const tls = { ca: authority.certificate.toString() };
      expect((await fetch(`https://localhost:${run.port}/`, { tls })).status).toBe(200);
      for (const one of silent.slice(0, -LIMITS.crowdedAt)) await one.closed();
    });
  },
);
