/**
 * The scenarios, each with processes of its own. All hold the collector to something measured in the same run:
 *
 *   ingest     null server | collector that can't deliver | the given parts by themselves (bare-journal.ts), in turn: what
 *              taking, journalling and acknowledging costs. The collector's stream does not exist, so delivery reads ahead
 *              once (4 MiB), is refused, and from then on only asks again every few seconds; that it delivered nothing is
 *              checked.
 *   delivery   null server | collector with a discarding Firehose, in turn, until all is delivered: the whole way.
 *   latency    a bare synced write | an acknowledged export, in turn, at 5,000 logs/s: 100 requests of 50 a second.
 *   watched    a collector | the same with an open page, its tail and tail -f, in turn; one without | one with telemetry.
 *   shares     three collectors on one stream with a quota, and two when one is killed: how well they divide it.
 *   backlog    the collector that can't deliver until 5 GiB of requests wait; then its stream is made, and it drains.
 *   tail       cat | wc -l | the tailing agent: tail.ts.
 */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { systemClock } from "../clock.ts";
import { Children, type CollectorProcess } from "./children.ts";
import { measureClient } from "./client-scenario.ts";
import { type Figure, type Part, ratioFigure } from "./figures.ts";
import { folderBytes } from "./folder-bytes.ts";
import type { Scenario } from "./options.ts";
import { measureShares } from "./shares.ts";
import { assertAllTaken, inTurn, LOAD, type ScenarioOptions, type Stage, startParts, WARM_UP_MS } from "./stage.ts";
import { percentile } from "./statistics.ts";
import { measureTail } from "./tail.ts";
import { measureWatched } from "./watched.ts";

const MIB = 1024 * 1024;

const REQUESTS = { large: 2_000, small: 1_000, seed: 1 };
const PACED_MS = 8_000;
const PACED_ROUNDS = 3;
const PACED_CALLS_PER_SECOND = 100;
const BACKLOG_BYTES = 5 * 1024 * MIB;
const BACKLOG_STEP_MS = 2_000;
const DRAIN_MS_MAX = 900_000;
const DRAIN_POLL_MS = 50;

const RESIDENT_BYTES_MAX = 200 * MIB;
const STREAM = "bench";

const SCENARIOS: Readonly<Record<Scenario, (stage: Stage) => Promise<Figure[]>>> = {
  ingest: measureIngest,
  delivery: measureDelivery,
  latency: measureLatency,
  watched: measureWatched,
  shares: measureShares,
  client: measureClient,
  backlog: measureBacklog,
  tail: async ({ children, directory, tell }) =>
    await measureTail({ directory, tell, server: await children.startNullServer() }),
};

/** Runs scenarios one after the other. Rejects when a process fails; none is left behind, whatever happens. */
export async function runScenarios(scenarios: readonly Scenario[], options: ScenarioOptions): Promise<Figure[]> {
  const figures: Figure[] = [];
  const loading = new Children();
  try {
    options.tell("making the requests");
    const loader = await loading.startLoader(REQUESTS);
    for (const scenario of scenarios) {
      const children = new Children();
      const directory = join(options.directory, scenario);
      mkdirSync(directory, { recursive: true });
      try {
        figures.push(...(await SCENARIOS[scenario]({ ...options, directory, children, loader })));
      } finally {
        await children.stopAll();
      }
    }
  } finally {
    await loading.stopAll();
  }
  return figures;
}

