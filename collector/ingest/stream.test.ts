import { expect, test } from "bun:test";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { Metadata, status } from "@grpc/grpc-js";
import { CollectorError } from "../errors.ts";
import { ADMISSION_LIMITS_DEFAULT } from "./admission.ts";
import { encode, logsRequest, RawClient, SCAN_LIMITS, startIngest, until } from "./fixture.ts";
import { StreamClient } from "./stream-fixture.ts";

const KIB = 1024;

test("a stream is welcomed, its batches are written and acknowledged with their ordinals, and it ends with OK", async () => {
  await using run = await startIngest();
  const stream = await StreamClient.open(run.client.grpc, "checkout/pod-5");
  expect(stream.welcome).toEqual({ collectorId: "here", windowBytes: 1024 * KIB, batchBytesMax: 4096 * KIB - 64 });
  for (const records of [3, 1, 5]) stream.batch(logsRequest(records));
  await stream.acknowledged(3);
  expect(stream.written.map(({ number, firstOrdinal = 0, records }) => [number, firstOrdinal, records])).toEqual([
    [1, 0, 3],
    [2, 3, 1],
    [3, 4, 5],
  ]);
  stream.end();
  expect(await stream.ended).toMatchObject({ code: status.OK });
  expect(run.appender.appended.map(({ request }) => request)).toEqual([3, 1, 5].map((records) => logsRequest(records)));
  const { acknowledgedRecords, calls, streams } = run.server.snapshot();
  expect([acknowledgedRecords, calls]).toEqual([9, 0]);
  expect(streams).toMatchObject({ open: 0, opened: 1, broken: 0, batches: 3, refusedBatches: 0, bytes: 0 });
});

test("nothing is acknowledged before its write, and batches sent before the client's end are", async () => {
  await using run = await startIngest();
  const stream = await StreamClient.open(run.client.grpc);
  run.appender.pause();
  for (let count = 0; count < 20; count++) stream.batch(logsRequest(2));
  stream.end();
  await until(() => run.appender.attempts === 20);
  expect([stream.through, stream.isEnded]).toEqual([0, false]);
  run.appender.resume();
  expect((await stream.ended).code).toBe(status.OK);
  expect([stream.through, run.appender.records]).toEqual([20, 40]);
  // One message, or a few: not one for each batch.
  expect(stream.progresses).toBeLessThan(5);
});

test("packed batches are unpacked, whatever they are packed with", async () => {
  await using run = await startIngest();
  const stream = await StreamClient.open(run.client.grpc);
  const small = logsRequest(2);
  const large = logsRequest(500, 1_000);
  for (const request of [small, large]) {
    stream.batch(gzipSync(request), "gzip");
    stream.batch(zstdCompressSync(request), "zstd");
  }
  await stream.acknowledged(4);
  expect(run.appender.appended.map(({ request }) => request)).toEqual([small, small, large, large]);
  expect(stream.refused).toEqual([]);
});

test("a batch that never can be taken is told, and the stream goes on", async () => {
  await using run = await startIngest({
    requestBytesMax: 256 * KIB,
    scanLimits: { ...SCAN_LIMITS, recordBytesMax: 900 },
  });
  const stream = await StreamClient.open(run.client.grpc);
  stream.batch(Buffer.from("0affffff7f", "hex"));
  stream.batch(Buffer.from("this is no gzip"), "gzip");
  stream.batch(gzipSync(Buffer.alloc(1024 * KIB)), "gzip");
  stream.batch(zstdCompressSync(Buffer.alloc(1024 * KIB)), "zstd");
  stream.batch(zstdCompressSync(logsRequest(20)).subarray(0, -5), "zstd");
  stream.batch(Buffer.alloc(0));
  stream.batch(Buffer.concat([logsRequest(2), logsRequest(1, 5_000)]));
  stream.batch(logsRequest(1));
  await stream.acknowledged(8);
  expect(stream.refused.map(({ number, code = 0, records = 0 }) => [number, code, records])).toEqual([
    [1, status.INVALID_ARGUMENT, 0],
    [2, status.INVALID_ARGUMENT, 0],
    [3, status.INVALID_ARGUMENT, 0],
    [4, status.INVALID_ARGUMENT, 0],
    [5, status.INVALID_ARGUMENT, 0],
    [7, 0, 1],
  ]);
  expect(stream.refused[3]?.reason).toContain("262080 bytes");
  expect(stream.refused[4]?.reason).toContain("ends too early");
  expect(stream.refused[5]?.reason).toBe("refused: 1 log records over 900 bytes");
  expect(stream.written.map(({ number }) => number)).toEqual([7, 8]);
  expect(run.server.snapshot().streams).toMatchObject({ batches: 8, refusedBatches: 5 });
  expect(run.appender.records).toBe(3);
});

