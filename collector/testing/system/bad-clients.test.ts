/** Clients that break the rules, against the real process: the right code, and nothing half-written. */
import { expect, test } from "bun:test";
import { connect } from "node:http2";
import { gzipSync } from "node:zlib";
import { status } from "@grpc/grpc-js";
import { EXPORT_PATH, RawClient } from "../../ingest/fixture.ts";
import { withFolder } from "../temporary.ts";
import { anonymousBytes, CollectorProcess, freePorts } from "./collector-process.ts";
import { countBy, startFirehose } from "./observed-firehose.ts";
import { encodeRequest, Sender } from "./sender.ts";

const LIMIT_MS = 90_000;
const MIB = 1024 * 1024;

test(
  "malformed, oversized, exploding and vanishing clients each get their code, and the head stays where it was",
  async () => {
    await withFolder(async (directory) => {
      await using firehose = await startFirehose(directory);
      const ports = await freePorts();
      await using collector = await CollectorProcess.start({ directory, endpoint: firehose.local.url, ports });
      using good = new Sender({ name: "good", port: ports.ingest });
      await good.send();
      const client = new RawClient(ports.ingest);
      const head = async (): Promise<number> => (await collector.status()).journal.head;
      expect(await head()).toBe(20);

      const whole = encodeRequest(["x-1", "x-2"]);
      for (const cut of [1, 3, whole.length - 1]) {
        expect((await client.export(whole.subarray(0, cut))).code).toBe(status.INVALID_ARGUMENT);
      }
      for (const bytes of ["0b0c", "ffffffffffffffffffffff01", "0affffffffff7f", "08"]) {
        expect((await client.export(Buffer.from(bytes, "hex"))).code).toBe(status.INVALID_ARGUMENT);
      }
      const large = encodeRequest(
        Array.from({ length: 500 }, (_, index) => `large-${index}`),
        10_000,
      );
      expect(large.length).toBeGreaterThan(4 * MIB);
      // RESOURCE_EXHAUSTED without RetryInfo: OTLP's word for "don't send this again".
      const refused = await client.export(large);
      expect([refused.code, refused.retryDelayMs]).toEqual([status.RESOURCE_EXHAUSTED, undefined]);
      expect(await head()).toBe(20);

      const before = await anonymousBytes(collector.pid);
      for (let count = 0; count < 8; count++) {
        expect(await grpcStatus(ports.ingest, gzipSync(Buffer.alloc(256 * MIB)), 1)).toBe(status.RESOURCE_EXHAUSTED);
      }
      expect(await grpcStatus(ports.ingest, Buffer.from("this is no gzip"), 1)).toBe(status.INVALID_ARGUMENT);
      expect((await anonymousBytes(collector.pid)) - before).toBeLessThan(100 * MIB);
      expect(await head()).toBe(20);

      const vanish = await beginMessage(ports.ingest, large.subarray(0, 3 * MIB));
      await collector.until(({ ingest }) => ingest.receivingBytes === 3 * MIB);
      vanish();
      const { answer, cancel } = client.start(encodeRequest(["gone-1"]));
      cancel();
      expect((await answer).code).toBe(status.CANCELLED);
      client.grpc.close();

      await good.send();
      const { journal } = await collector.until(({ ingest, routes }) => {
        return ingest.receivingBytes === 0 && routes[0].ledger.waiting === 0;
      });
      // What was cancelled as a whole message may have been taken, whole; nothing else was.
      const keys = countBy(await firehose.lines(), ({ key }) => key);
      expect([40, 41]).toContain(journal.head);
      expect(keys.size).toBe(journal.head);
      expect([...keys.keys()].filter((key) => !key.startsWith("good-") && key !== "gone-1")).toEqual([]);
      expect(collector.log).not.toContain('"level":60');
      expect(await collector.end("SIGTERM")).toBe(0);
    });
  },
  LIMIT_MS,
);

/** Sends one message over bare HTTP/2 and resolves with its grpc-status. */
function grpcStatus(port: number, message: Buffer, compressed: 0 | 1): Promise<number> {
  return new Promise((resolve, reject) => {
    const session = connect(`http://127.0.0.1:${port}`);
    const stream = session.request({
      ":method": "POST",
      ":path": EXPORT_PATH,
      "content-type": "application/grpc",
      "grpc-encoding": "gzip",
      te: "trailers",
    });
    const tell = (headers: { "grpc-status"?: unknown }): void => {
      if (headers["grpc-status"] === undefined) return;
      resolve(Number(headers["grpc-status"]));
      session.destroy();
    };
    session.on("error", reject);
    stream.on("error", () => undefined);
    stream.on("response", tell);
    stream.on("trailers", tell);
    stream.on("close", () => reject(new Error("the stream ended without a grpc-status")));
    stream.resume();
    stream.end(frame(message, compressed));
  });
}

/** Sends the first part of a message. Returns the way to drop the connection. */
async function beginMessage(port: number, message: Buffer): Promise<() => void> {
  const session = connect(`http://127.0.0.1:${port}`);
  session.on("error", () => undefined);
  const stream = session.request({ ":method": "POST", ":path": EXPORT_PATH, "content-type": "application/grpc" });
  stream.on("error", () => undefined);
  await new Promise((resolve) => stream.write(frame(message, 0).subarray(0, 20_000), resolve));
  return () => session.destroy();
}

/** gRPC's length-prefixed message. */
function frame(message: Buffer, compressed: 0 | 1): Buffer {
  const head = Buffer.alloc(5);
  head[0] = compressed;
  head.writeUInt32BE(message.length, 1);
  return Buffer.concat([head, message]);
}
