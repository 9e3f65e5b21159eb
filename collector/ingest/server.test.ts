import { expect, test } from "bun:test";
import { connect, constants } from "node:http2";
import { gzipSync } from "node:zlib";
import { Client, credentials, Metadata, type ServiceError, status } from "@grpc/grpc-js";
import { CollectorError } from "../errors.ts";
import { VirtualClock } from "../testing/virtual-clock.ts";
import { ADMISSION_LIMITS_DEFAULT } from "./admission.ts";
import { EXPORT_PATH, logsRequest, RawClient, startIngest, until } from "./fixture.ts";
import { LOGS_SERVICE, loadProtocol } from "./protocol.ts";
import { createIngestServer } from "./server.ts";

test("a full journal is waited out: calls are held and answered OK when room comes back", async () => {
  await using run = await startIngest();
  run.appender.setRoom(false);
  const answers = Array.from({ length: 5 }, () => run.client.export(logsRequest(3), { deadlineMs: 20_000 }));
  await until(() => run.server.snapshot().heldCalls === 5);
  expect(run.appender.attempts).toBe(0);
  run.appender.setRoom(true);
  for (const answer of answers) expect((await answer).code).toBe(status.OK);
  expect(run.appender.records).toBe(15);
  expect(run.server.snapshot()).toMatchObject({ heldCalls: 0, heldBytes: 0, inFlightBytes: 0, heldTotal: 5 });
});

test("a held call is refused UNAVAILABLE with RetryInfo before its client's own deadline passes", async () => {
  await using run = await startIngest({ admissionLimits: { ...ADMISSION_LIMITS_DEFAULT, deadlineMarginMs: 2_500 } });
  run.appender.setRoom(false);
  const answer = await run.client.export(logsRequest(1), { deadlineMs: 3_000 });
  expect(answer.code).toBe(status.UNAVAILABLE);
  expect(answer.retryDelayMs).toBeGreaterThan(0);
  expect(answer.metadata.get("standpipe-code")).toEqual(["journal_full"]);
  expect(run.server.snapshot().refused.journal_full).toBe(1);
});

test("beyond the waiting room calls are refused at once, and those in it are still answered", async () => {
  await using run = await startIngest({ admissionLimits: { ...ADMISSION_LIMITS_DEFAULT, heldCallsMax: 2 } });
  run.appender.setRoom(false);
  const held = [run.client.export(logsRequest(1)), run.client.export(logsRequest(1))];
  await until(() => run.server.snapshot().heldCalls === 2);
  expect((await run.client.export(logsRequest(1))).code).toBe(status.UNAVAILABLE);
  run.appender.setRoom(true);
  for (const answer of held) expect((await answer).code).toBe(status.OK);
});

test("a client that vanishes while its call is held leaves the queue, and nothing is written for it", async () => {
  await using run = await startIngest();
  run.appender.setRoom(false);
  const gone = new RawClient(run.port);
  const { answer, cancel } = gone.start(logsRequest(1));
  await until(() => run.server.snapshot().heldCalls === 1);
  cancel();
  expect((await answer).code).toBe(status.CANCELLED);
  await until(() => run.server.snapshot().goneWhileHeld === 1);
  gone.grpc.close();
  run.appender.setRoom(true);
  expect((await run.client.export(logsRequest(2))).code).toBe(status.OK);
  expect(run.appender.records).toBe(2);
});

test("a client that vanishes in the middle of its message, or while it is written, harms nobody", async () => {
  await using run = await startIngest();
  const session = connect(`http://127.0.0.1:${run.port}`);
  session.on("error", () => {});
  const stream = session.request({ ":method": "POST", ":path": EXPORT_PATH, "content-type": "application/grpc" });
  stream.on("error", () => {});
  const message = logsRequest(100, 1_000);
  const prefix = Buffer.alloc(5);
  prefix.writeUInt32BE(message.length, 1);
  stream.write(Buffer.concat([prefix, message.subarray(0, 4_000)]));
  await until(() => run.server.snapshot().receivingBytes === message.length);
  session.destroy();
  await until(() => run.server.snapshot().receivingBytes === 0);
  expect(run.appender.attempts).toBe(0);

  run.appender.pause();
  const { answer, cancel } = run.client.start(logsRequest(1));
  await until(() => run.appender.attempts === 1);
  cancel();
  expect((await answer).code).toBe(status.CANCELLED);
  await until(() => run.server.snapshot().inFlightBytes > 0);
  await Bun.sleep(20);
  run.appender.resume();
  await until(() => run.server.snapshot().goneWhileWritten === 1);
  expect((await run.client.export(logsRequest(1))).code).toBe(status.OK);
});

