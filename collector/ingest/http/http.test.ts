import { expect, test } from "bun:test";
import { connect } from "node:net";
import { deflateSync, gzipSync, zstdCompressSync } from "node:zlib";
import { status } from "@grpc/grpc-js";
import { CollectorError, ERROR_CODES, type ErrorCode } from "../../errors.ts";
import { Authenticator } from "../../identity/authenticator.ts";
import { parseTokens } from "../../identity/tokens.ts";
import { ADMISSION_LIMITS_DEFAULT } from "../admission.ts";
import { decode, logsRequest, type Running, SCAN_LIMITS, startIngest, until } from "../fixture.ts";
import type { HttpOptions, IngestOptions } from "../options.ts";
import { httpStatusOf } from "./answers.ts";

const KIB = 1024;
const PROTOBUF = { "content-type": "application/x-protobuf" };
const JSON_TYPE = { "content-type": "application/json; charset=utf-8" };
const RESPONSE = "opentelemetry.proto.collector.logs.v1.ExportLogsServiceResponse";

async function start(http: Partial<HttpOptions> = {}, options: Partial<IngestOptions> = {}) {
  const run = await startIngest({ http: { address: "127.0.0.1:0", ...http }, ...options });
  const url = `http://127.0.0.1:${run.server.httpPort}/v1/logs`;
  const post = (body: Uint8Array | string, headers: Record<string, string> = PROTOBUF): Promise<Response> =>
    fetch(url, { method: "POST", body, headers, keepalive: false });
  return { ...run, url, post };
}

function logsJson(records: number): string {
  const logRecords = Array.from({ length: records }, (_, index) => ({ body: { stringValue: `${index}` } }));
  return JSON.stringify({ resourceLogs: [{ scopeLogs: [{ logRecords }] }] });
}

async function protobufStatus(response: Response) {
  const { code, message, details } = decode("google.rpc.Status", await response.bytes()) as {
    code: number;
    message: string;
    details?: { type_url: string }[];
  };
  return { code, message, detail: details?.[0]?.type_url };
}

test("protobuf and JSON are written as they are over gRPC, and answered in their own encoding", async () => {
  await using run = await start();
  const protobuf = await run.post(logsRequest(3));
  expect([protobuf.status, protobuf.headers.get("content-type")]).toEqual([200, "application/x-protobuf"]);
  expect(decode(RESPONSE, await protobuf.bytes())).toEqual({});
  const json = await run.post(logsJson(2), JSON_TYPE);
  expect([json.status, json.headers.get("content-type"), await json.text()]).toEqual([200, "application/json", "{}"]);
  expect(run.appender.appended.map(({ records }) => records)).toEqual([3, 2]);
  expect(run.appender.appended[0]?.request.equals(logsRequest(3))).toBe(true);
  expect(run.server.snapshot()).toMatchObject({ calls: 2, acknowledgedCalls: 2, acknowledgedRecords: 5 });
});

test("bodies may be packed with gzip, zstd and deflate, small and large", async () => {
  await using run = await start();
  const packers = { gzip: gzipSync, zstd: zstdCompressSync, deflate: deflateSync, identity: (bytes: Buffer) => bytes };
  for (const [encoding, pack] of Object.entries(packers)) {
    for (const request of [logsRequest(2), logsRequest(300, 2_000)]) {
      const answer = await run.post(pack(request), { ...PROTOBUF, "content-encoding": encoding });
      expect(answer.status).toBe(200);
      expect(run.appender.appended.at(-1)?.request.equals(request)).toBe(true);
    }
    const json = await run.post(pack(Buffer.from(logsJson(4))), { ...JSON_TYPE, "content-encoding": encoding });
    expect(json.status).toBe(200);
  }
  expect(run.server.snapshot()).toMatchObject({ receivingBytes: 0, unreadCalls: 0, inFlightBytes: 0 });
});

