/** One route, put together from its configuration: a cursor in the journal, and everything between it and a stream. */
import type { Clock, Random } from "../clock.ts";
import type { RouteConfig } from "../config/config.ts";
import type { JournalReader, RouteLedger } from "../journal/port.ts";
import type { Log } from "../log.ts";
import type { RecycledMemory } from "../memory/recycled-memory.ts";
import type { Observer } from "../observer.ts";
import { extractRecord } from "../otlp/edit.ts";
import { Delivery, type DeliveryStatus } from "./delivery.ts";
import { StreamCheck } from "./firehose/describe.ts";
import { FirehoseSink } from "./firehose/firehose.ts";
import { createTranscoder, transcodersOf } from "./lines.ts";
import { Pace, type PaceStatus } from "./pacing/pace.ts";
import type { Peers } from "./peers/peers.ts";

/** A disk that takes no cursor must not hold up a stop: what was delivered since is then delivered again. */
const CURSOR_WRITE_MS_MAX = 1_000;

/** Who has paused a route, and when. */
export interface RoutePause {
  readonly by: string;
  /** Wall time in milliseconds since 1970. */
  readonly atMs: number;
}

export interface RouteOptions {
  readonly config: RouteConfig;
  readonly journal: JournalReader;
  readonly ledger: RouteLedger;
  /** It is built, and delivers nothing. */
  readonly pause?: RoutePause | undefined;
  /** With whom the stream's quota is divided. */
  readonly peers: Peers;
  readonly memory: RecycledMemory;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** Is told of every call. */
  readonly observer?: Observer;
}

export interface Route {
  readonly config: RouteConfig;
  /** Undefined while it delivers. */
  readonly pause: RoutePause | undefined;
  readonly ledger: RouteLedger;
  status(): DeliveryStatus;
  /** How fast it may send, and why. */
  pace(): PaceStatus;
  /** Takes other rates from now on, without stopping. */
  setRates(config: RouteConfig): void;
  /** Settles what is under way within `stopMsMax`, and ends. */
  stop(stopMsMax: number): Promise<void>;
}

/** Reads what a paused route would deliver next, which is how the age of its backlog is known. */
async function noteOldest(journal: JournalReader, { cursor }: RouteLedger): Promise<void> {
  try {
    if (cursor < journal.head) await journal.read(cursor);
  } catch {
    // Its age is then that which this process has seen; delivery tells of the disk when the route goes on.
  }
}

/** Begins to deliver, unless it is paused. */
export function startRoute(options: RouteOptions): Route {
  const { journal, ledger, clock, memory, observer, pause } = options;
  let { config } = options;
  const sink = new FirehoseSink({
    streamName: config.stream,
    requestTimeoutMs: config.requestTimeoutMs,
    memory,
    clock,
    ...(config.region === undefined ? {} : { region: config.region }),
    ...(config.endpoint === undefined ? {} : { endpoint: config.endpoint }),
  });
  const pace = new Pace(options);
  const delivery = new Delivery({
    ...options,
    journal: pace.journal,
    sink,
    pacer: pace.pacer,
    onOutcome: (outcome) => {
      pace.noteCall(outcome);
      const { acceptedBytes, throttledBytes, records = [] } = outcome;
      const ms = clock.monotonicMs() - outcome.sentMs;
      observer?.called({ route: ledger.route, stream: config.stream, ms, acceptedBytes, throttledBytes, records });
    },
    transcoder: createTranscoder(config, journal.collectorId),
    transcoderOf: transcodersOf(config),
    extractRecord,
    compression: config.compression,
    oversize: config.oversize,
    limits: {
      readAheadBytesMax: config.readAheadBytesMax,
      callsInFlightMax: config.callsInFlightMax,
      packDelayMsMax: config.packDelayMsMax,
      linesPerRecordMax: config.linesPerRecordMax,
    },
  });
  if (pause === undefined) {
    pace.start(() => delivery.status().delivered.bytes);
    delivery.start();
  }
  const stopped = new AbortController();
  const check = new StreamCheck({
    ...options,
    settings: config,
    describe: (signal) => sink.describe(signal),
    log: options.log.child({ route: ledger.route }),
  });
  const checked = pause === undefined ? check.run(stopped.signal) : noteOldest(pace.journal, ledger);
  return {
    get config() {
      return config;
    },
    ledger,
    pause,
    status: () => delivery.status(),
    pace: () => pace.status(),
    setRates: (changed) => {
      config = changed;
      pace.configure(changed);
    },
    stop: async (stopMsMax) => {
      stopped.abort();
      await Promise.race([delivery.stop(stopMsMax), clock.sleep(stopMsMax + CURSOR_WRITE_MS_MAX)]);
      await pace.stop();
      await checked;
      sink.close();
    },
  };
}