test("large messages are read within a bound, small ones at once, and one that does not arrive gives up its place", async () => {
  const bound = { requestBytesMax: 250_000, receivingBytesMax: 250_000 };
  const clock = new VirtualClock();
  await using run = await startIngest({ ...bound, receiveMsMax: 300, clock });
  const session = connect(`http://127.0.0.1:${run.port}`);
  session.on("error", () => {});
  const statuses: number[] = [];
  const [prefix, longer] = [Buffer.alloc(5), Buffer.alloc(5)];
  prefix.writeUInt32BE(120_000, 1);
  longer.writeUInt32BE(140_000, 1);
  // Of the third nothing is known yet, so it takes nobody's place.
  for (const first of [prefix, longer, prefix.subarray(0, 2)]) {
    const stream = session.request({ ":method": "POST", ":path": EXPORT_PATH, "content-type": "application/grpc" });
    stream.on("response", (headers) => statuses.push(Number(headers["grpc-status"])));
    stream.on("error", () => {});
    stream.write(first);
  }
  await until(() => run.server.snapshot().receivingBytes >= 120_000 && run.server.snapshot().unreadCalls === 1);
  const large = Array.from({ length: 20 }, () => run.client.export(logsRequest(40, 5_000)));
  await until(() => run.server.snapshot().unreadCalls > 10);
  expect((await run.client.export(logsRequest(1))).code).toBe(status.OK);
  expect(run.appender.records).toBe(1);
  let seenMax = 0;
  const all = Promise.all(large);
  await clock.advance(400);
  await clock.advance(400);
  await until(() => {
    seenMax = Math.max(seenMax, run.server.snapshot().receivingBytes);
    return run.server.snapshot().acknowledgedCalls === 21;
  });
  for (const answer of await all) expect(answer.code).toBe(status.OK);
  expect(seenMax).toBeLessThanOrEqual(250_000);
  expect(statuses).toEqual([status.UNAVAILABLE, status.UNAVAILABLE]);
  expect(run.server.snapshot()).toMatchObject({ receivingBytes: 0, unreadCalls: 0, refusedOnReceipt: 2 });
  session.destroy();
});

test("compressed messages are unpacked within the same bound", async () => {
  const bound = { requestBytesMax: 250_000, receivingBytesMax: 500_000 };
  await using run = await startIngest(bound);
  const gzip = new RawClient(run.port, { "grpc.default_compression_algorithm": 2 });
  let seenMax = 0;
  const all = Promise.all(Array.from({ length: 30 }, () => gzip.export(logsRequest(40, 5_000))));
  await until(() => {
    seenMax = Math.max(seenMax, run.server.snapshot().receivingBytes);
    return run.server.snapshot().acknowledgedCalls === 30;
  });
  for (const answer of await all) expect(answer.code).toBe(status.OK);
  expect(seenMax).toBeLessThanOrEqual(500_000);
  expect(run.server.snapshot()).toMatchObject({ receivingBytes: 0, unreadCalls: 0 });
  gzip.grpc.close();
});