test("a body without a length is taken, and an empty one is an empty request", async () => {
  await using run = await start();
  const request = logsRequest(50, 1_000);
  const pieces = new ReadableStream({
    async start(controller) {
      for (let at = 0; at < request.length; at += 10_000) {
        controller.enqueue(request.subarray(at, at + 10_000));
        await Bun.sleep(1);
      }
      controller.close();
    },
  });
  const answer = await fetch(run.url, { method: "POST", body: pieces, headers: PROTOBUF });
  expect(answer.status).toBe(200);
  expect(run.appender.records).toBe(50);
  expect((await run.post(new Uint8Array(0))).status).toBe(200);
  expect((await run.post("", JSON_TYPE)).status).toBe(400);
});

test("records that break a limit are told in partial success, in both encodings", async () => {
  await using run = await start({}, { scanLimits: { ...SCAN_LIMITS, recordBytesMax: 900 } });
  const mixed = await run.post(Buffer.concat([logsRequest(2), logsRequest(3, 5_000)]));
  const reason = "refused: 3 log records over 900 bytes";
  expect(decode(RESPONSE, await mixed.bytes())).toEqual({
    partialSuccess: { rejectedLogRecords: 3, errorMessage: reason },
  });
  const large = JSON.stringify({
    resourceLogs: [{ scopeLogs: [{ logRecords: [{ body: { stringValue: "x".repeat(2_000) } }, {}] }] }],
  });
  expect(await (await run.post(large, JSON_TYPE)).json()).toEqual({
    partialSuccess: { rejectedLogRecords: "1", errorMessage: "refused: 1 log records over 900 bytes" },
  });
  expect(run.appender.records).toBe(3);
});

test("what never can be taken is 400 with a google.rpc.Status, in the encoding that it came in", async () => {
  await using run = await start();
  const malformed = await run.post(Buffer.from("0affffff7f", "hex"));
  expect(malformed.status).toBe(400);
  expect(await protobufStatus(malformed)).toMatchObject({ code: status.INVALID_ARGUMENT, detail: undefined });
  const json = await run.post('{"resourceLogs":7}', JSON_TYPE);
  expect([json.status, json.headers.get("retry-after")]).toEqual([400, null]);
  expect(await json.json()).toEqual({
    code: status.INVALID_ARGUMENT,
    message: "not OTLP in JSON: no array at byte 16",
    details: [],
  });
  const unpacked = await run.post("this is no gzip", { ...PROTOBUF, "content-encoding": "gzip" });
  expect(unpacked.status).toBe(400);
  const cut = zstdCompressSync(logsRequest(20)).subarray(0, -4);
  expect((await run.post(cut, { ...PROTOBUF, "content-encoding": "zstd" })).status).toBe(400);
  expect(run.appender.attempts).toBe(0);
  expect(run.server.snapshot().refused.invalid_request).toBe(4);
});

test("what is too large is 413, by its length, by its pieces, and by what it unpacks to", async () => {
  await using run = await start({}, { requestBytesMax: 128 * KIB });
  const byLength = await run.post(logsRequest(1, 130 * KIB));
  expect(byLength.status).toBe(413);
  expect((await protobufStatus(byLength)).message).toContain("send smaller batches");
  expect((await run.post(logsRequest(1, 10_000 * KIB)).catch(() => ({ status: 413 }))).status).toBe(413);
  const pieces = new ReadableStream({
    async pull(controller) {
      controller.enqueue(new Uint8Array(20_000));
      await Bun.sleep(1);
    },
  });
  const byPieces = await fetch(run.url, { method: "POST", body: pieces, headers: PROTOBUF }).catch(() => undefined);
  expect([413, undefined]).toContain(byPieces?.status);
  for (const [encoding, pack] of [
    ["gzip", gzipSync],
    ["zstd", zstdCompressSync],
  ] as const) {
    const bomb = await run.post(pack(Buffer.alloc(64 * KIB * KIB)), { ...PROTOBUF, "content-encoding": encoding });
    expect(bomb.status).toBe(413);
  }
  expect(run.appender.attempts).toBe(0);
  expect(run.server.snapshot()).toMatchObject({ receivingBytes: 0, unreadCalls: 0, httpRequests: 0 });
  expect((await run.post(logsRequest(1))).status).toBe(200);
});

