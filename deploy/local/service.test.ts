/** The whole service on a virtual clock, without a socket: a day passes in milliseconds. */
import { expect, test } from "bun:test";
import { gunzipSync, gzipSync } from "node:zlib";
import fc from "fast-check";
import { VirtualClock } from "../../collector/testing/virtual-clock.ts";
import type { Guesses } from "./guesses.ts";
import { metricValues, prometheusText } from "./metrics.ts";
import { MemoryObjectStore } from "./object-store.ts";
import { FirehoseService, type ServiceAnswer, type ServiceOptions } from "./service.ts";
import type { StreamOptions } from "./stream-settings.ts";

const MIB = 1024 * 1024;

class Bench {
  readonly clock = new VirtualClock();
  readonly store = new MemoryObjectStore();
  readonly service: FirehoseService;

  constructor(stream: Partial<StreamOptions> = {}, options: Partial<ServiceOptions> = {}) {
    const streams = [{ name: "logs", mibPerSecond: Number.POSITIVE_INFINITY, ...stream }];
    let state = 1;
    const random = (): number => {
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
      return state / 2 ** 32;
    };
    this.service = new FirehoseService({ clock: this.clock, random, store: this.store, streams, ...options });
  }

  call(operation: string, body: unknown): ServiceAnswer {
    return this.service.handle({
      target: `Firehose_20150804.${operation}`,
      body: Buffer.from(JSON.stringify(body)),
      authorization: null,
      date: null,
    });
  }

  put(...records: (string | Uint8Array)[]): { status: number; fates: (string | undefined)[]; answer: ServiceAnswer } {
    const Records = records.map((data) => ({ Data: Buffer.from(data as string).toString("base64") }));
    const answer = this.call("PutRecordBatch", { DeliveryStreamName: "logs", Records });
    const parsed = JSON.parse(answer.body) as { RequestResponses?: { ErrorCode?: string }[] };
    return { status: answer.status, fates: (parsed.RequestResponses ?? []).map(({ ErrorCode }) => ErrorCode), answer };
  }

  get text(): string {
    return this.store.objects.map(({ content }) => content.toString()).join("");
  }

  /** Runs the service's own loop while `body` goes on. */
  async running(body: () => Promise<void>): Promise<void> {
    const stopping = new AbortController();
    const run = this.service.run(stopping.signal);
    await this.clock.advance(0);
    await body();
    stopping.abort();
    await run;
  }
}

test("an answer is spelled as the service spells it: 2,459 bytes for ten records", () => {
  const { answer } = new Bench().put(...Array(10).fill("a"));
  expect(answer.body).toStartWith('{"Encrypted":false,"FailedPutCount":0,"RequestResponses":[{"RecordId":"');
  expect(answer.body).toHaveLength(2459);
  const ids = [...answer.body.matchAll(/"RecordId":"([^"]+)"/g)].map(([, id]) => id);
  expect(new Set(ids).size).toBe(10);
});

test("a failed entry has a code and a message, and no id", () => {
  const bench = new Bench();
  bench.service.faults.add({ kind: "record_failure", positions: [0] });
  bench.service.faults.add({ kind: "throttle", pattern: "all", afterCalls: 1 });
  expect(bench.put("a").answer.body).toBe(
    '{"Encrypted":false,"FailedPutCount":1,"RequestResponses":[{"ErrorCode":"InternalFailure","ErrorMessage":"Internal service failure."}]}',
  );
  bench.service.faults.clear(1);
  expect(bench.put("a").answer.body).toBe(
    '{"Encrypted":false,"FailedPutCount":1,"RequestResponses":[{"ErrorCode":"ServiceUnavailableException","ErrorMessage":"Slow down."}]}',
  );
});

test("every record is stored or failed, never both, and the bucket holds the stored ones in order", async () => {
  const sizes = fc.array(fc.integer({ min: 1, max: 300_000 }), { minLength: 1, maxLength: 12 });
  const step = fc.record({ waitMs: fc.integer({ min: 0, max: 3000 }), sizes });
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom("suffix", "prefix", "random", "all"),
      fc.array(step, { minLength: 1, maxLength: 12 }),
      fc.boolean(),
      async (pattern, steps, failing) => {
        const bench = new Bench({ mibPerSecond: 1, pattern, bufferSeconds: 2, delimiter: "|" });
        if (failing) bench.service.faults.add({ kind: "record_failure", share: 0.2 });
        const stored: string[] = [];
        let number = 0;
        await bench.running(async () => {
          for (const { waitMs, sizes } of steps) {
            await bench.clock.advance(waitMs);
            const records = sizes.map((size) => `${number++}:`.padEnd(size, "x"));
            if (records.reduce((sum, record) => sum + record.length, 0) > 4 * MIB) continue;
            const { fates } = bench.put(...records);
            expect(fates).toHaveLength(records.length);
            stored.push(...records.filter((_, index) => fates[index] === undefined));
          }
          await bench.service.flush();
        });
        expect(bench.text === stored.map((record) => `${record}|`).join("")).toBe(true);
        const counters = bench.service.counters("logs");
        expect(counters.acceptedRecords).toBe(stored.length);
        expect(counters.deliveredRecords).toBe(stored.length);
        expect(counters.deliveredObjects).toBe(bench.store.objects.length);
      },
    ),
    { numRuns: 25 },
  );
}, 30_000);

