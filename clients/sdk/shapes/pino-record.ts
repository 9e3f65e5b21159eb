/** pino's lines of JSON as log records: https://getpino.io/#/docs/api */
import type { LogRecord, SeverityName } from "../record.ts";

const LEVELS: readonly (readonly [least: number, severity: SeverityName])[] = [
  [60, "fatal"],
  [50, "error"],
  [40, "warn"],
  [30, "info"],
  [20, "debug"],
  [0, "trace"],
];

/** A line that is no JSON object becomes the body as it is. */
export function fromPino(line: string): LogRecord {
  let parsed: unknown;
  try {
    parsed = JSON.parse(line);
  } catch {
    return { body: line };
  }
  if (typeof parsed !== "object" || parsed === null || Array.isArray(parsed)) return { body: line };
  const { level, time, msg, err, pid, hostname, trace_id, span_id, trace_flags, ...attributes } = parsed as Record<
    string,
    unknown
  >;
  const severity = severityOf(level);
  const at = typeof time === "string" ? new Date(time) : time;
  return {
    ...(severity === undefined ? {} : { severity }),
    ...(typeof at === "number" || at instanceof Date ? { time: at } : {}),
    ...(msg === undefined ? {} : { body: msg }),
    attributes: {
      ...attributes,
      ...(pid === undefined ? {} : { "process.pid": pid }),
      ...(hostname === undefined ? {} : { "host.name": hostname }),
      ...exceptionOf(err),
    },
    // pino's worker has no span of the application's: only what the line carries counts.
    traceId: typeof trace_id === "string" ? trace_id : "",
    spanId: typeof span_id === "string" ? span_id : "",
    ...(trace_flags === undefined ? {} : { traceFlags: Number.parseInt(String(trace_flags), 16) || 0 }),
  };
}

/** A number, or a name where the application formats levels as names. */
function severityOf(level: unknown): SeverityName | undefined {
  if (typeof level === "number") return LEVELS.find(([least]) => level >= least)?.[1];
  return LEVELS.find(([, name]) => name === level)?.[1];
}

/** As pino's standard serialiser writes errors: type, message, stack. */
function exceptionOf(err: unknown): Record<string, unknown> {
  if (typeof err !== "object" || err === null) return err === undefined ? {} : { err };
  const { type, message, stack, ...rest } = err as Record<string, unknown>;
  return {
    ...(type === undefined ? {} : { "exception.type": type }),
    ...(message === undefined ? {} : { "exception.message": message }),
    ...(stack === undefined ? {} : { "exception.stacktrace": stack }),
    ...(Object.keys(rest).length === 0 ? {} : { err: rest }),
  };
}
