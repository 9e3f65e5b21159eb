import { afterEach, expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { FirehoseClient, PutRecordBatchCommand } from "@aws-sdk/client-firehose";
import fc from "fast-check";
import { systemClock } from "../../clock.ts";
import { VirtualClock } from "../../testing/virtual-clock.ts";
import { encodeBatch, FirehoseSink, type FirehoseSinkOptions } from "./firehose.ts";
import { classify } from "./outcome.ts";

const credentials = { accessKeyId: "AK", secretAccessKey: "a secret" };
const never = new AbortController().signal;
const open: { stop(force?: boolean): unknown }[] = [];

afterEach(async () => {
  for (const server of open.splice(0)) await server.stop(true);
});

interface Seen {
  readonly body: string;
  readonly headers: Headers;
  readonly port: number | undefined;
}

/** A server that answers as told, on loopback. */
function stub(answer: (seen: Seen, index: number) => Response | Promise<Response>): { url: string; seen: Seen[] } {
  const seen: Seen[] = [];
  const server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    idleTimeout: 0,
    async fetch(request, self) {
      const call = { body: await request.text(), headers: request.headers, port: self.requestIP(request)?.port };
      return answer(call, seen.push(call) - 1);
    },
  });
  open.push(server);
  return { url: server.url.href, seen };
}

function sinkFor(endpoint: string, options: Partial<FirehoseSinkOptions> = {}): FirehoseSink {
  return new FirehoseSink({
    streamName: "logs",
    clock: systemClock,
    region: "ap-northeast-1",
    endpoint,
    credentials,
    ...options,
  });
}

function json(body: unknown, status = 200, headers: Record<string, string> = {}): Response {
  return new Response(JSON.stringify(body), {
    status,
    headers: { "content-type": "application/x-amz-json-1.1", ...headers },
  });
}

function taken(count: number): Response {
  const RequestResponses = Array.from({ length: count }, () => ({ RecordId: "r".repeat(224) }));
  return json({ Encrypted: false, FailedPutCount: 0, RequestResponses });
}

/** What the call was rejected with. */
async function failure(call: Promise<unknown>): Promise<unknown> {
  try {
    await call;
  } catch (error) {
    return error;
  }
  throw new Error("the call was expected to fail");
}

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

test("what goes over the wire is what the SDK itself would send, and is signed", async () => {
  const { url, seen } = stub(() => taken(2));
  const records = [bytes('{"body":"ä"}\n'), bytes("x\n".repeat(1000))];
  expect(await sinkFor(url).put(records, never)).toEqual([undefined, undefined]);
  const sdk = new FirehoseClient({ region: "ap-northeast-1", endpoint: url, credentials, maxAttempts: 1 });
  await sdk.send(new PutRecordBatchCommand({ DeliveryStreamName: "logs", Records: records.map((Data) => ({ Data })) }));
  const [ours, theirs] = seen;
  expect(ours?.body).toBe(theirs?.body ?? "");
  for (const name of ["content-type", "content-length", "x-amz-target", "x-amz-content-sha256"]) {
    expect(`${name}: ${ours?.headers.get(name)}`).toBe(`${name}: ${theirs?.headers.get(name)}`);
  }
  const digest = createHash("sha256")
    .update(ours?.body ?? "")
    .digest("hex");
  expect(ours?.headers.get("x-amz-content-sha256")).toBe(digest);
  const signed = (headers: Headers | undefined): string | undefined =>
    headers?.get("authorization")?.replace(/Signature=.*/, "");
  expect(signed(ours?.headers)).toContain("content-length;content-type;host");
  expect(signed(ours?.headers)).toBe(signed(theirs?.headers));
});

test("the body decodes to the same name and the same bytes, whatever they are", () => {
  fc.assert(
    fc.property(fc.string(), fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 8 }), (name, records) => {
      const body = encodeBatch(name, records);
      expect(body.toString()).toBe(
        JSON.stringify({
          DeliveryStreamName: name,
          Records: records.map((record) => ({ Data: Buffer.from(record).toString("base64") })),
        }),
      );
    }),
    { numRuns: 200 },
  );
});

test("a record that is a view of a larger buffer is sent as what it shows", () => {
  const view = bytes("before shown after").subarray(7, 12);
  expect(JSON.parse(encodeBatch("logs", [view]).toString()).Records[0].Data).toBe(btoa("shown"));
});

test("a partial failure is told record by record", async () => {
  const { url } = stub(() =>
    json({
      Encrypted: false,
      FailedPutCount: 3,
      RequestResponses: [
        { ErrorCode: "ServiceUnavailableException", ErrorMessage: "Slow down." },
        { RecordId: "r" },
        { ErrorCode: "InternalFailure" },
        {},
      ],
    }),
  );
  expect(await sinkFor(url).put([bytes("a"), bytes("b"), bytes("c"), bytes("d")], never)).toEqual([
    { code: "ServiceUnavailableException", message: "Slow down." },
    undefined,
    { code: "InternalFailure", message: "InternalFailure" },
    { code: "NoRecordId", message: "the answer names no record id" },
  ]);
});

