/** With the stock exporter and a real server: what the unit tests take from a fake is shown to be so. */
import { expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Metadata, Server, ServerCredentials, type ServerUnaryCall, type sendUnaryData, status } from "@grpc/grpc-js";
import { OTLPLogExporter } from "@opentelemetry/exporter-logs-otlp-grpc";
import { LoggerProvider } from "@opentelemetry/sdk-logs";
import { encodePartialSuccess, encodeRetryInfo } from "../../collector/ingest/boundary.ts";
import { loadProtocol } from "../../collector/ingest/protocol.ts";
import { scan } from "../../collector/otlp/scan.ts";
import { testWith } from "../../collector/testing/tools.ts";
import { someLogs } from "./fixture.ts";
import { BatchingLogProcessor, type Drop, RetryingLogExporter } from "./index.ts";

/** Real processes on a busy machine: far more than any of them needs. */
const LIMIT_MS = 60_000;

type Answer = sendUnaryData<Buffer>;

/** A server that counts the records it acknowledged, and answers as the test says. */
class Collector {
  records = 0;
  calls = 0;
  #server: Server | undefined;
  port = 0;
  /** Takes everything unless a test says otherwise. */
  handle: (take: () => void, answer: Answer) => void = (take) => take();

  /** Listens, on the same port as before if there was one. */
  async start(): Promise<void> {
    const server = new Server();
    server.addService(loadProtocol().logs, {
      Export: (call: ServerUnaryCall<Buffer, Buffer>, answer: Answer) => {
        this.calls++;
        const take = (): void => {
          this.records += scan(call.request, { recordsMax: 1e6, nestingMax: 32, recordBytesMax: 1e6 }).records;
          answer(null, Buffer.alloc(0));
        };
        this.handle(take, answer);
      },
    });
    this.#server = server;
    this.port = await new Promise((resolve, reject) => {
      server.bindAsync(`127.0.0.1:${this.port}`, ServerCredentials.createInsecure(), (error, port) =>
        error === null ? resolve(port) : reject(error),
      );
    });
  }

  /** Drops every connection, as a process that dies does. */
  die(): void {
    this.#server?.forceShutdown();
  }
}

function client(port: number, timeoutMillis = 5_000) {
  const drops: Drop[] = [];
  const delegate = new OTLPLogExporter({ url: `http://127.0.0.1:${port}`, timeoutMillis });
  const exporter = new RetryingLogExporter({
    exporter: delegate,
    initialDelayMs: 20,
    delayMsMax: 200,
    onDrop: (drop) => drops.push(drop),
  });
  return { exporter, drops };
}

test(
  "a server that dies in mid-call and comes back gets every record",
  async () => {
    const collector = new Collector();
    await collector.start();
    const { exporter, drops } = client(collector.port);
    const processor = new BatchingLogProcessor({ exporter, batchRecordsMax: 100 });
    const logger = new LoggerProvider({ processors: [processor] }).getLogger("test");
    // The third call and what comes with it are never answered: the server dies over them.
    const dying = Promise.withResolvers<void>();
    collector.handle = (take) => (collector.calls <= 2 ? take() : dying.resolve());
    for (let index = 0; index < 2_000; index++) {
      await processor.ready();
      logger.emit({ body: `record ${index}` });
    }
    await dying.promise;
    collector.die();
    collector.handle = (take) => take();
    await collector.start();
    await processor.shutdown();
    expect(exporter.snapshot()).toMatchObject({ accepted: 2_000, acknowledged: 2_000, waiting: 0 });
    expect(exporter.snapshot().retries).toBeGreaterThan(0);
    expect([collector.records, drops]).toEqual([2_000, []]);
    collector.die();
  },
  LIMIT_MS,
);

test(
  "the stock exporter alone loses what is under way when a server dies, which is why this one exists",
  async () => {
    const collector = new Collector();
    await collector.start();
    collector.handle = () => collector.die();
    const stock = new OTLPLogExporter({ url: `http://127.0.0.1:${collector.port}`, timeoutMillis: 5_000 });
    const error = await new Promise<unknown>((resolve) => {
      stock.export(someLogs(5), (result) => resolve(result.error));
    });
    expect([status.UNAVAILABLE, status.CANCELLED]).toContain((error as { code: number }).code);
    await stock.shutdown();
  },
  LIMIT_MS,
);

