/** One log record for a person: time, severity, body, attributes; or its line as it is. */
import type { Context } from "./context.ts";
import { harmless } from "./words.ts";

interface RecordLine {
  readonly timestamp?: string;
  readonly observedTimestamp?: string;
  readonly severityNumber?: number;
  readonly severityText?: string;
  readonly body?: unknown;
  readonly attributes?: Readonly<Record<string, unknown>>;
  readonly resource?: { readonly attributes?: Readonly<Record<string, unknown>> };
}

const SEVERITIES = ["", "TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"];

/** `name`: the ordinal, with the collector's id before it where several are shown. */
export function showLine(context: Context, name: string, line: string): string {
  // JSON escapes control characters but those from 0x7f to 0x9f, and a terminal obeys some of these.
  if (context.isJson) return line.replace(/[\u007f-\u009f]/g, (each) => `\\u00${each.charCodeAt(0).toString(16)}`);
  const record = JSON.parse(line) as RecordLine;
  const { timestamp, observedTimestamp, severityNumber = 0, severityText, body, attributes, resource } = record;
  const severity = severityText ?? SEVERITIES[Math.min(6, Math.ceil(severityNumber / 4))] ?? "";
  const colour = severityNumber >= 17 ? "red" : severityNumber >= 13 ? "yellow" : "blue";
  const service = resource?.attributes?.["service.name"];
  const pairs = Object.entries(attributes ?? {}).map(([key, value]) => `${key}=${plain(value)}`);
  return [
    context.colour("grey", name),
    context.colour("grey", (timestamp ?? observedTimestamp ?? "-").replace(/(\.\d{3})\d*Z$/, "$1Z")),
    context.colour(colour, harmless(severity).padEnd(5)),
    ...(service === undefined ? [] : [context.colour("bold", harmless(plain(service)))]),
    harmless(plain(body ?? "")),
    ...(pairs.length === 0 ? [] : [context.colour("grey", harmless(pairs.join(" ")))]),
  ].join("  ");
}

function plain(value: unknown): string {
  return typeof value === "string" ? value : JSON.stringify(value);
}
