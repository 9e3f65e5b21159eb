/**
 * The client SDK against the stock exporter, the same records through both, on a collector that can't deliver: stream, unary
 * and stock in turn, at several batch sizes; then a client that nobody takes logs from, for its memory.
 */
import { join } from "node:path";
import { type ClientResult, FULL_BYTES } from "./client-loader.ts";
import { type Figure, ratioFigure } from "./figures.ts";
import { type Stage, startParts } from "./stage.ts";

const KINDS = ["stock", "unary", "stream"] as const;
const SIZES = [
  { records: 1, inFlight: 64 },
  { records: 20, inFlight: 16 },
  { records: 200, inFlight: 8 },
  { records: 1_000, inFlight: 4 },
];
const ROUNDS = 3;
const ROUND_MS = 2_000;
const MEMORY_BYTES_OVER = 30 * 1024 * 1024;
const NOBODY = "127.0.0.1:1";

type Series = Record<"logsPerSecond" | "clientCpuUs" | "collectorCpuUs", number[]>;

export async function measureClient(stage: Stage): Promise<Figure[]> {
  const { collector } = await startParts(stage, "no-such-stream", { STANDPIPE_JOURNAL_BYTES_MAX: "8GiB" });
  const figures: Figure[] = [];
  for (const { records, inFlight } of SIZES) {
    const series = Object.fromEntries(
      KINDS.map((kind): [string, Series] => [kind, { logsPerSecond: [], clientCpuUs: [], collectorCpuUs: [] }]),
    ) as Record<(typeof KINDS)[number], Series>;
    for (let round = 1; round <= ROUNDS; round++) {
      stage.tell(`client: batches of ${records}, round ${round} of ${ROUNDS}`);
      for (const kind of KINDS) {
        const before = collector.facts().cpuSeconds;
        const result = await runLoader(kind, collector.target, records, inFlight, ROUND_MS);
        const { logsPerSecond, clientCpuUs, collectorCpuUs } = series[kind];
        logsPerSecond.push(result.logs / (result.elapsedMs / 1_000));
        clientCpuUs.push((result.cpuSeconds * 1e6) / result.logs);
        // Its warm-up is in the numerator alone, for all kinds the same.
        collectorCpuUs.push(((collector.facts().cpuSeconds - before) * 1e6) / result.logs);
      }
    }
    const ratio = (
      name: string,
      of: keyof Series,
      over: (typeof KINDS)[number],
      under: (typeof KINDS)[number],
      reach: Figure["reach"],
    ): Figure => {
      const unit = of === "logsPerSecond" ? "logs/s" : "us";
      const side = (label: (typeof KINDS)[number]) => ({ label, unit, rounds: series[label][of] }) as const;
      return ratioFigure({ name: `${name}, batches of ${records}`, reach, over: side(over), under: side(under) });
    };
    const isSingle = records === 1 ? ({ bound: "least", of: 3 } as const) : undefined;
    const isUsual = records === 200 ? ({ bound: "most", of: 1 } as const) : undefined;
    figures.push(
      ratio("client: logs/s on a stream against unary calls", "logsPerSecond", "stream", "unary", isSingle),
      ratio("client: logs/s on a stream against the stock exporter", "logsPerSecond", "stream", "stock", undefined),
      ratio("client: CPU per log against the stock exporter", "clientCpuUs", "stream", "stock", isUsual),
      ratio(
        "client: CPU per log of the collector against the stock exporter",
        "collectorCpuUs",
        "stream",
        "stock",
        undefined,
      ),
    );
  }
  stage.tell("client: memory while nobody takes its logs");
  const full = await runLoader("full", NOBODY, 1, 1, 2 * ROUND_MS);
  figures.push({
    name: "client: resident memory beyond its start, while nobody takes its logs",
    value: full.residentBytesMore,
    unit: "bytes",
    reach: { bound: "most", of: FULL_BYTES + MEMORY_BYTES_OVER },
    parts: [{ label: "keep.bytesMax", value: FULL_BYTES, unit: "bytes" }],
    rounds: [],
  });
  return figures;
}

async function runLoader(kind: string, ...rest: (string | number)[]): Promise<ClientResult> {
  const path = join(import.meta.dir, "client-loader.ts");
  const cmd = [process.execPath, path, kind, ...rest.map(String)];
  const child = Bun.spawn({ cmd, env: {}, stdin: "ignore", stdout: "pipe", stderr: "inherit" });
  const text = await new Response(child.stdout).text();
  if ((await child.exited) !== 0) throw new Error(`the client's loader failed (${kind})`);
  return JSON.parse(text) as ClientResult;
}