async function measureIngest(stage: Stage): Promise<Figure[]> {
  const nullServer = await stage.children.startNullServer();
  const { collector } = await startParts(stage, "no-such-stream");
  const bare = await stage.children.startBareJournal(join(stage.directory, "bare"));
  const endpoints = [nullServer, collector, bare] as const;
  const [ofNull, ofCollector, ofBare] = await inTurn(stage, "ingest", endpoints, () => Promise.resolve());
  const nullUs = { label: "null", unit: "us", rounds: ofNull.map((round) => round.cpuUsPerLog) } as const;
  const status = await collector.status();
  const [route] = status.routes;
  if (route === undefined || route.delivery.delivered.records > 0) throw new Error("delivery was to stand still");
  const facts = collector.facts();
  return [
    ratioFigure({
      name: "durable acknowledged logs/s against the null server",
      reach: { bound: "least", of: 0.55 },
      over: { label: "collector", unit: "logs/s", rounds: ofCollector.map((round) => round.logsPerSecond) },
      under: { label: "null", unit: "logs/s", rounds: ofNull.map((round) => round.logsPerSecond) },
    }),
    ratioFigure({
      name: "CPU per log, ingest to acknowledged",
      reach: { bound: "most", of: 2 },
      over: { label: "collector", unit: "us", rounds: ofCollector.map((round) => round.cpuUsPerLog) },
      under: nullUs,
      note: `delivery stood still (its stream does not exist): ${route.delivery.calls} calls, nothing delivered`,
    }),
    ratioFigure({
      name: "CPU per log of grpc-js, zstd and LevelDB alone",
      reach: undefined,
      over: { label: "bare journal", unit: "us", rounds: ofBare.map((round) => round.cpuUsPerLog) },
      under: nullUs,
      note: "the same server that writes what it is sent, synced, and does nothing else (bare-journal.ts)",
    }),
    residentFigure("resident memory, at most, while nothing could be delivered", collector, [
      { label: "requests waiting", value: status.journal.committedBytes, unit: "bytes" },
    ]),
    writtenFigure("disk written per byte journalled, taking in", facts.writtenBytes, status.journal),
  ];
}

async function measureDelivery(stage: Stage): Promise<Figure[]> {
  const nullServer = await stage.children.startNullServer();
  const { collector } = await startParts(stage, STREAM);
  const [ofNull, ofCollector] = await inTurn(stage, "delivery", [nullServer, collector], async (endpoint) => {
    if (endpoint === collector) await drained(collector);
  });
  const status = await collector.status();
  return [
    ratioFigure({
      name: "CPU per log, end to end",
      reach: { bound: "most", of: 5 },
      over: { label: "collector", unit: "us", rounds: ofCollector.map((round) => round.cpuUsPerLog) },
      under: { label: "null", unit: "us", rounds: ofNull.map((round) => round.cpuUsPerLog) },
      note: "the load is as much as it takes, and the time until all is delivered counts; 4 is the goal",
    }),
    {
      name: "delivered logs/s, from the first export to the last answer of Firehose",
      value: percentile(
        ofCollector.map((round) => round.settledLogsPerSecond),
        50,
      ),
      unit: "logs/s",
      reach: undefined,
      parts: [],
      rounds: ofCollector.map((round) => round.settledLogsPerSecond),
    },
    residentFigure("resident memory, at most, taking and delivering all it can", collector, []),
    writtenFigure("disk written per byte journalled, all delivered", collector.facts().writtenBytes, status.journal),
    diskLeftFigure(collector),
  ];
}

async function measureLatency(stage: Stage): Promise<Figure[]> {
  const { collector } = await startParts(stage, STREAM);
  const order = { connections: LOAD.connections, callsPerSecond: PACED_CALLS_PER_SECOND, durationMs: PACED_MS };
  const path = join(stage.directory, "bare");
  stage.tell("latency: warming up");
  await stage.loader.order({ ...order, kind: "pace", target: collector.target, durationMs: WARM_UP_MS });
  const bare: number[] = [];
  const acknowledged: number[] = [];
  for (let round = 1; round <= PACED_ROUNDS; round++) {
    stage.tell(`latency: round ${round} of ${PACED_ROUNDS}`);
    const written = await stage.loader.order({ ...order, kind: "write", path });
    const exported = await stage.loader.order({ ...order, kind: "pace", target: collector.target });
    assertAllTaken("the collector", exported.refused);
    bare.push(percentile(written.latenciesMs, 99));
    acknowledged.push(percentile(exported.latenciesMs, 99));
  }
  await drained(collector);
  return [
    ratioFigure({
      name: "p99 of an acknowledged export at 5,000 logs/s against a bare synced write",
      reach: { bound: "most", of: 5 },
      over: { label: "export", unit: "ms", rounds: acknowledged },
      under: { label: "bare write", unit: "ms", rounds: bare },
    }),
    residentFigure("resident memory, at most, at 5,000 logs/s", collector, []),
  ];
}

