import { expect, test } from "bun:test";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import { until } from "../fixture.ts";
import { type Relay, relay } from "./relay.ts";

const SHUT_BYTES = 64 * 1024;
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
  const near = await listen((socket) => {
    joined = relay(socket, far.port, { onOpen: () => {}, onEnd: () => socket.end() });
  });
  const client = connect(near.port, "127.0.0.1");
  client.write(BODY);
  await until(() => bytes() === SHUT_BYTES);
  await Bun.sleep(50);
  expect(bytes()).toBe(SHUT_BYTES);
  joined?.open();
  await until(() => bytes() === BODY.length);
  joined?.shut();
  client.write(BODY);
  await until(() => bytes() === BODY.length + SHUT_BYTES);
  await Bun.sleep(50);
  expect(bytes()).toBe(BODY.length + SHUT_BYTES);
  joined?.open();
  await until(() => bytes() === 2 * BODY.length);
  expect(Buffer.concat(received).equals(Buffer.concat([BODY, BODY]))).toBe(true);
  client.destroy();
  for (const { server } of [near, far]) server.close();
});