test("other types, encodings, methods and paths are told what is expected", async () => {
  await using run = await start();
  const type = await run.post("x", { "content-type": "text/plain" });
  expect([type.status, await type.text()]).toEqual([
    415,
    'send application/x-protobuf or application/json, not "text/plain"\n',
  ]);
  const encoding = await run.post("x", { ...PROTOBUF, "content-encoding": "br" });
  expect([encoding.status, encoding.headers.get("accept-encoding")]).toEqual([415, "gzip, zstd, deflate, identity"]);
  const method = await fetch(run.url);
  expect([method.status, method.headers.get("allow")]).toEqual([405, "POST"]);
  const path = await fetch(run.url.replace("/v1/logs", "/v1/traces"), { method: "POST", body: "x" });
  expect([path.status, await path.text()]).toEqual([404, "logs are taken at /v1/logs\n"]);
});

test("every code that the journal can fail with has its status, and Retry-After where it passes", async () => {
  await using run = await start();
  for (const code of Object.keys(ERROR_CODES) as ErrorCode[]) {
    if (code === "journal_full") continue;
    run.appender.failures.push(new CollectorError(code, `failed: ${code}`, { retryAfterMs: 2_600 }));
    const answer = await run.post(logsRequest(1));
    const { retryable } = ERROR_CODES[code];
    expect([answer.status, answer.headers.get("standpipe-code")]).toEqual([httpStatusOf(code), code]);
    expect([429, 503].includes(answer.status)).toBe(retryable);
    expect(Number(answer.headers.get("retry-after") ?? 0) >= 3).toBe(retryable);
    const { message, detail } = await protobufStatus(answer);
    expect([message, detail !== undefined]).toEqual([`failed: ${code}`, retryable]);
  }
  expect([httpStatusOf("invalid_request"), httpStatusOf("request_too_large")]).toEqual([400, 413]);
  expect([httpStatusOf("journal_full"), httpStatusOf("overloaded")]).toEqual([503, 429]);
  expect([httpStatusOf("unauthenticated"), httpStatusOf("permission_denied")]).toEqual([401, 403]);
});

test("a full journal is waited out, but no longer than a client waits: then 503 with Retry-After", async () => {
  await using run = await start({ holdMsMax: 300 });
  run.appender.setRoom(false);
  const refused = await run.post(logsJson(1), JSON_TYPE);
  expect([refused.status, refused.headers.get("standpipe-code")]).toEqual([503, "journal_full"]);
  expect(await refused.json()).toMatchObject({
    code: status.UNAVAILABLE,
    details: [{ "@type": "type.googleapis.com/google.rpc.RetryInfo", retryDelay: expect.stringMatching(/^[\d.]+s$/) }],
  });
  const held = run.post(logsRequest(2));
  await until(() => run.server.snapshot().heldCalls === 1);
  run.appender.setRoom(true);
  expect((await held).status).toBe(200);
  expect(run.appender.records).toBe(2);
});

test("a client that leaves while it is held leaves the queue, and nothing is written for it", async () => {
  await using run = await start();
  run.appender.setRoom(false);
  const leaving = new AbortController();
  const gone = fetch(run.url, { method: "POST", body: logsRequest(1), headers: PROTOBUF, signal: leaving.signal });
  await until(() => run.server.snapshot().heldCalls === 1);
  leaving.abort();
  await expect(gone).rejects.toThrow();
  await until(() => run.server.snapshot().goneWhileHeld === 1);
  run.appender.setRoom(true);
  expect((await run.post(logsRequest(2))).status).toBe(200);
  expect(run.appender.records).toBe(2);
});

