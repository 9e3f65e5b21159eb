/**
 * The way from our metrics into OpenTelemetry's SDK: a MetricProducer, which the SDK's readers and exporters take. Loaded when
 * it is first needed, since the SDK takes about 4 MiB of memory.
 *
 * Names in Prometheus get their unit as a suffix, as OpenTelemetry's compatibility page asks; the serialiser leaves it out.
 */
import { ValueType } from "@opentelemetry/api";
import { PrometheusSerializer } from "@opentelemetry/exporter-prometheus";
import { type Resource, resourceFromAttributes } from "@opentelemetry/resources";
import {
  AggregationTemporality,
  type CollectionResult,
  DataPointType,
  type MetricData,
  type MetricProducer,
  type ResourceMetrics,
} from "@opentelemetry/sdk-metrics";
import type { Metric } from "./metrics.ts";

type HrTime = MetricData["dataPoints"][number]["startTime"];

/** What the process is called, in every metric and trace. */
export function resourceOf(collectorId: string): Resource {
  return resourceFromAttributes({ "service.name": "standpipe", "service.instance.id": collectorId });
}

export interface Moment {
  readonly startedAtMs: number;
  readonly nowMs: number;
}

export function toMetricData(metric: Metric, { startedAtMs, nowMs }: Moment): MetricData {
  const { name, unit, description, points } = metric;
  const times = { startTime: toHrTime(startedAtMs), endTime: toHrTime(nowMs) };
  const descriptor = { name, unit, description, valueType: ValueType.DOUBLE, advice: {} };
  const aggregationTemporality = AggregationTemporality.CUMULATIVE;
  if (metric.kind === "histogram") {
    return {
      descriptor,
      aggregationTemporality,
      dataPointType: DataPointType.HISTOGRAM,
      dataPoints: metric.points.map(({ attributes, value: { bounds, counts, count, sum } }) => ({
        ...times,
        attributes,
        value: { buckets: { boundaries: [...bounds], counts: [...counts] }, count, sum },
      })),
    };
  }
  const dataPoints = (points as readonly { attributes: Record<string, string>; value: number }[]).map((point) => ({
    ...times,
    ...point,
  }));
  if (metric.kind === "gauge")
    return { descriptor, aggregationTemporality, dataPointType: DataPointType.GAUGE, dataPoints };
  const isMonotonic = metric.kind === "counter";
  return { descriptor, aggregationTemporality, dataPointType: DataPointType.SUM, isMonotonic, dataPoints };
}

/** Metrics, and the time for which they hold. */
export type Look = () => { readonly metrics: readonly Metric[]; readonly moment: Moment };

/** Hands the SDK what `look` returns. */
export function createProducer(resource: Resource, look: Look): MetricProducer {
  return {
    collect: async (): Promise<CollectionResult> => {
      const { metrics, moment } = look();
      return { resourceMetrics: toResourceMetrics(resource, metrics, moment), errors: [] };
    },
  };
}

/** Prometheus's text format 0.0.4. */
export function toPrometheus(collectorId: string, metrics: readonly Metric[], moment: Moment): string {
  const named = metrics
    .filter(({ points }) => points.length > 0)
    .map((metric) => ({ ...metric, name: `${metric.name}${unitSuffix(metric)}`, unit: "" }));
  const serializer = new PrometheusSerializer(undefined, false, undefined, false, true);
  return serializer.serialize(toResourceMetrics(resourceOf(collectorId), named, moment));
}

const SUFFIXES: Readonly<Record<string, string>> = { s: "_seconds", By: "_bytes", "By/s": "_bytes_per_second" };

function unitSuffix({ unit }: Metric): string {
  return SUFFIXES[unit] ?? "";
}

function toResourceMetrics(resource: Resource, metrics: readonly Metric[], moment: Moment): ResourceMetrics {
  const data = metrics.map((metric) => toMetricData(metric, moment));
  return { resource, scopeMetrics: [{ scope: { name: "standpipe" }, metrics: data }] };
}

function toHrTime(ms: number): HrTime {
  const seconds = Math.floor(ms / 1_000);
  return [seconds, Math.round((ms - seconds * 1_000) * 1_000_000)];
}
