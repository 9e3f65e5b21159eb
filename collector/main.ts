/**
 * The process: arguments, environment, signals, exit code. Nothing else in the collector reads process.env or exits.
 *
 * Exit codes: 0 stopped as asked; 1 something failed, or no peer took what it was to take: the journal keeps it; 2 it could not be started as
 * configured.
 */
import { existsSync, readFileSync } from "node:fs";
import { resolve } from "node:path";
import { parseArgs } from "node:util";
import { logVerbosity, setLogVerbosity } from "@grpc/grpc-js";
import { systemClock } from "./clock.ts";
import { type Collector, startCollector } from "./collector.ts";
import { type Config, loadConfig } from "./config/config.ts";
import { lineProblems } from "./delivery/lines.ts";
import { CollectorError } from "./errors.ts";
import { createLog } from "./log.ts";

const FILE_DEFAULT = "standpipe.yaml";

const HELP = `Standpipe takes logs over OTLP/gRPC, answers OK when they are on disk, and delivers every one to Amazon Data Firehose.

  bun run start [--config FILE] [--check | --until-delivered]

  --config FILE      configuration file; else STANDPIPE_CONFIG, else ./standpipe.yaml where it is
  --check            read the configuration, say whether it can be used, and end
  --until-delivered  deliver what waits and what journal.adoptFrom names, then end: for a job that empties volumes
  --help             this

SIGHUP reads it again: routes and rates change, nothing else does; a bad file changes nothing.
Every key can be set by environment as well: firehose.stream is STANDPIPE_FIREHOSE_STREAM.
AWS credentials and region come from the AWS default chain (environment, profile, pod identity).
All keys: collector/REFERENCE.md.
`;

async function main(): Promise<number> {
  const options = readArguments();
  if (options.help === true) {
    process.stdout.write(HELP);
    return 0;
  }
  const config = readConfig(options.config ?? process.env.STANDPIPE_CONFIG);
  if (options.check === true) {
    process.stdout.write("the configuration can be used\n");
    return 0;
  }
  const readAgain = (): Config => readConfig(options.config ?? process.env.STANDPIPE_CONFIG);
  return await run(config, readAgain, options["until-delivered"] === true);
}

function readArguments(): { config?: string; check?: boolean; help?: boolean; "until-delivered"?: boolean } {
  const options = {
    config: { type: "string" },
    check: { type: "boolean" },
    "until-delivered": { type: "boolean" },
    help: { type: "boolean", short: "h" },
  } as const;
  try {
    return parseArgs({ options, strict: true }).values;
  } catch (reason) {
    const words = (reason as Error).message.split(". ")[0];
    throw new CollectorError("config_invalid", `${words}. Try --help.`, { cause: reason });
  }
}

function readConfig(named: string | undefined): Config {
  const path = named ?? FILE_DEFAULT;
  if (named === undefined && !existsSync(path)) return loadConfig(undefined, process.env, lineProblems);
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (cause) {
    const code = (cause as { code?: string }).code ?? String(cause);
    const words = `can't read the configuration ${path} (${code}): name a file with --config, or set STANDPIPE_CONFIG; nothing was started`;
    throw new CollectorError("config_invalid", words, { cause });
  }
  return loadConfig({ path, text }, process.env, lineProblems);
}

/** Resolves with the exit code when a signal has stopped it, or when nothing waits any more, where that is the end. */
async function run(config: Config, readAgain: () => Config, endsWhenDelivered: boolean): Promise<number> {
  const log = createLog(config.log.level);
  // grpc-js writes lines of its own to standard error, which is a log of JSON; what went wrong reaches us as an error.
  setLogVerbosity(logVerbosity.NONE);
  const die = (reason: unknown): never => {
    log.fatal({ err: reason }, "a fault in Standpipe itself: it stops; the journal keeps what was accepted");
    process.exit(1);
  };
  process.on("uncaughtException", die);
  process.on("unhandledRejection", die);

  const signalled = Promise.withResolvers<string>();
  // A second signal does not shorten the stop: what is being settled would be sent again.
  for (const signal of ["SIGTERM", "SIGINT"] as const) process.on(signal, () => signalled.resolve(signal));

  let running: Collector | undefined;
  let isReloadDue = false;
  process.on("SIGHUP", () => {
    // What is being started was read before.
    isReloadDue = running === undefined;
    try {
      running?.reload(readAgain()).catch(die);
    } catch (reason) {
      if (!(reason instanceof CollectorError)) throw reason;
      log.error({ reason: reason.message }, "the configuration was read again and can't be used: nothing was changed");
    }
  });

  const collector = await startCollector(config, { clock: systemClock, random: Math.random, log, onBug: die });
  running = collector;
  if (isReloadDue) process.emit("SIGHUP");
  const stopping = new AbortController();
  if (endsWhenDelivered) {
    collector.untilDelivered(stopping.signal).then(() => signalled.resolve("all is delivered"), die);
  }
  log.info({ signal: await signalled.promise }, "stopping");
  stopping.abort();
  await collector.stop();
  const waiting = collector.status().routes.map(({ route, ledger }) => ({ route, logRecords: String(ledger.waiting) }));
  const left = collector
    .leftBehind()
    .map(({ left: logRecords, ...each }) => ({ ...each, logRecords: String(logRecords) }));
  if (left.length === 0) {
    log.info({ waiting }, "stopped; what waits is in the journal and goes on at the next start");
    return endsWhenDelivered && collector.notAdopted().length > 0 ? 1 : 0;
  }
  const directory = resolve(config.journal.directory);
  log.error(
    { left, waiting, directory },
    "stopped with logs that no other replica took: they are in the journal's folder, which must be kept; start a collector with it, or name it in journal.adoptFrom of another",
  );
  return 1;
}

try {
  process.exit(await main());
} catch (reason) {
  if (!(reason instanceof CollectorError)) throw reason;
  process.stderr.write(`standpipe: ${reason.message}\n`);
  process.exit(reason.code === "config_invalid" ? 2 : 1);
}
