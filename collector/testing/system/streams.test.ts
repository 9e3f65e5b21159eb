/** Streams of batches against the real process: what was acknowledged is there, under the ordinal that was told. */
import { expect, test } from "bun:test";
import { type Client, status } from "@grpc/grpc-js";
import { RawClient } from "../../ingest/fixture.ts";
import { StreamClient } from "../../ingest/stream-fixture.ts";
import { withFolder } from "../temporary.ts";
import { anonymousBytes, CollectorProcess, freePorts } from "./collector-process.ts";
import { startFirehose } from "./observed-firehose.ts";
import { encodeRequest } from "./sender.ts";

const LIMIT_MS = 120_000;
const MIB = 1024 * 1024;

/** A client that sends batches of new records, as many at once as its window allows, and notes what was acknowledged. */
class StreamSender {
  /** By key: the ordinal that it was told to have. */
  readonly acknowledged = new Map<string, number>();
  readonly #name: string;
  readonly #batches = new Map<number, { keys: string[]; bytes: number }>();
  #count = 0;

  constructor(name: string) {
    this.#name = name;
  }

  /** Sends until the stream ends or `isEnough`. Resolves with how it ended, or undefined where it was enough. */
  async send(grpc: Client, isEnough: () => boolean): Promise<status | undefined> {
    this.#batches.clear();
    const stream = await StreamClient.open(grpc, this.#name);
    let seen = 0;
    let underWayBytes = 0;
    while (!stream.isEnded && !isEnough()) {
      while (!stream.isEnded && underWayBytes < stream.windowBytes / 2 && this.#batches.size < 64) {
        const keys = Array.from({ length: 5 }, () => `${this.#name}-${this.#count++}`);
        const request = encodeRequest(keys, 200);
        this.#batches.set(stream.batch(request), { keys, bytes: request.length });
        underWayBytes += request.length;
      }
      await Bun.sleep(1);
      for (; seen < stream.written.length; seen++) underWayBytes -= this.#note(stream.written[seen]);
    }
    if (!stream.isEnded) {
      stream.end();
      await stream.ended;
    }
    for (; seen < stream.written.length; seen++) this.#note(stream.written[seen]);
    return (await stream.ended).code;
  }

  /** The bytes that are not under way any more. */
  #note(written: { number: number; firstOrdinal?: number } | undefined): number {
    const batch = this.#batches.get(written?.number ?? 0);
    if (written === undefined || batch === undefined) throw new Error("a batch was acknowledged that was not sent");
    this.#batches.delete(written.number);
    for (const [index, key] of batch.keys.entries()) this.acknowledged.set(key, (written.firstOrdinal ?? 0) + index);
    return batch.bytes;
  }
}

for (const signal of ["SIGKILL", "SIGTERM"] as const) {
  test(
    `${signal} under open streams: each record that was acknowledged is in the objects, under its ordinal`,
    async () => {
      await withFolder(async (directory) => {
        await using firehose = await startFirehose(directory);
        const options = { directory, endpoint: firehose.local.url, ports: await freePorts() };
        const settings = { firehose: { recordId: true, bytesPerSecond: "32MiB" } };
        const collector = await CollectorProcess.start({ ...options, settings });
        const client = new RawClient(options.ports.ingest);
        const senders = Array.from({ length: 4 }, (_, index) => new StreamSender(`s${index}`));
        const sending = Promise.all(senders.map((sender) => sender.send(client.grpc, () => false)));
        await collector.until(({ journal }) => journal.head > 2_000);
        const code = await collector.end(signal);
        for (const ended of await sending) {
          expect([status.UNAVAILABLE, status.CANCELLED, status.INTERNAL]).toContain(ended as status);
          // Stopped in order it says so itself; killed, the client's own library finds words for it.
          if (signal === "SIGTERM") expect(ended).toBe(status.UNAVAILABLE);
        }
        if (signal === "SIGTERM") expect(code).toBe(0);
        client.grpc.close();

        await using after = await CollectorProcess.start({ ...options, settings });
        const again = new RawClient(options.ports.ingest);
        expect(await senders[0]?.send(again.grpc, () => (senders[0]?.acknowledged.size ?? 0) > 3_000)).toBe(status.OK);
        again.grpc.close();
        await after.until(({ routes }) => routes[0].ledger.waiting === 0);
        const keys = new Map((await firehose.lines()).map(({ key, ordinal }) => [`${key}@${ordinal}`, true]));
        const lost = senders.flatMap(({ acknowledged }) =>
          [...acknowledged].filter(([key, ordinal]) => !keys.has(`${key}@${ordinal}`)),
        );
        expect(lost).toEqual([]);
        expect(senders.reduce((sum, { acknowledged }) => sum + acknowledged.size, 0)).toBeGreaterThan(2_000);
      });
    },
    LIMIT_MS,
  );
}

const STREAMS = 1_000;
const CONNECTIONS = 10;

test(
  `${STREAMS} streams on one collector cost little while they are idle, and stay within bounds when all send at once`,
  async () => {
    await withFolder(async (directory) => {
      await using firehose = await startFirehose(directory);
      const options = { directory, endpoint: firehose.local.url, ports: await freePorts() };
      const settings = { firehose: { bytesPerSecond: "32MiB" } };
      await using collector = await CollectorProcess.start({ ...options, settings });
      const clients = Array.from({ length: CONNECTIONS }, () => new RawClient(options.ports.ingest));
      const before = await anonymousBytes(collector.pid);
      const streams = await Promise.all(
        Array.from({ length: STREAMS }, (_, index) => {
          return StreamClient.open((clients[index % CONNECTIONS] as RawClient).grpc, `idle-${index}`);
        }),
      );
      const idle = (await anonymousBytes(collector.pid)) - before;
      console.log(`${STREAMS} idle streams: ${(idle / MIB).toFixed(0)} MiB`);
      expect(idle).toBeLessThan(60 * MIB);

      // Larger than any window is now, so each stream has one batch under way, and all together exceed the bound.
      const keysOf = (index: number): string[] => Array.from({ length: 50 }, (_, each) => `s${index}-${each}`);
      let highest = 0;
      const watching = setInterval(async () => {
        highest = Math.max(highest, await anonymousBytes(collector.pid));
      }, 50);
      for (const [index, stream] of streams.entries()) stream.batch(encodeRequest(keysOf(index), 1_200));
      for (const stream of streams) await stream.acknowledged(1);
      clearInterval(watching);
      console.log(`highest with ${STREAMS} batches of 60 kB at once: ${(highest / MIB).toFixed(0)} MiB`);
      expect(highest).toBeLessThan(200 * MIB);
      for (const stream of streams) stream.end();
      for (const stream of streams) expect((await stream.ended).code).toBe(status.OK);
      for (const client of clients) client.grpc.close();
      const { journal } = await collector.status();
      expect(journal.head).toBe(STREAMS * 50);
      expect(await collector.end("SIGTERM")).toBe(0);
    });
  },
  LIMIT_MS,
);
