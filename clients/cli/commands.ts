/** Every command there is, in the order in which help shows them. A new one is a row here. */
import { TailError } from "../tail/errors.ts";
import { runMigrate } from "../tail/migrate/main.ts";
import { runVerify } from "../verify/command.ts";
import type { Command } from "./command.ts";
import { checkCommands } from "./commands/check.ts";
import { entryCommands } from "./commands/entries.ts";
import { operateCommands, routeCommands } from "./commands/operate.ts";
import { quarantineCommands } from "./commands/quarantine.ts";
import { ledgerCommand, segmentsCommand, statusCommand } from "./commands/status.ts";
import { topCommand } from "./commands/top.ts";
import { completionScript, SHELLS, type Shell } from "./completion.ts";
import { EXIT_UNASKED, Failure } from "./failure.ts";

const verifyCommand: Command = {
  name: "verify",
  summary: "holds what arrived (a folder, S3) against the ledger: what is missing, doubled, foreign",
  examples: ["standpipe verify --from s3://my-bucket/logs/ --ledger ledger.json"],
  isRaw: true,
  isLocal: true,
  run: ({ terminal }, words) =>
    runVerify(words, {
      out: terminal.out,
      err: terminal.err,
      isInteractive: terminal.showsProgress,
      signal: terminal.signal,
    }),
};

const migrateCommand: Command = {
  name: "migrate",
  summary: "from configurations of fluentd and Fluent Bit to those of Standpipe, with a report",
  examples: ["standpipe migrate fluent-bit.conf parsers.conf --output migrated"],
  isRaw: true,
  isLocal: true,
  run: async ({ terminal }, words) => {
    try {
      return runMigrate(words, terminal.out);
    } catch (reason) {
      if (reason instanceof TailError) throw new Failure(reason.message, EXIT_UNASKED, reason);
      throw reason;
    }
  },
};

/** Those that all have which ask a collector; for completion. */
const COMMON_FLAGS = [
  "--address",
  "--all",
  "--json",
  "--timeout",
  "--token-file",
  "--authorities",
  "--certificate",
  "--key",
  "--server-name",
];

const completionCommand: Command = {
  name: "completion",
  summary: "a completion script for bash, zsh or fish",
  arguments: [{ name: "<shell>", description: SHELLS.join(", ") }],
  examples: ["standpipe completion bash > /etc/bash_completion.d/standpipe"],
  isLocal: true,
  run: async (context, [shell = ""]) => {
    if (!SHELLS.includes(shell as Shell)) throw new Failure(`${shell} is none of ${SHELLS.join(", ")}`);
    context.out(completionScript(shell as Shell, COMMANDS, COMMON_FLAGS));
    return 0;
  },
};

export const COMMANDS: readonly Command[] = [
  statusCommand,
  topCommand,
  ledgerCommand,
  segmentsCommand,
  ...entryCommands,
  ...quarantineCommands,
  ...routeCommands,
  ...operateCommands,
  ...checkCommands,
  verifyCommand,
  migrateCommand,
  completionCommand,
];
