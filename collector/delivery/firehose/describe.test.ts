import { expect, test } from "bun:test";
import type {
  DeliveryStreamDescription,
  ExtendedS3DestinationDescription,
  ProcessorType,
} from "@aws-sdk/client-firehose";
import { pino } from "pino";
import { MemoryObjectStore } from "../../../deploy/local/object-store.ts";
import { startLocalFirehose } from "../../../deploy/local/server.ts";
import { systemClock } from "../../clock.ts";
import { recordingLog } from "../../testing/delivery-rig.ts";
import { awsError } from "../../testing/fake-sink.ts";
import { VirtualClock } from "../../testing/virtual-clock.ts";
import type { Compression } from "../packing/compress.ts";
import { problemsOf, StreamCheck } from "./describe.ts";
import { FirehoseSink } from "./firehose.ts";
import { classify } from "./outcome.ts";

function streamWith(destination: Partial<ExtendedS3DestinationDescription>): DeliveryStreamDescription {
  return {
    DeliveryStreamName: "logs",
    DeliveryStreamARN: "arn:aws:firehose:us-east-1:123456789012:deliverystream/logs",
    DeliveryStreamStatus: "ACTIVE",
    DeliveryStreamType: "DirectPut",
    VersionId: "1",
    HasMoreDestinations: false,
    Destinations: [
      {
        DestinationId: "destinationId-000000000001",
        ExtendedS3DestinationDescription: {
          RoleARN: undefined,
          BucketARN: undefined,
          BufferingHints: undefined,
          CompressionFormat: "UNCOMPRESSED",
          EncryptionConfiguration: undefined,
          ...destination,
        },
      },
    ],
  };
}

const processing = (Type: ProcessorType, Enabled = true): Partial<ExtendedS3DestinationDescription> => ({
  ProcessingConfiguration: { Enabled, Processors: [{ Type }] },
});

function check(destination: Partial<ExtendedS3DestinationDescription>, compression: Compression, lines = 1_000_000) {
  return problemsOf(streamWith(destination), { compression, linesPerRecordMax: lines });
}

test("a stream that suits has no problems, plain or compressed", () => {
  expect(check({}, "none")).toEqual([]);
  expect(check({ CompressionFormat: "GZIP" }, "none")).toEqual([]);
  expect(check({ FileExtension: ".jsonl.gz" }, "gzip")).toEqual([]);
  expect(check({ FileExtension: ".zst" }, "zstd")).toEqual([]);
});

test("each setting that fights compressed records is one sentence that names it and a cure", () => {
  const cases: [Partial<ExtendedS3DestinationDescription>, RegExp][] = [
    [processing("AppendDelimiterToRecord"), /delimiter.*remove the processor AppendDelimiterToRecord/],
    [{ CompressionFormat: "GZIP" }, /compressed twice.*UNCOMPRESSED/],
    [{ CompressionFormat: "Snappy" }, /with Snappy/],
    [{ DataFormatConversionConfiguration: { Enabled: true } }, /converts records from JSON.*format conversion off/],
    [{ DynamicPartitioningConfiguration: { Enabled: true } }, /dynamic partitioning/],
    [processing("MetadataExtraction"), /looks into records/],
    [processing("RecordDeAggregation"), /de-aggregation/],
    [processing("Lambda"), /Lambda function.*unpack/],
    [processing("Decompression"), /CloudWatch Logs.*remove the processor/],
  ];
  for (const [destination, words] of cases) {
    const problems = check({ FileExtension: ".gz", ...destination }, "gzip");
    expect(problems).toHaveLength(1);
    expect(problems[0]).toMatch(words);
  }
});

test("objects whose names do not tell that they are compressed are told of", () => {
  expect(check({}, "zstd")[0]).toMatch(/do not end in \.zst.*FileExtension/);
  expect(check({ FileExtension: ".jsonl.gz" }, "zstd")).toHaveLength(1);
});

test("what fights plain lines is told, and what only compressed ones mind is not", () => {
  expect(check(processing("AppendDelimiterToRecord"), "none")[0]).toMatch(/empty lines/);
  expect(check(processing("RecordDeAggregation"), "none")[0]).toMatch(/set linesPerRecordMax to 500/);
  expect(check(processing("RecordDeAggregation"), "none", 500)).toEqual([]);
  expect(check({ DynamicPartitioningConfiguration: { Enabled: true } }, "none")[0]).toMatch(/de-aggregation/);
  const both = { ...processing("RecordDeAggregation"), DynamicPartitioningConfiguration: { Enabled: true } };
  expect(check(both, "none", 500)).toEqual([]);
  expect(check({ DataFormatConversionConfiguration: { Enabled: true } }, "none")).toEqual([]);
  expect(check(processing("Lambda"), "none")).toEqual([]);
});

test("processors that are switched off fight nobody", () => {
  expect(check({ FileExtension: ".gz", ...processing("AppendDelimiterToRecord", false) }, "gzip")).toEqual([]);
});