const shapes: readonly (readonly [string, () => Response, object])[] = [
  [
    "a bare name",
    () => json({ __type: "ResourceNotFoundException", message: "Firehose logs not found under account 1." }, 400),
    { kind: "hold", code: "ResourceNotFoundException", message: "Firehose logs not found under account 1." },
  ],
  [
    "a name with its namespace, and a capital Message",
    () => json({ __type: "com.amazonaws.firehose#AccessDeniedException", Message: "User: x is not authorized" }, 400),
    { kind: "hold", code: "AccessDeniedException", message: "User: x is not authorized" },
  ],
  [
    "a name in a header",
    () => json({ message: "Slow down." }, 500, { "x-amzn-errortype": "ServiceUnavailableException:http://a/" }),
    { kind: "throttle", code: "ServiceUnavailableException", message: "Slow down." },
  ],
  [
    "too large a call",
    () => json({ __type: "InvalidArgumentException", message: "Records size exceeds 4 MB limit" }, 400),
    { kind: "split", code: "InvalidArgumentException" },
  ],
  [
    "an expired token",
    () =>
      json({ __type: "ExpiredTokenException", message: "The security token included in the request is expired" }, 400),
    { kind: "passing", code: "ExpiredTokenException" },
  ],
  ["an error page instead of JSON", () => new Response("<html>", { status: 502 }), { kind: "passing" }],
  ["a good status with an error page", () => new Response("<html>"), { kind: "passing" }],
  ["a bare 503", () => new Response(null, { status: 503 }), { kind: "passing" }],
  ["a bare 413", () => new Response(null, { status: 413 }), { kind: "split" }],
  ["a redirect", () => new Response(null, { status: 302, headers: { location: "/elsewhere" } }), { kind: "passing" }],
];

for (const [name, answer, verdict] of shapes) {
  test(`understood as the SDK reports it: ${name}`, async () => {
    const { url, seen } = stub(answer);
    expect(classify(await failure(sinkFor(url).put([bytes("a")], never)))).toMatchObject(verdict);
    expect(seen).toHaveLength(1);
  });
}

test("an answer without records is no answer: nothing counts as taken", async () => {
  const { url } = stub(() => json({}));
  expect(await sinkFor(url).put([bytes("a")], never)).toEqual([]);
});

test("a connection that is closed before the answer, or refused, is trouble that passes", async () => {
  const server = Bun.listen({
    hostname: "127.0.0.1",
    port: 0,
    socket: {
      data(socket) {
        socket.terminate();
      },
    },
  });
  const sink = sinkFor(`http://127.0.0.1:${server.port}`);
  expect(classify(await failure(sink.put([bytes("a")], never))).kind).toBe("passing");
  server.stop(true);
  expect(classify(await failure(sink.put([bytes("a")], never))).kind).toBe("passing");
});

test("a call without an answer ends at its timeout, and the next one works", async () => {
  const arrived = Promise.withResolvers<void>();
  const { url } = stub((_, index) => {
    arrived.resolve();
    return index === 0 ? new Promise<Response>(() => {}) : taken(1);
  });
  const clock = new VirtualClock();
  const sink = sinkFor(url, { clock });
  const call = failure(sink.put([bytes("a")], never));
  await arrived.promise;
  await clock.advance(30_000);
  expect(classify(await call)).toMatchObject({
    kind: "passing",
    code: "TimeoutError",
    message: "Firehose gave no answer within 30000 ms",
  });
  expect(await sink.put([bytes("a")], never)).toEqual([undefined]);
  expect(clock.sleeping).toBe(0);
});

test("a caller that gives up ends the call", async () => {
  const { url } = stub(() => new Promise<Response>(() => {}));
  const abort = new AbortController();
  const call = failure(sinkFor(url).put([bytes("a")], abort.signal));
  abort.abort();
  expect(classify(await call)).toMatchObject({ kind: "passing", code: "AbortError" });
});

test("calls in a row share one connection", async () => {
  const { url, seen } = stub(() => taken(1));
  const sink = sinkFor(url);
  for (let index = 0; index < 10; index++) await sink.put([bytes("a")], never);
  expect(new Set(seen.map((call) => call.port)).size).toBe(1);
});

test("after an expired token the next call is signed with fresh credentials", async () => {
  const { url, seen } = stub((_, index) =>
    index === 1 ? json({ __type: "ExpiredTokenException", message: "expired" }, 400) : taken(1),
  );
  let issued = 0;
  const issue = async (): Promise<{ accessKeyId: string; secretAccessKey: string; expiration: Date }> => {
    issued += 1;
    // By its own account it is good for another hour, so only the refusal can bring a new one.
    return { accessKeyId: `AK${issued}`, secretAccessKey: "s", expiration: new Date(Date.now() + 3_600_000) };
  };
  const sink = sinkFor(url, { credentials: issue });
  await sink.put([bytes("a")], never);
  await failure(sink.put([bytes("b")], never));
  await sink.put([bytes("b")], never);
  const keys = seen.map((call) => call.headers.get("authorization")?.match(/Credential=(\w+)/)?.[1]);
  expect(keys).toEqual(["AK1", "AK1", "AK2"]);
});

test("without any credentials the route holds", async () => {
  const { url, seen } = stub(() => taken(1));
  const sink = sinkFor(url, {
    credentials: () => Promise.reject(Object.assign(new Error("none"), { name: "CredentialsProviderError" })),
  });
  expect(classify(await failure(sink.put([bytes("a")], never))).kind).toBe("hold");
  expect(seen).toHaveLength(0);
});
