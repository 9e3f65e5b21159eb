/** fluentd's `<parse>` to the agent's `format`, `time`, `types`, `multiline`. */

import type { Findings } from "./findings.ts";
import type { Element } from "./fluentd-syntax.ts";
import { Parameters } from "./parameters.ts";
import type { PlannedSource } from "./plan.ts";

export type ParsePart = Partial<
  Pick<PlannedSource, "format" | "pattern" | "time" | "types" | "multiline" | "container" | "severity">
>;

const TYPES: Readonly<Record<string, "integer" | "float" | "bool">> = {
  integer: "integer",
  float: "float",
  bool: "bool",
};

const SYSLOG =
  "^(?:<(?<pri>[0-9]+)>)?(?<time>[^ ]* {1,2}[^ ]* [^ ]*) (?<host>[^ ]*) (?<ident>[^ :\\[]*)(?:\\[(?<pid>[0-9]+)\\])?(?:[^:]*:)? *(?<message>.*)$";

export function translateParse(element: Element, findings: Findings): ParsePart {
  const parameters = new Parameters(element.parameters, element, findings, false);
  const type =
    parameters.get("@type", "the agent's format") ?? parameters.get("format", "the agent's format") ?? "none";
  const part: ParsePart = formatOf(type, parameters, element, findings);
  const types = parameters.get("types", "types of fields");
  if (types !== undefined) part.types = typesOf(types);
  const time = timeOf(type, parameters, part.format !== "none" && part.container === undefined);
  if (time !== undefined) part.time = time;
  parameters.known({
    null_value_pattern: { kind: "unsupported", message: "fields of that value are kept" },
    null_empty_string: { kind: "unsupported", message: "empty fields are kept" },
    estimate_current_event: { kind: "note", message: "a line without a time has the time at which it was seen" },
    timeout: { kind: "note", message: "not needed: patterns take linear time here" },
    json_parser: { kind: "note", message: "not needed: there is one parser" },
    stream_buffer_size: { kind: "note", message: "not needed" },
  });
  parameters.finish();
  return part;
}

function formatOf(type: string, parameters: Parameters, element: Element, findings: Findings): ParsePart {
  switch (type) {
    case "json":
      return { format: "json" };
    case "none": {
      const key = parameters.get("message_key", undefined);
      if (key !== undefined && key !== "message")
        findings.add("note", element, `message_key ${key}`, "the line is the body, and has no key");
      return { format: "none" };
    }
    case "nginx":
      return { format: "nginx" };
    case "apache2":
    case "apache":
      return { format: "apache", ...(type === "apache2" ? { types: { code: "integer", size: "integer" } } : {}) };
    case "logfmt":
      return { format: "logfmt" };
    case "cri":
      return { container: "cri", format: "none" };
    case "syslog":
      return { format: "regex", pattern: SYSLOG };
    case "regexp":
    case "regex": {
      const expression = parameters.get("expression", "pattern") ?? parameters.get("format", "pattern") ?? "";
      return { format: "regex", pattern: patternOf(expression) };
    }
    case "multiline": {
      const first = parameters.get("format_firstline", "multiline.firstLine");
      const parts: string[] = [];
      for (let number = 1; number <= 20; number++) {
        const each = parameters.get(`format${number}`, "pattern");
        if (each !== undefined) parts.push(patternOf(each));
      }
      return {
        format: "regex",
        pattern: `(?s)${parts.join("")}`,
        multiline: { firstLine: patternOf(first ?? parts[0] ?? "") },
      };
    }
    default:
      if (type.startsWith("/")) return { format: "regex", pattern: patternOf(type) };
      findings.add("unsupported", element, `@type ${type}`, "there is no such format here: lines are sent as they are");
      return { format: "none" };
  }
}

/** `/.../im` to RE2's flags. */
export function patternOf(expression: string): string {
  const [, inner, flags = ""] = /^\/(.*)\/([imx]*)$/s.exec(expression.trim()) ?? [];
  if (inner === undefined) return expression;
  // Ruby's m lets the point match line breaks.
  const own = `${flags.includes("i") ? "i" : ""}${flags.includes("m") ? "s" : ""}`;
  return `${own === "" ? "" : `(?${own})`}${inner}`;
}

function typesOf(text: string): Record<string, "integer" | "float" | "bool"> {
  const pairs = text.startsWith("{")
    ? Object.entries(JSON.parse(text) as Record<string, string>)
    : text.split(/[,\s]+/).map((pair) => pair.split(":") as [string, string]);
  return Object.fromEntries(pairs.flatMap(([key, type]) => (TYPES[type] === undefined ? [] : [[key, TYPES[type]]])));
}

function timeOf(type: string, parameters: Parameters, hasFields: boolean): ParsePart["time"] {
  const key = parameters.get("time_key", "time.key");
  const format = parameters.get("time_format", "time.format");
  const timeType = parameters.get("time_type", "time.format");
  const keep = parameters.isOn("keep_time_key", "time.keep", false);
  const isUtc = parameters.isOn("utc", "time.zone", false);
  parameters.isOn("localtime", "time.zone: the agent takes UTC unless told", true);
  const zone = parameters.get("timezone", "time.zone") ?? (isUtc ? "UTC" : undefined);
  if (!hasFields) return undefined;
  const standard = {
    nginx: "%d/%b/%Y:%H:%M:%S %z",
    apache2: "%d/%b/%Y:%H:%M:%S %z",
    apache: "%d/%b/%Y:%H:%M:%S %z",
    syslog: "%b %d %H:%M:%S",
  }[type];
  const own = timeType === "float" || timeType === "unixtime" ? "unix" : format;
  // By itself fluentd takes the field `time` out of the record, and its time for that of the event.
  return { key: key ?? "time", format: own ?? standard ?? "auto", keep, ...(zone === undefined ? {} : { zone }) };
}
