/**
 * Emits a burst of log records through the stock OTLP exporter, wrapped so that none is lost, and prints what became of
 * them as JSON.
 *
 *     bun clients/sdk/examples/burst.ts http://127.0.0.1:4317 10000
 */
import { OTLPLogExporter } from "@opentelemetry/exporter-logs-otlp-grpc";
import { LoggerProvider } from "@opentelemetry/sdk-logs";
import { BatchingLogProcessor, RetryingLogExporter } from "../index.ts";

const [url = "http://127.0.0.1:4317", count = "10000"] = process.argv.slice(2);

const exporter = new RetryingLogExporter({ exporter: () => new OTLPLogExporter({ url }), recordsMax: 20_000 });
const processor = new BatchingLogProcessor({ exporter });
const provider = new LoggerProvider({ processors: [processor] });
const logger = provider.getLogger("burst");

for (let index = 0; index < Number(count); index++) {
  await processor.ready();
  logger.emit({ severityNumber: 9, severityText: "INFO", body: `record ${index}`, attributes: { index } });
}
await provider.shutdown();
console.log(JSON.stringify(exporter.snapshot()));
