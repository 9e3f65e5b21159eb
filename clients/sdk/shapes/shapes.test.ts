import { expect, test } from "bun:test";
import { join } from "node:path";
import { resourceFromAttributes } from "@opentelemetry/resources";
import { LoggerProvider } from "@opentelemetry/sdk-logs";
import { connect } from "../client.ts";
import { FakeCollector } from "../fake-collector.ts";
import { someLogs } from "../fixture.ts";
import { captureConsole } from "./console.ts";
import { LineSplitter } from "./lines.ts";
import { StandpipeLogExporter, StandpipeLogProcessor } from "./opentelemetry.ts";
import { fromPino } from "./pino-record.ts";
import { fromWinston } from "./winston-record.ts";

const LIMIT_MS = 30_000;

test(
  "the processor keeps resource, scope, trace and event of what the SDK emits, also where the resource comes late",
  async () => {
    using collector = await new FakeCollector().start();
    const client = await connect({ endpoint: `127.0.0.1:${collector.port}` });
    const zone = Promise.withResolvers<string>();
    const resource = resourceFromAttributes({ "service.name": "cart", zone: zone.promise });
    const processor = new StandpipeLogProcessor(client);
    const provider = new LoggerProvider({ processors: [processor], resource });
    provider.getLogger("lib", "1.2").emit({ body: "a", eventName: "e", attributes: { n: 1 } });
    const flushed = processor.forceFlush();
    zone.resolve("b");
    await flushed;
    expect(collector.taken).toMatchObject([
      { body: "a", attributes: { n: "1" }, resource: { "service.name": "cart", zone: "b" }, scope: "lib" },
    ]);
    expect(collector.taken[0]?.raw).toMatchObject({ eventName: "e" });
    await provider.shutdown();
    expect(client.status().state).toBe("closed");
  },
  LIMIT_MS,
);

test(
  "the exporter calls back when the collector has the records, and with the error when it never will",
  async () => {
    using collector = await new FakeCollector().start();
    const exporter = new StandpipeLogExporter(await connect({ endpoint: `127.0.0.1:${collector.port}` }));
    const exported = () => new Promise<number>((resolve) => exporter.export(someLogs(3), ({ code }) => resolve(code)));
    expect([await exported(), collector.taken.length]).toEqual([0, 3]);
    await exporter.shutdown();
    expect([await exported(), collector.taken.length]).toEqual([1, 3]);
  },
  LIMIT_MS,
);

test(
  "the console writes as before, sends too, does not send what is written while it sends, and can be given back",
  async () => {
    using collector = await new FakeCollector().start();
    const client = await connect({ endpoint: `127.0.0.1:${collector.port}`, onDrop: () => console.warn("dropped") });
    const written: unknown[][] = [];
    const own = console.warn;
    console.warn = (...words) => written.push(words);
    const capture = captureConsole(client);
    console.warn("disk %s is full", "a", new RangeError("no room"));
    await client.close();
    console.warn("late");
    capture.restore();
    console.warn("after");
    console.warn = own;
    expect(collector.taken.length).toBe(1);
    expect(collector.taken[0]?.body).toContain("disk a is full");
    expect(collector.taken[0]?.attributes["exception.type"]).toBe("RangeError");
    expect(written.map(([first]) => first)).toEqual(["disk %s is full", "late", "dropped", "after"]);
  },
  LIMIT_MS,
);

