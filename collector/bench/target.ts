/** The load alone, aimed at any OTLP/gRPC endpoint, so that users can hold other collectors to it. */
import { Children, canConnect } from "./children.ts";
import type { Figure } from "./figures.ts";
import { percentile } from "./statistics.ts";

const REQUESTS = { large: 2_000, small: 1, seed: 1 };
const ROUNDS = 5;
const ROUND_MS = 3_000;
const LOAD = { connections: 4, callsEach: 8 };

/** Figures without a reach: what the endpoint acknowledges is its own business. Rejects when nothing answers. */
export async function measureTarget(target: string, tell: (progress: string) => void): Promise<Figure[]> {
  if (!(await canConnect(target))) throw new Error(`nothing listens at ${target}.`);
  const children = new Children();
  try {
    tell("making the requests");
    const loader = await children.startLoader(REQUESTS);
    const logsPerSecond: number[] = [];
    const latenciesMs: number[] = [];
    const refused = new Map<string, number>();
    for (let round = 0; round <= ROUNDS; round++) {
      tell(round === 0 ? "warming up" : `round ${round} of ${ROUNDS}`);
      const result = await loader.order({ kind: "saturate", target, ...LOAD, durationMs: ROUND_MS });
      if (round === 0) continue;
      logsPerSecond.push(result.acknowledgedLogs / (result.elapsedMs / 1000));
      latenciesMs.push(...result.latenciesMs);
      for (const [status, calls] of Object.entries(result.refused))
        refused.set(status, (refused.get(status) ?? 0) + calls);
    }
    if (latenciesMs.length === 0) throw new Error(`${target} acknowledged nothing: ${describe(refused)}`);
    return toFigures(logsPerSecond, latenciesMs, refused);
  } finally {
    await children.stopAll();
  }
}

function toFigures(
  logsPerSecond: readonly number[],
  latenciesMs: readonly number[],
  refused: ReadonlyMap<string, number>,
): Figure[] {
  const plain = { reach: undefined, parts: [], rounds: [] };
  const percentiles = [50, 90, 99, 99.9].map(
    (percent): Figure => ({
      ...plain,
      name: `latency of an export, p${percent}`,
      value: percentile(latenciesMs, percent),
      unit: "ms",
    }),
  );
  const acknowledged: Figure = {
    ...plain,
    name: "acknowledged logs/s",
    value: percentile(logsPerSecond, 50),
    unit: "logs/s",
    rounds: logsPerSecond,
    note: `refused calls: ${describe(refused)}`,
  };
  return [acknowledged, ...percentiles];
}

function describe(refused: ReadonlyMap<string, number>): string {
  return refused.size === 0 ? "none" : [...refused].map(([status, calls]) => `${calls} x ${status}`).join(", ");
}
