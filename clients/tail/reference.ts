/** The reference page of the agent's configuration, written from its schema by `bun run generate`. */
import { tailConfigKeys, variableOf } from "./config.ts";

/** The text of clients/tail/REFERENCE.md. */
export function tailReferencePage(): string {
  const keys = tailConfigKeys();
  const sections = [...new Set(keys.map(({ section }) => section))];
  return `# Reference of the tailing agent

Written by \`bun run generate\` from the schema; a test fails when it is stale. A file, \`standpipe-tail.yaml\`, with these
sections and a list \`sources\`. Sizes are integers or texts such as \`512KiB\`. An unknown key is an error; all problems are told at
once, before anything is started.

${sections
  .map((section) => {
    const isSource = section === "source";
    const rows = keys
      .filter((each) => each.section === section)
      .map(({ key, fallback, description: words, choices }) => {
        const listed = choices.map((word) => `\`${word}\``).join(", ");
        const description = listed === "" ? words : `${words} ${listed}.`;
        const environment = isSource ? "" : ` | \`${variableOf(section, key)}\``;
        return `| \`${key}\` | ${describe(key, fallback)} | ${description}${environment} |`;
      });
    const head = isSource
      ? "| key | default | |\n| --- | --- | --- |"
      : "| key | default | | environment |\n| --- | --- | --- | --- |";
    return `## ${isSource ? "each of sources" : section}\n\n${head}\n${rows.join("\n")}\n`;
  })
  .join("\n")}`;
}

function describe(key: string, fallback: unknown): string {
  if (key === "name" || key === "include") return "needed";
  if (fallback === undefined) return "-";
  if (typeof fallback === "number" && /bytes/i.test(key)) {
    const [unit, factor] = fallback % 1_048_576 === 0 ? ["MiB", 1_048_576] : ["KiB", 1024];
    return `${fallback / Number(factor)}${unit}`;
  }
  const text = typeof fallback === "object" ? JSON.stringify(fallback) : String(fallback);
  return text === "[]" || text === "{}" ? "none" : text.replace(/^\["(.*)"\]$/, "$1");
}
