/**
 * Every failure that a caller can see. Codes are stable, messages are free, causes stay in the process.
 *
 * A code answers two questions once, here: what gRPC status an OTLP client gets for it, and whether it should send the
 * same again. OTLP clients drop what was answered INTERNAL or UNKNOWN, so trouble that passes is UNAVAILABLE, always
 * with RetryInfo (OTLP specification, "Failures" and "OTLP/gRPC Throttling"). Bad input is a code; a broken invariant
 * of our own is an `AssertionError`, which stops the process: safe, since only what is on disk was acknowledged.
 */
import { status } from "@grpc/grpc-js";

const codes = {
  invalid_request: {
    status: status.INVALID_ARGUMENT,
    retryable: false,
    meaning: "the bytes are no OTLP logs request, or break a limit that no later try can meet",
  },
  request_too_large: {
    status: status.INVALID_ARGUMENT,
    retryable: false,
    meaning: "the request is larger, deeper or holds more records than a limit allows: send smaller batches",
  },
  unauthenticated: {
    status: status.UNAUTHENTICATED,
    retryable: false,
    meaning: "no credentials, or none that are good here: the message says what is wrong with them",
  },
  permission_denied: {
    status: status.PERMISSION_DENIED,
    retryable: false,
    meaning: "the credentials are good, but their tenant is not among identity.tenants",
  },
  tenant_over_limit: {
    status: status.RESOURCE_EXHAUSTED,
    retryable: true,
    meaning: "the tenant has taken its part of the rate, the memory or the journal: others still have theirs",
  },
  journal_full: {
    status: status.UNAVAILABLE,
    retryable: true,
    meaning: "the journal, or the disk it is on, is full: space comes back as logs are delivered",
  },
  overloaded: {
    status: status.UNAVAILABLE,
    retryable: true,
    meaning: "more requests are being written or held than the limits on memory allow",
  },
  shutting_down: {
    status: status.UNAVAILABLE,
    retryable: true,
    meaning: "the collector is stopping: another replica, or this one after its start, takes it",
  },
  window_exceeded: {
    status: status.RESOURCE_EXHAUSTED,
    retryable: false,
    meaning:
      "a stream's client sent more than the window it was granted: nothing is lost, but the client must be mended",
  },
  stream_over: {
    status: status.UNAVAILABLE,
    retryable: true,
    meaning: "a stream was ended, since its connection is at its age or it stood still: open another one",
  },
  journal_io: {
    status: status.UNAVAILABLE,
    retryable: true,
    meaning: "the disk refused a write: nothing was acknowledged, and a new segment is tried",
  },
  quarantine_full: {
    status: status.UNAVAILABLE,
    retryable: true,
    meaning: "the quarantine of a route is at its limit: the route waits until someone has looked at it",
  },
  not_found: {
    status: status.NOT_FOUND,
    retryable: false,
    meaning: "admin service: there is no such route, ordinal or record; the message says what there is",
  },
  precondition_failed: {
    status: status.FAILED_PRECONDITION,
    retryable: false,
    meaning: "admin service: what was asked for does not fit how things are now; nothing was changed",
  },
  too_many_readers: {
    status: status.RESOURCE_EXHAUSTED,
    retryable: false,
    meaning: "admin service: as many calls read the journal as may at once: end one, or wait",
  },
  internal: {
    status: status.UNAVAILABLE,
    retryable: true,
    meaning: "a failure nobody foresaw; the cause is in the collector's own log",
  },
  config_invalid: {
    status: status.FAILED_PRECONDITION,
    retryable: false,
    meaning: "the configuration can't be used: every problem is named, nothing was started",
  },
  journal_locked: {
    status: status.FAILED_PRECONDITION,
    retryable: false,
    meaning: "another process has the journal open: two would corrupt it",
  },
  journal_unusable: {
    status: status.FAILED_PRECONDITION,
    retryable: false,
    meaning: "the journal's folder can't be opened, or was written by a newer version",
  },
} as const satisfies Record<string, { status: status; retryable: boolean; meaning: string }>;

export type ErrorCode = keyof typeof codes;

/** The table, for the reference page and for tests. */
export const ERROR_CODES: Readonly<Record<ErrorCode, { status: status; retryable: boolean; meaning: string }>> = codes;

export class CollectorError extends Error {
  override readonly name = "CollectorError";
  readonly code: ErrorCode;
  /** How long the sender should wait, where something better than the default is known. */
  readonly retryAfterMs: number | undefined;

  constructor(code: ErrorCode, message: string, options: { cause?: unknown; retryAfterMs?: number } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.retryAfterMs = options.retryAfterMs;
  }

  get retryable(): boolean {
    return codes[this.code].retryable;
  }

  get status(): status {
    return codes[this.code].status;
  }

  /** Anything that is not ours yet becomes `internal`: its message stays in the process, as the cause. */
  static from(reason: unknown): CollectorError {
    if (reason instanceof CollectorError) return reason;
    return new CollectorError("internal", "the collector could not take this now; send it again", { cause: reason });
  }
}

/** A broken invariant of our own. Nobody catches it: the process stops, and a restart reads what is on disk. */
export class AssertionError extends Error {
  override readonly name = "AssertionError";
}

export function assert(condition: boolean, message: string): asserts condition {
  if (!condition) throw new AssertionError(message);
}