test("a batch of the largest size is taken, one byte more is told by its message", async () => {
  await using run = await startIngest({ requestBytesMax: 128 * KIB, streamLimits: limits(128 * KIB) });
  const stream = await StreamClient.open(run.client.grpc);
  const { batchBytesMax = 0 } = stream.welcome ?? {};
  const fill = (bytes: number): Buffer => {
    const around = logsRequest(1, 100_000).length - 100_000;
    return logsRequest(1, bytes - around);
  };
  stream.batch(fill(batchBytesMax));
  await stream.acknowledged(1);
  stream.batch(fill(128 * KIB));
  const { code, details } = await stream.ended;
  expect([code, details]).toEqual([status.RESOURCE_EXHAUSTED, expect.stringContaining("send smaller batches")]);
});

test("a full journal is waited out: nothing is refused however long it takes, and all is acknowledged afterwards", async () => {
  const admissionLimits = { ...ADMISSION_LIMITS_DEFAULT, heldCallsMax: 1, holdMsMax: 1, roomProbeMs: 10 };
  await using run = await startIngest({ admissionLimits });
  run.appender.setRoom(false);
  const streams = await Promise.all(Array.from({ length: 5 }, () => StreamClient.open(run.client.grpc)));
  for (const stream of streams) for (let count = 0; count < 10; count++) stream.batch(logsRequest(1));
  await until(() => run.server.snapshot().heldCalls === 5);
  // They take no place from calls.
  const held = run.client.export(logsRequest(1), { deadlineMs: 20_000 });
  await until(() => run.server.snapshot().heldCalls === 6);
  await Bun.sleep(50);
  run.appender.setRoom(true);
  for (const stream of streams) await stream.acknowledged(10);
  expect((await held).code).toBe(status.OK);
  expect(run.server.snapshot()).toMatchObject({ heldCalls: 0, heldBytes: 0, inFlightBytes: 0 });
  expect(run.appender.records).toBe(51);
});

test("a journal that turns out to be full in the middle puts its batches back, and they are acknowledged in order", async () => {
  await using run = await startIngest({ admissionLimits: { ...ADMISSION_LIMITS_DEFAULT, roomProbeMs: 10 } });
  const stream = await StreamClient.open(run.client.grpc);
  run.appender.pause();
  for (let count = 0; count < 6; count++) stream.batch(logsRequest(1));
  await until(() => run.appender.attempts === 6);
  for (let count = 0; count < 2; count++) run.appender.failures.push(new CollectorError("journal_full", "no space"));
  run.appender.resume();
  await stream.acknowledged(6);
  expect(stream.written.map(({ number }) => number)).toEqual([1, 2, 3, 4, 5, 6]);
  expect(run.appender.records).toBe(6);
});

test("a write that fails ends the stream with UNAVAILABLE, after what was written before it is acknowledged", async () => {
  await using run = await startIngest();
  const stream = await StreamClient.open(run.client.grpc);
  run.appender.pause();
  for (let count = 0; count < 3; count++) stream.batch(logsRequest(1));
  await until(() => run.appender.attempts === 3);
  const { appender } = run;
  const append = appender.append.bind(appender);
  let left = 1;
  appender.append = async (request, records) => {
    if (left-- > 0) throw new CollectorError("journal_io", "the disk refused a write");
    return await append(request, records);
  };
  stream.batch(logsRequest(1));
  appender.resume();
  const { code, standpipeCode, retryDelayMs } = await stream.ended;
  expect([code, standpipeCode]).toEqual([status.UNAVAILABLE, "journal_io"]);
  expect(retryDelayMs).toBeGreaterThan(0);
  expect(stream.through).toBe(3);
  expect(run.server.snapshot().refused.journal_io).toBe(1);
  expect(run.server.snapshot().streams.bytes).toBe(0);
});

