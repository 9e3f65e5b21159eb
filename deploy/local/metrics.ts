/**
 * What CloudWatch would show of the streams: namespace AWS/Firehose, one minute of resolution. As numbers for tests
 * (`metricValues`), and as Prometheus text for people.
 */
import type { MinuteRow } from "./meter.ts";
import type { DeliveryStream } from "./stream.ts";

const METRICS = {
  BytesPerSecondLimit: (row) => row.limits.bytesPerSecond,
  RecordsPerSecondLimit: (row) => row.limits.recordsPerSecond,
  PutRequestsPerSecondLimit: (row) => row.limits.requestsPerSecond,
  ThrottledRecords: (row) => row.throttledRecords,
  IncomingBytes: (row) => row.incomingBytes,
  IncomingRecords: (row) => row.incomingRecords,
  IncomingPutRequests: (row) => row.incomingPutRequests,
  "DeliveryToS3.Bytes": (row) => row.deliveredBytes,
  "DeliveryToS3.Records": (row) => row.deliveredRecords,
  "DeliveryToS3.ObjectCount": (row) => row.deliveredObjects,
} as const satisfies Record<string, (row: MinuteRow) => number>;

export type MetricName = keyof typeof METRICS;

export function isMetricName(name: unknown): name is MetricName {
  return typeof name === "string" && Object.hasOwn(METRICS, name);
}

export interface MetricValue {
  /** The start of the minute, in milliseconds since 1970. */
  readonly startMs: number;
  readonly value: number;
}

/** A metric's minutes in [startMs, endMs), oldest first. A minute in which nothing happened has no value. */
export function metricValues(stream: DeliveryStream, name: MetricName, startMs: number, endMs: number): MetricValue[] {
  return stream.meter
    .minutes()
    .filter((row) => row.startMs >= startMs && row.startMs < endMs)
    .map((row) => ({ startMs: row.startMs, value: METRICS[name](row) }));
}

const HELP: readonly (readonly [
  name: string,
  type: string,
  help: string,
  value: (stream: DeliveryStream) => number,
])[] = [
  ["calls_total", "counter", "Put calls that reached the quota.", ({ meter }) => meter.counters.calls],
  ["refused_calls_total", "counter", "Put calls refused before it.", ({ meter }) => meter.counters.refusedCalls],
  ["lost_answers_total", "counter", "Put calls stored and never answered.", ({ meter }) => meter.counters.lostAnswers],
  ["accepted_records_total", "counter", "Records accepted.", ({ meter }) => meter.counters.acceptedRecords],
  ["accepted_bytes_total", "counter", "Raw bytes accepted.", ({ meter }) => meter.counters.acceptedBytes],
  ["billed_bytes_total", "counter", "Accepted bytes as billed, 5 KB steps.", ({ meter }) => meter.counters.billedBytes],
  ["throttled_records_total", "counter", "Records throttled.", ({ meter }) => meter.counters.throttledRecords],
  ["failed_records_total", "counter", "Records answered InternalFailure.", ({ meter }) => meter.counters.failedRecords],
  ["delivered_records_total", "counter", "Records in objects.", ({ meter }) => meter.counters.deliveredRecords],
  ["delivered_bytes_total", "counter", "Bytes in objects, uncompressed.", ({ meter }) => meter.counters.deliveredBytes],
  ["delivered_objects_total", "counter", "Objects written.", ({ meter }) => meter.counters.deliveredObjects],
  ["expired_records_total", "counter", "Records lost after 24 hours.", ({ meter }) => meter.counters.expiredRecords],
  ["bytes_per_second_limit", "gauge", "The quota now.", (stream) => stream.limits().bytesPerSecond],
  ["records_per_second_limit", "gauge", "The quota now.", (stream) => stream.limits().recordsPerSecond],
  ["put_requests_per_second_limit", "gauge", "The quota now.", (stream) => stream.limits().requestsPerSecond],
];

/** The Prometheus text format, version 0.0.4. */
export function prometheusText(streams: ReadonlyMap<string, DeliveryStream>): string {
  let text = "";
  for (const [name, type, help, value] of HELP) {
    text += `# HELP local_firehose_${name} ${help}\n# TYPE local_firehose_${name} ${type}\n`;
    for (const [streamName, stream] of streams) {
      const number = value(stream);
      text += `local_firehose_${name}{stream="${streamName}"} ${number === Number.POSITIVE_INFINITY ? "+Inf" : number}\n`;
    }
  }
  return text;
}
