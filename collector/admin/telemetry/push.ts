/**
 * Sends the collector's own metrics and spans to an OTLP/gRPC endpoint, by the SDK's readers, processors and exporters.
 *
 * Nothing waits for it: a target that is slow, gone or a black hole costs at most one batch of metrics and `SPANS_MAX` spans
 * of memory; what finds no room is not sent. Loaded only where an endpoint is configured.
 */
import type { Tracer } from "@opentelemetry/api";
import { OTLPMetricExporter } from "@opentelemetry/exporter-metrics-otlp-grpc";
import { OTLPTraceExporter } from "@opentelemetry/exporter-trace-otlp-grpc";
import { MeterProvider, PeriodicExportingMetricReader } from "@opentelemetry/sdk-metrics";
import { AlwaysOnSampler, BasicTracerProvider, BatchSpanProcessor } from "@opentelemetry/sdk-trace-base";
import type { Clock } from "../../clock.ts";
import type { Log } from "../../log.ts";
import { createProducer, type Look, resourceOf } from "./open-telemetry.ts";

/** Finished spans in memory, on their way out. */
const SPANS_MAX = 512;
const BATCH_SPANS_MAX = 128;
const SPAN_DELAY_MS = 2_000;
const SEND_MS_MAX = 10_000;

/** How long a stop waits for the last batch. */
const LAST_SEND_MS_MAX = 2_000;

export interface PushOptions {
  readonly endpoint: string;
  readonly intervalMs: number;
  readonly collectorId: string;
  readonly look: Look;
  readonly clock: Clock;
  readonly log: Log;
}

export interface Push {
  readonly tracer: Tracer;
  /** Sends what there is, within two seconds, and ends. */
  stop(): Promise<void>;
}

export function startPush({ endpoint, intervalMs, collectorId, look, clock, log }: PushOptions): Push {
  const resource = resourceOf(collectorId);
  const timeoutMillis = Math.min(SEND_MS_MAX, intervalMs);
  const tell = toldOnChange(log, endpoint);
  const reader = new PeriodicExportingMetricReader({
    exporter: watched(new OTLPMetricExporter({ url: endpoint, timeoutMillis }), tell),
    exportIntervalMillis: intervalMs,
    exportTimeoutMillis: timeoutMillis,
    metricProducers: [createProducer(resource, look)],
  });
  // A reader begins when a provider takes it; the provider's own metrics are none, ours come from the producer.
  const provider = new MeterProvider({ resource, readers: [reader] });
  const traces = new BasicTracerProvider({
    resource,
    sampler: new AlwaysOnSampler(),
    spanProcessors: [
      new BatchSpanProcessor(watched(new OTLPTraceExporter({ url: endpoint, timeoutMillis }), tell), {
        maxQueueSize: SPANS_MAX,
        maxExportBatchSize: BATCH_SPANS_MAX,
        scheduledDelayMillis: SPAN_DELAY_MS,
        exportTimeoutMillis: SEND_MS_MAX,
      }),
    ],
  });
  return {
    tracer: traces.getTracer("standpipe"),
    stop: async () => {
      const sent = Promise.allSettled([provider.shutdown(), traces.shutdown()]);
      await Promise.race([sent, clock.sleep(LAST_SEND_MS_MAX)]);
    },
  };
}

interface Result {
  readonly code: number;
  readonly error?: Error;
}

/** An SDK exporter that tells what became of each batch. */
function watched<Batch, E extends { export(batch: Batch, done: (result: Result) => void): void }>(
  exporter: E,
  tell: (result: Result) => void,
): E {
  const send = exporter.export.bind(exporter);
  exporter.export = (batch: Batch, done: (result: Result) => void) =>
    send(batch, (result) => {
      tell(result);
      done(result);
    });
  return exporter;
}

/** Says once that the target is out of reach, and once that it is back. */
function toldOnChange(log: Log, endpoint: string): (result: Result) => void {
  let isOut = false;
  return ({ code, error }) => {
    if ((code !== 0) === isOut) return;
    isOut = code !== 0;
    if (isOut) {
      const reason = error?.message ?? "no answer";
      log.warn(
        { endpoint, reason },
        "own telemetry can't be sent: logs are not touched by that; check telemetry.otlpEndpoint",
      );
    } else log.info({ endpoint }, "own telemetry is sent again");
  };
}
