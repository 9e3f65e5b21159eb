/** Figures over a real socket, through the ingest server, and what is refused there. */
import { expect, test } from "bun:test";
import { Client, credentials, Metadata, type ServiceError, status } from "@grpc/grpc-js";
import fc from "fast-check";
import { PLAINTEXT_ACCESS } from "../../identity/access.ts";
import { Authenticator } from "../../identity/authenticator.ts";
import { parseTokens } from "../../identity/tokens.ts";
import { logsRequest, type Running, startIngest } from "../../ingest/fixture.ts";
import { decodeFigures, EXCHANGE_PATH, encodeFigures, FIGURES_BYTES_MAX, peerService } from "./peer-protocol.ts";
import { GrpcPeerTransport, listedAddresses, serviceAddresses } from "./peer-transport.ts";
import { type Figures, NobodyThere } from "./peers.ts";

const FIGURES: Figures = {
  collectorId: "abc",
  sequence: 1_764_000_000_000_123,
  leaseMs: 3_500,
  routes: [
    {
      route: "all",
      stream: "logs",
      wantsBytesPerSecond: 1.5e6,
      hasBytesPerSecond: 1e6,
      backlogBytes: 7e12,
      streamBytesPerSecond: 3e6,
    },
  ],
};

const never = new AbortController().signal;

function serve(hear: (figures: Figures) => Figures): Promise<Running> {
  return startIngest({ services: [peerService(hear)] });
}

/** A call with bytes as they are; resolves with its status. */
async function send(port: number, bytes: Buffer, compressed = false): Promise<status> {
  const client = new Client(`127.0.0.1:${port}`, credentials.createInsecure(), {
    "grpc.use_local_subchannel_pool": 1,
    ...(compressed ? { "grpc.default_compression_algorithm": 2 } : {}),
  });
  const asItIs = (value: Buffer): Buffer => value;
  const error = await new Promise<ServiceError | null>((resolve) => {
    client.makeUnaryRequest(EXCHANGE_PATH, asItIs, asItIs, bytes, new Metadata(), (reason) => resolve(reason));
  });
  client.close();
  return error?.code ?? status.OK;
}

test("figures arrive as they were, and so does the answer", async () => {
  const heard: Figures[] = [];
  const answer: Figures = { ...FIGURES, collectorId: "other", routes: [] };
  await using run = await serve((figures) => {
    heard.push(figures);
    return answer;
  });
  const transport = new GrpcPeerTransport();
  expect(await transport.exchange(`127.0.0.1:${run.port}`, FIGURES, never)).toEqual(answer);
  expect(heard).toEqual([FIGURES]);
  transport.close();
});

test("logs are taken on the same port as before", async () => {
  await using run = await serve((figures) => figures);
  expect((await run.client.export(logsRequest(3))).code).toBe(status.OK);
});

test("an address where nobody listens is told as such, and one that is silent too long is a rejection", async () => {
  await using run = await serve((figures) => figures);
  const transport = new GrpcPeerTransport();
  const { port } = run;
  await run[Symbol.asyncDispose]();
  await expect(transport.exchange(`127.0.0.1:${port}`, FIGURES, never)).rejects.toBeInstanceOf(NobodyThere);
  const silent = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data: () => undefined } });
  const giveUp = new AbortController();
  const call = transport.exchange(`127.0.0.1:${silent.port}`, FIGURES, giveUp.signal);
  giveUp.abort();
  await expect(call).rejects.toMatchObject({ code: status.CANCELLED });
  transport.close();
  silent.stop(true);
});

test("what is too large or compressed is refused before it is read, and what is no figures before it is heard", async () => {
  let heard = 0;
  await using run = await serve((figures) => {
    heard += 1;
    return figures;
  });
  expect(await send(run.port, Buffer.alloc(FIGURES_BYTES_MAX + 1))).toBe(status.RESOURCE_EXHAUSTED);
  expect(await send(run.port, Buffer.alloc(3 * 1024 * 1024))).toBe(status.RESOURCE_EXHAUSTED);
  expect(await send(run.port, encodeFigures(FIGURES), true)).toBe(status.UNIMPLEMENTED);
  expect(await send(run.port, Buffer.from([0xff, 0xff]))).toBe(status.INVALID_ARGUMENT);
  expect(heard).toBe(0);
  expect(await send(run.port, encodeFigures(FIGURES))).toBe(status.OK);
});

