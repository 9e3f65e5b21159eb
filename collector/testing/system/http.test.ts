/** OTLP/HTTP against the real process: acknowledged is kept, a full journal is said in HTTP's words, strangers cost little. */
import { expect, test } from "bun:test";
import { connect } from "node:net";
import { gzipSync } from "node:zlib";
import { withFolder } from "../temporary.ts";
import { anonymousBytes, CollectorProcess, freePorts } from "./collector-process.ts";
import { startFirehose } from "./observed-firehose.ts";
import { encodeRequest } from "./sender.ts";

const LIMIT_MS = 120_000;
const MIB = 1024 * 1024;
const PROTOBUF = { "content-type": "application/x-protobuf" };

function post(port: number, body: Uint8Array, headers: Record<string, string> = {}): Promise<Response> {
  return fetch(`http://127.0.0.1:${port}/v1/logs`, { method: "POST", body, headers: { ...PROTOBUF, ...headers } });
}

/** Sends requests of new records one after the other, and remembers the keys of those that were answered 200. */
async function sendUntilItEnds(port: number, name: string, acknowledged: Set<string>): Promise<void> {
  for (let count = 0; ; count++) {
    const keys = Array.from({ length: 10 }, (_, index) => `${name}-${count}-${index}`);
    try {
      const answer = await post(port, encodeRequest(keys));
      if (answer.status !== 200) throw new Error(`${answer.status}: ${await answer.text()}`);
    } catch {
      return;
    }
    for (const key of keys) acknowledged.add(key);
  }
}

for (const signal of ["SIGKILL", "SIGTERM"] as const) {
  test(
    `${signal} under requests over HTTP: each record that was answered 200 is in the objects`,
    async () => {
      await withFolder(async (directory) => {
        await using firehose = await startFirehose(directory);
        const options = { directory, endpoint: firehose.local.url, ports: await freePorts() };
        const settings = { firehose: { recordId: true, bytesPerSecond: "32MiB" } };
        const collector = await CollectorProcess.start({ ...options, settings });
        const acknowledged = new Set<string>();
        const sending = Promise.all(
          ["a", "b", "c", "d"].map((name) => sendUntilItEnds(options.ports.http, name, acknowledged)),
        );
        await collector.until(({ journal }) => journal.head > 2_000);
        const code = await collector.end(signal);
        if (signal === "SIGTERM") expect(code).toBe(0);
        await sending;
        await using after = await CollectorProcess.start({ ...options, settings });
        await after.until(({ routes }) => routes[0].ledger.waiting === 0);
        const keys = new Set((await firehose.lines()).map(({ key }) => key));
        expect([...acknowledged].filter((key) => !keys.has(key))).toEqual([]);
        expect(acknowledged.size).toBeGreaterThan(1_900);
      });
    },
    LIMIT_MS,
  );
}

test(
  "with the journal full a request is held, then told 503 with Retry-After; strangers' bodies and bombs cost no memory",
  async () => {
    await withFolder(async (directory) => {
      await using firehose = await startFirehose(directory);
      const outage = firehose.local.faults.add({ kind: "error", error: "service_unavailable" });
      const options = { directory, endpoint: firehose.local.url, ports: await freePorts() };
      const settings = {
        ingest: { httpHoldMsMax: 500 },
        journal: { bytesMax: "16MiB", segmentBytesMax: "1MiB", compression: "none" },
        firehose: { bytesPerSecond: "32MiB" },
      };
      await using collector = await CollectorProcess.start({ ...options, settings });
      const { http } = options.ports;
      let answer = await post(http, encodeRequest(["k-0"], 1_000_000));
      for (let count = 1; answer.status === 200; count++) {
        answer = await post(http, encodeRequest([`k-${count}`], 1_000_000));
      }
      expect([answer.status, answer.headers.get("standpipe-code")]).toEqual([503, "journal_full"]);
      expect(Number(answer.headers.get("retry-after"))).toBeGreaterThan(0);

      const before = await anonymousBytes(collector.pid);
      const bomb = gzipSync(Buffer.alloc(256 * MIB));
      for (let count = 0; count < 8; count++) {
        expect((await post(http, bomb, { "content-encoding": "gzip" })).status).toBe(413);
      }
      const head = "POST /v1/logs HTTP/1.1\r\nhost: here\r\ncontent-type: application/x-protobuf\r\n";
      const strangers = Array.from({ length: 60 }, () => {
        const socket = connect(http, "127.0.0.1", () => {
          socket.write(`${head}content-length: ${4 * MIB}\r\n\r\n`);
          socket.write(Buffer.alloc(4 * MIB - 1));
        });
        socket.on("error", () => {});
        return socket;
      });
      await collector.until(({ ingest }) => ingest.receivingBytes > 0);
      await Bun.sleep(1_000);
      expect((await anonymousBytes(collector.pid)) - before).toBeLessThan(100 * MIB);
      for (const stranger of strangers) stranger.destroy();

      firehose.local.faults.clear(outage);
      await collector.until(({ journal }) => !journal.isFull);
      while ((await post(http, encodeRequest(["late-0"]))).status !== 200) await Bun.sleep(50);
      await collector.until(({ routes, ingest }) => routes[0].ledger.waiting === 0 && ingest.receivingBytes === 0);
      expect(await collector.end("SIGTERM")).toBe(0);
    });
  },
  LIMIT_MS,
);
