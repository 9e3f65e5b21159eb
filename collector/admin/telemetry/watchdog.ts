/**
 * Is progress being made? Looks at the collector about once a second, and says what stands still that should not.
 *
 * | stands still | when |
 * |---|---|
 * | the event loop | the last look is older than `stuckMsMax` |
 * | the journal | one synced write has taken longer than `stuckMsMax` |
 * | a route | it is delivering, log records wait, and nothing of it has moved for longer than it may take |
 *
 * A route that backs off or holds waits for Firehose or for a person, and a restart would not mend that; nor would it a full
 * journal. A route may take as long as a call may last, and as long as a slow rate needs for a whole record.
 */
import type { Clock } from "../../clock.ts";
import { FIREHOSE_CALL_BYTES_MAX } from "../../limits.ts";
import type { CollectorStatus, RouteStatus } from "../status.ts";

export interface WatchdogOptions {
  readonly clock: Clock;
  readonly stuckMsMax: number;
  /** How long a call of the slowest route may last. */
  readonly requestTimeoutMsMax: () => number;
}

interface Seen {
  readonly movement: string;
  readonly sinceMs: number;
}

/** A look is due so often; what is more is lag of the event loop. */
export const LOOK_INTERVAL_MS = 1_000;

/** Looks over which the worst lag is told. */
const LAGS_KEPT = 10;

/** The slack for timers, and for a machine that does other things as well. */
const PATIENCE = 2;

export class Watchdog {
  readonly #options: WatchdogOptions;
  readonly #routes = new Map<string, Seen>();
  #lookedAtMs: number;
  #lagsMs: number[] = [];
  #stuck: string[] = [];

  constructor(options: WatchdogOptions) {
    this.#options = options;
    this.#lookedAtMs = options.clock.monotonicMs();
  }

  /** To be called every `LOOK_INTERVAL_MS`. */
  look({ journal, routes }: Pick<CollectorStatus, "journal" | "routes">): void {
    const { clock, stuckMsMax, requestTimeoutMsMax } = this.#options;
    const nowMs = clock.monotonicMs();
    this.#lagsMs = [...this.#lagsMs, Math.max(0, nowMs - this.#lookedAtMs - LOOK_INTERVAL_MS)].slice(-LAGS_KEPT);
    this.#lookedAtMs = nowMs;
    const stuck: string[] = [];
    if (journal.writingMs > stuckMsMax)
      stuck.push(`the journal: one write has taken ${seconds(journal.writingMs)} so far`);
    for (const name of this.#routes.keys()) {
      if (!routes.some(({ route }) => route === name)) this.#routes.delete(name);
    }
    for (const route of routes) {
      const movement = movementOf(route);
      const before = this.#routes.get(route.route);
      const mayRest = route.delivery.state !== "delivering" || route.ledger.waiting === 0n;
      if (before === undefined || before.movement !== movement || mayRest) {
        this.#routes.set(route.route, { movement, sinceMs: nowMs });
        continue;
      }
      const stillMs = nowMs - before.sinceMs;
      const slowestMs = (FIREHOSE_CALL_BYTES_MAX / route.pace.bytesPerSecond) * 1_000;
      if (stillMs > Math.max(stuckMsMax, PATIENCE * (requestTimeoutMsMax() + slowestMs))) {
        stuck.push(`route ${route.route}: log records wait, and nothing has moved for ${seconds(stillMs)}`);
      }
    }
    this.#stuck = stuck;
  }

  /** What stands still: sentences for an operator, none when all goes on. */
  get problems(): readonly string[] {
    const silentMs = this.#options.clock.monotonicMs() - this.#lookedAtMs;
    if (silentMs <= this.#options.stuckMsMax) return this.#stuck;
    return [`the event loop: it stood still for ${seconds(silentMs)}`, ...this.#stuck];
  }

  /** How late the event loop was at worst in the last ten seconds or so, in milliseconds. */
  get lagMs(): number {
    return Math.max(0, ...this.#lagsMs);
  }
}

/** Anything that changes when a route does something. */
function movementOf({ cursor, ledger, delivery }: RouteStatus): string {
  const { delivered, filtered, quarantined } = ledger;
  return [cursor, delivered, filtered, quarantined, delivery.calls, delivery.delivered.records].join(" ");
}

function seconds(ms: number): string {
  return `${Math.round(ms / 1_000)} s`;
}
