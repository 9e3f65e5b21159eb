/**
 * `bun run migrate FILE...`: reads files, writes two configurations and a report.
 *
 * Exit codes: 0 everything was translated; 1 something is left to look at; 2 it could not be run as asked.
 */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { systemCodeOf, TailError } from "../errors.ts";
import { renderFindings } from "./findings.ts";
import { migrate } from "./migrate.ts";

export const MIGRATE_HELP = `Translates configurations of fluentd and Fluent Bit to those of Standpipe's agent and collector.

  standpipe migrate FILE... [--output DIRECTORY] [--env NAME=VALUE]... [--collector URL] [--json]

  FILE                fluentd's, Fluent Bit's (classic or YAML), or Kubernetes manifests with ConfigMaps that hold them; give
                      what they include as well
  --output DIRECTORY  where standpipe-tail.yaml, standpipe.yaml and migration.txt go; . unless told
  --env NAME=VALUE    a variable that they refer to; those of manifests are known
  --collector URL     where the agent will find the collector; http://standpipe:4317 unless told
  --json              JSON instead of the report for people
  --help              this

The report names every directive with file and line: what has no counterpart, what could lose logs before, what it has become.

Exit status: 0 everything was translated, 1 something is left to look at, 2 it could not be run as asked.

Examples:
  standpipe migrate fluent-bit.conf parsers.conf --output migrated
  kubectl get configmap fluentd -o yaml > fluentd.yaml; standpipe migrate fluentd.yaml --output migrated
`;

/** Runs the command. Resolves with the exit code. */
export function runMigrate(words: readonly string[], say: (text: string) => void): number {
  const text = { type: "string" } as const;
  const flag = { type: "boolean" } as const;
  let parsed: ReturnType<typeof read>;
  const read = () =>
    parseArgs({
      args: [...words],
      options: { output: text, env: { ...text, multiple: true }, collector: text, json: flag, help: flag },
      allowPositionals: true,
      strict: true,
    });
  try {
    parsed = read();
  } catch (reason) {
    throw new TailError("config_invalid", `${(reason as Error).message.split(". ")[0]}. Try --help.`, {
      cause: reason,
    });
  }
  const { values, positionals } = parsed;
  if (values.help === true) {
    say(MIGRATE_HELP);
    return 0;
  }
  if (positionals.length === 0) throw new TailError("config_invalid", "name the files to translate. Try --help.");
  const environment: Record<string, string> = {};
  for (const pair of values.env ?? []) {
    const [, name, value] = /^(\w+)=(.*)$/s.exec(pair) ?? [];
    if (name === undefined) throw new TailError("config_invalid", `--env is NAME=VALUE, and not ${pair}`);
    environment[name] = value ?? "";
  }
  const files = positionals.map((path) => {
    try {
      return { path, text: readFileSync(path, "utf8") };
    } catch (cause) {
      throw new TailError("config_invalid", `can't read ${path} (${systemCodeOf(cause)})`, { cause });
    }
  });
  const options = values.collector === undefined ? {} : { collectorEndpoint: values.collector };
  const { tail, collector, findings, isComplete } = migrate(files, { environment, ...options });
  const directory = values.output ?? ".";
  const report = renderFindings(findings);
  const paths = { agent: join(directory, "standpipe-tail.yaml"), collector: join(directory, "standpipe.yaml") };
  try {
    mkdirSync(directory, { recursive: true });
    writeFileSync(paths.agent, tail);
    writeFileSync(paths.collector, collector);
    writeFileSync(join(directory, "migration.txt"), report);
  } catch (cause) {
    throw new TailError("config_invalid", `can't write to ${directory} (${systemCodeOf(cause)})`, { cause });
  }
  if (values.json === true) say(`${JSON.stringify({ isComplete, ...paths, findings }, undefined, 2)}\n`);
  else say(`${report}\n${paths.agent} for the agent, ${paths.collector} for the collector\n`);
  return isComplete ? 0 : 1;
}

if (import.meta.main) {
  try {
    process.exit(runMigrate(process.argv.slice(2), (text) => process.stdout.write(text)));
  } catch (reason) {
    if (!(reason instanceof TailError)) throw reason;
    process.stderr.write(`standpipe migrate: ${reason.message}\n`);
    process.exit(2);
  }
}
