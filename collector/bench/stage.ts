/** What the scenarios have in common: who takes part, and two sides under the same load in turn. */
import { join } from "node:path";
import { systemClock } from "../clock.ts";
import type { Children, CollectorProcess, Endpoint, FirehoseProcess, Loader } from "./children.ts";

export interface ScenarioOptions {
  /** Everything that is written lands in here. */
  readonly directory: string;
  readonly settings: Readonly<Record<string, string>>;
  readonly tell: (progress: string) => void;
}

export const LOAD = { connections: 4, callsEach: 8 };
export const WARM_UP_MS = 4_000;
export const ROUND_MS = 3_000;
export const ROUNDS = 5;

const STREAM = "bench";

export interface Stage extends ScenarioOptions {
  readonly children: Children;
  readonly loader: Loader;
}

export async function startParts(
  { children, directory, settings }: Stage,
  stream: string,
  further: Record<string, string> = {},
): Promise<{ collector: CollectorProcess; firehose: FirehoseProcess }> {
  const firehose = await children.startFirehose(join(directory, "objects"), STREAM);
  const collector = await children.startCollector({
    directory: join(directory, "journal"),
    firehose,
    stream,
    settings: { ...settings, ...further },
  });
  return { collector, firehose };
}

export interface Round {
  readonly logsPerSecond: number;
  /** The same, over the time until `settle` was done. */
  readonly settledLogsPerSecond: number;
  readonly cpuUsPerLog: number;
}

/** The rounds of each endpoint, in the order that they were given in. */
export type RoundsOf<E extends readonly Endpoint[]> = { readonly [K in keyof E]: Round[] };

/** Saturates each in turn, and waits for `settle` after it; its time and CPU count to the log records before it. */
export async function inTurn<const E extends readonly Endpoint[]>(
  stage: Stage,
  name: string,
  endpoints: E,
  settle: (endpoint: Endpoint) => Promise<void>,
  /** Called before each round; what it returns ends what it began. */
  begin: (endpoint: Endpoint) => Promise<() => void> = async () => () => undefined,
): Promise<RoundsOf<E>> {
  const rounds = endpoints.map((): Round[] => []);
  const measure = async (endpoint: Endpoint, durationMs: number): Promise<Round> => {
    const end = await begin(endpoint);
    const before = endpoint.facts().cpuSeconds;
    const sinceMs = systemClock.monotonicMs();
    const result = await stage.loader.order({ kind: "saturate", target: endpoint.target, ...LOAD, durationMs });
    assertAllTaken(endpoint.name, result.refused);
    await settle(endpoint);
    end();
    const logs = result.acknowledgedLogs;
    return {
      logsPerSecond: logs / (result.elapsedMs / 1000),
      settledLogsPerSecond: logs / ((systemClock.monotonicMs() - sinceMs) / 1000),
      cpuUsPerLog: ((endpoint.facts().cpuSeconds - before) * 1e6) / logs,
    };
  };
  stage.tell(`${name}: warming up`);
  for (const endpoint of endpoints) await measure(endpoint, WARM_UP_MS);
  for (let round = 1; round <= ROUNDS; round++) {
    stage.tell(`${name}: round ${round} of ${ROUNDS}`);
    for (const [index, endpoint] of endpoints.entries()) rounds[index]?.push(await measure(endpoint, ROUND_MS));
  }
  return rounds as RoundsOf<E>;
}

export function assertAllTaken(name: string, refused: Readonly<Record<string, number>>): void {
  const words = Object.entries(refused).map(([status, calls]) => `${calls} x ${status}`);
  if (words.length > 0) throw new Error(`${name} refused calls: ${words.join(", ")}`);
}