test("large bodies wait unread for their turn, and who stalls gives up its place when others wait", async () => {
  const bound = { requestBytesMax: 256 * KIB, receivingBytesMax: 256 * KIB, receiveMsMax: 300 };
  await using run = await start({}, bound);
  const stalled = connect(run.server.httpPort as number, "127.0.0.1");
  stalled.on("error", () => {});
  let told = "";
  let hasEnded = false;
  stalled.on("close", () => {
    hasEnded = true;
  });
  stalled.on("data", (bytes) => {
    told += bytes.toString();
  });
  const head = "POST /v1/logs HTTP/1.1\r\nhost: here\r\ncontent-type: application/x-protobuf\r\n";
  stalled.write(`${head}content-length: 200000\r\n\r\nabc`);
  await until(() => run.server.snapshot().receivingBytes === 200_000);
  const waiting = Promise.all(Array.from({ length: 4 }, () => run.post(logsRequest(1, 150_000))));
  await until(() => run.server.snapshot().unreadCalls === 4);
  expect((await run.post(logsRequest(1))).status).toBe(200);
  for (const answer of await waiting) expect(answer.status).toBe(200);
  await until(() => told !== "");
  expect(told).toStartWith("HTTP/1.1 429");
  expect(told.toLowerCase()).toContain("retry-after: ");
  // The rest of its body would be gathered without a place.
  await until(() => hasEnded);
  await until(() => run.server.snapshot().httpRequests === 0);
  expect(run.server.snapshot()).toMatchObject({ receivingBytes: 0, unreadCalls: 0 });
});

test("a large body that waits is told to come again where there is no room for its beginning; small ones pass", async () => {
  const bound = { requestBytesMax: 512 * KIB, receivingBytesMax: 512 * KIB, receiveMsMax: 600_000 };
  await using run = await start({ unreadBytesMax: 0 }, bound);
  const stalled = connect(run.server.httpPort as number, "127.0.0.1");
  const head = "POST /v1/logs HTTP/1.1\r\nhost: here\r\ncontent-type: application/x-protobuf\r\n";
  stalled.write(`${head}content-length: 500000\r\n\r\nabc`);
  await until(() => run.server.snapshot().receivingBytes === 500_000);
  const answer = await run.post(logsRequest(1, 400_000));
  expect([answer.status, answer.headers.get("connection")]).toEqual([429, "close"]);
  expect(answer.headers.get("retry-after")).not.toBeNull();
  expect(run.server.snapshot()).toMatchObject({ unreadCalls: 0, receivingBytes: 500_000 });
  expect((await run.post(logsRequest(1, 60_000))).status).toBe(200);
  stalled.destroy();
  await until(() => run.server.snapshot().receivingBytes === 0);
});

test("a small packed body that stalls on its way keeps no other from being unpacked", async () => {
  await using run = await start(
    {},
    { requestBytesMax: 256 * KIB, receivingBytesMax: 256 * KIB, receiveMsMax: 600_000 },
  );
  const packed = gzipSync(logsRequest(5));
  const head =
    "POST /v1/logs HTTP/1.1\r\nhost: here\r\ncontent-type: application/x-protobuf\r\ncontent-encoding: gzip\r\n";
  let told = "";
  const stalled = Array.from({ length: 3 }, () => {
    const socket = connect(run.server.httpPort as number, "127.0.0.1");
    socket.on("data", (bytes) => {
      told += bytes.toString();
    });
    socket.write(
      Buffer.concat([Buffer.from(`${head}content-length: ${packed.length}\r\n\r\n`), packed.subarray(0, 9)]),
    );
    return socket;
  });
  await until(() => run.server.snapshot().httpRequests === stalled.length);
  const packing = { ...PROTOBUF, "content-encoding": "gzip" };
  for (const answer of await Promise.all(Array.from({ length: 8 }, () => run.post(packed, packing))))
    expect(answer.status).toBe(200);
  for (const socket of stalled) socket.write(packed.subarray(9));
  await until(() => told.split("HTTP/1.1 200").length - 1 === stalled.length);
  expect(run.appender.records).toBe(5 * 11);
  expect(run.server.snapshot()).toMatchObject({ receivingBytes: 0, unreadCalls: 0 });
  for (const socket of stalled) socket.destroy();
});

test("beyond so many requests at once a client is told to come again", async () => {
  await using run = await start({ requestsMax: 2 });
  run.appender.pause();
  const written = [run.post(logsRequest(1)), run.post(logsRequest(1))];
  await until(() => run.appender.attempts === 2);
  const third = await run.post(logsRequest(1));
  expect([third.status, third.headers.get("retry-after")]).toEqual([429, "1"]);
  run.appender.resume();
  for (const answer of written) expect((await answer).status).toBe(200);
});

