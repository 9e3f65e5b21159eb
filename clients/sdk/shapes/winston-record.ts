/** winston's info objects as log records: https://github.com/winstonjs/winston#streams-objectmode-and-info-objects */
import type { LogRecord, SeverityName } from "../record.ts";

const LEVEL = Symbol.for("level");

/** winston's own levels, and those of syslog. */
const SEVERITIES: Readonly<Record<string, SeverityName>> = {
  emerg: "fatal",
  alert: "fatal",
  crit: "fatal",
  fatal: "fatal",
  error: "error",
  warning: "warn",
  warn: "warn",
  notice: "info",
  info: "info",
  http: "debug",
  verbose: "debug",
  debug: "debug",
  silly: "trace",
  trace: "trace",
};

export function fromWinston(info: Readonly<Record<PropertyKey, unknown>>): LogRecord {
  const { level: shown, message, timestamp, stack, error, err, trace_id, span_id, ...attributes } = info;
  // `level` may be coloured; the symbol keeps it as it was.
  const level = String(info[LEVEL] ?? shown ?? "");
  const severity = SEVERITIES[level];
  const at = typeof timestamp === "string" || typeof timestamp === "number" ? new Date(timestamp) : undefined;
  const cause = error ?? err ?? (info instanceof Error ? info : undefined);
  const plain = cause === undefined && typeof stack === "string" ? { "exception.stacktrace": stack } : {};
  return {
    ...(severity === undefined ? {} : { severity }),
    severityText: level === "" ? undefined : level.toUpperCase(),
    ...(at === undefined || Number.isNaN(at.getTime()) ? {} : { time: at }),
    body: message,
    attributes: { ...attributes, ...plain },
    error: cause,
    ...(typeof trace_id === "string" ? { traceId: trace_id } : {}),
    ...(typeof span_id === "string" ? { spanId: span_id } : {}),
  };
}
