import { expect, test } from "bun:test";
import { connect } from "node:http2";
import { join } from "node:path";
import { deflateSync, gzipSync } from "node:zlib";
import { Metadata, status } from "@grpc/grpc-js";
import { AssertionError, CollectorError, ERROR_CODES, type ErrorCode } from "../errors.ts";
import { scan } from "../otlp/scan.ts";
import { EXPORT_PATH, logsRequest, RawClient, SCAN_LIMITS, startIngest, until } from "./fixture.ts";

test("OK comes after the append, and what was appended is what was sent", async () => {
  await using run = await startIngest();
  run.appender.pause();
  const request = logsRequest(7);
  const { answer } = run.client.start(request);
  await until(() => run.appender.attempts === 1);
  expect(run.server.snapshot()).toMatchObject({ acknowledgedRecords: 0, inFlightBytes: request.length });
  run.appender.resume();
  expect(await answer).toMatchObject({ code: status.OK, response: {} });
  expect(run.appender.appended).toEqual([{ request, records: 7 }]);
  expect(run.server.snapshot()).toMatchObject({
    calls: 1,
    acknowledgedCalls: 1,
    acknowledgedRecords: 7,
    acknowledgedBytes: request.length,
    inFlightBytes: 0,
  });
});

test("a request without log records is OK and writes nothing", async () => {
  await using run = await startIngest();
  expect((await run.client.export(Buffer.alloc(0))).code).toBe(status.OK);
  expect((await run.client.export(logsRequest(0))).code).toBe(status.OK);
  expect(run.appender.attempts).toBe(0);
});

test("records that break a limit are refused in partial_success, and the others are written", async () => {
  await using run = await startIngest({ scanLimits: { ...SCAN_LIMITS, recordBytesMax: 100 } });
  const mixed = Buffer.concat([logsRequest(3), logsRequest(2, 500), logsRequest(4)]);
  const { code, response } = await run.client.export(mixed);
  expect(code).toBe(status.OK);
  expect(response?.partialSuccess).toMatchObject({
    rejectedLogRecords: 2,
    errorMessage: expect.stringContaining("100"),
  });
  expect(run.appender.appended.map((one) => one.records)).toEqual([7]);
  expect(scan(run.appender.appended[0]?.request ?? Buffer.alloc(0), SCAN_LIMITS).records).toBe(7);
  expect(run.server.snapshot()).toMatchObject({ acknowledgedRecords: 7, partiallyRefusedRecords: 2 });
});

test("when every record is refused, the answer is OK with the count and nothing is written", async () => {
  await using run = await startIngest({ scanLimits: { ...SCAN_LIMITS, recordBytesMax: 100 } });
  const { code, response } = await run.client.export(logsRequest(2, 500));
  expect(code).toBe(status.OK);
  expect(response?.partialSuccess).toMatchObject({ rejectedLogRecords: 2 });
  expect(run.appender.attempts).toBe(0);
});

test("bytes that are no OTLP request are INVALID_ARGUMENT without RetryInfo, and the server lives", async () => {
  await using run = await startIngest();
  const good = logsRequest(2);
  for (const bad of [Buffer.from("not protobuf at all"), good.subarray(0, -1), Buffer.from([0x0b, 0x0c])]) {
    expect(await run.client.export(bad)).toMatchObject({ code: status.INVALID_ARGUMENT, retryDelayMs: undefined });
  }
  expect((await run.client.export(good)).code).toBe(status.OK);
  expect(run.server.snapshot().refused.invalid_request).toBe(3);
});

test("more records than a request may hold are INVALID_ARGUMENT", async () => {
  await using run = await startIngest({ scanLimits: { ...SCAN_LIMITS, recordsMax: 5 } });
  expect(await run.client.export(logsRequest(6))).toMatchObject({ code: status.INVALID_ARGUMENT });
  expect(run.server.snapshot().refused.request_too_large).toBe(1);
});