test("a compressed message that stalls on its way keeps no other from being unpacked", async () => {
  const bound = { requestBytesMax: 250_000, receivingBytesMax: 250_000 };
  await using run = await startIngest({ ...bound, receiveMsMax: 600_000 });
  const session = connect(`http://127.0.0.1:${run.port}`);
  session.on("error", () => {});
  const headers = {
    ":method": "POST",
    ":path": EXPORT_PATH,
    "content-type": "application/grpc",
    "grpc-encoding": "gzip",
  };
  const statuses: unknown[] = [];
  const request = logsRequest(40, 5_000);
  const message = gzipSync(request);
  const prefix = Buffer.alloc(5);
  prefix[0] = 1;
  prefix.writeUInt32BE(message.length, 1);
  const stalled = Array.from({ length: 5 }, () => {
    const stream = session.request(headers);
    stream.on("error", () => {});
    stream.on("trailers", (trailers) => statuses.push(trailers["grpc-status"]));
    stream.resume();
    stream.write(Buffer.concat([prefix, message.subarray(0, 100)]));
    return stream;
  });
  const gzip = new RawClient(run.port, { "grpc.default_compression_algorithm": 2 });
  for (const answer of await Promise.all(Array.from({ length: 10 }, () => gzip.export(request))))
    expect(answer.code).toBe(status.OK);
  for (const stream of stalled) stream.end(message.subarray(100));
  await until(() => statuses.length === stalled.length);
  expect(statuses).toEqual(stalled.map(() => "0"));
  expect(run.appender.records).toBe(40 * 15);
  expect(run.server.snapshot()).toMatchObject({ receivingBytes: 0, unreadCalls: 0 });
  gzip.grpc.close();
  session.destroy();
});

test("a connection is closed at its age without a failed call, and the client comes back on a new one", async () => {
  await using run = await startIngest({ connectionAgeMsMax: 100, connectionAgeGraceMs: 5_000 });
  const goaways: number[] = [];
  const session = connect(`http://127.0.0.1:${run.port}`);
  session.on("goaway", (code) => goaways.push(code));
  let calls = 0;
  while (goaways.length === 0 || calls < 200) {
    expect((await run.client.export(logsRequest(1))).code).toBe(status.OK);
    calls++;
  }
  expect(goaways[0]).toBe(constants.NGHTTP2_NO_ERROR);
  expect(run.server.snapshot()).toMatchObject({ acknowledgedRecords: calls, acknowledgedCalls: calls });
});

test("draining finishes what is being written, refuses what is held, and takes no new connection", async () => {
  await using run = await startIngest({
    admissionLimits: { ...ADMISSION_LIMITS_DEFAULT, inFlightBytesMax: 4 * 1024 * 1024 },
  });
  run.appender.pause();
  const written = run.client.export(logsRequest(40, 100_000));
  await until(() => run.appender.attempts === 1);
  const held = run.client.export(logsRequest(40, 100_000));
  await until(() => run.server.snapshot().heldCalls === 1);
  const drained = run.server.drain(20_000);
  const refused = await held;
  expect(refused.code).toBe(status.UNAVAILABLE);
  expect(refused.retryDelayMs).toBeGreaterThan(0);
  expect(refused.metadata.get("standpipe-code")).toEqual(["shutting_down"]);
  run.appender.resume();
  expect((await written).code).toBe(status.OK);
  await drained;
  const late = new RawClient(run.port);
  expect((await late.export(logsRequest(1), { deadlineMs: 2_000 })).code).toBe(status.UNAVAILABLE);
  late.grpc.close();
});

test("a drain that takes too long is cut off", async () => {
  await using run = await startIngest();
  run.appender.pause();
  const stuck = run.client.export(logsRequest(1));
  await until(() => run.appender.attempts === 1);
  await run.server.drain(50);
  expect([status.CANCELLED, status.UNAVAILABLE]).toContain((await stuck).code);
  run.appender.resume();
});

test("a port that is taken is told by start", async () => {
  await using run = await startIngest();
  const { appender } = run;
  const second = createIngestServer({
    appender,
    collectorId: "there",
    address: `127.0.0.1:${run.port}`,
    scanLimits: { recordsMax: 1, nestingMax: 1, recordBytesMax: 1 },
  });
  await expect(second.start()).rejects.toThrow("EADDRINUSE");
});

const protocol = loadProtocol();

/** The status numbers that Watch sends until the stream ends. */
function watch(client: Client, service: string): { seen: number[]; ended: Promise<number> } {
  const method = protocol.health.Watch;
  if (method === undefined) throw new Error("Health has Watch");
  const seen: number[] = [];
  const { promise, resolve } = Promise.withResolvers<number>();
  const stream = client.makeServerStreamRequest(method.path, method.requestSerialize, method.responseDeserialize, {
    service,
  });
  stream.on("data", (one: { status?: number }) => seen.push(one.status ?? 0));
  stream.on("error", () => {});
  stream.on("status", (end) => resolve(end.code));
  return { seen, ended: promise };
}

