/**
 * How fast one route may send, put together:
 *
 *   ceiling.ts  (what the stream takes) ────────────┐
 *   demand.ts   (what it wants) ─> peers.ts (part) ──┼─> rate.ts ──> pacer.ts
 *   feedback.ts (what became of its calls) ──────────┘
 *
 * Decides nothing itself: it carries figures from one to the other.
 */
import type { Clock, Random } from "../../clock.ts";
import type { RouteConfig } from "../../config/config.ts";
import type { JournalReader, RouteLedger } from "../../journal/port.ts";
import type { Log } from "../../log.ts";
import type { Peers } from "../peers/peers.ts";
import { CeilingFinder, type CeilingSource, type PartialQuota } from "./ceiling.ts";
import { CommitTimes } from "./commit-times.ts";
import { Demand } from "./demand.ts";
import { Feedback } from "./feedback.ts";
import { DemandSpread, forecastRoute, type RouteForecast } from "./forecast.ts";
import { Pacer } from "./pacer.ts";
import { AwsQuotaSources } from "./quota-sources.ts";
import { RateController, type RateStatus } from "./rate.ts";

export interface PaceOptions {
  readonly config: RouteConfig;
  readonly journal: JournalReader;
  readonly ledger: RouteLedger;
  readonly peers: Peers;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

export interface PaceStatus extends RateStatus {
  /** Who said what the stream takes. */
  readonly source: CeilingSource;
  /** What comes in for the route, as Firehose will count it; undefined until something was delivered. */
  readonly arrivingBytesPerSecond: number | undefined;
  /** What the route would send if nothing held it back: that, and what waits. */
  readonly wantsBytesPerSecond: number;
  /** Bytes that wait, as Firehose will count them; an estimate. */
  readonly backlogBytes: number;
  /** How long the oldest log record has waited, since it was accepted. */
  readonly backlogAgeMs: number;
  readonly forecast: RouteForecast;
}

export class Pace {
  readonly pacer: Pacer;
  readonly #options: PaceOptions;
  readonly #sources: AwsQuotaSources;
  readonly #finder: CeilingFinder;
  readonly #demand = new Demand();
  readonly #times = new CommitTimes();
  /** Of what all replicas get, as far as this one can tell: its own times their number. */
  readonly #spread = new DemandSpread();
  #spreadMs: number;
  readonly #finishedAtStart: bigint;
  readonly #controller: RateController;
  readonly #feedback: Feedback;
  #epochs: Promise<void> = Promise.resolve();
  #deliveredBytes: () => number = () => 0;
  #leave: () => void = () => undefined;

