/**
 * What the collector knows of itself while it runs, in one place: it listens to the stages (observer.ts), looks at the status
 * once a second, and answers who asks.
 *
 *   stages ──observer──> histograms, traces, taps (the live tail)
 *   status ──every second──> watchdog.ts, history.ts, whoever watches
 *   status ──when asked──> metrics.ts ──> /metrics, or pushed (push.ts)
 *
 * The OpenTelemetry SDK is loaded when it is first needed. No log record waits for any of this.
 */
import type { Clock, Random } from "../../clock.ts";
import type { TelemetryConfig } from "../../config/telemetry.ts";
import { Histogram } from "../../histogram.ts";
import type { Log } from "../../log.ts";
import type { CallEvent, CommitEvent, ExportEvent, Observer } from "../../observer.ts";
import type { CollectorStatus } from "../status.ts";
import { checkBalance } from "./balance.ts";
import { History, takeSample } from "./history.ts";
import { toMetrics } from "./metrics.ts";
import type { Look, Moment } from "./open-telemetry.ts";
import type { Push } from "./push.ts";
import type { Tracing } from "./tracing.ts";
import type { TelemetryView } from "./view.ts";
import { LOOK_INTERVAL_MS, Watchdog } from "./watchdog.ts";

export interface TelemetryOptions {
  readonly config: TelemetryConfig;
  /** What must stay free on the journal's disk. */
  readonly diskFreeBytesMin: number;
  /** How large a segment of the journal gets. */
  readonly segmentBytesMax: number;
  /** How long a call of the slowest route may last. */
  readonly requestTimeoutMsMax: () => number;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

/** Called once a second with what was seen; must return at once. */
export type Watcher = (view: TelemetryView) => void;

export class Telemetry implements Observer {
  readonly history: History;
  readonly #options: TelemetryOptions;
  readonly #watchdog: Watchdog;
  readonly #startedAtMs: number;
  readonly #startedMs: number;
  readonly #exports = new Histogram();
  readonly #commits = new Histogram();
  readonly #calls = new Map<string, { readonly stream: string; readonly histogram: Histogram }>();
  readonly #watchers = new Set<Watcher>();
  readonly #taps = new Set<(commit: CommitEvent) => void>();
  readonly #stopped = new AbortController();
  #status: (() => CollectorStatus) | undefined;
  #headAtStart = 0n;
  #tracing: Tracing | undefined;
  #push: Push | undefined;
  #ticking: Promise<void> = Promise.resolve();
  #isOutOfBalance = false;

  constructor(options: TelemetryOptions) {
    const { clock, config, requestTimeoutMsMax, diskFreeBytesMin, segmentBytesMax } = options;
    this.#options = options;
    this.#startedAtMs = clock.nowMs();
    this.#startedMs = clock.monotonicMs();
    this.history = new History(diskFreeBytesMin, 2 * segmentBytesMax);
    this.#watchdog = new Watchdog({ clock, stuckMsMax: config.stuckMsMax, requestTimeoutMsMax });
  }

  exported(event: ExportEvent): void {
    this.#exports.note(event.ms / 1_000);
    this.#tracing?.exported(event);
  }

