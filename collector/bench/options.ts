/** The words of `bun run bench` into options. Pure. */
import { parseArgs } from "node:util";

export const SCENARIOS = ["ingest", "delivery", "latency", "watched", "shares", "client", "backlog", "tail"] as const;
export type Scenario = (typeof SCENARIOS)[number];

/** An endpoint of somebody's. */
export interface Target {
  /** What it is called in the figures. */
  readonly name: string;
  /** host:port. */
  readonly address: string;
  /** The process behind it. */
  readonly pid: number | undefined;
}

export type BenchOptions =
  | { readonly kind: "help" }
  | { readonly kind: "target"; readonly targets: readonly Target[]; readonly json: string }
  | { readonly kind: "bench"; readonly scenarios: readonly Scenario[]; readonly json: string };

export const HELP = `Holds the collector to its figures: each is a ratio within this run, the sides taken in turn, medians of the rounds.

  bun run bench [--long] [--only NAME]... [--json FILE]
  bun run bench (--target [NAME=]HOST:PORT [--pid PID])... [--json FILE]

  --long              also a backlog of 5 GiB, filled and drained; needs some 4 GiB of disk and three minutes more
  --only NAME         one part: ingest, delivery, latency, watched, shares, client, backlog or tail; may be given more than once
  --target [NAME=]HOST:PORT
                      aims the load alone at any OTLP/gRPC endpoint (plaintext): as much as it takes, 200 logs of 315 bytes
                      to a request, and the latency at 5,000 logs/s; several endpoints get it in turn
  --pid PID           the process behind the target, for its CPU, memory and disk; once for each target, in their order
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
    return { kind: "target", targets: parseTargets(values.target, values.pid ?? []), json };
  }
  if (values.pid !== undefined) throw new Error("--pid names the process behind a --target, and there is none.");
  const named = (values.only ?? []).map(parseScenario);
  const usual = SCENARIOS.filter((scenario) => scenario !== "backlog" || values.long === true);
  const scenarios = named.length === 0 ? usual : SCENARIOS.filter((each) => named.includes(each));
  return { kind: "bench", scenarios, json };
}

function read(words: readonly string[]) {
  const text = { type: "string" } as const;
  const flag = { type: "boolean" } as const;
  const many = { type: "string", multiple: true } as const;
  const options = { long: flag, only: many, target: many, pid: many, json: text, help: flag } as const;
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

function parseTargets(words: readonly string[], pids: readonly string[]): Target[] {
  if (pids.length > 0 && pids.length !== words.length)
    throw new Error(
      `--pid goes with --target, one for each: there are ${words.length} targets and ${pids.length} processes.`,
    );
  const targets = words.map((word, index): Target => {
    const [, name, address = ""] = /^(?:([^=]+)=)?(.*)$/.exec(word) ?? [];
    const [, port] = /^(?:\[[0-9a-fA-F:.]+\]|[^:/\s[\]]+):(\d{1,5})$/.exec(address) ?? [];
    if (port === undefined || Number(port) < 1 || Number(port) > 65_535)
      throw new Error(`--target is host:port, for example 127.0.0.1:4317, and not "${word}".`);
    return { name: name ?? address, address, pid: parsePid(pids[index]) };
  });
  const names = targets.map(({ name }) => name);
  if (new Set(names).size < names.length) throw new Error("each --target needs a name of its own.");
  return targets;
}

function parsePid(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (!/^[1-9]\d{0,9}$/.test(text)) throw new Error(`--pid is the number of a process, and not "${text}".`);
  return Number(text);
}
