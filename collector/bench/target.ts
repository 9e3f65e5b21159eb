/**
 * The load alone, aimed at any OTLP/gRPC endpoints, so that users can hold other collectors to it: as much as each takes,
 * then the same pace for each, the endpoints in turn. Where a process is named, what it took of CPU, memory and disk.
 */
import { Children } from "./children.ts";
import { toFrame } from "./connection.ts";
import { type Figure, type Part, ratioFigure } from "./figures.ts";
import type { LoadResult } from "./load.ts";
import type { Target } from "./options.ts";
import { probe } from "./probe.ts";
import { type ProcessFacts, readProcessFacts } from "./process-facts.ts";
import { createRequests } from "./requests.ts";
import { median, percentile } from "./statistics.ts";

const REQUESTS = { large: 2_000, small: 1_000, seed: 1 };
const ROUNDS = 5;
const ROUND_MS = 3_000;
const LOAD = { connections: 4, callsEach: 8 };
const PACED_ROUNDS = 3;
const PACED_MS = 5_000;
/** Of 50 log records each. */
const PACED_CALLS_PER_SECOND = 100;

/** What was measured of one endpoint. */
interface Measured {
  readonly target: Target;
  readonly logsPerSecond: number[];
  readonly cpuUsPerLog: number[];
  readonly bytesPerLog: number[];
  /** The latencies of each round. */
  readonly saturatedMs: (readonly number[])[];
  readonly pacedMs: (readonly number[])[];
  readonly refused: Map<string, number>;
  residentBytesPeak: number;
}

/** Figures without a reach: what an endpoint acknowledges, and when, is its own business. Rejects when one can't be loaded. */
export async function measureTargets(targets: readonly Target[], tell: (progress: string) => void): Promise<Figure[]> {
  const [request] = createRequests({ count: 1, recordsEach: 1, seed: 1 });
  if (request === undefined) throw new Error("there is no request to try");
  for (const target of targets) {
    factsOf(target);
    await probe(target.address, toFrame(request));
  }
  const children = new Children();
  try {
    tell("making the requests");
    const loader = await children.startLoader(REQUESTS);
    const all = targets.map(emptyMeasured);
    for (let round = 0; round <= ROUNDS; round++) {
      tell(round === 0 ? "warming up" : `as much as each takes: round ${round} of ${ROUNDS}`);
      for (const measured of all) {
        const { address } = measured.target;
        const before = factsOf(measured.target);
        const result = await loader.order({ kind: "saturate", target: address, ...LOAD, durationMs: ROUND_MS });
        if (result.acknowledgedLogs === 0)
          throw new Error(`${address} acknowledged nothing: ${describe(noteRefused(measured, result))}.`);
        if (round > 0) noteSaturated(measured, result, before);
      }
    }
    // Once for nothing: disks still write what came before.
    for (let round = 0; round <= PACED_ROUNDS; round++) {
      tell(
        `at ${PACED_CALLS_PER_SECOND * 50} logs/s: ${round === 0 ? "warming up" : `round ${round} of ${PACED_ROUNDS}`}`,
      );
      for (const measured of all) {
        const paced = { connections: LOAD.connections, callsPerSecond: PACED_CALLS_PER_SECOND, durationMs: PACED_MS };
        const result = await loader.order({ kind: "pace", target: measured.target.address, ...paced });
        noteRefused(measured, result);
        if (round > 0 && result.latenciesMs.length > 0) measured.pacedMs.push(result.latenciesMs);
        measured.residentBytesPeak = factsOf(measured.target)?.residentBytesPeak ?? 0;
      }
    }
    return [...all.flatMap(toFigures), ...toRatios(all)];
  } finally {
    await children.stopAll();
  }
}

function emptyMeasured(target: Target): Measured {
  return {
    target,
    logsPerSecond: [],
    cpuUsPerLog: [],
    bytesPerLog: [],
    saturatedMs: [],
    pacedMs: [],
    refused: new Map(),
    residentBytesPeak: 0,
  };
}

