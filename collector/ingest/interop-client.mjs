/**
 * An application as others write it: the stock OpenTelemetry SDK, nothing of ours. Runs under Node and under Bun.
 * Arguments: the endpoint, how many log records, "gzip" or "none", and of which package the exporter is: "grpc" (where it
 * is not named), "http" (JSON) or "proto". Exit status 0 when the SDK reported no failure.
 */
import { BatchLogRecordProcessor, LoggerProvider } from "@opentelemetry/sdk-logs";

const [url, count, compression, transport = "grpc"] = process.argv.slice(2);
const { OTLPLogExporter } = await import(`@opentelemetry/exporter-logs-otlp-${transport}`);
const exporter = new OTLPLogExporter({ url, compression });
let failures = 0;
const watched = {
  export: (logs, callback) =>
    exporter.export(logs, (result) => {
      if (result.code !== 0) failures++;
      callback(result);
    }),
  forceFlush: () => exporter.forceFlush(),
  shutdown: () => exporter.shutdown(),
};
const processor = new BatchLogRecordProcessor({ exporter: watched, maxQueueSize: Number(count) });
const provider = new LoggerProvider({ processors: [processor] });
const logger = provider.getLogger("interop");
for (let index = 0; index < Number(count); index++) {
  logger.emit({ severityNumber: 9, body: { text: `record ${index}`, index }, attributes: { worker: "a", index } });
}
await provider.shutdown();
process.exit(failures === 0 ? 0 : 1);
