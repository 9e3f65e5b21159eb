import { expect, test } from "bun:test";
import { createServer as createTlsServer } from "node:tls";
import { Server, ServerCredentials, type ServerUnaryCall, type sendUnaryData, status } from "@grpc/grpc-js";
import { loadProtocol } from "../ingest/protocol.ts";
import { Authority } from "../testing/certificates.ts";
import { withFolder } from "../testing/temporary.ts";
import { testWith } from "../testing/tools.ts";
import { toFrame } from "./connection.ts";
import { probe, speechOf } from "./probe.ts";
import { createRequests } from "./requests.ts";

const REQUEST = createRequests({ count: 1, recordsEach: 1, seed: 1 }).map(toFrame)[0] as Buffer;

/** What is said of a port; "" where it can be loaded. */
function saidOf(port: number, startMsMax = 0): Promise<string> {
  return probe(`127.0.0.1:${port}`, REQUEST, startMsMax).then(
    () => "",
    (reason: unknown) => (reason as Error).message.replace(/^127\.0\.0\.1:\d+ can't be loaded: /, ""),
  );
}

async function withGrpc(answer: number | undefined, body: (port: number) => Promise<void>): Promise<void> {
  const server = new Server();
  if (answer !== undefined) {
    server.addService(loadProtocol().logs, {
      Export: (_call: ServerUnaryCall<Buffer, Buffer>, done: sendUnaryData<Buffer>) => {
        if (answer === status.OK) done(null, Buffer.alloc(0));
        else done({ code: answer, details: "no" });
      },
    });
  }
  const bound = Promise.withResolvers<number>();
  server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (_error, port) => bound.resolve(port));
  try {
    await body(await bound.promise);
  } finally {
    server.forceShutdown();
  }
}

test("what takes a log can be loaded, also when it begins to listen a moment later", async () => {
  await withGrpc(status.OK, async (port) => expect(await saidOf(port)).toBe(""));
  const listener = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data: () => undefined } });
  const { port } = listener;
  listener.stop(true);
  const said = saidOf(port, 20_000);
  await Bun.sleep(300);
  const server = new Server();
  server.addService(loadProtocol().logs, {
    Export: (_call: ServerUnaryCall<Buffer, Buffer>, done: sendUnaryData<Buffer>) => done(null, Buffer.alloc(0)),
  });
  server.bindAsync(`127.0.0.1:${port}`, ServerCredentials.createInsecure(), () => undefined);
  expect(await said).toBe("");
  server.forceShutdown();
  expect(await saidOf(port)).toBe(`nothing listens at 127.0.0.1:${port}.`);
});

test("a gRPC server that takes no logs, or not from us, is told from one that does", async () => {
  await withGrpc(undefined, async (port) =>
    expect(await saidOf(port)).toMatch(/^it speaks gRPC and takes no OTLP logs/),
  );
  await withGrpc(status.UNAUTHENTICATED, async (port) => expect(await saidOf(port)).toContain("wants credentials"));
  await withGrpc(status.UNAVAILABLE, async (port) => {
    expect(await saidOf(port)).toBe("it refused the first export with UNAVAILABLE: see its own log.");
  });
});

test("a web server, one that says nothing and one that hangs up are told in one sentence each", async () => {
  await using web = Bun.serve({ hostname: "127.0.0.1", port: 0, fetch: () => new Response("hello") });
  expect(await saidOf(web.port as number)).toMatch(/^it (is a web server|ends the connection)[^\n]+\.$/);
  const silent = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data: () => undefined } });
  expect(await saidOf(silent.port)).toMatch(/^it takes the connection and says nothing/);
  silent.stop(true);
  const rude = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data: (socket) => void socket.end() } });
  expect(await saidOf(rude.port)).toMatch(/^it ends the connection at the first bytes/);
  rude.stop(true);
}, 20_000);

testWith(["openssl"], "a port that wants TLS is told as that", async () => {
  await withFolder(async (directory) => {
    const { certificate, key } = new Authority(directory).issue("server");
    const server = createTlsServer({ cert: certificate, key, ALPNProtocols: ["h2"] });
    server.on("tlsClientError", () => undefined);
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as { port: number };
    expect(await saidOf(port)).toContain("TLS");
    server.close();
  });
});

test("servers are known by what they say first", () => {
  const said = (text: string) => speechOf(Buffer.from(text, "latin1"));
  expect(said("\x00\x00\x12\x04\x00\x00\x00\x00\x00")).toBe("http2");
  expect(said("\x15\x03\x01\x00\x02\x02\x46")).toBe("tls");
  expect(said("HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n")).toBe("tls");
  expect(said("HTTP/1.1 400 Bad Request\r\n")).toBe("http1");
  expect(said("220 mail.example.com ESMTP")).toBe("something else");
});