test("an object is cut when it is full, or when its oldest record has waited long enough", async () => {
  const bench = new Bench({ bufferMib: 1, bufferSeconds: 900 });
  await bench.running(async () => {
    bench.put(Buffer.alloc(MIB / 2, 97), Buffer.alloc(MIB / 2, 98), Buffer.alloc(10, 99));
    await bench.clock.advance(0);
    expect(bench.store.objects.map(({ content }) => content.length)).toEqual([MIB]);
    await bench.clock.advance(899_999);
    bench.put("late");
    expect(bench.store.objects).toHaveLength(1);
    await bench.clock.advance(1);
    expect(bench.store.objects.map(({ content }) => content.length)).toEqual([MIB, 14]);
    await bench.clock.advance(24 * 60 * 60 * 1000);
    expect(bench.store.objects).toHaveLength(2);
  });
});

test("an interval of 0 writes each call at once", async () => {
  const bench = new Bench({ bufferSeconds: 0 });
  await bench.running(async () => {
    bench.put("a", "b");
    await bench.clock.advance(0);
    bench.put("c");
    await bench.clock.advance(0);
    expect(bench.store.objects.map(({ content }) => content.toString())).toEqual(["ab", "c"]);
  });
});

test("gzip: the size counts before it, a delimiter follows each record, members laid end to end stay readable", async () => {
  const bench = new Bench({ compression: "GZIP", delimiter: "\n" });
  bench.put(...Array(4).fill(Buffer.alloc(MIB / 4 - 1, 97)));
  await bench.service.flush();
  const [object] = bench.store.objects;
  expect(object?.key).toEndWith(".gz");
  expect(object?.content.length).toBeLessThan(MIB / 10);
  expect(gunzipSync(object?.content ?? "").toString()).toBe(`${"a".repeat(MIB / 4 - 1)}\n`.repeat(4));

  const plain = new Bench({ fileExtension: ".jsonl.gz" });
  plain.put(gzipSync("one\n"), gzipSync("two\n"));
  await plain.service.flush();
  expect(gunzipSync(plain.store.objects[0]?.content ?? "").toString()).toBe("one\ntwo\n");
});

test("while S3 is down objects wait, and all of them appear in order when it is back", async () => {
  const bench = new Bench({ bufferSeconds: 1 });
  await bench.running(async () => {
    bench.service.faults.add({ kind: "storage_down", durationMs: 3_600_000 });
    for (let minute = 0; minute < 60; minute++) {
      bench.put(`${minute},`);
      await bench.clock.advance(60_000 - 1);
    }
    await bench.service.flush();
    expect(bench.store.objects).toHaveLength(0);
    await bench.clock.advance(60_000);
    expect(bench.text).toBe(Array.from({ length: 60 }, (_, minute) => `${minute},`).join(""));
  });
});

test("what S3 did not take within 24 hours is lost, and counted", async () => {
  const bench = new Bench({ bufferSeconds: 1 });
  await bench.running(async () => {
    bench.service.faults.add({ kind: "storage_down", durationMs: 25 * 3_600_000 });
    bench.put("old", "older");
    await bench.clock.advance(2 * 3_600_000);
    bench.put("young");
    await bench.clock.advance(24 * 3_600_000);
    expect(bench.text).toBe("young");
    expect(bench.service.counters("logs")).toMatchObject({ expiredRecords: 2, deliveredRecords: 1 });
  });
});

test("a stream that has grown to n times its quota writes through n channels", async () => {
  const growth = { factor: 2, periods: 1, periodMs: 1000, mibPerSecondMax: 4 };
  const bench = new Bench({ mibPerSecond: 1, growth, bufferMib: 128, bufferSeconds: 900 });
  for (let second = 0; second < 10; second++) {
    bench.put(...Array(4).fill(Buffer.alloc(1_000_000)));
    bench.put(...Array(4).fill(Buffer.alloc(1_000_000)));
    await bench.clock.advance(1000);
  }
  expect(bench.service.streams.get("logs")?.limits().bytesPerSecond).toBe(4 * MIB);
  await bench.service.flush();
  expect(bench.store.objects).toHaveLength(4);
});

