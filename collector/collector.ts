/**
 * The composition root: what a collector is made of, in the order in which it is built. It stops in reverse.
 *
 *    built      because                                    stopped    because
 *    journal    all others stand on it                     4th        what the others settled must reach the disk
 *    delivery   what a crash left open goes first          3rd        calls in flight get their answers settled
 *    admin      a slow start can be watched                2nd        a slow stop can be watched until here
 *    ingest     last: what it takes can be kept            1st        nothing new comes in while the rest stops
 */
import { startAdminServer } from "./admin/server.ts";
import { type CollectorStatus, forecastDrainSeconds, toLedger } from "./admin/status.ts";
import type { Clock, Random } from "./clock.ts";
import type { Config } from "./config.ts";
import { Delivery } from "./delivery/delivery.ts";
import { FirehoseSink } from "./delivery/firehose.ts";
import { Pacer } from "./delivery/pacer.ts";
import { type AssertionError, CollectorError } from "./errors.ts";
import { ADMISSION_LIMITS_DEFAULT } from "./ingest/admission.ts";
import { createIngestServer } from "./ingest/server.ts";
import { Journal } from "./journal/journal.ts";
import type { Log } from "./log.ts";
import { extractRecord } from "./otlp/edit.ts";
import { Transcoder } from "./otlp/transcode.ts";

/** The one route there is so far; its name is a key in the journal. */
const ROUTE = "default";

/** Lines that are made in one go: bounds memory where a large resource stands on many small log records. */
const TRANSCODED_BYTES_MAX = 4 * 1024 * 1024;

const CURSOR_WRITE_MS_MAX = 1_000;

export interface CollectorEnvironment {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** Gets a broken invariant that was found while answering a client; must end the process. */
  readonly onBug: (bug: AssertionError) => void;
}

export interface Collector {
  readonly ingestPort: number;
  readonly adminPort: number;
  status(): CollectorStatus;
  /** Takes nothing more, settles what is under way within `drainMsMax`, and lets go of the journal. */
  stop(): Promise<void>;
}

/** Starts all parts, or none: rejects with CollectorError when one can't be started. */
export async function startCollector(config: Config, environment: CollectorEnvironment): Promise<Collector> {
  const { clock, log } = environment;
  const stops: (() => Promise<void>)[] = [];
  const stop = async (): Promise<void> => {
    for (const step of stops.splice(0).reverse()) await step();
  };
  try {
    const journal = await Journal.open({ ...config.journal, ...environment });
    stops.push(() => journal.close());

    const { firehose } = config;
    const ledger = journal.route(ROUTE);
    const sink = new FirehoseSink({
      streamName: firehose.stream,
      requestTimeoutMs: firehose.requestTimeoutMs,
      clock,
      ...(firehose.region === undefined ? {} : { region: firehose.region }),
      ...(firehose.endpoint === undefined ? {} : { endpoint: firehose.endpoint }),
    });
    const { bytesPerSecond, recordsPerSecond, requestsPerSecond } = firehose;
    const pacer = new Pacer({ clock, quota: { bytesPerSecond, recordsPerSecond, requestsPerSecond } });
    const delivery = new Delivery({
      ...environment,
      journal,
      ledger,
      sink,
      pacer,
      transcoder: new Transcoder({
        bytesMax: TRANSCODED_BYTES_MAX,
        ...(firehose.recordId ? { collectorId: journal.collectorId } : {}),
      }),
      extractRecord,
      limits: {
        readAheadBytesMax: firehose.readAheadBytesMax,
        callsInFlightMax: firehose.callsInFlightMax,
        packDelayMsMax: firehose.packDelayMsMax,
      },
    });
    delivery.start();
    stops.push(async () => {
      // A disk that takes no cursor must not hold up the stop: what was delivered since is then delivered again.
      const stopMsMax = config.shutdown.drainMsMax / 2;
      await Promise.race([delivery.stop(stopMsMax), clock.sleep(stopMsMax + CURSOR_WRITE_MS_MAX)]);
      sink.close();
    });

    const status = (): CollectorStatus => {
      const accounts = toLedger(journal.head, ledger);
      const delivered = delivery.status();
      const drainSeconds = forecastDrainSeconds(accounts.waiting, delivered.delivered, firehose.bytesPerSecond);
      const route = { route: ROUTE, stream: firehose.stream, cursor: ledger.cursor, ledger: accounts };
      return {
        ingest: ingest.snapshot(),
        journal: journal.status(),
        routes: [{ ...route, delivery: delivered, quota: pacer.quota, drainSeconds }],
      };
    };

    const ingest = createIngestServer({
      ...config.ingest,
      ...environment,
      appender: journal,
      scanLimits: { ...config.ingest, recordsMax: config.ingest.recordsPerRequestMax },
      admissionLimits: { ...ADMISSION_LIMITS_DEFAULT, ...config.ingest },
    });
    const admin = startAdminServer(config.admin.address, status);
    stops.push(() => admin.stop());

    const ingestPort = await listen(ingest.start(), config.ingest.address);
    stops.push(() => ingest.drain(config.shutdown.drainMsMax / 2));
    log.info({ ingest: config.ingest.address, admin: config.admin.address, stream: firehose.stream }, "taking logs");
    return { ingestPort, adminPort: admin.port, status, stop };
  } catch (reason) {
    await stop();
    throw reason;
  }
}

async function listen(started: Promise<number>, address: string): Promise<number> {
  try {
    return await started;
  } catch (cause) {
    const what = `ingest.address ${address} can't be listened on (${cause instanceof Error ? cause.message : String(cause)})`;
    throw new CollectorError("config_invalid", `${what}: is another collector running? Choose another address`, {
      cause,
    });
  }
}