test("web pages may send only where their origin is named", async () => {
  const preflight = { origin: "https://shop.example", "access-control-request-method": "POST" };
  const asked = { ...preflight, "access-control-request-headers": "content-type,traceparent" };
  const ask = (run: { url: string }, headers: Record<string, string>) => fetch(run.url, { method: "OPTIONS", headers });
  {
    await using off = await start();
    const refused = await ask(off, asked);
    expect([refused.status, refused.headers.get("access-control-allow-origin")]).toEqual([405, null]);
    const answer = await off.post(logsRequest(1), { ...PROTOBUF, origin: "https://shop.example" });
    expect(answer.headers.get("access-control-allow-origin")).toBeNull();
  }
  await using run = await start({ corsOrigins: ["https://shop.example"] });
  const allowed = await ask(run, asked);
  expect(allowed.status).toBe(204);
  expect(Object.fromEntries(allowed.headers)).toMatchObject({
    "access-control-allow-origin": "https://shop.example",
    "access-control-allow-methods": "POST",
    "access-control-allow-headers": "content-type,traceparent",
    vary: "origin",
  });
  expect((await ask(run, { ...asked, origin: "https://other.example" })).status).toBe(405);
  const answer = await run.post(logsRequest(1), { ...PROTOBUF, origin: "https://shop.example" });
  expect(answer.headers.get("access-control-allow-origin")).toBe("https://shop.example");
  await using all = await start({ corsOrigins: ["*"] });
  expect((await ask(all, asked)).headers.get("access-control-allow-origin")).toBe("*");
});

test("who has to say who it is does so by token, before its body is read", async () => {
  const secret = "s".repeat(40);
  const tokens = { value: parseTokens(`shop ${secret}\n`), onChange: () => () => {} };
  await using run = await start({}, { authenticator: new Authenticator({ tokens }) });
  const nobody = await run.post(logsRequest(1));
  expect([nobody.status, nobody.headers.get("www-authenticate")]).toEqual([401, "Bearer"]);
  expect((await run.post(logsRequest(1), { ...PROTOBUF, authorization: "Bearer wrong" })).status).toBe(401);
  expect((await run.post(logsRequest(1), { ...PROTOBUF, authorization: `Bearer ${secret}` })).status).toBe(200);
  expect(run.appender.attempts).toBe(1);
  expect(run.server.snapshot().refused.unauthenticated).toBe(2);
});

test("a drain answers what is being written, refuses what is held, and what comes after", async () => {
  const limits = { ...ADMISSION_LIMITS_DEFAULT, inFlightBytesMax: 4 * KIB * KIB };
  await using run: Running & { post: (body: Uint8Array) => Promise<Response> } = await start(
    {},
    { admissionLimits: limits },
  );
  run.appender.pause();
  const written = run.post(logsRequest(30, 100_000));
  await until(() => run.appender.attempts === 1);
  const held = run.post(logsRequest(30, 100_000));
  await until(() => run.server.snapshot().heldCalls === 1);
  const drained = run.server.drain(20_000);
  const refused = await held;
  expect([refused.status, refused.headers.get("standpipe-code")]).toEqual([503, "shutting_down"]);
  run.appender.resume();
  expect((await written).status).toBe(200);
  await drained;
  await expect(run.post(logsRequest(1))).rejects.toThrow();
});

test("a drain that takes too long is cut off, and a port that is taken is told", async () => {
  await using run = await start();
  await expect(startIngest({ http: { address: `127.0.0.1:${run.server.httpPort}` } })).rejects.toThrow(
    "can't be listened on (EADDRINUSE)",
  );
  run.appender.pause();
  const stuck = run.post(logsRequest(1)).catch((reason: unknown) => reason);
  await until(() => run.appender.attempts === 1);
  await run.server.drain(50);
  expect(await stuck).toBeInstanceOf(Error);
  run.appender.resume();
});
