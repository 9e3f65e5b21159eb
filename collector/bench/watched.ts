/**
 * What looking costs: ingest under full load with an open page, its live tail and what `standpipe tail -f` asks for, against the
 * same collector without, and a collector that pushes its telemetry, is traced and is scraped, every 3 seconds, against one that does none of it.
 */
import { join } from "node:path";
import { Server, ServerCredentials } from "@grpc/grpc-js";
import type { FollowedEntry__Output } from "../../proto/gen/standpipe/admin/v1/FollowedEntry.ts";
import { systemClock } from "../clock.ts";
import { AdminTestClient } from "../testing/admin-client.ts";
import type { CollectorProcess, Endpoint } from "./children.ts";
import { type Figure, ratioFigure } from "./figures.ts";
import { inTurn, type Round, type Stage, startParts } from "./stage.ts";

/** No more than 3 % of ingest. */
const REACH = { bound: "least", of: 0.97 } as const;
/** Once in each round: twenty times as often as is usual for a push, five times for a scrape. */
const TELL_MS = 3_000;

export async function measureWatched(stage: Stage): Promise<Figure[]> {
  return [...(await measurePage(stage)), ...(await measureTelemetry(stage))];
}

async function measurePage(stage: Stage): Promise<Figure[]> {
  const { collector } = await startParts(stage, "no-such-stream");
  const alone: Endpoint = { ...collector, name: "the collector, alone" };
  const watched: Endpoint = { ...collector, name: "the collector, watched" };
  let shownBytes = 0;
  let followedBytes = 0;
  const begin = async (endpoint: Endpoint): Promise<() => void> => {
    if (endpoint !== watched) return () => undefined;
    const ends = ["/console/events", "/console/tail"].map((path) =>
      read(`${collector.adminUrl}${path}`, (bytes) => {
        shownBytes += bytes;
      }),
    );
    // As `tail -f` asks; what becomes of it is the operator's time.
    const client = new AdminTestClient(collector.controlPort);
    const stream = client.stream<FollowedEntry__Output>("FollowEntries");
    stream.on("data", ({ entry }: FollowedEntry__Output) => {
      followedBytes += entry?.request?.length ?? 0;
    });
    stream.on("error", () => undefined);
    return () => {
      for (const end of ends) end();
      stream.cancel();
      client[Symbol.dispose]();
    };
  };
  const rounds = await inTurn(stage, "watched: page and tails", [alone, watched], settled, begin);
  await collector.stop();
  if (shownBytes === 0) throw new Error("the page was shown nothing: it was not measured");
  if (followedBytes === 0) throw new Error("tail -f was shown nothing: it was not measured");
  const kib = (bytes: number): string => `${Math.round(bytes / 1024)} KiB`;
  const note = `${kib(shownBytes)} shown on the page, ${kib(followedBytes)} of OTLP to tail -f`;
  return figures("with an open page, its tail and tail -f", rounds, note);
}

async function measureTelemetry(stage: Stage): Promise<Figure[]> {
  const target = await startTarget();
  try {
    const directory = (name: string): Stage => ({ ...stage, directory: join(stage.directory, name) });
    const { collector: silent } = await startParts(directory("silent"), "no-such-stream");
    const { collector: telling } = await startParts(directory("telling"), "no-such-stream", {
      STANDPIPE_TELEMETRY_OTLP_ENDPOINT: target.url,
      STANDPIPE_TELEMETRY_OTLP_INTERVAL_MS: String(TELL_MS),
      STANDPIPE_TELEMETRY_TRACE_RATIO: "0.001",
    });
    const begin = async (endpoint: Endpoint): Promise<() => void> =>
      endpoint === telling ? scrape(telling) : () => undefined;
    const rounds = await inTurn(stage, "watched: telemetry", [silent, telling], settled, begin);
    if (target.exports() === 0) throw new Error("no telemetry arrived: it was not measured");
    return figures(
      "with OTLP push and scraping every 3 s, 1 in 1,000 traced",
      rounds,
      `${target.exports()} pushes arrived`,
    );
  } finally {
    target.stop();
  }
}

const settled = (): Promise<void> => Promise.resolve();

function figures(what: string, [without, having]: readonly [Round[], Round[]], note: string): Figure[] {
  return [
    ratioFigure({
      name: `acknowledged logs/s ${what}`,
      reach: REACH,
      over: { label: "with", unit: "logs/s", rounds: having.map((round) => round.logsPerSecond) },
      under: { label: "without", unit: "logs/s", rounds: without.map((round) => round.logsPerSecond) },
      note,
    }),
    ratioFigure({
      name: `CPU per log ${what}`,
      reach: { bound: "most", of: 1.03 },
      over: { label: "with", unit: "us", rounds: having.map((round) => round.cpuUsPerLog) },
      under: { label: "without", unit: "us", rounds: without.map((round) => round.cpuUsPerLog) },
    }),
  ];
}

/** Reads what a page reads, until the way back is called. */
function read(url: string, onBytes: (bytes: number) => void): () => void {
  const stopped = new AbortController();
  const follow = async (): Promise<void> => {
    const { body } = await fetch(url, { signal: stopped.signal });
    for await (const piece of body ?? []) onBytes(piece.length);
  };
  follow().catch((reason: unknown) => {
    if (!stopped.signal.aborted) throw reason;
  });
  return () => stopped.abort();
}

function scrape({ adminUrl }: CollectorProcess): () => void {
  const stopped = new AbortController();
  void (async () => {
    while (!stopped.signal.aborted) {
      await (await fetch(`${adminUrl}/metrics`)).text();
      await systemClock.sleep(TELL_MS, stopped.signal);
    }
  })();
  return () => stopped.abort();
}

/** Takes what OTLP exporters send. */
async function startTarget(): Promise<{ url: string; exports: () => number; stop: () => void }> {
  const server = new Server();
  let exports = 0;
  for (const name of ["metrics.v1.MetricsService", "trace.v1.TraceService"]) {
    const bytes = (value: Buffer): Buffer => value;
    const method = {
      path: `/opentelemetry.proto.collector.${name}/Export`,
      requestStream: false,
      responseStream: false,
      requestSerialize: bytes,
      requestDeserialize: bytes,
      responseSerialize: bytes,
      responseDeserialize: bytes,
    };
    const answer = (_call: unknown, done: (error: null, value: Buffer) => void): void => {
      exports += 1;
      done(null, Buffer.alloc(0));
    };
    server.addService({ Export: method }, { Export: answer });
  }
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    );
  });
  return { url: `http://127.0.0.1:${port}`, exports: () => exports, stop: () => server.forceShutdown() };
}
