/**
 * One process of the demo's application: logs at a steady rate through the stock OTLP exporter inside the SDK's retrying
 * one, and tells its parent how far it is, a line of JSON at a time.
 *
 *   bun application.ts --url http://127.0.0.1:4317 --name checkout-1 --logs 25000 --seconds 5
 */
import { parseArgs } from "node:util";
import { SeverityNumber } from "@opentelemetry/api-logs";
import { OTLPLogExporter } from "@opentelemetry/exporter-logs-otlp-grpc";
import { resourceFromAttributes } from "@opentelemetry/resources";
import { LoggerProvider } from "@opentelemetry/sdk-logs";
import { BatchingLogProcessor, RetryingLogExporter } from "../../../clients/sdk/index.ts";

export interface ApplicationReport {
  readonly emitted: number;
  readonly acknowledged: number;
  readonly dropped: number;
  /** Attempts that failed and were made again: each may have doubled a batch. */
  readonly retries: number;
  readonly done: boolean;
}

/** Records of one export: with the exports in flight it bounds what a lost answer can double. */
export const BATCH_RECORDS = 256;
export const EXPORTS_IN_FLIGHT = 4;

const REPORT_INTERVAL_MS = 200;
const FLUSH_MS_MAX = 600_000;
/** A collector that was killed is back within seconds: what waits longer than that waits for nothing. */
const RETRY_DELAY_MS_MAX = 500;
/** Logs between two looks at the clock. */
const STRIDE = 50;

const PATHS = ["/cart", "/checkout", "/login", "/orders/recent", "/search?q=shoes", "/products/{id}", "/healthz"];
const EVENTS = [
  [SeverityNumber.INFO, "INFO", "request finished"],
  [SeverityNumber.INFO, "INFO", "cache filled from the database"],
  [SeverityNumber.DEBUG, "DEBUG", "connection taken from the pool"],
  [SeverityNumber.WARN, "WARN", "upstream answered late, trying the next one"],
  [SeverityNumber.ERROR, "ERROR", "payment was refused: card expired"],
] as const;

if (import.meta.main) await main();

async function main(): Promise<void> {
  const options = {
    url: { type: "string" },
    name: { type: "string" },
    logs: { type: "string" },
    seconds: { type: "string" },
  } as const;
  const { url = "", name = "", logs = "", seconds = "" } = parseArgs({ options }).values;
  const exporter = new RetryingLogExporter({
    exporter: () => new OTLPLogExporter({ url }),
    concurrency: EXPORTS_IN_FLIGHT,
    recordsMax: 50_000,
    flushMsMax: FLUSH_MS_MAX,
    delayMsMax: RETRY_DELAY_MS_MAX,
  });
  const processor = new BatchingLogProcessor({ exporter, batchRecordsMax: BATCH_RECORDS });
  const resource = resourceFromAttributes({ "service.name": "checkout", "service.instance.id": name });
  const provider = new LoggerProvider({ processors: [processor], resource });

  let emitted = 0;
  const report = (done: boolean): void => {
    const { acknowledged, dropped, retries } = exporter.snapshot();
    const sum = dropped.refused + dropped.queue_full + dropped.shut_down;
    const line: ApplicationReport = { emitted, acknowledged, dropped: sum, retries, done };
    process.stdout.write(`${JSON.stringify(line)}\n`);
  };
  const timer = setInterval(() => report(false), REPORT_INTERVAL_MS);

  const logger = provider.getLogger("demo");
  const perMs = Number(logs) / (Number(seconds) * 1_000);
  const startMs = performance.now();
  while (emitted < Number(logs)) {
    const due = Math.min(Number(logs), Math.ceil((performance.now() - startMs) * perMs));
    if (emitted >= due) await Bun.sleep(5);
    for (let count = 0; emitted < due && count < STRIDE; count++) {
      await processor.ready();
      const [severityNumber, severityText, body] = EVENTS[(emitted * 7) % EVENTS.length] ?? EVENTS[0];
      const path = PATHS[(emitted * 13) % PATHS.length] ?? "/";
      const durationMs = (Math.imul(emitted, 2_654_435_761) >>> 0) % 900;
      logger.emit({
        severityNumber,
        severityText,
        body: `${body}: ${path} in ${durationMs} ms`,
        attributes: { "demo.number": emitted, "http.route": path, "http.status": severityText === "ERROR" ? 502 : 200 },
      });
      emitted++;
    }
  }
  await provider.shutdown();
  clearInterval(timer);
  report(true);
}
