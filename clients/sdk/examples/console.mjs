/** The console, and a flush when the process is asked to stop: node clients/sdk/examples/console.mjs http://127.0.0.1:4317 */
import { captureConsole, connect, flushOnExit } from "@standpipe/client";

const [endpoint = "http://127.0.0.1:4317"] = process.argv.slice(2);

const client = await connect({ endpoint, resource: { "service.name": "checkout" } });
captureConsole(client);
flushOnExit(client, { deadlineMs: 5_000 });
console.log("order placed: %d", 4711);
console.error("payment was refused", new TypeError("card expired"));
process.kill(process.pid, "SIGTERM");
setInterval(() => {}, 1_000);