test("the bill rounds each record up to 5 KB, and counts what was accepted only", () => {
  const bench = new Bench({ mibPerSecond: 1, pattern: "suffix" });
  bench.put("", "a", Buffer.alloc(5120), Buffer.alloc(5121));
  expect(bench.service.counters("logs").billedBytes).toBe(5 * 5120);
  bench.service.faults.add({ kind: "throttle", pattern: "all", calls: 1 });
  bench.put("a");
  expect(bench.service.counters("logs")).toMatchObject({ billedBytes: 5 * 5120, throttledRecords: 1 });
});

test("metrics come in minutes, as CloudWatch has them", async () => {
  const bench = new Bench({ mibPerSecond: 1, pattern: "suffix" });
  const startMs = bench.clock.nowMs();
  bench.put(Buffer.alloc(MIB / 2), Buffer.alloc(MIB / 4), Buffer.alloc(MIB / 2));
  await bench.clock.advance(120_000);
  bench.put("abc");
  const stream = bench.service.streams.get("logs");
  if (stream === undefined) throw new Error("there is a stream");
  const values = (name: Parameters<typeof metricValues>[1]) =>
    metricValues(stream, name, startMs, startMs + 180_000).map(({ startMs: minuteMs, value }) => [
      minuteMs - startMs,
      value,
    ]);
  expect(values("IncomingBytes")).toEqual([
    [0, (MIB * 3) / 4],
    [120_000, 3],
  ]);
  expect(values("ThrottledRecords")).toEqual([
    [0, 1],
    [120_000, 0],
  ]);
  expect(values("BytesPerSecondLimit")[0]).toEqual([0, MIB]);
  expect(values("PutRequestsPerSecondLimit")[0]).toEqual([0, 1000]);
  expect(metricValues(stream, "IncomingRecords", startMs + 60_000, startMs + 120_000)).toEqual([]);
  expect(prometheusText(bench.service.streams)).toContain('local_firehose_accepted_records_total{stream="logs"} 3\n');
});

test("a discarding stream counts as any other and keeps nothing", async () => {
  const bench = new Bench({ discard: true, mibPerSecond: 1, pattern: "suffix" });
  expect(bench.put("abc", Buffer.alloc(1_000_000), Buffer.alloc(1_000_000)).fates).toEqual([
    undefined,
    undefined,
    "ServiceUnavailableException",
  ]);
  await bench.service.flush();
  expect(bench.store.objects).toEqual([]);
  expect(bench.service.counters("logs")).toMatchObject({ acceptedBytes: 1_000_003, throttledRecords: 1 });
});

test("each guess changes what it says", () => {
  const over = (guesses: Partial<Guesses>) => new Bench({ mibPerSecond: 1, pattern: "all" }, { guesses });
  const million = Buffer.alloc(1_000_000);
  expect(over({}).put(million, million).status).toBe(200);
  expect(over({ nothingFits: "call" }).put(million, million).status).toBe(500);
  expect(over({ quotaWindowMs: 2000 }).put(million, million).fates).toEqual([undefined, undefined]);
  expect(over({ quotaCounts: "base64" }).put(million).fates).toEqual(["ServiceUnavailableException"]);
  expect(over({ callBytesMax: 1_999_999 }).put(million, million).status).toBe(400);
  const requests = over({ requestsOverQuota: "call" });
  const statuses = Array.from({ length: 1001 }, () => requests.put("a").status);
  expect([statuses[999], statuses[1000]]).toEqual([200, 500]);
});

test("a stream under creation takes nothing until it is ACTIVE", async () => {
  const bench = new Bench({ name: "other" }, { createMs: 60_000 });
  const destination = { BucketARN: "arn:aws:s3:::archive", RoleARN: "arn:aws:iam::123456789012:role/x" };
  const create = { DeliveryStreamName: "logs", ExtendedS3DestinationConfiguration: destination };
  expect(bench.call("CreateDeliveryStream", create).status).toBe(200);
  expect(bench.put("a").answer.errorType).toBe("ResourceNotFoundException");
  await bench.clock.advance(60_000);
  expect(bench.put("a").status).toBe(200);
  expect(bench.call("CreateDeliveryStream", create).errorType).toBe("ResourceInUseException");
});

test("the control plane takes five calls a second of each operation", async () => {
  const bench = new Bench();
  const statuses = Array.from({ length: 6 }, () => bench.call("ListDeliveryStreams", {}).errorType);
  expect(statuses).toEqual([undefined, undefined, undefined, undefined, undefined, "ThrottlingException"]);
  expect(bench.call("DescribeDeliveryStream", { DeliveryStreamName: "logs" }).status).toBe(200);
  await bench.clock.advance(1000);
  expect(bench.call("ListDeliveryStreams", {}).status).toBe(200);
});

test("an operation that isn't there is an UnknownOperationException", () => {
  expect(new Bench().call("StartDeliveryStreamEncryption", {}).errorType).toBe("UnknownOperationException");
});
