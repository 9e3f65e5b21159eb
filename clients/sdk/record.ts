/** The log record as applications give it, and the names of OpenTelemetry's data model for it. */

/**
 * Anything that a log may hold. Objects become key-value lists, Dates ISO texts, Errors their type, message and stack,
 * Maps and Sets lists; what OTLP has no form for becomes a text. Nothing throws.
 */
export type LogValue = unknown;

export type SeverityName = "trace" | "debug" | "info" | "warn" | "error" | "fatal";

/** https://opentelemetry.io/docs/specs/otel/logs/data-model/#field-severitynumber */
export const SEVERITY_NUMBERS: Readonly<Record<SeverityName, number>> = {
  trace: 1,
  debug: 5,
  info: 9,
  warn: 13,
  error: 17,
  fatal: 21,
};

export interface LogRecord {
  /** When it happened: milliseconds since 1970 (fractions count), a Date, or nanoseconds as bigint. @default now */
  readonly time?: number | Date | bigint | undefined;
  /** When it was seen, where that is another time. @default now */
  readonly observedTime?: number | Date | bigint | undefined;
  /** Sets number and text of the severity where they are not given. */
  readonly severity?: SeverityName | undefined;
  /** 1 to 24. */
  readonly severityNumber?: number | undefined;
  readonly severityText?: string | undefined;
  readonly body?: LogValue;
  readonly attributes?: Readonly<Record<string, LogValue>> | undefined;
  readonly droppedAttributesCount?: number | undefined;
  /** Becomes `exception.type`, `exception.message` and `exception.stacktrace`. */
  readonly error?: unknown;
  /** 32 and 16 hexadecimal digits. @default those of the active span, where @opentelemetry/api is installed */
  readonly traceId?: string | undefined;
  readonly spanId?: string | undefined;
  readonly traceFlags?: number | undefined;
  readonly eventName?: string | undefined;
  /** `log.record.uid`, by which a duplicate is recognised. @default a new ULID */
  readonly uid?: string | undefined;
}

/** The attributes of an error by OpenTelemetry's conventions; a thrown text is its message. */
export function exceptionAttributes(error: unknown): Record<string, LogValue> {
  if (!(error instanceof Error) && !isErrorLike(error)) return { "exception.message": textOf(error) };
  const stack = typeof error.stack === "string" ? error.stack + causesOf(error) : undefined;
  const named = typeof error.name === "string" && error.name !== "Error" ? error.name : undefined;
  return {
    "exception.type": named ?? error.constructor?.name ?? "Error",
    "exception.message": String(error.message),
    ...(stack === undefined ? {} : { "exception.stacktrace": stack }),
  };
}

const CAUSES_MAX = 8;

/** Stacks of the causes, as Node and the JVM print them below the error's own. */
function causesOf(error: { readonly cause?: unknown }): string {
  let text = "";
  let { cause } = error;
  for (let count = 0; cause instanceof Error && count < CAUSES_MAX; count++) {
    text += `\nCaused by: ${cause.stack ?? String(cause)}`;
    cause = cause.cause;
  }
  return text;
}

interface ErrorLike {
  readonly message: unknown;
  readonly name?: unknown;
  readonly stack?: unknown;
  readonly cause?: unknown;
}

/** Errors of another realm (a worker, a VM context) or after a serialiser are no instances of this realm's class. */
function isErrorLike(value: unknown): value is ErrorLike {
  return typeof value === "object" && value !== null && "message" in value && ("stack" in value || "name" in value);
}

function textOf(value: unknown): string {
  try {
    return typeof value === "string" ? value : (JSON.stringify(value) ?? String(value));
  } catch {
    return Object.prototype.toString.call(value);
  }
}