test("every code that the journal can fail with has the status of the table, with RetryInfo where it is retryable", async () => {
  await using run = await startIngest({ random: () => 0.5 });
  for (const code of Object.keys(ERROR_CODES) as ErrorCode[]) {
    if (code === "journal_full") continue;
    run.appender.failures.push(new CollectorError(code, `failed: ${code}`, { retryAfterMs: 2_600 }));
    const answer = await run.client.export(logsRequest(1));
    expect(answer.code).toBe(ERROR_CODES[code].status);
    expect(answer.details).toBe(`failed: ${code}`);
    expect(answer.metadata.get("standpipe-code")).toEqual([code]);
    // 2.6 s, and half of half of it for the spread.
    expect(answer.retryDelayMs).toBe(ERROR_CODES[code].retryable ? 3_250 : undefined);
    expect(run.server.snapshot().refused[code]).toBe(1);
  }
});

test("a failure nobody foresaw is UNAVAILABLE with RetryInfo, and its message stays in the process", async () => {
  await using run = await startIngest();
  for (const thrown of [new Error("secret path"), "a string", null]) {
    run.appender.failures.push(thrown);
    const answer = await run.client.export(logsRequest(1));
    expect(answer.code).toBe(status.UNAVAILABLE);
    expect(answer.retryDelayMs).toBeGreaterThanOrEqual(1_000);
    expect(answer.details).not.toContain("secret");
  }
});

test("a broken invariant is handed on, after the client was told UNAVAILABLE", async () => {
  const bugs: AssertionError[] = [];
  await using run = await startIngest({ onBug: (bug) => bugs.push(bug) });
  const bug = new AssertionError("the head went back");
  run.appender.failures.push(bug);
  expect(await run.client.export(logsRequest(1))).toMatchObject({
    code: status.UNAVAILABLE,
    details: expect.not.stringContaining("head"),
  });
  expect(bugs).toEqual([bug]);
});

const BUGGY_COLLECTOR = `
  const { AssertionError } = await import("./errors.ts");
  const { createIngestServer } = await import("./ingest/server.ts");
  const append = () => Promise.reject(new AssertionError("the head went back"));
  const appender = { append, hasRoom: () => true, onRoom: () => () => {} };
  const scanLimits = { recordsMax: 100, nestingMax: 32, recordBytesMax: 1_000 };
  console.log(await createIngestServer({ appender, address: "127.0.0.1:0", scanLimits }).start());
`;

test("unless it is told otherwise, a server with a broken invariant takes its process down", async () => {
  const cwd = join(import.meta.dir, "..");
  const child = Bun.spawn({ cmd: [process.execPath, "-e", BUGGY_COLLECTOR], cwd, stdout: "pipe", stderr: "pipe" });
  const { value } = await child.stdout.getReader().read();
  const client = new RawClient(Number(new TextDecoder().decode(value)));
  expect((await client.export(logsRequest(1))).code).toBe(status.UNAVAILABLE);
  expect(await child.exited).toBe(1);
  expect(await new Response(child.stderr).text()).toContain("the head went back");
  client.grpc.close();
}, 30_000);

test("an oversized message is RESOURCE_EXHAUSTED with no RetryInfo and words that help, and the connection stays", async () => {
  await using run = await startIngest({ requestBytesMax: 10_000 });
  const answer = await run.client.export(logsRequest(1, 20_000));
  expect(answer).toMatchObject({ code: status.RESOURCE_EXHAUSTED, retryDelayMs: undefined });
  expect(answer.details).toContain("10000 bytes");
  expect(answer.details).toContain("smaller batches");
  expect((await run.client.export(logsRequest(1))).code).toBe(status.OK);
  expect(run.server.snapshot()).toMatchObject({ refusedOnReceipt: 1, calls: 1 });
});