test(
  "nobody listening, no answer in time, and every status but two are passing trouble",
  async () => {
    const collector = new Collector();
    await collector.start();
    collector.die();
    const { exporter, drops } = client(collector.port, 2_000);
    exporter.export(someLogs(7), () => {});
    while (exporter.snapshot().retries === 0) await Bun.sleep(5);
    const failures = [
      status.UNAVAILABLE,
      status.CANCELLED,
      status.UNKNOWN,
      status.INTERNAL,
      status.UNAUTHENTICATED,
      "silence",
    ] as const;
    let next = 0;
    collector.handle = (take, answer) => {
      const failure = failures[next++];
      if (failure === undefined) take();
      else if (failure !== "silence") answer({ code: failure, details: "scripted" });
    };
    await collector.start();
    await exporter.forceFlush();
    expect([collector.records, drops, next]).toEqual([7, [], failures.length + 1]);
    await exporter.shutdown();
    collector.die();
  },
  LIMIT_MS,
);

test(
  "RetryInfo comes through the stock exporter and is waited for",
  async () => {
    const collector = new Collector();
    await collector.start();
    const { exporter } = client(collector.port);
    collector.handle = (take, answer) => {
      if (collector.calls > 1) {
        take();
        return;
      }
      const metadata = new Metadata();
      metadata.set("grpc-status-details-bin", encodeRetryInfo(status.RESOURCE_EXHAUSTED, "slow down", 50));
      answer({ code: status.RESOURCE_EXHAUSTED, details: "slow down", metadata });
    };
    exporter.export(someLogs(3), () => {});
    await exporter.forceFlush();
    // Without RetryInfo the batch would have been halved.
    expect([collector.records, collector.calls]).toEqual([3, 2]);
    await exporter.shutdown();
    collector.die();
  },
  LIMIT_MS,
);

test(
  "a partial success counts as acknowledged: the refused records would be refused again",
  async () => {
    const collector = new Collector();
    await collector.start();
    const { exporter, drops } = client(collector.port);
    collector.handle = (_take, answer) => answer(null, encodePartialSuccess(2, "too long"));
    exporter.export(someLogs(3), () => {});
    await exporter.forceFlush();
    expect([exporter.snapshot().acknowledged, collector.calls, drops]).toEqual([3, 1, []]);
    await exporter.shutdown();
    collector.die();
  },
  LIMIT_MS,
);

const EXAMPLE = join(import.meta.dir, "examples/burst.ts");

async function runBurst(cmd: string[], port: number): Promise<unknown> {
  const child = Bun.spawn({
    cmd: [...cmd, `http://127.0.0.1:${port}`, "5000"],
    cwd: import.meta.dir,
    stdout: "pipe",
    stderr: "inherit",
  });
  const output = await new Response(child.stdout).text();
  return JSON.parse(output);
}

const ALL_TAKEN = { accepted: 5_000, acknowledged: 5_000, waiting: 0 };

test(
  "the example runs under Bun, through a server that fails now and then",
  async () => {
    const collector = new Collector();
    await collector.start();
    collector.handle = (take, answer) => (collector.calls % 3 === 1 ? answer({ code: status.UNAVAILABLE }) : take());
    expect(await runBurst([process.execPath, EXAMPLE], collector.port)).toMatchObject(ALL_TAKEN);
    expect(collector.records).toBe(5_000);
    collector.die();
  },
  LIMIT_MS,
);

testWith(
  ["node"],
  "the same runs under Node, built as the package is",
  async () => {
    const folder = mkdtempSync(join(tmpdir(), "standpipe-sdk-"));
    try {
      const built = await Bun.build({
        entrypoints: [EXAMPLE],
        target: "node",
        format: "esm",
        outdir: folder,
        naming: "[name].mjs",
      });
      expect(built.success).toBe(true);
      const collector = new Collector();
      await collector.start();
      collector.handle = (take, answer) => (collector.calls % 3 === 1 ? answer({ code: status.UNAVAILABLE }) : take());
      expect(await runBurst(["node", join(folder, "burst.mjs")], collector.port)).toMatchObject(ALL_TAKEN);
      expect(collector.records).toBe(5_000);
      collector.die();
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  },
  LIMIT_MS,
);
