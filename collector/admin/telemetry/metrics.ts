/**
 * The collector's metrics, by OpenTelemetry's naming: dots, units beside the name and not in it, few attributes. Pure: a view
 * in, metrics out. All that is counted anyway is read when somebody asks, so that counting costs nothing more.
 */

import type { DeliveryState } from "../../delivery/delivery.ts";
import type { HistogramSnapshot } from "../../histogram.ts";
import type { RouteStatus } from "../status.ts";
import type { TelemetryView } from "./view.ts";

export type Attributes = Readonly<Record<string, string>>;

interface Description {
  readonly name: string;
  /** UCUM, as OpenTelemetry has it; annotations stand in braces. */
  readonly unit: string;
  readonly description: string;
}

export type Metric =
  | (Description & {
      /** A counter only grows while the process runs; an amount goes up and down and can be added up; a gauge can't. */
      readonly kind: "counter" | "amount" | "gauge";
      readonly points: readonly { readonly attributes: Attributes; readonly value: number }[];
    })
  | (Description & {
      readonly kind: "histogram";
      readonly points: readonly { readonly attributes: Attributes; readonly value: HistogramSnapshot }[];
    });

type PlainKind = "counter" | "amount" | "gauge";
type Value = number | bigint | boolean;

const STATES: readonly (DeliveryState | "paused")[] = ["delivering", "backing_off", "holding", "stopping", "paused"];

export function toMetrics(view: TelemetryView): Metric[] {
  return [...ingestMetrics(view), ...journalMetrics(view), ...routeMetrics(view), ...ownMetrics(view)];
}

function plain(kind: PlainKind, name: string, unit: string, description: string, value: Value): Metric {
  return { kind, name, unit, description, points: [{ attributes: {}, value: Number(value) }] };
}

function ingestMetrics({ status: { ingest }, durations }: TelemetryView): Metric[] {
  const { refused } = ingest;
  const calls = [
    ["ok", ingest.acknowledgedCalls],
    ...Object.entries(refused).filter(([, count]) => count > 0),
  ] as const;
  return [
    {
      kind: "counter",
      name: "standpipe.ingest.calls",
      unit: "{call}",
      description: "Exports that were answered, by code: ok, or why they were refused",
      points: calls.map(([code, value]) => ({ attributes: { code: String(code) }, value: Number(value) })),
    },
    {
      kind: "histogram",
      name: "standpipe.ingest.duration",
      unit: "s",
      description: "From a whole request's arrival to its answer",
      points: [{ attributes: {}, value: durations.exports }],
    },
    plain(
      "counter",
      "standpipe.ingest.log_records",
      "{log_record}",
      "Log records acknowledged",
      ingest.acknowledgedRecords,
    ),
    plain(
      "counter",
      "standpipe.ingest.refused_log_records",
      "{log_record}",
      "Log records refused within a good request (partial_success)",
      ingest.partiallyRefusedRecords,
    ),
    plain("counter", "standpipe.ingest.io", "By", "Bytes of acknowledged requests", ingest.acknowledgedBytes),
    plain("amount", "standpipe.ingest.in_flight", "By", "Bytes of requests being written", ingest.inFlightBytes),
    plain("amount", "standpipe.ingest.held", "{call}", "Calls that wait for room", ingest.heldCalls),
    plain("amount", "standpipe.ingest.streams", "{stream}", "Streams of batches that are open", ingest.streams.open),
    plain("counter", "standpipe.ingest.batches", "{batch}", "Batches of streams answered", ingest.streams.batches),
  ];
}

function journalMetrics({ status: { journal }, durations, fullSeconds }: TelemetryView): Metric[] {
  return [
    plain("counter", "standpipe.journal.commits", "{commit}", "Synced writes", journal.commits),
    {
      kind: "histogram",
      name: "standpipe.journal.commit.duration",
      unit: "s",
      description: "Encoding and synced write of one commit",
      points: [{ attributes: {}, value: durations.commits }],
    },
    plain("counter", "standpipe.journal.io", "By", "Bytes of entries written to the disk", journal.writtenBytes),
    plain("gauge", "standpipe.journal.head", "{log_record}", "The next ordinal", journal.head),
    plain("gauge", "standpipe.journal.tail", "{log_record}", "The oldest ordinal still on disk", journal.tail),
    plain("amount", "standpipe.journal.segments", "{segment}", "Segments on disk", journal.segments),
    plain("amount", "standpipe.journal.size", "By", "Bytes of all segments", journal.bytes),
    plain("amount", "standpipe.journal.limit", "By", "What the segments may grow to", journal.bytesMax),
    plain("amount", "standpipe.journal.disk.free", "By", "Free bytes of the journal's disk", journal.diskFreeBytes),
    plain("gauge", "standpipe.journal.full", "1", "1 while there is no room for an ordinary request", journal.isFull),
    plain(
      "gauge",
      "standpipe.journal.full.forecast",
      "s",
      "Time until the journal takes nothing more, at the pace of the last minutes; infinite where it does not grow",
      fullSeconds,
    ),
  ];
}

