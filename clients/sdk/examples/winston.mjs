/** winston: node clients/sdk/examples/winston.mjs http://127.0.0.1:4317 */
import { once } from "node:events";
import { connect } from "@standpipe/client";
import { StandpipeTransport } from "@standpipe/client/winston";
import winston from "winston";

const [endpoint = "http://127.0.0.1:4317"] = process.argv.slice(2);

const client = await connect({ endpoint, resource: { "service.name": "checkout" } });
const logger = winston.createLogger({ transports: [new StandpipeTransport({ client })] });
logger.info("order placed", { order: 4711 });
logger.error("payment was refused", { error: new TypeError("card expired") });
logger.end();
await once(logger, "finish");
await client.close();