function check(client: Client, service: string): Promise<number | status> {
  const method = protocol.health.Check;
  if (method === undefined) throw new Error("Health has Check");
  return new Promise((resolve) => {
    client.makeUnaryRequest(
      method.path,
      method.requestSerialize,
      method.responseDeserialize,
      { service },
      new Metadata(),
      {},
      (error: ServiceError | null, value?: { status?: number }) =>
        resolve(error === null ? (value?.status ?? 0) : -error.code),
    );
  });
}

const SERVING = 1;
const NOT_SERVING = 2;

test("health: the service says whether a write would be taken, the process as a whole whether it serves", async () => {
  await using run = await startIngest();
  const { grpc } = run.client;
  expect(await check(grpc, "")).toBe(SERVING);
  expect(await check(grpc, LOGS_SERVICE)).toBe(SERVING);
  run.appender.setRoom(false);
  expect(await check(grpc, "")).toBe(SERVING);
  expect(await check(grpc, LOGS_SERVICE)).toBe(NOT_SERVING);
  expect(await check(grpc, "no.such.Service")).toBe(-status.NOT_FOUND);
});

test("health: a journal that refused a write is NOT_SERVING until it tells of room", async () => {
  await using run = await startIngest({ admissionLimits: { ...ADMISSION_LIMITS_DEFAULT, roomProbeMs: 60_000 } });
  run.appender.failures.push(new CollectorError("journal_full", "no space left on device"));
  const answer = run.client.export(logsRequest(1));
  await until(() => run.server.snapshot().heldCalls === 1);
  expect(await check(run.client.grpc, LOGS_SERVICE)).toBe(NOT_SERVING);
  run.appender.tellRoom();
  expect((await answer).code).toBe(status.OK);
  expect(await check(run.client.grpc, LOGS_SERVICE)).toBe(SERVING);
});

test("health: Watch sends the status at once and at each change, and ends after NOT_SERVING when draining", async () => {
  await using run = await startIngest({ healthPollMs: 10 });
  const { grpc } = run.client;
  const whole = watch(grpc, "");
  const logs = watch(grpc, LOGS_SERVICE);
  const unknown = watch(grpc, "no.such.Service");
  await until(() => whole.seen.length === 1 && logs.seen.length === 1 && unknown.seen.length === 1);
  run.appender.setRoom(false);
  await until(() => logs.seen.length === 2);
  run.appender.setRoom(true);
  await until(() => logs.seen.length === 3);
  await run.server.drain(20_000);
  expect(await whole.ended).toBe(status.OK);
  await logs.ended;
  expect(whole.seen).toEqual([SERVING, NOT_SERVING]);
  expect(logs.seen).toEqual([SERVING, NOT_SERVING, SERVING, NOT_SERVING]);
  expect(unknown.seen).toEqual([3]);
});

test("reflection lists the services and describes Export, in both of its versions", async () => {
  await using run = await startIngest();
  for (const version of ["v1", "v1alpha"]) {
    // ServerReflectionRequest { list_services: "*" } and { file_containing_symbol: LOGS_SERVICE }, by hand.
    const symbol = Buffer.from(LOGS_SERVICE);
    const requests = [Buffer.from([0x3a, 1, 0x2a]), Buffer.concat([Buffer.from([0x22, symbol.length]), symbol])];
    const stream = run.client.grpc.makeBidiStreamRequest<Buffer, Buffer>(
      `/grpc.reflection.${version}.ServerReflection/ServerReflectionInfo`,
      (bytes) => bytes,
      (bytes) => bytes,
    );
    for (const request of requests) stream.write(request);
    stream.end();
    const answers: string[] = [];
    for await (const answer of stream) answers.push((answer as Buffer).toString("latin1"));
    expect(answers[0]).toContain(LOGS_SERVICE);
    expect(answers[0]).toContain("grpc.health.v1.Health");
    expect(answers[1]).toContain("ExportLogsServiceRequest");
  }
});

test("a channel over the default credentials reaches the same server by name", async () => {
  await using run = await startIngest({ address: "localhost:0" });
  const byName = new Client(`localhost:${run.port}`, credentials.createInsecure());
  expect(await check(byName, "")).toBe(SERVING);
  byName.close();
});