/** Undefined where no process is named. Throws an Error of one sentence. */
function factsOf({ pid }: Target): ProcessFacts | undefined {
  if (pid === undefined) return undefined;
  try {
    return readProcessFacts(pid);
  } catch (cause) {
    const code = String((cause as { code?: unknown }).code);
    const why = code === "EACCES" ? "belongs to somebody else: run this as that user, or as root" : "is not there";
    throw new Error(`the process ${pid} ${why} (${code}).`, { cause });
  }
}

function noteSaturated(measured: Measured, result: LoadResult, before: ProcessFacts | undefined): void {
  const logs = result.acknowledgedLogs;
  noteRefused(measured, result);
  measured.logsPerSecond.push(logs / (result.elapsedMs / 1000));
  measured.saturatedMs.push(result.latenciesMs);
  const after = factsOf(measured.target);
  if (before === undefined || after === undefined) return;
  measured.cpuUsPerLog.push(((after.cpuSeconds - before.cpuSeconds) * 1e6) / logs);
  measured.bytesPerLog.push((after.writtenBytes - before.writtenBytes) / logs);
}

function noteRefused(measured: Measured, { refused }: LoadResult): ReadonlyMap<string, number> {
  for (const [status, calls] of Object.entries(refused))
    measured.refused.set(status, (measured.refused.get(status) ?? 0) + calls);
  return measured.refused;
}

function toFigures(measured: Measured): Figure[] {
  const { target, logsPerSecond, cpuUsPerLog, bytesPerLog, saturatedMs, pacedMs, refused } = measured;
  const plain = { reach: undefined, parts: [], rounds: [] };
  const figure = (name: string, value: number, unit: Figure["unit"], more: Partial<Figure> = {}): Figure => ({
    ...plain,
    name: `${target.name}: ${name}`,
    value,
    unit,
    ...more,
  });
  const paced = `an export at ${PACED_CALLS_PER_SECOND * 50} logs/s`;
  const note = `calls that were not acknowledged: ${describe(refused)}`;
  return [
    figure("acknowledged logs/s", median(logsPerSecond), "logs/s", { rounds: logsPerSecond, note }),
    figure("an export under that load, p50", ...percentiles(saturatedMs)),
    ...(pacedMs.length === 0 ? [] : [figure(`${paced}, p50`, ...percentiles(pacedMs))]),
    ...(cpuUsPerLog.length === 0
      ? []
      : [
          figure("CPU per acknowledged log", median(cpuUsPerLog), "us", { rounds: cpuUsPerLog }),
          figure("written to the disk per acknowledged log", median(bytesPerLog), "B", { rounds: bytesPerLog }),
          figure("resident memory, at most", measured.residentBytesPeak, "bytes"),
        ]),
  ];
}

/** The median over the rounds of each percentile: one round in which the machine was busy elsewhere does not count. */
function percentiles(rounds: readonly (readonly number[])[]): [number, "ms", { parts: Part[]; rounds: number[] }] {
  const over = (percent: number): number[] => rounds.map((latenciesMs) => percentile(latenciesMs, percent));
  const parts = [90, 99, 99.9].map(
    (percent): Part => ({ label: `p${percent}`, value: median(over(percent)), unit: "ms" }),
  );
  return [median(over(50)), "ms", { parts, rounds: over(50) }];
}

/** The first endpoint held to each of the others, round by round. */
function toRatios([first, ...others]: readonly Measured[]): Figure[] {
  if (first === undefined) return [];
  return others.flatMap((other) => {
    const held = (what: string, unit: "logs/s" | "us", of: (measured: Measured) => number[]): Figure[] => {
      if (of(first).length === 0 || of(other).length === 0) return [];
      return [
        ratioFigure({
          name: `${first.target.name} over ${other.target.name}: ${what}`,
          reach: undefined,
          over: { label: first.target.name, unit, rounds: of(first) },
          under: { label: other.target.name, unit, rounds: of(other) },
        }),
      ];
    };
    return [
      ...held("acknowledged logs/s", "logs/s", ({ logsPerSecond }) => logsPerSecond),
      ...held("CPU per acknowledged log", "us", ({ cpuUsPerLog }) => cpuUsPerLog),
    ];
  });
}

function describe(refused: ReadonlyMap<string, number>): string {
  return refused.size === 0 ? "none" : [...refused].map(([status, calls]) => `${calls} x ${status}`).join(", ");
}
