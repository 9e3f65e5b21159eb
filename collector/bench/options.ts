/** The words of `bun run bench` into options. Pure. */
import { parseArgs } from "node:util";

export const SCENARIOS = ["ingest", "delivery", "latency", "watched", "shares", "client", "backlog", "tail"] as const;
export type Scenario = (typeof SCENARIOS)[number];

export type BenchOptions =
  | { readonly kind: "help" }
  | { readonly kind: "target"; readonly target: string; readonly json: string }
  | { readonly kind: "bench"; readonly scenarios: readonly Scenario[]; readonly json: string };

export const HELP = `Holds the collector to its figures: each is a ratio within this run, the sides taken in turn, medians of the rounds.

  bun run bench [--long] [--only NAME]... [--json FILE]
  bun run bench --target HOST:PORT [--json FILE]

  --long              also a backlog of 5 GiB, filled and drained; needs some 4 GiB of disk and three minutes more
  --only NAME         one part: ingest, delivery, latency, watched, shares, client, backlog or tail; may be given more than once
  --target HOST:PORT  aims the load alone at any OTLP/gRPC endpoint (plaintext): 200 logs of 315 bytes to a request
  --json FILE         where the figures go as JSON; bench-out/bench.json unless told
  --help              this

The load comes from a process of its own, from requests made beforehand. The collector runs as \`bun run start\` runs it.
Linux only: CPU, memory and disk are read from /proc. What is written lands in bench-out/ and is removed at the end.
`;

const JSON_DEFAULT = "bench-out/bench.json";

/** Throws an Error of one sentence for words that mean nothing here. */
export function parseOptions(words: readonly string[]): BenchOptions {
  const { values } = read(words);
  if (values.help === true) return { kind: "help" };
  const json = values.json ?? JSON_DEFAULT;
  if (json === "") throw new Error("--json needs the name of a file.");
  if (values.target !== undefined) {
    if (values.only !== undefined || values.long === true)
      throw new Error("--target aims the load alone: --only and --long say nothing about another endpoint.");
    return { kind: "target", target: parseTarget(values.target), json };
  }
  const named = (values.only ?? []).map(parseScenario);
  const usual = SCENARIOS.filter((scenario) => scenario !== "backlog" || values.long === true);
  const scenarios = named.length === 0 ? usual : SCENARIOS.filter((each) => named.includes(each));
  return { kind: "bench", scenarios, json };
}

function read(words: readonly string[]) {
  const text = { type: "string" } as const;
  const flag = { type: "boolean" } as const;
  const options = { long: flag, only: { ...text, multiple: true }, target: text, json: text, help: flag } as const;
  try {
    return parseArgs({ args: [...words], options, strict: true, allowPositionals: false });
  } catch (reason) {
    const sentence = (reason as Error).message.split(". ")[0] ?? "";
    throw new Error(`${sentence.replace(/\.$/, "")}.`, { cause: reason });
  }
}

function parseScenario(name: string): Scenario {
  const scenario = SCENARIOS.find((each) => each === name);
  if (scenario === undefined) throw new Error(`--only is one of ${SCENARIOS.join(", ")}, and not "${name}".`);
  return scenario;
}

function parseTarget(target: string): string {
  const [, port] = /^(?:\[[0-9a-fA-F:.]+\]|[^:/\s[\]]+):(\d{1,5})$/.exec(target) ?? [];
  if (port === undefined || Number(port) < 1 || Number(port) > 65_535)
    throw new Error(`--target is host:port, for example 127.0.0.1:4317, and not "${target}".`);
  return target;
}
