/** The OpenTelemetry SDK: node clients/sdk/examples/opentelemetry.mjs http://127.0.0.1:4317 */
import { LoggerProvider } from "@opentelemetry/sdk-logs";
import { connect, StandpipeLogProcessor } from "@standpipe/client";

const [endpoint = "http://127.0.0.1:4317"] = process.argv.slice(2);

const client = await connect({ endpoint });
const provider = new LoggerProvider({ processors: [new StandpipeLogProcessor(client)] });
const logger = provider.getLogger("checkout");
logger.emit({ severityNumber: 9, severityText: "INFO", body: "order placed", attributes: { order: 4711 } });
logger.emit({
  severityNumber: 17,
  severityText: "ERROR",
  body: "payment was refused",
  attributes: { "exception.type": "TypeError", "exception.message": "card expired" },
});
await provider.shutdown();