/** One call whose message is compressed by hand, so that the bytes may be anything. Resolves with grpc-status. */
function callRaw(
  port: number,
  message: Uint8Array,
  headers: Record<string, string>,
): Promise<{ code: number; details: string; body: Buffer }> {
  const { promise, resolve, reject } = Promise.withResolvers<{ code: number; details: string; body: Buffer }>();
  const session = connect(`http://127.0.0.1:${port}`);
  session.on("error", reject);
  const stream = session.request({
    ":method": "POST",
    ":path": EXPORT_PATH,
    "content-type": "application/grpc",
    te: "trailers",
    ...headers,
  });
  const chunks: Buffer[] = [];
  const finish = (found: Record<string, unknown>): void => {
    if (found["grpc-status"] === undefined) return;
    resolve({
      code: Number(found["grpc-status"]),
      details: decodeURI(String(found["grpc-message"] ?? "")),
      body: Buffer.concat(chunks),
    });
    session.destroy();
  };
  stream.on("response", finish);
  stream.on("trailers", finish);
  stream.on("data", (chunk: Buffer) => chunks.push(chunk));
  stream.on("error", reject);
  const prefix = Buffer.alloc(5);
  prefix[0] = headers["grpc-encoding"] === undefined ? 0 : 1;
  prefix.writeUInt32BE(message.length, 1);
  stream.end(Buffer.concat([prefix, message]));
  return promise;
}

const GZIP = { "grpc-encoding": "gzip" };

test("a gzipped request is unpacked and written as it was", async () => {
  await using run = await startIngest();
  const request = logsRequest(50);
  expect(await callRaw(run.port, gzipSync(request), GZIP)).toMatchObject({ code: status.OK });
  expect(run.appender.appended).toEqual([{ request, records: 50 }]);
});

test("so is one that is packed by deflate, or by zstd, which gRPC libraries of other languages have", async () => {
  await using run = await startIngest();
  const request = logsRequest(50);
  const packed = { deflate: deflateSync(request), zstd: Bun.zstdCompressSync(request) };
  for (const [encoding, message] of Object.entries(packed))
    expect(await callRaw(run.port, message, { "grpc-encoding": encoding })).toMatchObject({ code: status.OK });
  expect(run.appender.appended).toEqual([
    { request, records: 50 },
    { request, records: 50 },
  ]);
  const unknown = await callRaw(run.port, request, { "grpc-encoding": "snappy" });
  expect(unknown).toMatchObject({ code: status.UNIMPLEMENTED, details: expect.stringContaining("snappy") });
});

test("a gzip bomb is stopped at the limit: RESOURCE_EXHAUSTED", async () => {
  await using run = await startIngest({ requestBytesMax: 100_000 });
  const bomb = gzipSync(Buffer.alloc(50_000_000));
  expect(bomb.length).toBeLessThan(100_000);
  const answer = await callRaw(run.port, bomb, GZIP);
  expect(answer.code).toBe(status.RESOURCE_EXHAUSTED);
  expect(answer.details).toContain("unpacked");
  expect(run.server.snapshot()).toMatchObject({ calls: 0, refusedOnReceipt: 1, receivingBytes: 0 });
});

test("corrupt gzip and a malformed timeout, INTERNAL by grpc-js, leave as INVALID_ARGUMENT", async () => {
  await using run = await startIngest();
  const corrupt = gzipSync(logsRequest(50));
  corrupt.fill(0xff, 20, 40);
  expect(await callRaw(run.port, corrupt, GZIP)).toMatchObject({ code: status.INVALID_ARGUMENT });
  const timeout = await callRaw(run.port, logsRequest(1), { "grpc-timeout": "soon" });
  expect(timeout).toMatchObject({ code: status.INVALID_ARGUMENT, details: expect.stringContaining("soon") });
  expect((await run.client.export(logsRequest(1))).code).toBe(status.OK);
});

test("metadata and deadlines of ordinary clients change nothing", async () => {
  await using run = await startIngest();
  const metadata = new Metadata();
  metadata.set("authorization", "Bearer of-no-meaning-here");
  expect((await run.client.export(logsRequest(1), { metadata, deadlineMs: 5_000 })).code).toBe(status.OK);
});
