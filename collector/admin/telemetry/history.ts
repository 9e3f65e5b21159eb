/**
 * The last ten minutes, second by second, for who opens the page after something happened; and from the last five of them the
 * answer to when the disk is full. A few numbers per route and second, whatever the traffic.
 */
import { forecastFullSeconds } from "../../delivery/pacing/forecast.ts";
import type { Sample } from "../console/shapes.ts";
import type { CollectorStatus } from "../status.ts";

const SAMPLES_MAX = 600;

/** What is kept is bounded for many routes too. */
const ROUTES_MAX = 16;

const TREND_MS = 300_000;
const TREND_MS_MIN = 10_000;

export function takeSample({ journal, routes }: Pick<CollectorStatus, "journal" | "routes">, atMs: number): Sample {
  return {
    atMs,
    head: Number(journal.head),
    journalBytes: journal.bytes,
    diskFreeBytes: journal.diskFreeBytes,
    routes: routes.slice(0, ROUTES_MAX).map(({ route, ledger, delivery, pace }) => ({
      route,
      settled: Number(ledger.delivered + ledger.filtered + ledger.quarantined + ledger.handedOver),
      deliveredBytes: delivery.delivered.bytes,
      throttledBytes: delivery.throttled.bytes,
      waiting: Number(ledger.waiting),
      rate: pace.bytesPerSecond,
      ceiling: pace.ceiling.bytesPerSecond,
    })),
  };
}

export class History {
  readonly #samples: Sample[] = [];
  readonly #diskFreeBytesMin: number;
  readonly #swingBytesMax: number;

  /**
   * `diskFreeBytesMin`: what must stay free on the disk. `swingBytesMax`: how large a journal gets that keeps up, since space comes
   * back a segment at a time.
   */
  constructor(diskFreeBytesMin: number, swingBytesMax: number) {
    this.#diskFreeBytesMin = diskFreeBytesMin;
    this.#swingBytesMax = swingBytesMax;
  }

  note(sample: Sample): void {
    this.#samples.push(sample);
    if (this.#samples.length > SAMPLES_MAX) this.#samples.shift();
  }

  /** Oldest first. */
  get samples(): readonly Sample[] {
    return this.#samples;
  }

  /**
   * Seconds until the journal takes nothing more, if it goes on growing as in the last five minutes. Infinity if it does not, or
   * is so small that it only swings.
   */
  fullSeconds(bytesMax: number): number {
    const last = this.#samples.at(-1);
    const first = this.#samples.find(({ atMs }) => last !== undefined && last.atMs - atMs <= TREND_MS);
    if (last === undefined || first === undefined || last.atMs - first.atMs < TREND_MS_MIN)
      return Number.POSITIVE_INFINITY;
    if (last.journalBytes <= this.#swingBytesMax) return Number.POSITIVE_INFINITY;
    const growthBytesPerSecond = ((last.journalBytes - first.journalBytes) / (last.atMs - first.atMs)) * 1_000;
    return forecastFullSeconds({
      usedBytes: last.journalBytes,
      bytesMax,
      diskFreeBytes: last.diskFreeBytes,
      diskFreeBytesMin: this.#diskFreeBytesMin,
      growthBytesPerSecond,
    });
  }
}
