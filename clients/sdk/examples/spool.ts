/**
 * Sends numbered log records through a spool, and prints each number when its record is safe on this machine's disk: it may
 * then be killed, and what it leaves is sent when it is started again.
 *
 *     bun clients/sdk/examples/spool.ts http://127.0.0.1:4317 /var/spool/app 1000 run-1
 */
import { connect } from "../index.ts";

const [endpoint = "http://127.0.0.1:4317", directory = "./spool", count = "1000", run = "run"] = process.argv.slice(2);

const client = await connect({ endpoint, keep: { type: "spool", directory }, resource: { "service.name": "spool" } });
for (let index = 0; index < Number(count); index++) {
  await client.send({ severity: "info", body: `${run}-${index} something happened` });
  process.stdout.write(`${run}-${index}\n`);
}
await client.close();
