import { expect, test } from "bun:test";
import { createServer } from "node:net";
import { freePort } from "./free-port.ts";

test("no port is given twice, though nobody listens on it yet", async () => {
  const ports: number[] = [];
  for (let i = 0; i < 500; i++) ports.push(await freePort());
  expect(new Set(ports).size).toBe(ports.length);
});

test("a port that somebody listens on is passed over", async () => {
  const before = await freePort();
  const server = createServer();
  await new Promise<void>((resolve) => {
    // Somebody else's is as good.
    server.once("error", () => resolve());
    server.listen(before + 1, "127.0.0.1", () => resolve());
  });
  try {
    expect(await freePort()).not.toBe(before + 1);
  } finally {
    server.close();
  }
});
