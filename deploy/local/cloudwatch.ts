/**
 * CloudWatch's GetMetricData over the streams' metrics, as far as a client of Firehose needs it: AWS JSON 1.0 (what
 * current SDKs speak), metrics of namespace AWS/Firehose with the dimension DeliveryStreamName, one of five statistics,
 * periods of whole minutes. All values come in one answer. Pure.
 *
 * Whether the real CloudWatch tells the limits of a stream that nobody puts to, nobody has confirmed: here it does not.
 * A stream without a quota has no limits to tell.
 */
import { FirehoseError } from "./errors.ts";
import { isMetricName, metricValues } from "./metrics.ts";
import type { DeliveryStream } from "./stream.ts";

type Fields = Record<string, unknown>;

const STATISTICS: Readonly<Record<string, (values: readonly number[]) => number>> = {
  Maximum: (values) => Math.max(...values),
  Minimum: (values) => Math.min(...values),
  Sum: (values) => values.reduce((sum, value) => sum + value, 0),
  Average: (values) => values.reduce((sum, value) => sum + value, 0) / values.length,
  SampleCount: (values) => values.length,
};

const QUERIES_MAX = 500;

/** Answers GetMetricData. Throws FirehoseError in CloudWatch's words. */
export function getMetricData(streams: ReadonlyMap<string, DeliveryStream>, fields: Fields): Fields {
  const startMs = toMs(fields.StartTime, "StartTime");
  const endMs = toMs(fields.EndTime, "EndTime");
  if (startMs >= endMs) throw invalidValue("The parameter StartTime must be less than the parameter EndTime.");
  const queries = fields.MetricDataQueries;
  if (!Array.isArray(queries)) throw missing("MetricDataQueries");
  if (queries.length > QUERIES_MAX)
    throw invalidValue(`The collection MetricDataQueries must not have a size greater than ${QUERIES_MAX}.`);
  const isOldestFirst = fields.ScanBy === "TimestampAscending";
  const results = queries.map((query: unknown) => {
    const { Id, MetricStat } = asFields(query);
    if (typeof Id !== "string") throw missing("MetricDataQueries.member.Id");
    if (MetricStat === undefined) throw invalidValue("Only MetricStat is supported here, no Expression.");
    const points = valuesOf(streams, asFields(MetricStat), startMs, endMs);
    if (!isOldestFirst) points.reverse();
    return {
      Id,
      Label: asFields(asFields(MetricStat).Metric).MetricName,
      Timestamps: points.map(({ atMs }) => atMs / 1000),
      Values: points.map(({ value }) => value),
      StatusCode: "Complete",
    };
  });
  return { MetricDataResults: results, Messages: [] };
}

/** One statistic of one metric, oldest first. Empty for what is not a metric here, as CloudWatch has it. */
function valuesOf(
  streams: ReadonlyMap<string, DeliveryStream>,
  { Metric, Period, Stat }: Fields,
  startMs: number,
  endMs: number,
): { atMs: number; value: number }[] {
  if (typeof Period !== "number" || Period < 60 || Period % 60 !== 0) {
    throw invalidValue("The parameter Period must be a multiple of 60 here.");
  }
  const statistic = typeof Stat === "string" && Object.hasOwn(STATISTICS, Stat) ? STATISTICS[Stat] : undefined;
  if (statistic === undefined)
    throw invalidValue(`The value ${String(Stat)} for parameter Stat is not supported here.`);
  const { Namespace, MetricName, Dimensions } = asFields(Metric);
  const [dimension, ...others] = (Array.isArray(Dimensions) ? Dimensions : []).map(asFields);
  const stream = dimension?.Name === "DeliveryStreamName" ? streams.get(String(dimension.Value)) : undefined;
  if (Namespace !== "AWS/Firehose" || stream === undefined || others.length > 0 || !isMetricName(MetricName)) return [];

  const periodMs = Period * 1000;
  const periods = new Map<number, number[]>();
  for (const { startMs: atMs, value } of metricValues(stream, MetricName, startMs, endMs)) {
    if (!Number.isFinite(value)) continue;
    const beginsMs = Math.floor(atMs / periodMs) * periodMs;
    periods.set(beginsMs, [...(periods.get(beginsMs) ?? []), value]);
  }
  return [...periods].map(([atMs, values]) => ({ atMs, value: statistic(values) }));
}

function toMs(seconds: unknown, name: string): number {
  if (typeof seconds !== "number") throw missing(name);
  return seconds * 1000;
}

function asFields(value: unknown): Fields {
  return typeof value === "object" && value !== null ? { ...value } : {};
}

function missing(name: string): FirehoseError {
  return new FirehoseError("MissingRequiredParameterException", `The parameter ${name} is required.`);
}

function invalidValue(message: string): FirehoseError {
  return new FirehoseError("InvalidParameterValueException", message);
}
