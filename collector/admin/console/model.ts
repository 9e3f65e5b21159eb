/** What the page computes before it draws: pure, and tested without a browser. */
import type { LineSnapshot, RouteSnapshot, Sample, SegmentSnapshot, Snapshot } from "./shapes.ts";

export interface Verdict {
  readonly tone: "good" | "warn" | "bad";
  readonly words: string;
}

/** The one thing that a person should know first. */
export function verdictOf({ imbalance, isAlive, journal, routes }: Snapshot): Verdict {
  if (imbalance > 0) return { tone: "bad", words: `The ledger is off by ${count(imbalance)} log records` };
  if (!isAlive) return { tone: "bad", words: "Something stands still that should not: see /livez" };
  if (journal.isFull) return { tone: "bad", words: "The journal is full: senders are held back" };
  const named = (state: string): string =>
    routes
      .filter((each) => each.state === state)
      .map(({ route }) => route)
      .join(", ");
  if (named("holding") !== "") return { tone: "bad", words: `Waits for a person: ${named("holding")}` };
  if (named("paused") !== "") return { tone: "warn", words: `Paused by a person: ${named("paused")}` };
  const entries = routes.reduce((sum, { quarantineEntries }) => sum + quarantineEntries, 0);
  if (entries > 0) return { tone: "warn", words: `${count(entries)} in quarantine; every log record is accounted for` };
  return { tone: "good", words: "Every log record is accounted for" };
}

/** When all that waits is delivered, by the route that takes longest. */
export function goneIn(routes: readonly Pick<RouteSnapshot, "state" | "line" | "drainSeconds">[]): string {
  const waiting = routes.filter(({ line }) => line.waiting > 0);
  if (waiting.some(({ state }) => state === "paused" || state === "holding")) return "not by itself";
  if (waiting.some(({ drainSeconds }) => drainSeconds === null)) return "not known yet";
  const seconds = Math.max(0, ...waiting.map(({ drainSeconds }) => drainSeconds ?? 0));
  return seconds === 0 ? "now" : duration(seconds);
}

export interface Part {
  readonly kind: "reclaimed" | "delivered" | "quarantined" | "flight" | "waiting";
  readonly logRecords: number;
  /** Of the whole, 0 to 1. */
  readonly width: number;
}

/**
 * The whole line of a route, to scale: from where it began to the head. Widths add up to 1, or to 0 where nothing was accepted.
 * Where on the line the quarantined lie is not known: they are drawn as a stretch of their own.
 */
export function wholeLine(line: LineSnapshot): Part[] {
  const { reclaimed, onDisk } = finishedOf(line);
  const fromReclaimed = Math.min(line.quarantined, reclaimed);
  const fromDisk = Math.min(line.quarantined - fromReclaimed, onDisk);
  return toParts([
    ["reclaimed", reclaimed - fromReclaimed],
    ["delivered", onDisk - fromDisk],
    ["quarantined", fromReclaimed + fromDisk],
    ["flight", line.inFlight],
    ["waiting", line.waiting - line.inFlight],
  ]);
}

/** What is still on disk, to scale: from the tail to the head. */
export function diskLine(line: LineSnapshot): Part[] {
  return toParts([
    ["delivered", finishedOf(line).onDisk],
    ["flight", line.inFlight],
    ["waiting", line.waiting - line.inFlight],
  ]);
}

export interface SegmentBar extends SegmentSnapshot {
  /** Of all of them, by bytes. */
  readonly width: number;
  /** How much of it lies below the cursor, 0 to 1. */
  readonly part: number;
  readonly title: string;
}

/** Segments to scale by their bytes, and how far a route with this cursor has come in each. */
export function segmentBars(segments: readonly SegmentSnapshot[], cursor: number): SegmentBar[] {
  const all = segments.reduce((sum, { bytes }) => sum + bytes, 0);
  return segments.map((segment) => {
    const { first, end, bytes: size, segments: number, isActive } = segment;
    const part = end <= first ? 0 : Math.min(1, Math.max(0, (cursor - first) / (end - first)));
    const what = number === 1 ? "segment" : `${number} segments`;
    const place = end <= first ? `empty, from ${count(first)} on` : `${count(first)} to ${count(end - 1)}`;
    const title = `${what}: ${place}, ${bytes(size)}${isActive ? ", written to" : ""}`;
    return { ...segment, width: all === 0 ? 1 / segments.length : size / all, part, title };
  });
}

function finishedOf({ start, tail, head, waiting }: LineSnapshot): { reclaimed: number; onDisk: number } {
  const finished = head - start - waiting;
  const reclaimed = Math.min(Math.max(0, tail - start), finished);
  return { reclaimed, onDisk: finished - reclaimed };
}

function toParts(counts: readonly (readonly [Part["kind"], number])[]): Part[] {
  const all = counts.reduce((sum, [, count]) => sum + Math.max(0, count), 0);
  return counts.map(([kind, count]) => {
    const logRecords = Math.max(0, count);
    return { kind, logRecords, width: all === 0 ? 0 : logRecords / all };
  });
}

/** Columns of numbers for a chart: seconds since 1970, then one per line. Null where it is not known. */
export type Columns = readonly [number[], ...(number | null)[][]];

/** Accepted and settled log records per second. A restarted route counts from 0 again: such a second is left out. */
export function flowColumns(samples: readonly Sample[], route: string): Columns {
  return perSecond(samples, [(sample) => sample.head, (sample) => routeOf(sample, route)?.settled]);
}

