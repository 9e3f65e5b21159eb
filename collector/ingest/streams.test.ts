import { expect, test } from "bun:test";
import { connect, constants } from "node:http2";
import { status } from "@grpc/grpc-js";
import { Authenticator } from "../identity/authenticator.ts";
import { VirtualClock } from "../testing/virtual-clock.ts";
import { encode, logsRequest, RawClient, startIngest, until } from "./fixture.ts";
import { STREAM_PATH, StreamClient } from "./stream-fixture.ts";

const KIB = 1024;

function limits(streamBytesMax: number, streamWindowBytesMax = streamBytesMax, streamsMax = 1_000) {
  return { streamsMax, streamBytesMax, streamWindowBytesMax };
}

test("windows shrink as streams come, so that all together stay within their bound, and grow back when they leave", async () => {
  await using run = await startIngest({ streamLimits: limits(4096 * KIB, 1024 * KIB) });
  const streams: StreamClient[] = [];
  for (let count = 0; count < 16; count++) streams.push(await StreamClient.open(run.client.grpc));
  await until(() => streams.every(({ windowBytes }) => windowBytes === 256 * KIB));
  const [first, ...others] = streams;
  for (const stream of others) stream.end();
  await until(() => first?.windowBytes === 1024 * KIB);
  expect(run.server.snapshot().streams).toMatchObject({ open: 1, opened: 16, windowBytes: 1024 * KIB });
});

test("a stream whose window has shrunk is read no further than the new one, and is not broken off", async () => {
  await using run = await startIngest({ streamLimits: limits(256 * KIB, 128 * KIB) });
  const stream = await StreamClient.open(run.client.grpc);
  run.appender.pause();
  const others = await Promise.all(Array.from({ length: 15 }, () => StreamClient.open(run.client.grpc)));
  await until(() => stream.windowBytes === 16 * KIB);
  // The client goes by the window that it was granted first.
  const batches = 12;
  for (let count = 0; count < batches; count++) stream.batch(logsRequest(1, 10_000));
  await until(() => run.appender.attempts === 2);
  await Bun.sleep(50);
  expect(run.appender.attempts).toBe(2);
  run.appender.resume();
  await stream.acknowledged(batches);
  for (const other of others) other.end();
});

test("beyond so many streams a client is told to come again", async () => {
  await using run = await startIngest({ streamLimits: limits(4096 * KIB, 1024 * KIB, 2) });
  const [first] = [await StreamClient.open(run.client.grpc), await StreamClient.open(run.client.grpc)];
  const third = await StreamClient.open(run.client.grpc);
  const { code, standpipeCode, retryDelayMs } = await third.ended;
  expect([code, standpipeCode]).toEqual([status.UNAVAILABLE, "overloaded"]);
  expect(retryDelayMs).toBeGreaterThan(0);
  first?.end();
  await first?.ended;
  await until(() => run.server.snapshot().streams.open === 1);
  expect((await StreamClient.open(run.client.grpc)).isEnded).toBe(false);
});

test("a stream of somebody unknown is refused before anything of it is read", async () => {
  await using run = await startIngest({ authenticator: new Authenticator({ certificates: true }) });
  const stream = await StreamClient.open(run.client.grpc);
  stream.batch(logsRequest(1));
  expect(await stream.ended).toMatchObject({ code: status.UNAUTHENTICATED, standpipeCode: "unauthenticated" });
  expect(run.appender.attempts).toBe(0);
  expect(run.server.snapshot()).toMatchObject({ refused: { unauthenticated: 1 }, streams: { opened: 0, bytes: 0 } });
});

test("large batches of many streams are read within the bound, one after the other", async () => {
  const bytesMax = 512 * KIB;
  await using run = await startIngest({ requestBytesMax: bytesMax, streamLimits: limits(bytesMax) });
  const streams = await Promise.all(Array.from({ length: 12 }, () => StreamClient.open(run.client.grpc)));
  run.appender.pause();
  for (const stream of streams) stream.batch(logsRequest(1, 200_000));
  await until(() => run.appender.attempts === 2);
  await Bun.sleep(50);
  expect(run.appender.attempts).toBe(2);
  expect(run.server.snapshot().streams.bytes).toBeLessThanOrEqual(bytesMax);
  run.appender.resume();
  for (const stream of streams) await stream.acknowledged(1);
  expect(run.server.snapshot().streams.bytes).toBe(0);
});