  committed(event: CommitEvent): void {
    this.#commits.note(event.ms / 1_000);
    this.#tracing?.committed(event);
    for (const tap of this.#taps) tap(event);
  }

  called(event: CallEvent): void {
    let call = this.#calls.get(event.route);
    if (call === undefined) {
      call = { stream: event.stream, histogram: new Histogram() };
      this.#calls.set(event.route, call);
    }
    call.histogram.note(event.ms / 1_000);
    this.#tracing?.called(event);
  }

  /** Begins to look, and to send what is to be sent. `headAtStart`: where the head is before anything is taken. */
  async start(status: () => CollectorStatus, headAtStart: bigint): Promise<void> {
    const { config, clock, random, log } = this.#options;
    this.#status = status;
    this.#headAtStart = headAtStart;
    this.#ticking = this.#tick(status);
    if (config.otlpEndpoint === undefined) return;
    const { startPush } = await import("./push.ts");
    const look: Look = () => ({ metrics: toMetrics(this.#look(status())), moment: this.#moment() });
    const { collectorId } = status().journal;
    const push = { endpoint: config.otlpEndpoint, intervalMs: config.otlpIntervalMs, collectorId, look, clock, log };
    this.#push = startPush(push);
    if (config.traceRatio === 0) return;
    const { Tracing: Tracer } = await import("./tracing.ts");
    this.#tracing = new Tracer({ tracer: this.#push.tracer, ratio: config.traceRatio, clock, random });
  }

  /** What stands still that should not; none when all goes on, or nothing has begun. */
  get problems(): readonly string[] {
    return this.#status === undefined ? [] : this.#watchdog.problems;
  }

  /** Undefined before `start`. */
  view(): TelemetryView | undefined {
    return this.#status === undefined ? undefined : this.#look(this.#status());
  }

  /** Prometheus's text; undefined before `start`. */
  async prometheus(): Promise<string | undefined> {
    if (this.#status === undefined) return undefined;
    const { toPrometheus } = await import("./open-telemetry.ts");
    const status = this.#status();
    return toPrometheus(status.journal.collectorId, toMetrics(this.#look(status)), this.#moment());
  }

  /** Calls `watcher` once a second. Returns the way to stop that. */
  watch(watcher: Watcher): () => void {
    this.#watchers.add(watcher);
    return () => this.#watchers.delete(watcher);
  }

  /** Shows every commit to `tap`, which must return at once. Returns the way to stop that. */
  tap(tap: (commit: CommitEvent) => void): () => void {
    this.#taps.add(tap);
    return () => this.#taps.delete(tap);
  }

  async stop(): Promise<void> {
    this.#stopped.abort();
    await this.#ticking;
    await this.#push?.stop();
  }

  async #tick(status: () => CollectorStatus): Promise<void> {
    const { clock } = this.#options;
    while (!this.#stopped.signal.aborted) {
      const now = status();
      this.#watchdog.look(now);
      this.history.note(takeSample(now, clock.nowMs()));
      const view = this.#look(now);
      this.#checkBalance(view);
      for (const watcher of this.#watchers) watcher(view);
      await clock.sleep(LOOK_INTERVAL_MS, this.#stopped.signal);
    }
  }

  #checkBalance({ balance }: TelemetryView): void {
    const wrong = balance.filter(({ imbalance }) => imbalance !== 0n);
    if (wrong.length > 0 && !this.#isOutOfBalance) {
      const checks = wrong.map((each) => ({ ...each, imbalance: String(each.imbalance) }));
      this.#options.log.error({ checks }, "the ledger is out of balance: keep the journal's folder and report this");
    }
    this.#isOutOfBalance = wrong.length > 0;
  }

  #look(status: CollectorStatus): TelemetryView {
    const { user, system } = process.cpuUsage();
    return {
      atMs: this.#options.clock.nowMs(),
      status,
      balance: checkBalance(status, this.#headAtStart),
      durations: {
        exports: this.#exports.snapshot(),
        commits: this.#commits.snapshot(),
        calls: status.routes.flatMap(({ route, stream }) => {
          const call = this.#calls.get(route);
          return call === undefined ? [] : [{ route, stream, durations: call.histogram.snapshot() }];
        }),
      },
      process: {
        residentBytes: process.memoryUsage.rss(),
        cpuUserSeconds: user / 1e6,
        cpuSystemSeconds: system / 1e6,
        uptimeSeconds: (this.#options.clock.monotonicMs() - this.#startedMs) / 1_000,
        loopLagSeconds: this.#watchdog.lagMs / 1_000,
      },
      fullSeconds: this.history.fullSeconds(status.journal.bytesMax),
      isAlive: this.#watchdog.problems.length === 0,
    };
  }

  #moment(): Moment {
    return { startedAtMs: this.#startedAtMs, nowMs: this.#options.clock.nowMs() };
  }
}
