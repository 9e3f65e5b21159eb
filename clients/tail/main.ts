/**
 * The process: arguments, environment, signals, exit code. Nothing else in the agent reads process.env or exits.
 *
 * Exit codes: 0 stopped as asked; 1 something failed, positions are kept; 2 it could not be started as configured.
 */
import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { logVerbosity, setLogVerbosity } from "@grpc/grpc-js";
import { startAgent, type TailAgent } from "./agent.ts";
import { systemClock } from "./clock.ts";
import { loadTailConfig, type TailConfig } from "./config.ts";
import { systemCodeOf, TailError } from "./errors.ts";
import { createLog } from "./log.ts";
import { sourceProblems } from "./source.ts";

const FILE_DEFAULT = "standpipe-tail.yaml";

const HELP = `Follows files and sends their lines to a collector; their positions move on when it has them on disk.

  bun run tail [--config FILE] [--check]

  --config FILE   configuration file; else STANDPIPE_TAIL_CONFIG, else ./standpipe-tail.yaml
  --check         read the configuration, say whether it can be used, and end
  --help          this

SIGHUP reads it again: sources change, nothing else does; a bad file changes nothing.
SIGTERM and SIGINT stop it: nothing more is read, acknowledgements are waited for up to shutdown.drainMsMax.
Keys of a section can be set by environment as well: collector.endpoint is STANDPIPE_TAIL_COLLECTOR_ENDPOINT.
All keys: clients/tail/REFERENCE.md.
`;

async function main(): Promise<number> {
  const options = readArguments();
  if (options.help === true) {
    process.stdout.write(HELP);
    return 0;
  }
  const path = options.config ?? process.env.STANDPIPE_TAIL_CONFIG ?? FILE_DEFAULT;
  const config = readConfig(path);
  if (options.check === true) {
    process.stdout.write("the configuration can be used\n");
    return 0;
  }
  return await run(config, () => readConfig(path));
}

function readArguments(): { config?: string; check?: boolean; help?: boolean } {
  const options = {
    config: { type: "string" },
    check: { type: "boolean" },
    help: { type: "boolean", short: "h" },
  } as const;
  try {
    return parseArgs({ options, strict: true }).values;
  } catch (reason) {
    const words = (reason as Error).message.split(". ")[0];
    throw new TailError("config_invalid", `${words}. Try --help.`, { cause: reason });
  }
}

function readConfig(path: string): TailConfig {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (cause) {
    const message = `can't read the configuration ${path} (${systemCodeOf(cause)}): name one with --config`;
    throw new TailError("config_invalid", message, { cause });
  }
  return loadTailConfig({ path, text }, process.env, sourceProblems);
}

/** Resolves with the exit code when a signal has stopped it. */
async function run(config: TailConfig, readAgain: () => TailConfig): Promise<number> {
  const log = createLog(config.log.level);
  // grpc-js writes lines of its own to standard error; what went wrong is in the status.
  setLogVerbosity(logVerbosity.NONE);
  const die = (reason: unknown): never => {
    log.fatal({ err: reason }, "a fault in the agent itself: it stops; positions are kept, nothing is lost");
    process.exit(1);
  };
  process.on("uncaughtException", die);
  process.on("unhandledRejection", die);

  const signalled = Promise.withResolvers<string>();
  for (const signal of ["SIGTERM", "SIGINT"] as const) process.on(signal, () => signalled.resolve(signal));

  const started = Promise.withResolvers<TailAgent>();
  let isStopping = false;
  // What comes in the middle of the start is obeyed when it is over; in a stop nothing is begun any more.
  let reloading: Promise<unknown> = started.promise;
  process.on("SIGHUP", () => {
    try {
      const changed = readAgain();
      const reload = async (): Promise<void> => {
        if (!isStopping) await (await started.promise).reload(changed);
      };
      reloading = reloading.then(reload).catch(die);
    } catch (reason) {
      if (!(reason instanceof TailError)) throw reason;
      log.error({ reason: reason.message }, "the configuration was read again and can't be used: nothing was changed");
    }
  });

  const agent = await startAgent(config, { clock: systemClock, log, onFault: die });
  started.resolve(agent);
  const signal = await signalled.promise;
  isStopping = true;
  log.info({ signal }, "stopping");
  await agent.stop();
  log.info({ unacknowledgedBytes: agent.status().waitingBytes }, "stopped; what is not acknowledged is read again");
  return 0;
}

try {
  process.exit(await main());
} catch (reason) {
  if (!(reason instanceof TailError)) throw reason;
  process.stderr.write(`standpipe tail: ${reason.message}\n`);
  process.exit(reason.code === "config_invalid" ? 2 : 1);
}
