/** OTLP/HTTP clients that others wrote. The proof: all their records are in the journal, counted by scan. */
import { expect, test } from "bun:test";
import { join } from "node:path";
import { scan } from "../../otlp/scan.ts";
import { testWith } from "../../testing/tools.ts";
import { decode, type FakeAppender, type Running, SCAN_LIMITS, startIngest, until } from "../fixture.ts";

const LIMIT_MS = 60_000;
const SDK_CLIENT = join(import.meta.dir, "../interop-client.mjs");
const PYTHON_CLIENT = join(import.meta.dir, "interop-client.py");
const REQUEST = "opentelemetry.proto.collector.logs.v1.ExportLogsServiceRequest";

function startHttp(): Promise<Running> {
  return startIngest({ http: { address: "127.0.0.1:0" } });
}

function url({ server }: Running): string {
  return `http://127.0.0.1:${server.httpPort}/v1/logs`;
}

async function runClient(cmd: string[]): Promise<number> {
  const child = Bun.spawn({ cmd, stdout: "ignore", stderr: "inherit" });
  return await child.exited;
}

function scanned(appender: FakeAppender): number {
  return appender.appended.reduce((sum, one) => sum + scan(one.request, SCAN_LIMITS).records, 0);
}

for (const transport of ["http", "proto"]) {
  for (const compression of ["none", "gzip"]) {
    const what = `the stock exporter-logs-otlp-${transport}, compression ${compression}`;
    for (const runtime of ["bun", "node"] as const) {
      const body = async (): Promise<void> => {
        await using run = await startHttp();
        const program = runtime === "bun" ? process.execPath : "node";
        expect(await runClient([program, SDK_CLIENT, url(run), "3000", compression, transport])).toBe(0);
        expect(scanned(run.appender)).toBe(3_000);
      };
      const name = `${what}, under ${runtime}: every record arrives`;
      if (runtime === "bun") test(name, body, LIMIT_MS);
      else testWith(["node"], name, body, LIMIT_MS);
    }
  }
}

test(
  "the stock exporter loses nothing while the journal is full for longer than a request is held",
  async () => {
    await using run = await startIngest({ http: { address: "127.0.0.1:0", holdMsMax: 500 } });
    run.appender.setRoom(false);
    const client = runClient([process.execPath, SDK_CLIENT, url(run), "500", "none", "proto"]);
    // It was told to come again, and does.
    await until(() => run.server.snapshot().refused.journal_full > 0);
    run.appender.setRoom(true);
    expect(await client).toBe(0);
    expect(scanned(run.appender)).toBe(500);
  },
  LIMIT_MS,
);

testWith(
  ["python"],
  "Python's own library, JSON plain and gzipped: every record arrives with all its digits, and nonsense is told so",
  async () => {
    await using run = await startHttp();
    expect(await runClient(["/usr/bin/python3", PYTHON_CLIENT, url(run), "12", "50"])).toBe(0);
    expect(scanned(run.appender)).toBe(12 * 50);
    expect(run.server.snapshot().refused.invalid_request).toBe(1);
    const first = decode(REQUEST, run.appender.appended[0]?.request ?? Buffer.alloc(0)) as {
      resourceLogs: [{ scopeLogs: [{ logRecords: [{ traceId: Uint8Array; body: { stringValue: string } }] }] }];
    };
    const [record] = first.resourceLogs[0].scopeLogs[0].logRecords;
    expect(record.body.stringValue).toBe("record 0 über urllib 😀");
    expect(Buffer.from(record.traceId).toString("hex")).toBe("5b8efff798038103d269b633813fc60c");
  },
  LIMIT_MS,
);
