/** The reference page, written from the schema and from the table of errors. */
import { status } from "@grpc/grpc-js";
import { type ConfigKey, configKeys, routeKeys } from "../config/config.ts";
import { describeBytes } from "../config/values.ts";
import { ERROR_CODES } from "../errors.ts";

/** The text of collector/REFERENCE.md. */
export function referencePage(): string {
  const sections = [...new Set(configKeys().map(({ section }) => section))];
  return `# Reference

Written by \`bun run generate\` from the schema and the error table; a test fails when it is stale.

## Configuration

In \`standpipe.yaml\` (or the file named by \`--config\` or \`STANDPIPE_CONFIG\`), with the environment going first. Sizes are
integers or texts such as \`512MiB\`. An unknown key, in the file or among the \`STANDPIPE_\` variables, is an error; all problems
are told at once, before anything is started. AWS credentials, and the region where it is not given, come from the AWS
default chain.

${sections.map(sectionTable).join("\n")}
### routes

A list, each with any key of \`firehose\` and these; what a route does not say it has from \`firehose\`. Without the list there is
one route, \`default\`.

| key | default | |
| --- | --- | --- |
${routeKeys()
  .map((each) => `| \`${each.key}\` | ${each.key === "name" ? "needed" : each.fallback} | ${describe(each)} |`)
  .join("\n")}

## Errors

What an OTLP client gets. The code stands in the log and in the counters of \`/status\`; UNAVAILABLE always carries RetryInfo.

| code | gRPC status | send again? | meaning |
| --- | --- | --- | --- |
${Object.entries(ERROR_CODES)
  .map(
    ([code, { status: number, retryable, meaning }]) =>
      `| \`${code}\` | ${status[number]} | ${retryable ? "yes" : "no"} | ${meaning} |`,
  )
  .join("\n")}

A message larger than \`ingest.requestBytesMax\` is answered RESOURCE_EXHAUSTED without RetryInfo, which OTLP clients do not send
again.
`;
}

function sectionTable(section: string): string {
  const rows = configKeys()
    .filter((each) => each.section === section)
    .map(
      (each) =>
        `| \`${each.key}\` | ${describeDefault(each.key, each.fallback)} | ${describe(each)} | \`${each.variable}\` |`,
    );
  return `### ${section}\n\n| key | default | | environment |\n| --- | --- | --- | --- |\n${rows.join("\n")}\n`;
}

function describe({ description, choices }: ConfigKey): string {
  return choices.length === 0 ? description : `${description} ${choices.map((word) => `\`${word}\``).join(", ")}.`;
}

function describeDefault(key: string, fallback: unknown): string {
  if (fallback === undefined) return key === "stream" ? "needed" : "-";
  return typeof fallback === "number" && /bytes/i.test(key) ? describeBytes(fallback) : String(fallback);
}