test("a stream that is not there to take records yet, or takes none from clients, is told of", () => {
  const settings = { compression: "none", linesPerRecordMax: 500 } as const;
  expect(problemsOf({ ...streamWith({}), DeliveryStreamStatus: "CREATING" }, settings)[0]).toMatch(/is CREATING/);
  expect(problemsOf({ ...streamWith({}), DeliveryStreamType: "KinesisStreamAsSource" }, settings)[0]).toMatch(
    /KinesisStreamAsSource.*Direct PUT/,
  );
  const bare = { ...streamWith({}), Destinations: [] };
  expect(problemsOf(bare, { ...settings, compression: "gzip" })).toEqual([]);
});

interface Told {
  readonly clock: VirtualClock;
  readonly asked: () => number;
  readonly lines: { level: number; msg: string; [key: string]: unknown }[];
  readonly stop: () => Promise<void>;
}

function running(answer: (index: number) => Promise<DeliveryStreamDescription>): Told {
  const clock = new VirtualClock();
  const { log, lines } = recordingLog((stream) => pino({ level: "info" }, stream));
  let asked = 0;
  const check = new StreamCheck({
    settings: { compression: "gzip", linesPerRecordMax: 500 },
    describe: () => answer(asked++),
    clock,
    random: () => 0.5,
    log,
  });
  const halt = new AbortController();
  const ended = check.run(halt.signal);
  const stop = async (): Promise<void> => {
    halt.abort();
    await ended;
  };
  return { clock, asked: () => asked, lines, stop };
}

const HOUR_MS = 3_600_000;
const GOOD = streamWith({ FileExtension: ".gz" });
const DELIMITED = streamWith({ FileExtension: ".gz", ...processing("AppendDelimiterToRecord") });

test("what fights is told once, once more when it comes back, and so is that it is mended", async () => {
  const answers = [DELIMITED, DELIMITED, GOOD, GOOD, DELIMITED];
  const { clock, asked, lines, stop } = running(async (index) => answers[index] ?? GOOD);
  await clock.advance(4.5 * HOUR_MS);
  expect(asked()).toBe(5);
  expect(lines.map(({ level, msg }) => [level, msg])).toEqual([
    [40, "the stream's settings do not suit this route"],
    [30, "the stream's settings suit this route now"],
    [40, "the stream's settings do not suit this route"],
  ]);
  expect(lines[0]?.problem).toMatch(/AppendDelimiterToRecord/);
  await stop();
});

test("that it may not ask, or gets no answer, is told once, and it asks again", async () => {
  const denied = awsError("AccessDeniedException", "not authorized to perform: firehose:DescribeDeliveryStream");
  const { clock, asked, lines, stop } = running(async (index) => {
    if (index < 3) throw denied;
    return DELIMITED;
  });
  await clock.advance(4.5 * HOUR_MS);
  expect(asked()).toBe(5);
  expect(lines.map(({ level, code }) => [level, code])).toEqual([
    [30, "AccessDeniedException"],
    [40, undefined],
  ]);
  await stop();
});

test("no answer at all is told once, and a stop ends it at once, asking or not", async () => {
  const { clock, asked, lines, stop } = running(() => new Promise(() => {}));
  await clock.advance(1.5 * HOUR_MS);
  expect(asked()).toBe(2);
  expect(lines.map(({ code, message }) => [code, message])).toEqual([["TimeoutError", "no answer within 30000 ms"]]);
  await stop();
  const asking = running(() => new Promise(() => {}));
  await asking.clock.advance(10_000);
  expect(asking.asked()).toBe(1);
  await asking.stop();
  expect(asking.lines).toEqual([]);
});

test("a real answer, asked for through the SDK, tells what fights; a missing stream is an error that is named", async () => {
  const streams = [
    { name: "fighting", compression: "GZIP", delimiter: "\n" },
    { name: "suiting", fileExtension: ".jsonl.gz" },
  ] as const;
  const firehose = await startLocalFirehose({ directory: "", port: 0, store: new MemoryObjectStore(), streams });
  const sinkOf = (streamName: string): FirehoseSink =>
    new FirehoseSink({
      streamName,
      clock: systemClock,
      region: "us-east-1",
      endpoint: firehose.url,
      credentials: { accessKeyId: "local", secretAccessKey: "local" },
    });
  const { signal } = new AbortController();
  const problems = async (name: string): Promise<string[]> => {
    const description = await sinkOf(name).describe(signal);
    if (description === undefined) throw new Error("no description");
    return problemsOf(description, { compression: "gzip", linesPerRecordMax: 500 });
  };
  try {
    const words = (await problems("fighting")).join("\n");
    expect(words).toMatch(/AppendDelimiterToRecord.*\n.*compresses objects with GZIP.*\n.*do not end in \.gz/);
    expect(await problems("suiting")).toEqual([]);
    const error = await sinkOf("missing")
      .describe(signal)
      .catch((reason: unknown) => reason);
    expect(classify(error)).toMatchObject({ code: "ResourceNotFoundException" });
  } finally {
    await firehose.stop();
  }
});
