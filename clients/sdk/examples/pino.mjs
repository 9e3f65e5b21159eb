/** pino, in a worker thread: node clients/sdk/examples/pino.mjs http://127.0.0.1:4317 */
import pino from "pino";

const [endpoint = "http://127.0.0.1:4317"] = process.argv.slice(2);

const transport = pino.transport({
  target: "@standpipe/client/pino",
  options: { endpoint, resource: { "service.name": "checkout" } },
});
const logger = pino(transport);
logger.info({ order: 4711 }, "order placed");
logger.error(new TypeError("card expired"), "payment was refused");
// Nothing to close: when the process exits, pino waits for the worker, and the worker for the collector.
