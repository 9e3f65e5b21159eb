import { expect, test } from "bun:test";
import { createServer } from "node:net";
import { join } from "node:path";
import { freePort } from "./free-port.ts";

async function many(count: number): Promise<number[]> {
  const ports: number[] = [];
  for (let i = 0; i < count; i++) ports.push(await freePort());
  return ports;
}

test("no port is given twice, though nobody listens on it yet, also to who asks at once", async () => {
  const ports = [...(await many(500)), ...(await Promise.all(Array.from({ length: 300 }, () => freePort())))];
  expect(new Set(ports).size).toBe(ports.length);
});

test("another process is given others, and ends although it has some", async () => {
  const program = `
    import { freePort } from "${join(import.meta.dir, "free-port.ts")}";
    for (let i = 0; i < 300; i++) console.log(await freePort());
  `;
  const others = Array.from({ length: 3 }, () => Bun.spawn({ cmd: [process.execPath, "-e", program], stdout: "pipe" }));
  const mine = await many(300);
  const texts = await Promise.all(others.map(({ stdout }) => new Response(stdout).text()));
  expect(await Promise.all(others.map(({ exited }) => exited))).toEqual([0, 0, 0]);
  // They may have ended one after the other; this process lives still.
  for (const text of texts) {
    const theirs = text.trim().split("\n").map(Number);
    expect(theirs).toHaveLength(300);
    expect(theirs.filter((port) => mine.includes(port))).toEqual([]);
  }
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
