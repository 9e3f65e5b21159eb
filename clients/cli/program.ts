/** Words in, an exit code out: commander parses them by the table of commands; help has examples; failures are sentences. */
import { CommanderError, Command as Parser } from "commander";
import { type Command, type OptionValues, textOf } from "./command.ts";
import { COMMANDS } from "./commands.ts";
import { type CommonOptions, Context, type Terminal } from "./context.ts";
import { EXIT_STOPPED, EXIT_UNASKED, Failure, toFailure } from "./failure.ts";

const ADDRESS_DEFAULT = "127.0.0.1:4320";
const TIMEOUT_SECONDS_DEFAULT = "10";

const GROUPS: Readonly<Record<string, string>> = {
  quarantine: "log records that their stream can never take",
  route: "what goes to which stream: list, pause, resume, set back",
  config: "the configuration: check a file, show what is in force",
};

/** Resolves with the exit code: 0 done, 1 refused or something found, 2 it could not be asked. */
export async function runProgram(words: readonly string[], terminal: Terminal): Promise<number> {
  let code = 0;
  const root = createParser(terminal, (made) => {
    code = made;
  });
  try {
    await root.parseAsync([...words], { from: "user" });
    return code;
  } catch (reason) {
    if (reason instanceof CommanderError) return reason.exitCode === 0 ? 0 : EXIT_UNASKED;
    const failure = toFailure(reason);
    // What fails since it was broken off is nobody's mistake.
    if (terminal.signal.aborted && failure?.exitCode !== EXIT_STOPPED) return EXIT_STOPPED;
    if (failure === undefined) throw reason;
    terminal.err(`standpipe: ${failure.message}\n`);
    return failure.exitCode;
  }
}

function createParser(terminal: Terminal, onCode: (code: number) => void): Parser {
  const configured = (parser: Parser): Parser =>
    parser
      .exitOverride()
      .configureOutput({
        writeOut: terminal.out,
        writeErr: (text) => terminal.err(text.replace(/^error: /, "standpipe: ")),
        getOutHasColors: () => terminal.hasColours,
        getErrHasColors: () => terminal.hasColours,
        getOutHelpWidth: () => Math.min(120, terminal.columns()),
        getErrHelpWidth: () => Math.min(120, terminal.columns()),
      })
      .showHelpAfterError("(see --help)");
  const root = configured(new Parser("standpipe"))
    .description("Looks into Standpipe collectors and has them do things, running or stopped.")
    .addHelpText(
      "after",
      "\nExit status: 0 done and nothing to worry about, 1 refused or something was found, 2 it could not be asked, 130 Ctrl-C broke it off.\nExamples: standpipe status; standpipe tail -f --severity ERROR; standpipe fsck /var/lib/standpipe",
    );
  const groups = new Map<string, Parser>();
  for (const command of COMMANDS) {
    const [head = "", sub] = command.name.split(" ");
    let parent = root;
    if (sub !== undefined) {
      parent = groups.get(head) ?? configured(root.command(head)).description(GROUPS[head] ?? "");
      groups.set(head, parent);
    }
    addCommand(configured(parent.command(sub ?? head)), command, terminal, onCode);
  }
  return root;
}

function addCommand(parser: Parser, command: Command, terminal: Terminal, onCode: (code: number) => void): void {
  const examples = command.examples.map((example) => `  $ ${example}`).join("\n");
  parser.description(command.summary).addHelpText("after", `\nExamples:\n${examples}`);
  for (const { name, description } of command.arguments ?? []) parser.argument(name, description);
  for (const { flags, description, fallback, isList } of command.options ?? []) {
    if (isList) parser.option(flags, description, (value: string, all: readonly string[] = []) => [...all, value]);
    else if (fallback === undefined) parser.option(flags, description);
    else parser.option(flags, description, fallback);
  }
  if (command.isRaw) {
    parser.argument("[words...]").allowUnknownOption().allowExcessArguments().helpOption(false);
  } else {
    parser.option("--json", "JSON instead of words for people");
    if (command.worksOffline)
      parser.option("--journal <directory>", "look into the folder of a stopped collector instead");
    if (!command.isLocal) addConnectionOptions(parser, terminal);
  }
  parser.action(async () => {
    const options = parser.opts<OptionValues>();
    onCode(await command.run(new Context(terminal, commonOf(options, terminal)), parser.args, options));
  });
}

function addConnectionOptions(parser: Parser, terminal: Terminal): void {
  parser
    .option(
      "--address <host:port>",
      `a collector's admin.grpcAddress (${addressDefault(terminal)}); several with commas between`,
    )
    .option("--all", "every collector that the name in --address stands for: a headless Service")
    .option("--timeout <seconds>", "how long an answer may take", TIMEOUT_SECONDS_DEFAULT)
    .option("--token-file <file>", "a token of admin.tokens")
    .option("--authorities <file>", "PEM: whose certificates are believed; the connection is TLS then")
    .option("--certificate <file>", "PEM: what you show, with --key")
    .option("--key <file>", "PEM")
    .option("--server-name <name>", "the name that the collector's certificate has");
}

/** Beside a collector, in its environment, its own key says where it is. */
function addressDefault({ environment }: Terminal): string {
  const own = environment.STANDPIPE_ADMIN_GRPC_ADDRESS;
  return own === undefined ? ADDRESS_DEFAULT : own.replace(/^(0\.0\.0\.0|\[::\]):/, "127.0.0.1:");
}

function commonOf(options: OptionValues, terminal: Terminal): CommonOptions {
  const seconds = Number(textOf(options, "timeout") ?? TIMEOUT_SECONDS_DEFAULT);
  if (!(seconds > 0 && seconds <= 86_400)) throw new Failure("--timeout is a number of seconds above 0");
  return {
    address: textOf(options, "address") ?? addressDefault(terminal),
    all: options.all === true,
    timeoutMs: seconds * 1_000,
    tokenFile: textOf(options, "tokenFile"),
    authorities: textOf(options, "authorities"),
    certificate: textOf(options, "certificate"),
    key: textOf(options, "key"),
    serverName: textOf(options, "serverName"),
    json: options.json === true,
    journal: textOf(options, "journal"),
  };
}