test("names and numbers that would break a division are refused", () => {
  const [route] = FIGURES.routes as [Figures["routes"][0]];
  const refused: Figures[] = [
    { ...FIGURES, collectorId: "" },
    { ...FIGURES, collectorId: "x".repeat(129) },
    { ...FIGURES, routes: [{ ...route, stream: "" }] },
    { ...FIGURES, routes: [{ ...route, wantsBytesPerSecond: -1 }] },
    { ...FIGURES, routes: [{ ...route, wantsBytesPerSecond: Number.NaN }] },
    { ...FIGURES, routes: [{ ...route, hasBytesPerSecond: Number.POSITIVE_INFINITY }] },
    { ...FIGURES, routes: Array.from({ length: 257 }, () => route) },
  ];
  for (const figures of refused) expect(() => decodeFigures(encodeFigures(figures))).toThrow();
  expect(decodeFigures(encodeFigures({ ...FIGURES, leaseMs: 4e9 })).leaseMs).toBe(60_000);
});

test("whatever the bytes, they are figures or an Error, and figures are within their bounds", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      let figures: Figures;
      try {
        figures = decodeFigures(Buffer.from(bytes));
      } catch (reason) {
        expect(reason).toBeInstanceOf(Error);
        return;
      }
      expect(figures.collectorId.length).toBeGreaterThan(0);
      for (const { wantsBytesPerSecond: wants } of figures.routes)
        expect(wants >= 0 && Number.isFinite(wants)).toBe(true);
    }),
    { numRuns: 500 },
  );
});

test("a service's name stands for all its addresses, of either kind, with its port", async () => {
  const addresses = serviceAddresses("standpipe-peers:4317", async () => ["10.0.0.2", "fd00::7"]);
  expect(await addresses()).toEqual(["10.0.0.2:4317", "[fd00::7]:4317"]);
  expect(await serviceAddresses("localhost:1")()).toContain("127.0.0.1:1");
  expect(await listedAddresses(["a:1"])()).toEqual(["a:1"]);
});

test("a name without addresses is an empty list, and a name server that fails is a failure", async () => {
  const failWith = (code: string) => async (): Promise<never> => {
    throw Object.assign(new Error(code), { code });
  };
  expect(await serviceAddresses("nobody:1", failWith("ENOTFOUND"))()).toEqual([]);
  await expect(serviceAddresses("nobody:1", failWith("EAI_AGAIN"))()).rejects.toMatchObject({ code: "EAI_AGAIN" });
});

test("replicas have a token of their own: a sender's does not make a replica, nor the other way round", async () => {
  const fixed = <Value>(value: Value) => ({ value, onChange: () => () => undefined });
  const replicas = new Authenticator({ tokens: fixed(parseTokens("replica a-token-of-the-replicas")) });
  const senders = new Authenticator({ tokens: fixed(parseTokens("shop a-token-of-the-shop")) });
  await using run = await startIngest({
    services: [peerService((figures) => figures, replicas)],
    authenticator: senders,
  });
  const showing = (secret: string): GrpcPeerTransport => {
    const metadata = new Metadata();
    metadata.set("authorization", `Bearer ${secret}`);
    return new GrpcPeerTransport({ ...PLAINTEXT_ACCESS, metadata: () => metadata });
  };
  for (const [secret, known] of [
    ["a-token-of-the-replicas", true],
    ["a-token-of-the-shop", false],
  ] as const) {
    const transport = showing(secret);
    const exchanged = transport.exchange(`127.0.0.1:${run.port}`, FIGURES, never);
    if (known) expect(await exchanged).toEqual(FIGURES);
    else await expect(exchanged).rejects.toMatchObject({ code: status.UNAUTHENTICATED });
    transport.close();
    const metadata = new Metadata();
    metadata.set("authorization", `Bearer ${secret}`);
    const { code } = await run.client.export(logsRequest(1), { metadata });
    expect(code).toBe(known ? status.UNAUTHENTICATED : status.OK);
  }
});