test("a line of pino becomes severity, time, body, error and trace by OpenTelemetry's conventions", () => {
  const trace = { trace_id: "0af7651916cd43dd8448eb211c80319c", span_id: "b7ad6b7169203331", trace_flags: "01" };
  const err = { type: "TypeError", message: "m", stack: "s", code: "E1" };
  expect(
    fromPino(JSON.stringify({ level: 50, time: 5, pid: 1, hostname: "h", msg: "x", a: 1, err, ...trace })),
  ).toEqual({
    severity: "error",
    time: 5,
    body: "x",
    attributes: {
      a: 1,
      "process.pid": 1,
      "host.name": "h",
      "exception.type": "TypeError",
      "exception.message": "m",
      "exception.stacktrace": "s",
      err: { code: "E1" },
    },
    traceId: trace.trace_id,
    spanId: trace.span_id,
    traceFlags: 1,
  });
  expect(fromPino('{"level":"warn","time":"2026-01-01T00:00:00Z"}')).toMatchObject({ severity: "warn" });
  for (const odd of ["no JSON", "[1]", "7", "null"]) expect(fromPino(odd)).toEqual({ body: odd });
});

test("an info of winston keeps its level below the colours, and its error", () => {
  const error = new Error("e");
  const info = { level: "\u001b[31merror\u001b[39m", message: "m", [Symbol.for("level")]: "error", error, a: 1 };
  expect(fromWinston(info)).toMatchObject({ severity: "error", severityText: "ERROR", body: "m", error });
  expect(Object.entries(fromWinston(info).attributes ?? {})).toEqual([["a", 1]]);
  expect(fromWinston({ level: "custom", message: 1 })).toMatchObject({ severityText: "CUSTOM", body: 1 });
});

test("lines are put together whatever the pieces are, in the middle of a character too", () => {
  const text = Buffer.from("ä\nbö\n\nc");
  for (let cut = 0; cut <= text.length; cut++) {
    const lines = new LineSplitter();
    const all = [...lines.push(text.subarray(0, cut)), ...lines.push(text.subarray(cut)), ...lines.end()];
    expect(all).toEqual(["ä", "bö", "c"]);
  }
});

const PROGRAM = `
  import { connect, flushOnExit } from "${join(import.meta.dir, "../index.ts")}";
  const [endpoint, how] = process.argv.slice(1).slice(-2);
  const client = await connect({ endpoint, batch: { delayMsMax: 10000 } });
  flushOnExit(client, { deadlineMs: how === "unheard" ? 500 : 20_000 });
  for (let index = 0; index < 100; index++) client.offer({ body: index });
  if (how === "own") process.on("SIGTERM", () => setTimeout(() => process.exit(7), 4_000));
  if (how === "throw") setTimeout(() => { throw new Error("fell over"); }, 1);
  else if (how === "reject") Promise.reject(new Error("fell over"));
  else if (how === "exit") process.exit(3);
  else process.kill(process.pid, "SIGTERM");
  setInterval(() => {}, 1000);
`;

for (const [how, end] of [
  ["signal", "SIGTERM"],
  ["own", 7],
  ["throw", 1],
  ["reject", 1],
] as const) {
  test(
    `a process that ends by ${how} flushes first, and ends as it would have`,
    async () => {
      using collector = await new FakeCollector().start();
      const cmd = [process.execPath, "-e", PROGRAM, `127.0.0.1:${collector.port}`, how];
      const child = Bun.spawn({ cmd, stdout: "inherit", stderr: "pipe" });
      const errors = await new Response(child.stderr).text();
      await child.exited;
      expect([collector.taken.length, child.signalCode ?? child.exitCode]).toEqual([100, end]);
      expect(errors.includes("fell over")).toBe(end === 1);
    },
    LIMIT_MS,
  );
}

test(
  "where nothing can be awaited, or nobody takes the logs, what is left is told",
  async () => {
    using collector = await new FakeCollector().start();
    for (const [endpoint, how] of [
      [`127.0.0.1:${collector.port}`, "exit"],
      ["127.0.0.1:1", "unheard"],
    ]) {
      const cmd = [process.execPath, "-e", PROGRAM, endpoint as string, how as string];
      const child = Bun.spawn({ cmd, stderr: "pipe" });
      const errors = await new Response(child.stderr).text();
      expect(errors).toContain("100 log records were not acknowledged when the process ended");
    }
  },
  LIMIT_MS,
);