/** Bytes per second: taken by Firehose, throttled, the pacer's rate, the stream's ceiling. */
export function paceColumns(samples: readonly Sample[], route: string): Columns {
  const [times, taken, throttled] = perSecond(samples, [
    (sample) => routeOf(sample, route)?.deliveredBytes,
    (sample) => routeOf(sample, route)?.throttledBytes,
  ]) as [number[], (number | null)[], (number | null)[]];
  const later = samples.slice(1);
  const rate = later.map((sample) => routeOf(sample, route)?.rate ?? null);
  const ceiling = later.map((sample) => routeOf(sample, route)?.ceiling ?? null);
  return [times, taken, throttled, rate, ceiling];
}

const FORECAST_STEPS = 10;

/** Bytes of the journal, its limit, and where it goes: the forecast reaches as far ahead as the samples reach back. */
export function diskColumns(samples: readonly Sample[], bytesMax: number, fullSeconds: number | null): Columns {
  const times = samples.map(({ atMs }) => atMs / 1_000);
  const used: (number | null)[] = samples.map(({ journalBytes }) => journalBytes);
  const forecast: (number | null)[] = samples.map(() => null);
  const last = samples.at(-1);
  const [first] = samples;
  if (last !== undefined && first !== undefined && fullSeconds !== null && fullSeconds > 0) {
    const growth = (bytesMax - last.journalBytes) / fullSeconds;
    const span = Math.max(60, (last.atMs - first.atMs) / 1_000);
    forecast[forecast.length - 1] = last.journalBytes;
    for (let step = 1; step <= FORECAST_STEPS; step++) {
      const ahead = (span * step) / FORECAST_STEPS;
      times.push(last.atMs / 1_000 + ahead);
      used.push(null);
      forecast.push(Math.min(bytesMax, last.journalBytes + growth * ahead));
    }
  }
  return [times, used, forecast, times.map(() => bytesMax)];
}

/** The top of that chart: the limit where it comes near, else so that what is used can be seen. */
export function diskTop([, used = [], forecast = [], limit = []]: Columns): number {
  const most = Math.max(1, ...[...used, ...forecast].map((value) => value ?? 0));
  return Math.min(1.05 * (limit[0] ?? Number.POSITIVE_INFINITY), 2 * most);
}

function routeOf(sample: Sample, route: string): Sample["routes"][number] | undefined {
  return sample.routes.find((each) => each.route === route);
}

function perSecond(samples: readonly Sample[], counters: readonly ((sample: Sample) => number | undefined)[]): Columns {
  const later = samples.slice(1);
  const rates = counters.map((counter) =>
    later.map((sample, index) => {
      const before = samples[index] as Sample;
      const [now, then] = [counter(sample), counter(before)];
      const seconds = (sample.atMs - before.atMs) / 1_000;
      return now === undefined || then === undefined || now < then || seconds <= 0 ? null : (now - then) / seconds;
    }),
  );
  return [later.map(({ atMs }) => atMs / 1_000), ...rates];
}

/** Buckets from the first to the last that hold something: their words, and the part of the whole that each has. */
export function latencyBars(
  bounds: readonly number[],
  counts: readonly number[],
): { label: string; count: number; part: number }[] {
  const first = counts.findIndex((count) => count > 0);
  const last = counts.findLastIndex((count) => count > 0);
  const most = Math.max(1, ...counts);
  if (first === -1) return [];
  return counts.slice(first, last + 1).map((count, index) => {
    const bound = bounds[first + index];
    const label = bound === undefined ? `over ${duration(bounds.at(-1) ?? 0)}` : `≤ ${duration(bound)}`;
    return { label, count, part: count / most };
  });
}

const BYTE_UNITS = ["B", "KiB", "MiB", "GiB", "TiB"];

export function bytes(count: number): string {
  const power = Math.min(BYTE_UNITS.length - 1, Math.max(0, Math.floor(Math.log2(Math.max(1, count)) / 10)));
  const value = count / 1024 ** power;
  return `${value.toFixed(power === 0 || value >= 100 ? 0 : 1)} ${BYTE_UNITS[power]}`;
}

/** Seconds in the largest unit of which there is one. */
export function duration(seconds: number): string {
  if (seconds < 1) return `${Number((seconds * 1_000).toPrecision(3))} ms`;
  if (seconds < 120) return `${Number(seconds.toPrecision(3))} s`;
  if (seconds < 7_200) return `${Math.round(seconds / 60)} min`;
  if (seconds < 172_800) return `${Math.round(seconds / 3_600)} h`;
  return `${Math.round(seconds / 86_400)} days`;
}

export function count(value: number): string {
  return Math.round(value).toLocaleString("en-US");
}

/** 12,300 as 12.3 k, for the axis of a chart. */
export function brief(value: number): string {
  return new Intl.NumberFormat("en-US", { notation: "compact", maximumFractionDigits: 1 }).format(value);
}

/** One event of a stream of server-sent events. */
export interface StreamEvent {
  readonly event: string;
  readonly data: string;
}

/** Takes text as it comes; gives the events that are complete with it. */
export function createEventParser(): (text: string) => StreamEvent[] {
  let rest = "";
  return (text) => {
    const blocks = (rest + text).split("\n\n");
    rest = blocks.pop() ?? "";
    return blocks.map((block) => {
      const lines = block.split("\n");
      const of = (field: string): string[] =>
        lines.filter((line) => line.startsWith(`${field}: `)).map((line) => line.slice(field.length + 2));
      return { event: of("event")[0] ?? "", data: of("data").join("\n") };
    });
  };
}