test("who breaks the protocol is told how, and what was written before stays acknowledged", async () => {
  await using run = await startIngest();
  const cases: [(stream: StreamClient) => void, string][] = [
    [(stream) => stream.batch(logsRequest(1), "none", 7), "batch 2 was expected, and 7 came"],
    [(stream) => stream.batch(logsRequest(1), "none", 1), "batch 2 was expected, and 1 came"],
    [(stream) => stream.message({ open: { client: "again" } }), "Open may be sent once only"],
    [(stream) => stream.message({}), "neither open nor batch"],
    [(stream) => stream.raw(Buffer.from("ffff", "hex")), "not a StreamRequest"],
    [(stream) => stream.message({ batch: { number: 2, compression: 9 } }), "send none, gzip or zstd"],
    [(stream) => stream.raw(Buffer.concat([encodeBatch(2), encodeBatch(3)])), "more than one message"],
  ];
  for (const [breaking, words] of cases) {
    const stream = await StreamClient.open(run.client.grpc);
    stream.batch(logsRequest(1));
    await stream.acknowledged(1);
    breaking(stream);
    const { code, details } = await stream.ended;
    expect([code, details]).toEqual([status.INVALID_ARGUMENT, expect.stringContaining(words)]);
  }
  const unopened = new StreamClient(run.client.grpc);
  unopened.batch(logsRequest(1));
  expect((await unopened.ended).details).toContain("the first message must be Open");
  const named = new StreamClient(run.client.grpc);
  named.message({ open: { client: "x".repeat(257) } });
  expect((await named.ended).details).toContain("longer than 256 bytes");
  expect(run.appender.records).toBe(cases.length);
  expect(run.server.snapshot().refused.invalid_request).toBe(cases.length + 2);
});

function encodeBatch(number: number): Buffer {
  return encode("standpipe.ingest.v1.StreamRequest", { batch: { number, request: logsRequest(1) } });
}

function limits(streamBytesMax: number, streamWindowBytesMax = streamBytesMax) {
  return { streamsMax: 100, streamBytesMax, streamWindowBytesMax };
}

test("who sends more than its window is told so; one batch may always be under way", async () => {
  await using run = await startIngest({ streamLimits: limits(8192 * KIB, 64 * KIB) });
  run.appender.pause();
  const stream = await StreamClient.open(run.client.grpc);
  expect(stream.windowBytes).toBe(64 * KIB);
  stream.batch(logsRequest(1, 500_000));
  await until(() => run.appender.attempts === 1);
  stream.batch(logsRequest(1));
  await until(() => run.server.snapshot().refused.window_exceeded === 1);
  run.appender.resume();
  const { code, details } = await stream.ended;
  expect([code, stream.through]).toEqual([status.RESOURCE_EXHAUSTED, 1]);
  expect(details).toContain("the window is 65536: wait for Progress");
});

test("compressed gRPC messages are refused with the way to do it", async () => {
  await using run = await startIngest();
  const gzip = new RawClient(run.port, { "grpc.default_compression_algorithm": 2 });
  const stream = await StreamClient.open(gzip.grpc);
  expect(await stream.ended).toMatchObject({
    code: status.UNIMPLEMENTED,
    details: expect.stringContaining("Batch.request"),
  });
  gzip.grpc.close();
});

test("a client that vanishes leaves nothing behind: neither held batches nor places in memory", async () => {
  await using run = await startIngest();
  run.appender.setRoom(false);
  const gone = new RawClient(run.port);
  const stream = await StreamClient.open(gone.grpc, "gone");
  for (let count = 0; count < 30; count++) stream.batch(logsRequest(10));
  stream.batch(gzipSync(logsRequest(10)), "gzip");
  await until(() => run.server.snapshot().heldCalls === 1);
  stream.cancel();
  await until(() => run.server.snapshot().streams.open === 0);
  gone.grpc.close();
  await until(() => run.server.snapshot().heldCalls === 0);
  expect(run.server.snapshot().streams).toMatchObject({ broken: 1, bytes: 0 });
  run.appender.setRoom(true);
  expect(run.appender.records).toBe(0);
});

test("metadata of ordinary clients changes nothing", async () => {
  await using run = await startIngest();
  const metadata = new Metadata();
  metadata.set("authorization", "Bearer of-no-meaning-here");
  const stream = new StreamClient(run.client.grpc, metadata);
  stream.message({ open: {} });
  stream.batch(logsRequest(1));
  await stream.acknowledged(1);
  stream.end();
  expect((await stream.ended).code).toBe(status.OK);
});
