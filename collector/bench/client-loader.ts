/**
 * An application for the scenario `client`: hands the same log records, in batches, to an exporter for a while, each batch
 * awaited, and prints what that cost it as a line of JSON. One process for each measurement, so that memory is of one alone.
 *
 *   bun client-loader.ts stock|stream|unary|full host:port records-per-batch in-flight duration-ms
 */
import { OTLPLogExporter } from "@opentelemetry/exporter-logs-otlp-grpc";
import {
  InMemoryLogRecordExporter,
  LoggerProvider,
  type LogRecordExporter,
  type ReadableLogRecord,
  SimpleLogRecordProcessor,
} from "@opentelemetry/sdk-logs";
import { connect, StandpipeLogExporter } from "../../clients/sdk/index.ts";
import { systemClock } from "../clock.ts";
import { readProcessFacts } from "./process-facts.ts";

export interface ClientResult {
  readonly logs: number;
  readonly elapsedMs: number;
  readonly cpuSeconds: number;
  /** Beyond what the process had before it began. */
  readonly residentBytesMore: number;
}

/** `full`: nobody takes the logs, and memory fills up to this. */
export const FULL_BYTES = 32 * 1024 * 1024;

const WARM_UP_MS = 1_500;

if (import.meta.main) process.stdout.write(`${JSON.stringify(await main(process.argv.slice(2)))}\n`);

async function main([kind = "", target = "", ...numbers]: string[]): Promise<ClientResult> {
  const [records = 1, inFlight = 1, durationMs = 1_000] = numbers.map(Number);
  const batch = createRecords(records);
  const before = readProcessFacts(process.pid);
  if (kind === "full") return await fill(target, durationMs, before.residentBytes);
  const exporter = await createExporter(kind, target, records);
  await drive(exporter, batch, inFlight, WARM_UP_MS);
  const { cpuSeconds } = readProcessFacts(process.pid);
  const { logs, elapsedMs } = await drive(exporter, batch, inFlight, durationMs);
  const after = readProcessFacts(process.pid);
  await exporter.shutdown();
  return {
    logs,
    elapsedMs,
    cpuSeconds: after.cpuSeconds - cpuSeconds,
    residentBytesMore: after.residentBytesPeak - before.residentBytes,
  };
}

async function createExporter(kind: string, target: string, recordsMax: number): Promise<LogRecordExporter> {
  if (kind === "stock") return new OTLPLogExporter({ url: `http://${target}`, concurrencyLimit: 1_000 });
  const transport = kind === "unary" ? "unary" : "stream";
  return new StandpipeLogExporter(await connect({ endpoint: target, transport, batch: { recordsMax } }));
}

async function drive(exporter: LogRecordExporter, batch: ReadableLogRecord[], inFlight: number, durationMs: number) {
  const sinceMs = systemClock.monotonicMs();
  let logs = 0;
  const loop = async (): Promise<void> => {
    while (systemClock.monotonicMs() - sinceMs < durationMs) {
      await new Promise<void>((resolve, reject) => {
        exporter.export(batch, ({ code, error }) => (code === 0 ? resolve() : reject(error)));
      });
      logs += batch.length;
    }
  };
  await Promise.all(Array.from({ length: inFlight }, loop));
  return { logs, elapsedMs: systemClock.monotonicMs() - sinceMs };
}

async function fill(target: string, durationMs: number, residentBytes: number): Promise<ClientResult> {
  const keep = { type: "memory", bytesMax: FULL_BYTES } as const;
  const client = await connect({ endpoint: target, keep, onDrop: () => undefined });
  const sinceMs = systemClock.monotonicMs();
  let logs = 0;
  while (systemClock.monotonicMs() - sinceMs < durationMs) {
    for (let count = 0; count < 1_000; count++) {
      if (client.offer({ severity: "info", body: `${logs} ${"something happened ".repeat(8)}` })) logs++;
    }
    await systemClock.sleep(1);
  }
  const elapsedMs = systemClock.monotonicMs() - sinceMs;
  const { cpuSeconds, residentBytesPeak } = readProcessFacts(process.pid);
  await client.close(0);
  return { logs, elapsedMs, cpuSeconds, residentBytesMore: residentBytesPeak - residentBytes };
}

function createRecords(count: number): ReadableLogRecord[] {
  const exporter = new InMemoryLogRecordExporter();
  const provider = new LoggerProvider({ processors: [new SimpleLogRecordProcessor({ exporter })] });
  const logger = provider.getLogger("bench");
  for (let index = 0; index < count; index++) {
    logger.emit({
      severityNumber: 9,
      severityText: "INFO",
      body: `request ${index} finished: GET /orders/recent in ${index % 900} ms, 200 OK, cache filled from the database`,
      attributes: { "http.route": "/orders/recent", "http.response.status_code": 200, "user.id": `u-${index * 7}` },
    });
  }
  return exporter.getFinishedLogRecords();
}