test("many small batches in few packets, with room for a few of them, are all taken", async () => {
  const bytesMax = 128 * KIB;
  await using run = await startIngest({ requestBytesMax: bytesMax, streamLimits: limits(bytesMax) });
  const streams = await Promise.all(Array.from({ length: 8 }, () => StreamClient.open(run.client.grpc)));
  const batches = 60;
  for (let count = 0; count < batches; count++) {
    for (const stream of streams) {
      while (stream.through < count - 1) await Bun.sleep(1);
      stream.batch(logsRequest(1, 10 + ((count * 1_237) % 7_000)));
    }
  }
  for (const stream of streams) {
    await stream.acknowledged(batches);
    stream.end();
    expect((await stream.ended).code).toBe(status.OK);
  }
  expect(run.appender.records).toBe(batches * streams.length);
});

test("a batch that is announced and does not come ends its stream when others wait, and only then", async () => {
  const clock = new VirtualClock();
  const bytesMax = 256 * KIB;
  const bounds = { requestBytesMax: bytesMax, streamLimits: limits(bytesMax), receiveMsMax: 300 };
  await using run = await startIngest({ ...bounds, clock });
  const session = connect(`http://127.0.0.1:${run.port}`);
  session.on("error", () => {});
  const stalled = session.request({ ":method": "POST", ":path": STREAM_PATH, "content-type": "application/grpc" });
  stalled.on("error", () => {});
  const open = encode("standpipe.ingest.v1.StreamRequest", { open: { client: "stalled" } });
  const prefix = (bytes: number): Buffer => Buffer.from([0, 0, bytes >> 16, (bytes >> 8) & 0xff, bytes & 0xff]);
  stalled.write(Buffer.concat([prefix(open.length), open, prefix(200_000)]));
  await until(() => run.server.snapshot().streams.bytes === 200_000);
  await clock.advance(5_000);
  expect(run.server.snapshot().streams.open).toBe(1);
  const stream = await StreamClient.open(run.client.grpc);
  stream.batch(logsRequest(1, 100_000));
  await Bun.sleep(50);
  expect(stream.through).toBe(0);
  // The batch may be on its way still: nobody waits before it is there.
  while (stream.through === 0) {
    await clock.advance(200);
    await Bun.sleep(5);
  }
  await until(() => run.server.snapshot().streams.open === 1);
  session.destroy();
});

test("a connection at its age ends its streams in order, and the client goes on with another: nothing is lost or doubled", async () => {
  await using run = await startIngest({ connectionAgeMsMax: 300, connectionAgeGraceMs: 2_000 });
  const client = new RawClient(run.port);
  let sent = 0;
  let streams = 0;
  while (streams < 3) {
    const stream = await StreamClient.open(client.grpc);
    streams++;
    while (!stream.isEnded) {
      const number = stream.batch(logsRequest(1));
      await until(() => stream.through >= number || stream.isEnded);
      if (stream.through >= number) sent++;
      await Bun.sleep(5);
    }
    expect(await stream.ended).toMatchObject({
      code: status.UNAVAILABLE,
      standpipeCode: "stream_over",
      retryDelayMs: 0,
    });
  }
  // A batch that was still on its way when its stream ended was neither acknowledged nor written.
  expect(run.appender.records).toBe(sent);
  client.grpc.close();
});

test("a drain writes and acknowledges what was received, then ends streams with UNAVAILABLE; no new one is taken", async () => {
  await using run = await startIngest();
  const stream = await StreamClient.open(run.client.grpc);
  const session = connect(`http://127.0.0.1:${run.port}`);
  const goaways: number[] = [];
  session.on("goaway", (code) => goaways.push(code));
  run.appender.pause();
  for (let count = 0; count < 10; count++) stream.batch(logsRequest(1));
  await until(() => run.appender.attempts === 10);
  const drained = run.server.drain(20_000);
  await Bun.sleep(20);
  expect(stream.isEnded).toBe(false);
  run.appender.resume();
  expect(await stream.ended).toMatchObject({ code: status.UNAVAILABLE, standpipeCode: "shutting_down" });
  expect([stream.through, run.appender.records]).toEqual([10, 10]);
  await drained;
  expect(goaways[0]).toBe(constants.NGHTTP2_NO_ERROR);
  session.destroy();
});

