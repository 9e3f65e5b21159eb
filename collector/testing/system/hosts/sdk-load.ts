/**
 * An application on the SDK, as a process of its own: so many log records a second, each with a key of its own, until its
 * standard input ends. Then it prints what became of them.
 *
 *   bun sdk-load.ts NAME RECORDS_PER_SECOND ENDPOINT...
 */
import { connect } from "../../../../clients/sdk/index.ts";

export interface LoadResult {
  /** The keys are `<name>-<number>`, from 0. */
  readonly sent: number;
  readonly retries: number;
  /** Reasons of sends that were not acknowledged: there must be none. */
  readonly failures: readonly string[];
}

const TURN_MS = 20;

if (import.meta.main) await main();

async function main(): Promise<void> {
  const [name = "", perSecond = "", ...endpoint] = process.argv.slice(2);
  const client = await connect({
    endpoint,
    callMsMax: 5_000,
    connectMsMax: 1_000,
    retry: { initialDelayMs: 20, delayMsMax: 200 },
    flushMsMax: 60_000,
  });
  const failures: string[] = [];
  let sent = 0;
  let isStopping = false;
  process.stdin.on("data", () => undefined);
  process.stdin.on("end", () => {
    isStopping = true;
  });
  const startedMs = performance.now();
  for (let turn = 1; !isStopping; turn++) {
    const due = Math.floor((turn * TURN_MS * Number(perSecond)) / 1_000);
    for (; sent < due; sent++) {
      client
        .send({ body: `${name}-${sent} something happened in the application` })
        .catch((reason: unknown) => failures.push(String(reason)));
    }
    await Bun.sleep(Math.max(0, startedMs + turn * TURN_MS - performance.now()));
  }
  await client.flush();
  const result: LoadResult = { sent, retries: client.status().retries, failures };
  await client.close();
  process.stdout.write(JSON.stringify(result));
}