function routeMetrics({ status: { routes }, durations }: TelemetryView): Metric[] {
  const each = (
    kind: PlainKind,
    name: string,
    unit: string,
    description: string,
    pick: (route: RouteStatus) => Value | undefined,
  ): Metric => {
    const points = routes.flatMap((status) => {
      const value = pick(status);
      const attributes = { route: status.route, stream: status.stream };
      return value === undefined ? [] : [{ attributes, value: Number(value) }];
    });
    return { kind, name, unit, description, points };
  };
  const settled = (["delivered", "filtered", "quarantined", "handedOver"] as const).flatMap((outcome) =>
    routes.map(({ route, stream, ledger }) => ({
      attributes: { route, stream, outcome },
      value: Number(ledger[outcome]),
    })),
  );
  const states = routes.flatMap(({ route, stream, delivery, paused }) =>
    STATES.map((state) => ({
      attributes: { route, stream, state },
      value: Number((paused === undefined ? delivery.state : "paused") === state),
    })),
  );
  const log = "{log_record}";
  return [
    {
      kind: "counter",
      name: "standpipe.route.settled",
      unit: log,
      description: "Log records that a route has finished, by how they ended",
      points: settled,
    },
    {
      kind: "gauge",
      name: "standpipe.route.state",
      unit: "1",
      description: "1 for the state it is in",
      points: states,
    },
    each("amount", "standpipe.route.backlog", log, "Log records that wait", ({ ledger }) => ledger.waiting),
    each(
      "amount",
      "standpipe.route.backlog.size",
      "By",
      "They in Firehose's bytes, estimated",
      (r) => r.pace.backlogBytes,
    ),
    each(
      "gauge",
      "standpipe.route.backlog.age",
      "s",
      "How long the oldest has waited, as far as this process has seen",
      (r) => r.pace.backlogAgeMs / 1_000,
    ),
    each(
      "gauge",
      "standpipe.route.backlog.forecast",
      "s",
      "Time until nothing waits, if nothing more came",
      (r) => r.drainSeconds,
    ),
    each(
      "amount",
      "standpipe.route.pinned",
      "By",
      "Bytes of the journal that wait for this route",
      (r) => r.pinnedBytes,
    ),
    each("amount", "standpipe.quarantine.log_records", log, "Log records in quarantine", (r) => r.quarantine.entries),
    each("amount", "standpipe.quarantine.size", "By", "Bytes of the quarantine", (r) => r.quarantine.bytes),
    each("counter", "standpipe.firehose.calls", "{call}", "Calls to Firehose", (r) => r.delivery.calls),
    {
      kind: "histogram",
      name: "standpipe.firehose.call.duration",
      unit: "s",
      description: "From sending a call to its answer",
      points: durations.calls.map(({ route, stream, durations: value }) => ({ attributes: { route, stream }, value })),
    },
    each(
      "counter",
      "standpipe.firehose.records",
      "{record}",
      "Firehose records taken",
      (r) => r.delivery.delivered.records,
    ),
    each("counter", "standpipe.firehose.io", "By", "Bytes taken by Firehose", (r) => r.delivery.delivered.bytes),
    each(
      "counter",
      "standpipe.firehose.billed",
      "By",
      "Bytes as AWS counts them for the bill",
      (r) => r.delivery.delivered.billedBytes,
    ),
    each(
      "counter",
      "standpipe.firehose.throttled",
      "By",
      "Bytes refused because of the quota",
      (r) => r.delivery.throttled.bytes,
    ),
    each(
      "counter",
      "standpipe.firehose.retried",
      "By",
      "Bytes sent once more, for whatever reason",
      (r) => r.delivery.retried.bytes,
    ),
    each(
      "gauge",
      "standpipe.quota.limit",
      "By/s",
      "What the stream takes, for all replicas",
      (r) => r.quota.bytesPerSecond,
    ),
    each("gauge", "standpipe.quota.share", "1", "This replica's part of it", (r) => r.pace.share),
    each("gauge", "standpipe.pace.rate", "By/s", "How fast this replica may send now", (r) => r.pace.bytesPerSecond),
    each(
      "gauge",
      "standpipe.pace.wanted",
      "By/s",
      "What the route would send if nothing held it back",
      (r) => r.pace.wantsBytesPerSecond,
    ),
  ];
}

function ownMetrics({ status, balance, process, isAlive, atMs }: TelemetryView): Metric[] {
  const certificates = status.identity.files.flatMap(({ what, expiresAtMs }) => {
    return expiresAtMs === undefined ? [] : [{ attributes: { file: what }, value: (expiresAtMs - atMs) / 1_000 }];
  });
  const cpu: Metric = {
    kind: "counter",
    name: "process.cpu.time",
    unit: "s",
    description: "CPU time of the process",
    points: [
      { attributes: { "cpu.mode": "user" }, value: process.cpuUserSeconds },
      { attributes: { "cpu.mode": "system" }, value: process.cpuSystemSeconds },
    ],
  };
  return [
    {
      kind: "gauge",
      name: "standpipe.ledger.imbalance",
      unit: "{log_record}",
      description: "By how many log records the ledger is out of balance: 0, always",
      points: balance.map(({ check, route, imbalance }) => ({
        attributes: route === undefined ? { check } : { check, route },
        value: Number(imbalance),
      })),
    },
    {
      kind: "gauge",
      name: "standpipe.certificate.remaining",
      unit: "s",
      description: "Time until a certificate runs out; below 0 once it has",
      points: certificates,
    },
    plain("gauge", "standpipe.alive", "1", "1 while progress is being made, as /livez says", isAlive),
    plain(
      "gauge",
      "standpipe.event_loop.lag",
      "s",
      "How late the event loop was at worst lately",
      process.loopLagSeconds,
    ),
    cpu,
    plain("amount", "process.memory.usage", "By", "Resident memory", process.residentBytes),
    plain("gauge", "process.uptime", "s", "Since the process began", process.uptimeSeconds),
  ];
}
