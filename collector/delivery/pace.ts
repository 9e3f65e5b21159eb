/**
 * How fast one route may send, put together:
 *
 *   ceiling.ts (what the stream takes) ─┐
 *   peers.ts   (this replica's part)   ─┼─> rate ──> pacer.ts
 *   demand.ts  (what it wants) ─> peers ┘
 *
 * Decides nothing itself: it carries figures from one to the other.
 */
import type { Clock, Random } from "../clock.ts";
import type { RouteConfig } from "../config.ts";
import type { JournalReader, RouteLedger } from "../journal/port.ts";
import type { Log } from "../log.ts";
import { type Ceiling, CeilingFinder, type PartialQuota } from "./ceiling.ts";
import { Demand } from "./demand.ts";
import { Pacer } from "./pacer.ts";
import type { Peers } from "./peers.ts";
import { AwsQuotaSources } from "./quota-sources.ts";
import type { Division } from "./share.ts";

export interface PaceOptions {
  readonly config: RouteConfig;
  readonly journal: JournalReader;
  readonly ledger: RouteLedger;
  readonly peers: Peers;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

export interface PaceStatus {
  /** What the stream takes, for all replicas together, and who said so. */
  readonly ceiling: Ceiling;
  /** This replica's part of it, 0 to 1, and among how many. */
  readonly share: number;
  readonly replicas: number;
  /** False while others should be there and none is reached. */
  readonly isCoordinated: boolean;
  /** What the route holds itself to now. */
  readonly bytesPerSecond: number;
  /** What it would send if nothing held it back. */
  readonly wantsBytesPerSecond: number;
  readonly backlogBytes: number;
}

export class Pace {
  readonly pacer: Pacer;
  readonly #options: PaceOptions;
  readonly #sources: AwsQuotaSources;
  readonly #finder: CeilingFinder;
  readonly #demand = new Demand();
  readonly #finishedAtStart: bigint;
  /** Told when the route joins: before anything is sent. */
  #division: Division | undefined;
  #deliveredBytes: () => number = () => 0;
  #leave: () => void = () => undefined;

  constructor(options: PaceOptions) {
    const { config, ledger, clock, random, log } = options;
    this.#options = options;
    this.#finishedAtStart = finishedIn(ledger);
    this.#sources = new AwsQuotaSources({ ...config, streamName: config.stream, clock });
    this.#finder = new CeilingFinder({
      configured: configuredIn(config),
      region: config.region,
      sources: this.#sources,
      pollMs: config.quotaPollMs,
      clock,
      random,
      log: log.child({ route: config.name, stream: config.stream }),
      onChange: () => this.#apply(),
    });
    this.pacer = new Pacer({ clock, quota: this.#finder.ceiling.quota });
  }

  /** Begins to look for the ceiling, and to divide it with the others. `deliveredBytes` counts since this start. */
  start(deliveredBytes: () => number): void {
    const { config, peers } = this.#options;
    this.#deliveredBytes = deliveredBytes;
    this.#leave = peers.join({
      route: config.name,
      stream: config.region === undefined ? config.stream : `${config.region}/${config.stream}`,
      figures: () => {
        this.#look();
        const { wantsBytesPerSecond, backlogBytes } = this.#demand;
        const { bytesPerSecond: hasBytesPerSecond } = this.pacer.quota;
        const capacityBytesPerSecond = this.#finder.ceiling.quota.bytesPerSecond;
        return { wantsBytesPerSecond, hasBytesPerSecond, backlogBytes, capacityBytesPerSecond };
      },
      onDivision: (division) => {
        this.#division = division;
        this.#apply();
      },
    });
    this.#finder.start();
  }

  /** Takes other rates from the configuration, from now on. */
  configure(config: RouteConfig): void {
    this.#finder.configure(configuredIn(config));
  }

  async stop(): Promise<void> {
    this.#leave();
    await this.#finder.stop();
    this.#sources.close();
  }

  status(): PaceStatus {
    this.#look();
    const { share = 1, replicas = 1, isCoordinated = true } = this.#division ?? {};
    const { wantsBytesPerSecond, backlogBytes } = this.#demand;
    const { bytesPerSecond } = this.pacer.quota;
    const { ceiling } = this.#finder;
    return { ceiling, share, replicas, isCoordinated, bytesPerSecond, wantsBytesPerSecond, backlogBytes };
  }

  #look(): void {
    const { journal, ledger, clock } = this.#options;
    const finished = finishedIn(ledger);
    this.#demand.look({
      nowMs: clock.monotonicMs(),
      head: journal.head,
      waiting: journal.head - ledger.start - finished,
      finished: finished - this.#finishedAtStart,
      deliveredBytes: this.#deliveredBytes(),
    });
  }

  #apply(): void {
    // Never nothing: who sends nothing does not see that there is more.
    const share = Math.max(this.#division?.share ?? 1, SHARE_MIN);
    const { bytesPerSecond, recordsPerSecond, requestsPerSecond } = this.#finder.ceiling.quota;
    this.pacer.setQuota({
      bytesPerSecond: bytesPerSecond * share,
      recordsPerSecond: recordsPerSecond * share,
      requestsPerSecond: requestsPerSecond * share,
    });
  }
}

const SHARE_MIN = 0.001;

function configuredIn({ bytesPerSecond, recordsPerSecond, requestsPerSecond }: RouteConfig): PartialQuota {
  return { bytesPerSecond, recordsPerSecond, requestsPerSecond };
}

function finishedIn({ totals: { delivered, filtered, quarantined } }: RouteLedger): bigint {
  return delivered + filtered + quarantined;
}
