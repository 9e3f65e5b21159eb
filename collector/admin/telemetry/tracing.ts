/**
 * Traces of the path of a log record: an export, the commit that it became part of, and the calls to Firehose that the commit's
 * log records went with. One goes into many and many into one, so the three are traces of their own, joined by span links:
 *
 *   export (child of the caller's span, if it sent one)  <──link── commit  <──link── deliver
 *
 * One export in so many is chosen by chance; the commit it is in is traced with it, and so are the calls that carry one of the
 * commit's log records. Spans are made afterwards, from what is known by then, so that what is not chosen costs one roll of the
 * dice. A restart forgets the commits: what is delivered after it has no span.
 */
import {
  type Context,
  type Link,
  ROOT_CONTEXT,
  type SpanContext,
  SpanKind,
  SpanStatusCode,
  type Tracer,
  trace,
} from "@opentelemetry/api";
import type { Clock, Random } from "../../clock.ts";
import type { CallEvent, CommitEvent, ExportEvent } from "../../observer.ts";

/** Commits that may still be asked for by an export that was in them. */
const RECENT_COMMITS_MAX = 16;

/** Traced commits that wait for delivery; with more, the oldest is forgotten. */
const TRACED_COMMITS_MAX = 1_024;

/** Links of one call. */
const LINKS_MAX = 32;

interface RecentCommit {
  readonly first: bigint;
  readonly end: bigint;
  readonly startMs: number;
  readonly endMs: number;
  readonly bytes: number;
  links: Link[];
}

interface TracedCommit {
  readonly first: bigint;
  readonly end: bigint;
  readonly context: SpanContext;
}

export interface TracingOptions {
  readonly tracer: Tracer;
  readonly ratio: number;
  readonly clock: Clock;
  readonly random: Random;
}

export class Tracing {
  readonly #options: TracingOptions;
  #recent: RecentCommit[] = [];
  #traced: TracedCommit[] = [];

  constructor(options: TracingOptions) {
    this.#options = options;
  }

  committed({ first, records, bytes, ms }: CommitEvent): void {
    const endMs = this.#options.clock.nowMs();
    const end = first + BigInt(records);
    this.#recent.push({ first, end, startMs: endMs - ms, endMs, bytes, links: [] });
    if (this.#recent.length > RECENT_COMMITS_MAX) this.#recent.shift();
  }

  exported({ ms, records, bytes, first, refused, traceparent }: ExportEvent): void {
    const { tracer, ratio, clock, random } = this.#options;
    if (random() >= ratio) return;
    const endMs = clock.nowMs();
    const attributes = { "standpipe.log_records": records, "standpipe.bytes": bytes };
    const options = { kind: SpanKind.SERVER, startTime: endMs - ms, attributes };
    const span = tracer.startSpan("standpipe.export", options, parentOf(traceparent));
    if (refused !== undefined) span.setStatus({ code: SpanStatusCode.ERROR, message: refused });
    span.end(endMs);
    const commit =
      first === undefined ? undefined : this.#recent.findLast((each) => each.first <= first && first < each.end);
    if (commit === undefined) return;
    commit.links.push({ context: span.spanContext() });
    // The other exports of the group are answered in this same turn: one span links to all of them.
    if (commit.links.length === 1) setImmediate(() => this.#trace(commit));
  }

  called({ route, stream, ms, acceptedBytes, throttledBytes, records }: CallEvent): void {
    if (this.#traced.length === 0) return;
    const links = this.#traced
      .filter(({ first, end }) => records.some((record) => record.first < end && first < record.end))
      .slice(0, LINKS_MAX)
      .map(({ context }) => ({ context }));
    if (links.length === 0) return;
    const { tracer, clock } = this.#options;
    const endMs = clock.nowMs();
    const attributes = {
      "standpipe.route": route,
      "aws.firehose.stream": stream,
      "standpipe.records": records.length,
      "standpipe.accepted_bytes": acceptedBytes,
      "standpipe.throttled_bytes": throttledBytes,
    };
    const options = { kind: SpanKind.CLIENT, startTime: endMs - ms, attributes, links };
    const span = tracer.startSpan("standpipe.deliver", options, ROOT_CONTEXT);
    if (acceptedBytes === 0) span.setStatus({ code: SpanStatusCode.ERROR, message: "nothing was taken" });
    span.end(endMs);
  }

  #trace({ first, end, startMs, endMs, bytes, links }: RecentCommit): void {
    const attributes = {
      "standpipe.first": String(first),
      "standpipe.log_records": Number(end - first),
      "standpipe.bytes": bytes,
    };
    const options = { kind: SpanKind.INTERNAL, startTime: startMs, attributes, links };
    const span = this.#options.tracer.startSpan("standpipe.commit", options, ROOT_CONTEXT);
    span.end(endMs);
    this.#traced.push({ first, end, context: span.spanContext() });
    if (this.#traced.length > TRACED_COMMITS_MAX) this.#traced.shift();
  }
}

const TRACEPARENT = /^00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})$/;

/** The caller's span, as it sent it; nothing where that is malformed. Whether the caller samples is its own affair. */
function parentOf(traceparent: string | undefined): Context {
  const [, traceId, spanId] = TRACEPARENT.exec(traceparent ?? "") ?? [];
  if (traceId === undefined || spanId === undefined) return ROOT_CONTEXT;
  return trace.setSpanContext(ROOT_CONTEXT, { traceId, spanId, traceFlags: 1, isRemote: true });
}
