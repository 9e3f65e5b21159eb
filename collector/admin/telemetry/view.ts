/** What telemetry looks at: the collector's status, and what is counted beside it. */
import type { HistogramSnapshot } from "../../histogram.ts";
import type { CollectorStatus } from "../status.ts";
import type { Balance } from "./balance.ts";

export interface ProcessFacts {
  readonly residentBytes: number;
  /** CPU time since the start, in seconds. */
  readonly cpuUserSeconds: number;
  readonly cpuSystemSeconds: number;
  readonly uptimeSeconds: number;
  /** How late the event loop was at worst in the last seconds. */
  readonly loopLagSeconds: number;
}

export interface Durations {
  readonly exports: HistogramSnapshot;
  readonly commits: HistogramSnapshot;
  /** Calls to Firehose, by route. */
  readonly calls: readonly { readonly route: string; readonly stream: string; readonly durations: HistogramSnapshot }[];
}

export interface TelemetryView {
  /** Wall time in milliseconds since 1970. */
  readonly atMs: number;
  readonly status: CollectorStatus;
  readonly balance: readonly Balance[];
  readonly durations: Durations;
  readonly process: ProcessFacts;
  /** Seconds until the journal takes nothing more, at the pace of the last minutes; Infinity where it does not grow. */
  readonly fullSeconds: number;
  /** Whether the process gets on with its work. */
  readonly isAlive: boolean;
}