test("a drain in the middle of a message ends the stream as any other, whatever the rest of the message looks like", async () => {
  await using run = await startIngest();
  const session = connect(`http://127.0.0.1:${run.port}`);
  session.on("error", () => {});
  const stream = session.request({ ":method": "POST", ":path": STREAM_PATH, "content-type": "application/grpc" });
  stream.on("error", () => {});
  const trailers = new Promise<number>((resolve) => {
    stream.on("trailers", (headers) => resolve(Number(headers["grpc-status"])));
  });
  stream.resume();
  const framed = (message: Record<string, unknown>): Buffer => {
    const bytes = encode("standpipe.ingest.v1.StreamRequest", message);
    const prefix = Buffer.alloc(5);
    prefix.writeUInt32BE(bytes.length, 1);
    return Buffer.concat([prefix, bytes]);
  };
  stream.write(Buffer.concat([framed({ open: {} }), framed({ batch: { number: 1, request: logsRequest(1) } })]));
  await until(() => run.appender.records === 1);
  run.appender.pause();
  stream.write(framed({ batch: { number: 2, request: logsRequest(1) } }));
  await until(() => run.appender.attempts === 2);
  // Its middle looks like the beginning of a message of four gigabytes.
  const large = Buffer.concat([framed({ batch: { number: 3, request: logsRequest(50, 1_000) } })]);
  large.fill(0xff, 30_000);
  stream.write(large.subarray(0, 30_000));
  await until(() => run.server.snapshot().streams.bytes > 30_000);
  const drained = run.server.drain(20_000);
  stream.write(large.subarray(30_000));
  await Bun.sleep(50);
  run.appender.resume();
  expect(await trailers).toBe(status.UNAVAILABLE);
  expect(run.appender.records).toBe(2);
  session.destroy();
  await drained;
});

test("a drain with a full journal ends streams at once: what was not written was not acknowledged", async () => {
  await using run = await startIngest();
  const stream = await StreamClient.open(run.client.grpc);
  stream.batch(logsRequest(1));
  await stream.acknowledged(1);
  run.appender.setRoom(false);
  for (let count = 0; count < 10; count++) stream.batch(logsRequest(1));
  await until(() => run.server.snapshot().heldCalls === 1);
  await run.server.drain(20_000);
  expect(await stream.ended).toMatchObject({ code: status.UNAVAILABLE, standpipeCode: "shutting_down" });
  expect([stream.through, run.appender.records]).toEqual([1, 1]);
});

test("a client that does not read its acknowledgements is held, costs little, and is broken off in the end", async () => {
  const clock = new VirtualClock();
  await using run = await startIngest({ clock, streamLimits: limits(8192 * KIB, 64 * KIB) });
  const session = connect(`http://127.0.0.1:${run.port}`, { settings: { initialWindowSize: 0 } });
  session.on("error", () => {});
  const stream = session.request({ ":method": "POST", ":path": STREAM_PATH, "content-type": "application/grpc" });
  stream.on("error", () => {});
  const framed = (message: Record<string, unknown>): Buffer => {
    const bytes = encode("standpipe.ingest.v1.StreamRequest", message);
    return Buffer.concat([Buffer.from([0, 0, 0, bytes.length >> 8, bytes.length & 0xff]), bytes]);
  };
  stream.write(framed({ open: {} }));
  for (let number = 1; number <= 50; number++) stream.write(framed({ batch: { number, request: logsRequest(1) } }));
  await until(() => run.appender.records === 50);
  expect(run.server.snapshot().streams).toMatchObject({ open: 1, bytes: 0 });
  await clock.advance(20_000);
  expect(run.server.snapshot().streams.open).toBe(1);
  await clock.advance(12_000);
  await until(() => run.server.snapshot().streams.open === 0);
  expect(run.server.snapshot().streams.broken).toBe(1);
  session.destroy();
});

test("a client that opens a stream and says nothing is sent away", async () => {
  const clock = new VirtualClock();
  await using run = await startIngest({ clock });
  const silent = new StreamClient(run.client.grpc);
  const open = await StreamClient.open(run.client.grpc);
  await until(() => run.server.snapshot().streams.open === 2);
  await clock.advance(12_000);
  expect(await silent.ended).toMatchObject({ standpipeCode: "stream_over", details: expect.stringContaining("Open") });
  expect(open.isEnded).toBe(false);
});
