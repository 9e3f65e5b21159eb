/** What the process tells of itself over HTTP and to an OTLP endpoint, and that telling costs no log. */
import { expect, test } from "bun:test";
import { createServer, type Server as TcpServer } from "node:net";
import { Server, ServerCredentials } from "@grpc/grpc-js";
import { withFolder } from "../temporary.ts";
import { CollectorProcess, freePorts } from "./collector-process.ts";
import { startFirehose } from "./observed-firehose.ts";
import { Sender } from "./sender.ts";

const LIMIT_MS = 90_000;

test(
  "metrics, probes and the ledger's balance can be read while logs go through",
  async () => {
    await withFolder(async (directory) => {
      await using firehose = await startFirehose(directory);
      const ports = await freePorts();
      await using collector = await CollectorProcess.start({ directory, endpoint: firehose.local.url, ports });
      using sender = new Sender({ name: "a", port: ports.ingest });
      for (let index = 0; index < 10; index++) await sender.send();
      await collector.until(({ routes }) => routes[0].ledger.waiting === 0);
      const ask = async (path: string): Promise<[number, string]> => {
        const answer = await fetch(`http://127.0.0.1:${ports.admin}${path}`);
        return [answer.status, await answer.text()];
      };
      expect(await ask("/livez")).toEqual([200, "alive\n"]);
      expect(await ask("/readyz")).toEqual([200, "ready\n"]);
      expect(await ask("/startupz")).toEqual([200, "started\n"]);
      const [status, metrics] = await ask("/metrics");
      expect(status).toBe(200);
      expect(metrics).toContain("standpipe_ingest_log_records_total 200\n");
      expect(metrics).toContain('outcome="delivered"} 200\n');
      expect(metrics).toMatch(/standpipe_journal_commit_duration_seconds_count [1-9]/);
      expect(metrics).toMatch(/standpipe_firehose_call_duration_seconds_count\{[^}]*\} [1-9]/);
      expect(metrics.match(/standpipe_ledger_imbalance\{.*\} 0\n/g)).toHaveLength(3);
    });
  },
  LIMIT_MS,
);

test(
  "metrics and linked spans reach an OTLP endpoint, the last of them when it stops",
  async () => {
    await withFolder(async (directory) => {
      await using firehose = await startFirehose(directory);
      await using target = await startTarget();
      const ports = await freePorts();
      const telemetry = { otlpEndpoint: target.url, otlpIntervalMs: 1_000, traceRatio: 1 };
      const options = { directory, endpoint: firehose.local.url, ports, settings: { telemetry } };
      await using collector = await CollectorProcess.start(options);
      using sender = new Sender({ name: "a", port: ports.ingest });
      await sender.send();
      await collector.until(({ routes }) => routes[0].ledger.waiting === 0);
      expect(await collector.end("SIGTERM")).toBe(0);
      for (const name of ["standpipe.ledger.imbalance", "standpipe.journal.commit.duration"]) {
        expect(target.received("MetricsService")).toContain(name);
      }
      for (const name of ["standpipe.export", "standpipe.commit", "standpipe.deliver"]) {
        expect(target.received("TraceService")).toContain(name);
      }
    });
  },
  LIMIT_MS,
);

test(
  "an endpoint that takes everything and answers nothing costs no log, is told, and does not hold up a stop",
  async () => {
    await withFolder(async (directory) => {
      await using firehose = await startFirehose(directory);
      const hole = createServer(() => undefined);
      const port = await listen(hole);
      const ports = await freePorts();
      const telemetry = { otlpEndpoint: `http://127.0.0.1:${port}`, otlpIntervalMs: 1_000, traceRatio: 1 };
      const shutdown = { drainMsMax: 4_000 };
      const options = { directory, endpoint: firehose.local.url, ports, settings: { telemetry, shutdown } };
      await using collector = await CollectorProcess.start(options);
      using sender = new Sender({ name: "a", port: ports.ingest });
      for (let index = 0; index < 200; index++) await sender.send();
      expect(sender.failures).toEqual([]);
      await collector.until(({ routes }) => routes[0].ledger.waiting === 0);
      while (!collector.log.includes("own telemetry can't be sent")) await Bun.sleep(50);
      expect((await fetch(`http://127.0.0.1:${ports.admin}/livez`)).status).toBe(200);
      expect(await collector.end("SIGTERM")).toBe(0);
      expect(collector.waitingAtEnd).toBe(0);
      hole.close();
    });
  },
  LIMIT_MS,
);

interface Target extends AsyncDisposable {
  readonly url: string;
  /** All that a service got, as text. */
  received(service: string): string;
}

/** Takes what OTLP exporters send, and keeps the bytes. */
async function startTarget(): Promise<Target> {
  const got = new Map<string, string>();
  const server = new Server();
  for (const [signal, service] of [
    ["metrics", "MetricsService"],
    ["trace", "TraceService"],
  ] as const) {
    const method = {
      path: `/opentelemetry.proto.collector.${signal}.v1.${service}/Export`,
      requestStream: false,
      responseStream: false,
      requestSerialize: (value: Buffer) => value,
      requestDeserialize: (value: Buffer) => value,
      responseSerialize: (value: Buffer) => value,
      responseDeserialize: (value: Buffer) => value,
    };
    server.addService(
      { Export: method },
      {
        Export: (call: { request: Buffer }, done: (error: null, value: Buffer) => void) => {
          got.set(service, (got.get(service) ?? "") + call.request.toString("latin1"));
          done(null, Buffer.alloc(0));
        },
      },
    );
  }
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    );
  });
  return {
    url: `http://127.0.0.1:${port}`,
    received: (service) => got.get(service) ?? "",
    [Symbol.asyncDispose]: async () => server.forceShutdown(),
  };
}

function listen(server: TcpServer): Promise<number> {
  return new Promise((resolve) => {
    server.listen(0, "127.0.0.1", () => resolve((server.address() as { port: number }).port));
  });
}