  constructor(options: PaceOptions) {
    const { config, ledger, clock, random, log } = options;
    this.#options = options;
    this.#finishedAtStart = finishedIn(ledger);
    this.#spreadMs = clock.monotonicMs();
    this.#sources = new AwsQuotaSources({ ...config, streamName: config.stream, clock });
    this.#finder = new CeilingFinder({
      configured: configuredIn(config),
      region: config.region,
      sources: this.#sources,
      pollMs: config.quotaPollMs,
      clock,
      random,
      log: log.child({ route: config.name, stream: config.stream }),
      onChange: ({ quota }) => {
        this.#controller.setCeiling(quota);
        this.#feedback.apply();
      },
    });
    const { quota } = this.#finder.ceiling;
    this.#controller = new RateController({ ...config, ceiling: quota });
    this.pacer = new Pacer({ clock, quota: this.#controller.quota });
    const backlogAgeMs = (): number => this.#backlogAgeMs(this.#look());
    this.#feedback = new Feedback({ controller: this.#controller, pacer: this.pacer, clock, random, backlogAgeMs });
  }

  /** The journal as the route's delivery is to read it: the age of the backlog is told by what it reads. */
  get journal(): JournalReader {
    return this.#times.watching(this.#options.journal);
  }

  /** For `onOutcome` of the route's delivery. */
  noteCall(outcome: Parameters<Feedback["noteCall"]>[0]): void {
    this.#feedback.noteCall(outcome);
  }

  /** Begins to look for the ceiling, and to divide it with the others. `deliveredBytes` counts since this start. */
  start(deliveredBytes: () => number): void {
    const { config, peers } = this.#options;
    this.#deliveredBytes = deliveredBytes;
    this.#leave = peers.join({
      route: config.name,
      stream: config.region === undefined ? config.stream : `${config.region}/${config.stream}`,
      figures: () => {
        const { wantsBytesPerSecond, backlogBytes } = this.#look();
        return {
          wantsBytesPerSecond,
          hasBytesPerSecond: this.pacer.quota.bytesPerSecond,
          backlogBytes,
          streamBytesPerSecond: this.#controller.streamBytesPerSecond,
          capacityBytesPerSecond: this.#controller.status().believedBytesPerSecond,
        };
      },
      onDivision: (division) => {
        this.#controller.setShare(division);
        this.#feedback.apply();
      },
    });
    this.#epochs = this.#feedback.run();
    this.#finder.start();
  }

  /** Takes other rates from the configuration, from now on. */
  configure(config: RouteConfig): void {
    this.#controller.setRisk(config);
    this.#finder.configure(configuredIn(config));
  }

  async stop(): Promise<void> {
    this.#leave();
    this.#feedback.stop();
    await Promise.all([this.#finder.stop(), this.#epochs]);
    this.#sources.close();
  }

  status(): PaceStatus {
    const demand = this.#look();
    const rate = this.#controller.status();
    const { config } = this.#options;
    return {
      ...rate,
      source: this.#finder.ceiling.source,
      arrivingBytesPerSecond: demand.arrivingBytesPerSecond,
      wantsBytesPerSecond: demand.wantsBytesPerSecond,
      backlogBytes: demand.backlogBytes,
      backlogAgeMs: this.#backlogAgeMs(demand),
      forecast: forecastRoute({
        stream: config.stream,
        region: config.region,
        quota: rate.ceiling,
        share: rate.share,
        spread: this.#spread,
        backlogBytes: demand.backlogBytes,
        arrivingBytesPerSecond: demand.arrivingBytesPerSecond,
        deliveredBytesPerSecond: demand.deliveredBytesPerSecond,
        bytesPerSecond: rate.bytesPerSecond,
      }),
    };
  }

  /** By the time of the oldest entry that waits; where delivery has not come to it yet, since when this process has seen it. */
  #backlogAgeMs(demand: Demand): number {
    const { clock, ledger } = this.#options;
    const seenMs = demand.backlogAgeMs(clock.monotonicMs());
    if (demand.backlogBytes === 0) return seenMs;
    const committedAtMs = this.#times.committedAtMs(ledger.cursor);
    return committedAtMs === undefined ? seenMs : Math.max(0, clock.nowMs() - committedAtMs);
  }

  #noteDemand(nowMs: number): void {
    const arriving = this.#demand.arrivingBytesPerSecond;
    const seconds = (nowMs - this.#spreadMs) / 1_000;
    if (seconds < 1) return;
    this.#spreadMs = nowMs;
    if (arriving !== undefined) this.#spread.note(arriving * this.#controller.status().replicas, seconds);
  }

  #look(): Demand {
    const { journal, ledger, clock } = this.#options;
    const finished = finishedIn(ledger);
    this.#demand.look({
      nowMs: clock.monotonicMs(),
      head: journal.head,
      waiting: journal.head - ledger.start + ledger.replayed - finished,
      finished: finished - this.#finishedAtStart,
      deliveredBytes: this.#deliveredBytes(),
    });
    this.#noteDemand(clock.monotonicMs());
    return this.#demand;
  }
}

function configuredIn({ bytesPerSecond, recordsPerSecond, requestsPerSecond }: RouteConfig): PartialQuota {
  return { bytesPerSecond, recordsPerSecond, requestsPerSecond };
}

function finishedIn({ totals: { delivered, filtered, quarantined }, handedOver }: RouteLedger): bigint {
  return delivered + filtered + quarantined + handedOver;
}
