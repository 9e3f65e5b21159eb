/** CloudWatch's side of the local Firehose: on a virtual clock, and over a socket with the real AWS SDK. */
import { expect, test } from "bun:test";
import { CloudWatchClient, GetMetricDataCommand } from "@aws-sdk/client-cloudwatch";
import { VirtualClock } from "../../collector/testing/virtual-clock.ts";
import { MemoryObjectStore } from "./object-store.ts";
import { startLocalFirehose } from "./server.ts";
import { FirehoseService } from "./service.ts";
import type { StreamOptions } from "./stream-settings.ts";

const MIB = 1024 * 1024;
const MINUTE_MS = 60_000;

class Bench {
  readonly clock = new VirtualClock();
  readonly startMs = this.clock.nowMs();
  readonly service: FirehoseService;

  constructor(stream: Partial<StreamOptions> = {}) {
    const streams = [{ name: "logs", mibPerSecond: 1, ...stream }];
    this.service = new FirehoseService({
      clock: this.clock,
      random: () => 0.5,
      store: new MemoryObjectStore(),
      streams,
    });
  }

  call(target: string, body: unknown): { status: number; body: Record<string, unknown> } {
    const call = { target, body: Buffer.from(JSON.stringify(body)), authorization: null, date: null };
    const { status, body: text } = this.service.handle(call);
    return { status, body: JSON.parse(text) as Record<string, unknown> };
  }

  put(bytes: number, records = 1): void {
    const Data = Buffer.alloc(bytes).toString("base64");
    const Records = Array.from({ length: records }, () => ({ Data }));
    this.call("Firehose_20150804.PutRecordBatch", { DeliveryStreamName: "logs", Records });
  }

  ask(name: string, options: Record<string, unknown> = {}, stat: Record<string, unknown> = {}) {
    const Dimensions = [{ Name: "DeliveryStreamName", Value: "logs" }];
    const Metric = { Namespace: "AWS/Firehose", MetricName: name, Dimensions };
    return this.call("GraniteServiceVersion20100801.GetMetricData", {
      StartTime: this.startMs / 1000,
      EndTime: this.clock.nowMs() / 1000 + 60,
      MetricDataQueries: [{ Id: "a", MetricStat: { Metric, Period: 60, Stat: "Maximum", ...stat } }],
      ...options,
    });
  }

  values(...question: Parameters<Bench["ask"]>): unknown {
    const results = this.ask(...question).body.MetricDataResults as { Values: number[] }[];
    return results[0]?.Values;
  }
}

test("limits and counts are told by the minute, newest first unless told otherwise", async () => {
  const bench = new Bench();
  bench.put(1_000, 3);
  bench.put(2_000);
  await bench.clock.advance(2 * MINUTE_MS);
  bench.put(10);
  expect(bench.ask("IncomingBytes", {}, { Stat: "Sum" })).toEqual({
    status: 200,
    body: {
      MetricDataResults: [
        {
          Id: "a",
          Label: "IncomingBytes",
          Timestamps: [bench.startMs / 1000 + 120, bench.startMs / 1000],
          Values: [10, 5_000],
          StatusCode: "Complete",
        },
      ],
      Messages: [],
    },
  });
  expect(bench.values("BytesPerSecondLimit")).toEqual([MIB, MIB]);
  expect(bench.values("PutRequestsPerSecondLimit")).toEqual([1_000, 1_000]);
  expect(bench.values("IncomingBytes", { ScanBy: "TimestampAscending" })).toEqual([5_000, 10]);
});

test("longer periods put minutes together, by the statistic", async () => {
  const bench = new Bench();
  for (const bytes of [100, 200, 600]) {
    bench.put(bytes);
    await bench.clock.advance(MINUTE_MS);
  }
  const of = (Stat: string): unknown => bench.values("IncomingBytes", {}, { Period: 300, Stat });
  expect([of("Sum"), of("Average"), of("Maximum"), of("Minimum"), of("SampleCount")]).toEqual([
    [900],
    [300],
    [600],
    [100],
    [3],
  ]);
});

test("an idle stream, one without a quota, and one that is not there have no limits to tell", () => {
  expect(new Bench().values("BytesPerSecondLimit")).toEqual([]);
  const unlimited = new Bench({ mibPerSecond: Number.POSITIVE_INFINITY });
  unlimited.put(1);
  expect(unlimited.values("BytesPerSecondLimit")).toEqual([]);
  const bench = new Bench({ name: "other" });
  expect(bench.values("BytesPerSecondLimit")).toEqual([]);
});

test("what can't be answered is refused by name", () => {
  const bench = new Bench();
  const type = (options: Record<string, unknown>, stat?: Record<string, unknown>): unknown =>
    bench.ask("IncomingBytes", options, stat).body.__type;
  expect(type({ StartTime: undefined })).toBe("MissingRequiredParameterException");
  expect(type({ EndTime: 0 })).toBe("InvalidParameterValueException");
  expect(type({ MetricDataQueries: undefined })).toBe("MissingRequiredParameterException");
  expect(type({ MetricDataQueries: [{ Id: "a", Expression: "1" }] })).toBe("InvalidParameterValueException");
  expect(type({}, { Period: 30 })).toBe("InvalidParameterValueException");
  expect(type({}, { Stat: "p99" })).toBe("InvalidParameterValueException");
});

test("the AWS SDK reads limits and refusals as it does CloudWatch's", async () => {
  const firehose = await startLocalFirehose({
    port: 0,
    directory: "unused",
    store: new MemoryObjectStore(),
    streams: [{ name: "logs", mibPerSecond: 3 }],
  });
  const client = new CloudWatchClient({
    endpoint: firehose.url,
    region: "us-east-1",
    credentials: { accessKeyId: "key", secretAccessKey: "secret" },
    maxAttempts: 1,
  });
  try {
    firehose.service.streams
      .get("logs")
      ?.meter.countPut(
        { acceptedRecords: 1, acceptedBytes: 1, billedBytes: 5_120, throttledRecords: 0, failedRecords: 0 },
        { bytesPerSecond: 3 * MIB, recordsPerSecond: 300_000, requestsPerSecond: 3_000 },
        Date.now(),
      );
    const Dimensions = [{ Name: "DeliveryStreamName", Value: "logs" }];
    const Metric = { Namespace: "AWS/Firehose", MetricName: "BytesPerSecondLimit", Dimensions };
    const command = new GetMetricDataCommand({
      StartTime: new Date(Date.now() - 10 * MINUTE_MS),
      EndTime: new Date(Date.now() + MINUTE_MS),
      MetricDataQueries: [{ Id: "limit", MetricStat: { Metric, Period: 60, Stat: "Maximum" } }],
    });
    const { MetricDataResults: results } = await client.send(command);
    expect(results).toMatchObject([{ Id: "limit", Values: [3 * MIB], StatusCode: "Complete" }]);
    expect(results?.[0]?.Timestamps?.[0]).toBeInstanceOf(Date);

    firehose.faults.add({ kind: "error", error: "access_denied", operations: ["GetMetricData"] });
    const failure: unknown = await client.send(command).catch((reason: unknown) => reason);
    expect(failure).toMatchObject({ name: "AccessDeniedException" });
    expect(String(failure)).toContain("cloudwatch:GetMetricData");
  } finally {
    client.destroy();
    await firehose.stop();
  }
});