async function measureBacklog(stage: Stage): Promise<Figure[]> {
  const { collector, firehose } = await startParts(stage, "not-yet-a-stream", {
    STANDPIPE_JOURNAL_BYTES_MAX: "8GiB",
  });
  let waitingBytes = 0;
  while (waitingBytes < BACKLOG_BYTES) {
    stage.tell(`backlog: ${Math.floor(waitingBytes / MIB)} of ${BACKLOG_BYTES / MIB} MiB`);
    const order = { kind: "saturate", target: collector.target, ...LOAD, durationMs: BACKLOG_STEP_MS } as const;
    assertAllTaken("the collector", (await stage.loader.order(order)).refused);
    waitingBytes = (await collector.status()).journal.committedBytes;
  }
  const full = await collector.status();
  const filling = residentFigure("resident memory, at most, up to a backlog of 5 GiB", collector, [
    { label: "requests waiting", value: waitingBytes, unit: "bytes" },
    { label: "on disk", value: full.journal.bytes, unit: "bytes" },
  ]);
  stage.tell("backlog: draining");
  await firehose.createStream("not-yet-a-stream");
  const sinceMs = systemClock.monotonicMs();
  await drained(collector);
  const drainSeconds = (systemClock.monotonicMs() - sinceMs) / 1000;
  return [
    filling,
    residentFigure("resident memory, at most, while 5 GiB drained too", collector, []),
    {
      name: "time to drain 5 GiB without a quota",
      value: drainSeconds,
      unit: "seconds",
      reach: undefined,
      parts: [],
      rounds: [],
    },
    writtenFigure("disk written per byte journalled, backlog drained", collector.facts().writtenBytes, full.journal),
    diskLeftFigure(collector),
  ];
}

/** Resolves when nothing waits and what was delivered is gone from the disk, as far as it goes. */
async function drained(collector: CollectorProcess): Promise<void> {
  const sinceMs = systemClock.monotonicMs();
  for (;;) {
    const { routes } = await collector.status();
    if (routes.every((route) => route.ledger.waiting === 0)) return;
    if (systemClock.monotonicMs() - sinceMs > DRAIN_MS_MAX)
      throw new Error(`the collector does not drain: ${JSON.stringify(routes)}`);
    await systemClock.sleep(DRAIN_POLL_MS);
  }
}

function residentFigure(name: string, collector: CollectorProcess, parts: readonly Part[]): Figure {
  const { residentBytesPeak, residentBytes, anonymousBytes } = collector.facts();
  const now: Part[] = [
    { label: "at the end", value: residentBytes, unit: "bytes" },
    { label: "of it anonymous", value: anonymousBytes, unit: "bytes" },
  ];
  const reach = { bound: "most", of: RESIDENT_BYTES_MAX } as const;
  return { name, value: residentBytesPeak, unit: "bytes", reach, parts: [...now, ...parts], rounds: [] };
}

/** All that the process had the disk write, cursors and the reserve included, over the entries of the journal. */
function writtenFigure(
  name: string,
  writtenBytes: number,
  journal: { readonly writtenBytes: number; readonly committedBytes: number },
): Figure {
  return {
    name,
    value: writtenBytes / journal.writtenBytes,
    unit: "ratio",
    reach: { bound: "most", of: 1.3 },
    parts: [
      { label: "written", value: writtenBytes, unit: "bytes" },
      { label: "entries", value: journal.writtenBytes, unit: "bytes" },
      { label: "requests in them", value: journal.committedBytes, unit: "bytes" },
    ],
    rounds: [],
  };
}

function diskLeftFigure({ directory }: CollectorProcess): Figure {
  const reserve = folderBytes(join(directory, "reserve"));
  const all = folderBytes(directory);
  return {
    name: "journal disk after everything is delivered, the reserve apart",
    value: all - reserve,
    unit: "bytes",
    reach: { bound: "most", of: 2 * 4 * MIB },
    parts: [{ label: "reserve", value: reserve, unit: "bytes" }],
    rounds: [],
  };
}
