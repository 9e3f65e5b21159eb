/** Clients that others wrote. The proof is always the same: all their records are in the journal, counted by scan. */
import { expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { scan } from "../otlp/scan.ts";
import { testWith } from "../testing/tools.ts";
import {
  EXPORT_PATH,
  type FakeAppender,
  logsRequest,
  type Running,
  SCAN_LIMITS,
  startIngest,
  until,
} from "./fixture.ts";

/** Real processes on a busy machine: far more than any of them needs. */
const LIMIT_MS = 60_000;

const SDK_CLIENT = join(import.meta.dir, "interop-client.mjs");
const PYTHON_CLIENT = join(import.meta.dir, "interop-client.py");

/** The exit status of a client. */
async function runClient(cmd: string[]): Promise<number> {
  const child = Bun.spawn({ cmd, stdout: "ignore", stderr: "inherit" });
  return await child.exited;
}

function scanned(appender: FakeAppender): number {
  return appender.appended.reduce((sum, one) => sum + scan(one.request, SCAN_LIMITS).records, 0);
}

function url(run: Running): string {
  return `http://127.0.0.1:${run.port}`;
}

for (const compression of ["none", "gzip"]) {
  test(
    `the stock SDK under Bun, compression ${compression}: every record arrives`,
    async () => {
      await using run = await startIngest();
      expect(await runClient([process.execPath, SDK_CLIENT, url(run), "3000", compression])).toBe(0);
      expect(scanned(run.appender)).toBe(3_000);
    },
    LIMIT_MS,
  );

  testWith(
    ["node"],
    `the stock SDK under Node, compression ${compression}: every record arrives`,
    async () => {
      await using run = await startIngest();
      expect(await runClient(["node", SDK_CLIENT, url(run), "3000", compression])).toBe(0);
      expect(scanned(run.appender)).toBe(3_000);
    },
    LIMIT_MS,
  );
}

test(
  "the stock SDK, which never retries, loses nothing while the journal is full for two seconds",
  async () => {
    await using run = await startIngest();
    run.appender.setRoom(false);
    const client = runClient([process.execPath, SDK_CLIENT, url(run), "3000", "none"]);
    await until(() => run.server.snapshot().heldCalls > 0);
    await Bun.sleep(2_000);
    expect(run.appender.attempts).toBe(0);
    run.appender.setRoom(true);
    expect(await client).toBe(0);
    expect(scanned(run.appender)).toBe(3_000);
    expect(run.server.snapshot().heldTotal).toBeGreaterThan(0);
  },
  LIMIT_MS,
);

testWith(
  ["grpcio"],
  "Python's grpcio, plain and gzipped: every record arrives, and a malformed request is told so",
  async () => {
    await using run = await startIngest();
    expect(await runClient(["/usr/bin/python3", PYTHON_CLIENT, `127.0.0.1:${run.port}`, "20", "50"])).toBe(0);
    expect(scanned(run.appender)).toBe(2 * 20 * 50);
    expect(run.server.snapshot().refused.invalid_request).toBe(2);
  },
);

testWith(
  ["h2load"],
  "h2load, which has an HTTP/2 of its own: the server's count is what it sent",
  async () => {
    await using run = await startIngest();
    const folder = mkdtempSync(join(tmpdir(), "standpipe-h2load-"));
    try {
      const message = logsRequest(100, 300);
      const prefix = Buffer.alloc(5);
      prefix.writeUInt32BE(message.length, 1);
      const body = join(folder, "request");
      writeFileSync(body, Buffer.concat([prefix, message]));
      const headers = ["content-type: application/grpc", "te: trailers"].flatMap((header) => ["-H", header]);
      const load = ["-n", "500", "-c", "10", "-m", "10", "-d", body];
      expect(await runClient(["h2load", ...load, ...headers, `${url(run)}${EXPORT_PATH}`])).toBe(0);
      expect(run.server.snapshot()).toMatchObject({ acknowledgedCalls: 500, acknowledgedRecords: 50_000 });
      expect(scanned(run.appender)).toBe(50_000);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  },
  LIMIT_MS,
);
