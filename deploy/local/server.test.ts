/** Over a socket, with the real AWS SDK: what a client sees. */
import { afterEach, expect, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import {
  CreateDeliveryStreamCommand,
  DeleteDeliveryStreamCommand,
  DescribeDeliveryStreamCommand,
  FirehoseClient,
  ListDeliveryStreamsCommand,
  PutRecordBatchCommand,
  PutRecordCommand,
  UpdateDestinationCommand,
} from "@aws-sdk/client-firehose";
import type { Fault } from "./faults.ts";
import { type LocalFirehose, type LocalFirehoseOptions, startLocalFirehose } from "./server.ts";

const closing: (() => Promise<unknown>)[] = [];

afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

interface Setup {
  readonly firehose: LocalFirehose;
  readonly client: FirehoseClient;
}

async function start(options: Partial<LocalFirehoseOptions> = {}, requestTimeout = 20_000): Promise<Setup> {
  const directory = await mkdtemp(join(tmpdir(), "local-firehose-"));
  const firehose = await startLocalFirehose({
    port: 0,
    directory,
    streams: [{ name: "logs", bufferSeconds: 900 }],
    ...options,
  });
  const client = new FirehoseClient({
    endpoint: firehose.url,
    region: "us-east-1",
    credentials: { accessKeyId: "key", secretAccessKey: "secret" },
    maxAttempts: 1,
    requestHandler: { requestTimeout, throwOnRequestTimeout: true },
  });
  closing.push(
    () => rm(directory, { recursive: true, force: true }),
    () => firehose.stop(),
    () => Promise.resolve(client.destroy()),
  );
  return { firehose, client };
}

function put(client: FirehoseClient, ...lines: string[]) {
  const records = lines.map((line) => ({ Data: Buffer.from(line) }));
  return client.send(new PutRecordBatchCommand({ DeliveryStreamName: "logs", Records: records }));
}

/** What the SDK throws, as a client looks at it. */
async function failureOf(call: Promise<unknown>): Promise<{ name: string; message: string; status: unknown }> {
  try {
    await call;
  } catch (reason) {
    if (!(reason instanceof Error)) throw reason;
    const { $metadata } = reason as Error & { $metadata?: { httpStatusCode?: number } };
    return { name: reason.name, message: reason.message, status: $metadata?.httpStatusCode };
  }
  throw new Error("the call succeeded");
}

async function contentOf(firehose: LocalFirehose): Promise<string> {
  await firehose.flush();
  const objects = await firehose.objects();
  const contents = await Promise.all(objects.map(({ path }) => Bun.file(path).text()));
  return contents.join("");
}

test("records that were answered with an id are found in an object, in their order", async () => {
  const { firehose, client } = await start();
  const batch = await put(client, "one\n", "two\n");
  const single = await client.send(
    new PutRecordCommand({ DeliveryStreamName: "logs", Record: { Data: Buffer.from("three\n") } }),
  );
  expect(batch.FailedPutCount).toBe(0);
  expect(batch.Encrypted).toBe(false);
  const ids = [...(batch.RequestResponses ?? []).map(({ RecordId }) => RecordId ?? ""), single.RecordId ?? ""];
  expect(ids.map((id) => id.length)).toEqual([224, 224, 224]);
  expect(new Set(ids).size).toBe(3);
  expect(batch.$metadata.requestId).toMatch(/^[0-9a-f-]{36}$/);
  expect(batch.$metadata.extendedRequestId).toBeString();
  expect(await contentOf(firehose)).toBe("one\ntwo\nthree\n");
});

test("over the quota the call is a 200, and only the records with an id are in the bucket", async () => {
  const { firehose, client } = await start();
  const lines = Array.from({ length: 500 }, (_, index) => `${index}:${"x".repeat(4000)}\n`);
  const answer = await put(client, ...lines);
  const responses = answer.RequestResponses ?? [];
  const failed = responses.filter(({ ErrorCode }) => ErrorCode !== undefined);
  expect(answer.$metadata.httpStatusCode).toBe(200);
  expect(responses).toHaveLength(500);
  expect(answer.FailedPutCount).toBe(failed.length);
  expect(failed.length).toBeGreaterThan(200);
  expect(failed[0]).toEqual({ ErrorCode: "ServiceUnavailableException", ErrorMessage: "Slow down." });
  expect(await contentOf(firehose)).toBe(lines.filter((_, index) => responses[index]?.RecordId !== undefined).join(""));
  expect(firehose.counters("logs").throttledRecords).toBe(failed.length);
});

test("PutRecord over the quota is a 500", async () => {
  const { client } = await start({ streams: [{ name: "logs", mibPerSecond: 0.01 }] });
  const send = () =>
    client.send(new PutRecordCommand({ DeliveryStreamName: "logs", Record: { Data: Buffer.alloc(900_000) } }));
  await send();
  expect(await failureOf(send())).toEqual({ name: "ServiceUnavailableException", message: "Slow down.", status: 500 });
});

const WHOLE_CALL: readonly (readonly [error: (Fault & { kind: "error" })["error"], name: string, status: number])[] = [
  ["service_unavailable", "ServiceUnavailableException", 500],
  ["internal_failure", "InternalFailure", 500],
  ["bad_gateway", "SyntaxError", 503],
  ["throttling", "ThrottlingException", 400],
  ["expired_token", "ExpiredTokenException", 400],
  ["unrecognized_client", "UnrecognizedClientException", 400],
  ["access_denied", "AccessDeniedException", 400],
  ["missing_stream", "ResourceNotFoundException", 400],
  ["kms", "InvalidKMSResourceException", 400],
  ["invalid_source", "InvalidSourceException", 400],
];

for (const [error, name, status] of WHOLE_CALL) {
  test(`the fault ${error} reaches the SDK as ${name}, and nothing is stored`, async () => {
    const { firehose, client } = await start();
    firehose.faults.add({ kind: "error", error, calls: 1 });
    expect(await failureOf(put(client, "a\n"))).toMatchObject({ name, status });
    await put(client, "b\n");
    expect(await contentOf(firehose)).toBe("b\n");
    expect(firehose.counters("logs")).toMatchObject({ refusedCalls: 1, calls: 1 });
  });
}

test("a stream that isn't there is a ResourceNotFoundException with its name and account", async () => {
  const { client } = await start({ streams: [] });
  expect(await failureOf(put(client, "a"))).toEqual({
    name: "ResourceNotFoundException",
    message: "Firehose logs not found under account 123456789012.",
    status: 400,
  });
});

test("more than 4 MiB in a call is refused whole", async () => {
  const { firehose, client } = await start();
  const line = "x".repeat(1_000_000);
  const failure = await failureOf(put(client, line, line, line, line, line));
  expect(failure).toMatchObject({ name: "InvalidArgumentException", message: "Records size exceeds 4 MB limit" });
  expect(await contentOf(firehose)).toBe("");
});

for (const how of ["reset", "hang"] as const) {
  test(`an answer lost by ${how} leaves its records stored once`, async () => {
    const { firehose, client } = await start({}, how === "hang" ? 300 : 20_000);
    firehose.faults.add({ kind: "lost_answer", how, calls: 1 });
    const failure = await failureOf(put(client, "a\n"));
    expect(failure.name).toBe("TimeoutError");
    expect(failure.status).toBeUndefined();
    expect(firehose.counters("logs")).toMatchObject({ lostAnswers: 1, acceptedRecords: 1 });
    await put(client, "b\n");
    expect(await contentOf(firehose)).toBe("a\nb\n");
  });
}

test("in an outage nothing is read or stored, and afterwards all is as before", async () => {
  const { firehose, client } = await start();
  await put(client, "a\n");
  const id = firehose.faults.add({ kind: "outage" });
  for (let call = 0; call < 3; call++) expect((await failureOf(put(client, "lost\n"))).status).toBeUndefined();
  firehose.faults.clear(id);
  await put(client, "b\n");
  expect(await contentOf(firehose)).toBe("a\nb\n");
});

test("a call that takes longer than the client waits is stored all the same", async () => {
  const { firehose, client } = await start({}, 200);
  firehose.faults.add({ kind: "latency", ms: 60_000, calls: 1 });
  expect((await failureOf(put(client, "a\n"))).name).toBe("TimeoutError");
  expect(await contentOf(firehose)).toBe("a\n");
});

test("a client whose clock is off by an hour is told so in a way that the SDK corrects itself", async () => {
  const { firehose, client } = await start({ checkAuthorization: true });
  client.config.systemClockOffset = -3_600_000;
  const failure = await failureOf(put(client, "a\n"));
  expect(failure.name).toBe("InvalidSignatureException");
  expect(failure.message).toMatch(
    /^Signature expired: \d{8}T\d{6}Z is now earlier than \d{8}T\d{6}Z \(\d{8}T\d{6}Z - 5 min\.\)$/,
  );
  await put(client, "b\n");
  expect(await contentOf(firehose)).toBe("b\n");
});

test("a stream is created, described, changed, listed and deleted as the SDK speaks of it", async () => {
  const { firehose, client } = await start({ streams: [] });
  const configuration = {
    RoleARN: "arn:aws:iam::123456789012:role/x",
    BucketARN: "arn:aws:s3:::archive",
    BufferingHints: { SizeInMBs: 1, IntervalInSeconds: 900 },
    CompressionFormat: "GZIP",
  } as const;
  await client.send(
    new CreateDeliveryStreamCommand({ DeliveryStreamName: "logs", ExtendedS3DestinationConfiguration: configuration }),
  );
  const described = (await client.send(new DescribeDeliveryStreamCommand({ DeliveryStreamName: "logs" })))
    .DeliveryStreamDescription;
  expect(described).toMatchObject({ DeliveryStreamStatus: "ACTIVE", DeliveryStreamType: "DirectPut", VersionId: "1" });
  const destination = described?.Destinations?.[0];
  expect(destination?.ExtendedS3DestinationDescription).toMatchObject(configuration);
  await put(client, "a\n");
  await client.send(
    new UpdateDestinationCommand({
      DeliveryStreamName: "logs",
      CurrentDeliveryStreamVersionId: "1",
      DestinationId: destination?.DestinationId,
      ExtendedS3DestinationUpdate: { Prefix: "new/" },
    }),
  );
  await put(client, "b\n");
  expect((await client.send(new ListDeliveryStreamsCommand({}))).DeliveryStreamNames).toEqual(["logs"]);
  await client.send(new DeleteDeliveryStreamCommand({ DeliveryStreamName: "logs" }));
  expect((await failureOf(put(client, "c\n"))).name).toBe("ResourceNotFoundException");
  await firehose.flush();
  const objects = await firehose.objects();
  expect(objects.map(({ bucket }) => bucket)).toEqual(["archive", "archive"]);
  const [first, second] = objects;
  expect(first?.key).toMatch(/^\d{4}\/\d\d\/\d\d\/\d\d\/logs-1-.*\.gz$/);
  expect(second?.key).toMatch(/^new\/\d{4}\/\d\d\/\d\d\/\d\d\/logs-2-.*\.gz$/);
  const contents = await Promise.all(objects.map(({ path }) => Bun.file(path).bytes()));
  expect(contents.map((bytes) => gunzipSync(bytes).toString())).toEqual(["a\n", "b\n"]);
});

test("stop writes what is buffered, and may be called twice", async () => {
  const { firehose, client } = await start();
  await put(client, "a\n");
  await Promise.all([firehose.stop(), firehose.stop()]);
  expect(await firehose.objects()).toHaveLength(1);
});
