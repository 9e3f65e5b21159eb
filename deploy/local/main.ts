/** `bun run firehose`: the local Firehose as a program. Signals, exit codes and words; the rest is in server.ts. */
import { resolve } from "node:path";
import { parseCommand, USAGE } from "./options.ts";
import { type LocalFirehose, startLocalFirehose } from "./server.ts";

const EXIT_USAGE = 2;

/** A signal that comes again so soon is the same Ctrl-C: the terminal tells all, and `bun run` tells its program once more. */
const ECHO_MS = 300;

await main();

async function main(): Promise<void> {
  const firehose = await start();
  if (firehose === undefined) return;
  let stopping = false;
  let isEcho = false;
  const stop = (): void => {
    if (isEcho) return;
    // A second Ctrl-C means now: what is buffered is given up.
    if (stopping) process.exit(1);
    stopping = isEcho = true;
    setTimeout(() => {
      isEcho = false;
    }, ECHO_MS).unref();
    void finish(firehose);
  };
  process.on("SIGINT", stop);
  process.on("SIGTERM", stop);
  greet(firehose);
}

async function start(): Promise<LocalFirehose | undefined> {
  try {
    const command = parseCommand(process.argv.slice(2));
    if (command.kind === "help") {
      process.stdout.write(USAGE);
      return undefined;
    }
    const onTrouble = (reason: unknown): void =>
      console.error(`objects can't be written and wait in memory and on disk: ${messageOf(reason)}`);
    const firehose = await startLocalFirehose({ ...command.options, onTrouble });
    for (const fault of command.faults) firehose.faults.add(fault);
    return firehose;
  } catch (reason) {
    process.stderr.write(`${messageOf(reason)}\nTry: bun run firehose --help\n`);
    process.exit(EXIT_USAGE);
  }
}

function messageOf(reason: unknown): string {
  if (!(reason instanceof Error)) return String(reason);
  if ("code" in reason && reason.code === "EADDRINUSE")
    return "the port is taken by another program; choose one with --port";
  const { syscall, path, code } = reason as NodeJS.ErrnoException;
  if (syscall === "mkdir" && path !== undefined)
    return `the folder ${path} can't be made (${code}); choose another one with --directory`;
  return reason.message;
}

function greet(firehose: LocalFirehose): void {
  const names = [...firehose.service.streams.keys()];
  const [name = "logs"] = names;
  process.stdout.write(
    `Local Firehose at ${firehose.url}, streams: ${names.join(", ")}
Objects go to ${resolve(firehose.directory)}

  a collector   AWS_ENDPOINT_URL_FIREHOSE=${firehose.url} AWS_REGION=us-east-1 AWS_ACCESS_KEY_ID=x AWS_SECRET_ACCESS_KEY=x
  the AWS CLI   aws firehose put-record --endpoint-url ${firehose.url} --delivery-stream-name ${name} --record Data=aGkK
  counts        curl ${firehose.url}/_local/counters
  trouble       curl ${firehose.url}/_local/faults -d '{"kind":"latency","ms":500,"calls":10}'

Ctrl-C writes what is buffered and ends.
`,
  );
}

async function finish(firehose: LocalFirehose): Promise<void> {
  try {
    await firehose.stop();
    const objects = await firehose.objects();
    process.stdout.write(`\n${objects.length} objects in ${resolve(firehose.directory)}\n`);
    process.exit(0);
  } catch (reason) {
    process.stderr.write(`${messageOf(reason)}\n`);
    process.exit(1);
  }
}
