/**
 * How a collector leaves a fleet, and how it takes over from those that do.
 *
 *   stop ──> ingest drained ──> deliver on, at its share ──> routes stopped ──> hand over ──> gone
 *            |<------------- half of drainMsMax -------->|<-- a quarter -->|<-- the rest -->|
 *
 * Who has no peers, or is told not to (`shutdown.handOver`: its volume stays), stops at once: what waits goes on at its
 * next start, and delivering on would only make the stop longer.
 */
import type { Clock } from "../../clock.ts";
import { CollectorError } from "../../errors.ts";
import type { HandOvers } from "../../journal/hand-overs.ts";
import type { RouteLedger } from "../../journal/port.ts";
import type { Log } from "../../log.ts";
import { type HandOverOptions, type HandOverResult, handOver, type Receiver } from "./hand-over.ts";
import type { Waiting } from "./hand-over-protocol.ts";

/** How often it is looked whether all is delivered. */
const LOOK_MS = 50;

/** A disk that takes no cursor must not hold up a stop. */
const WRITE_MS_MAX = 1_000;

export interface DepartureRoute {
  readonly config: { readonly name: string; readonly stream: string; readonly region?: string | undefined };
  readonly ledger: RouteLedger;
}

export interface DepartureOptions {
  /** Whether what waits goes to others. */
  readonly isAsked: boolean;
  readonly drainMsMax: number;
  readonly journal: HandOverOptions["journal"] & { readonly handOvers: Pick<HandOvers, "take"> };
  readonly routes: () => readonly DepartureRoute[];
  readonly requestBytesMax: number;
  readonly receivers: () => readonly Receiver[];
  readonly offer: (address: string, waiting: Waiting, signal: AbortSignal) => Promise<void>;
  readonly clock: Clock;
  readonly log: Log;
}

export class Departure {
  readonly #options: DepartureOptions;
  #endsAtMs: number | undefined;
  #results: readonly HandOverResult[] = [];

  constructor(options: DepartureOptions) {
    this.#options = options;
  }

  /** How long a route may take to stop, in milliseconds. */
  get routeStopMsMax(): number {
    const { isAsked, drainMsMax } = this.#options;
    return isAsked ? drainMsMax / 4 : drainMsMax / 2;
  }

  /** What nobody took, by route, once `handOver` is done. */
  get leftBehind(): readonly HandOverResult[] {
    return this.#results.filter(({ left }) => left > 0n);
  }

  /** The stop has begun: nothing is taken from others any more. */
  begin(): void {
    const { clock, drainMsMax } = this.#options;
    this.#endsAtMs ??= clock.monotonicMs() + drainMsMax;
  }

  /** Takes what another collector can't deliver. Rejects with CollectorError. */
  async take(waiting: Waiting): Promise<void> {
    const { journal, routes } = this.#options;
    if (this.#endsAtMs !== undefined) throw new CollectorError("shutting_down", "this collector is stopping itself");
    const { collectorId, first, route, stream, records, request } = waiting;
    if (!routes().some((each) => each.config.name === route && streamOf(each) === stream)) {
      throw new CollectorError("precondition_failed", `no route ${route} delivers to ${stream} here`);
    }
    await journal.handOvers.take({ origin: { collectorId, first }, route, records, request });
  }

  /** Lets delivery go on until nothing waits, for half of the time at most. */
  async deliverOn(): Promise<void> {
    this.begin();
    const { isAsked, drainMsMax, clock, journal, routes } = this.#options;
    if (!isAsked || this.#endsAtMs === undefined) return;
    const endsAtMs = this.#endsAtMs - drainMsMax / 2;
    const waits = (): boolean => routes().some(({ ledger }) => ledger.cursor < journal.head);
    while (waits() && clock.monotonicMs() < endsAtMs) await clock.sleep(LOOK_MS);
  }

  /** Gives the rest to others, in the time that is left. The routes must have stopped. */
  async handOver(): Promise<void> {
    this.begin();
    const { isAsked, clock, log, routes } = this.#options;
    if (!isAsked || this.#endsAtMs === undefined) return;
    const leftMs = Math.max(0, this.#endsAtMs - clock.monotonicMs());
    const given = routes().map((each) => ({ stream: streamOf(each), ledger: each.ledger }));
    const done = handOver({ ...this.#options, routes: given }, leftMs);
    const results = await Promise.race([done, clock.sleep(leftMs + WRITE_MS_MAX).then(() => undefined)]);
    this.#results = results ?? given.map(({ ledger }) => this.#unfinished(ledger));
    for (const { route, handedOver } of this.#results) {
      if (handedOver > 0)
        log.info({ route, logRecords: handedOver }, "handed over to other replicas, who deliver them");
    }
  }

  #unfinished(ledger: RouteLedger): HandOverResult {
    const open = ledger.openRanges(ledger.cursor, this.#options.journal.head);
    const left = open.reduce((sum, { first, end }) => sum + end - first, 0n);
    return { route: ledger.route, handedOver: 0, left, reason: "the disk does not take what was settled" };
  }
}

/** As peers tell each other: the region where it is configured. */
function streamOf({ config: { stream, region } }: DepartureRoute): string {
  return region === undefined ? stream : `${region}/${stream}`;
}
