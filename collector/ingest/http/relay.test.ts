import { expect, test } from "bun:test";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import { until } from "../fixture.ts";
import { type Relay, relay, SHUT_BYTES_MAX } from "./relay.ts";
import { UnreadBytes } from "./unread-bytes.ts";

const BODY = Buffer.alloc(3_000_000, "0123456789");

async function listen(onConnection: (socket: Socket) => void): Promise<{ port: number; server: Server }> {
  const server = createServer(onConnection);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return { port: (server.address() as AddressInfo).port, server };
}

test("of what comes while it is shut a small part passes, and all of it, in order, when it is opened", async () => {
  const received: Buffer[] = [];
  const bytes = (): number => received.reduce((sum, each) => sum + each.length, 0);
  const far = await listen((socket) => {
    socket.on("data", (piece: Buffer) => received.push(piece));
  });
  let joined: Relay | undefined;
  const unread = new UnreadBytes(BODY.length);
  const near = await listen((socket) => {
    joined = relay(socket, far.port, unread, { onFull: () => {}, onOpen: () => {}, onEnd: () => socket.end() });
  });
  const client = connect(near.port, "127.0.0.1");
  client.write(BODY);
  await until(() => bytes() === SHUT_BYTES_MAX);
  await Bun.sleep(50);
  expect(bytes()).toBe(SHUT_BYTES_MAX);
  // Bun reads up to 512 KB at a time; all else waits with the sender.
  expect(unread.bytes).toBeWithin(SHUT_BYTES_MAX, SHUT_BYTES_MAX + 512 * 1024);
  joined?.open();
  await until(() => bytes() === BODY.length);
  expect(unread.bytes).toBe(0);
  joined?.shut();
  client.write(BODY);
  await until(() => bytes() === BODY.length + SHUT_BYTES_MAX);
  await Bun.sleep(50);
  expect(bytes()).toBe(BODY.length + SHUT_BYTES_MAX);
  joined?.open();
  await until(() => bytes() === 2 * BODY.length);
  expect(Buffer.concat(received).equals(Buffer.concat([BODY, BODY]))).toBe(true);
  client.destroy();
  for (const { server } of [near, far]) server.close();
});

test("what there is no room for is dropped and told, and nothing passes any more; of who was cut off nothing is counted", async () => {
  let received = 0;
  const far = await listen((socket) => {
    socket.on("data", (piece: Buffer) => {
      received += piece.length;
    });
  });
  const unread = new UnreadBytes(BODY.length);
  let joined: Relay | undefined;
  let nearest: Socket | undefined;
  let full = 0;
  const near = await listen((socket) => {
    nearest = socket;
    joined = relay(socket, far.port, unread, { onFull: () => full++, onOpen: () => {}, onEnd: () => socket.end() });
  });
  const first = connect(near.port, "127.0.0.1");
  first.on("error", () => {});
  first.write(BODY);
  await until(() => unread.bytes > 0);
  nearest?.destroy();
  await until(() => unread.bytes === 0 && received === SHUT_BYTES_MAX);
  expect(unread.take(BODY.length)).toBe(true);
  const second = connect(near.port, "127.0.0.1");
  second.write(BODY);
  await until(() => full === 1 && received === 2 * SHUT_BYTES_MAX);
  unread.giveBack(BODY.length);
  joined?.open();
  await Bun.sleep(50);
  expect([full, received, unread.bytes]).toEqual([1, 2 * SHUT_BYTES_MAX, 0]);
  second.destroy();
  for (const { server } of [near, far]) server.close();
});

test("of a request that was answered before it was here nothing is kept, while its sender goes on", async () => {
  const far = await listen((socket) => {
    socket.once("data", () => socket.end("answered"));
  });
  const unread = new UnreadBytes(BODY.length);
  let hasEnded = false;
  let joined: Relay | undefined;
  const near = await listen((socket) => {
    const onEnd = (): void => {
      hasEnded = true;
    };
    joined = relay(socket, far.port, unread, { onFull: () => {}, onOpen: () => {}, onEnd });
  });
  const client = connect(near.port, "127.0.0.1");
  client.write(BODY);
  await until(() => hasEnded);
  expect(unread.bytes).toBe(0);
  // The request is left by who answered it.
  joined?.shut();
  expect(unread.bytes).toBe(0);
  client.destroy();
  for (const { server } of [near, far]) server.close();
});
