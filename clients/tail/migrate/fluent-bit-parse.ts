/** Fluent Bit's parsers, one's own and those that come with it, to the agent's `format`, `time`, `types`. */
import { nearest } from "../config-values.ts";
import type { Findings, Place } from "./findings.ts";
import type { ParsePart } from "./fluentd-parse.ts";
import type { Parameters } from "./parameters.ts";
import type { PlannedSource } from "./plan.ts";

export function translateParser(parameters: Parameters, findings: Findings): ParsePart {
  const { place } = parameters;
  parameters.get("Name", "a parser, taken into its source");
  const format = (parameters.get("Format", "format") ?? "").toLowerCase();
  const part: ParsePart = { format: "none" };
  if (format === "json" || format === "logfmt") part.format = format;
  else if (format === "regex") {
    part.format = "regex";
    part.pattern = parameters.get("Regex", "pattern") ?? "";
  } else
    findings.add("unsupported", place, `Format ${format}`, "there is no such format here: lines are sent as they are");
  const key = parameters.get("Time_Key", "time.key");
  let time = parameters.get("Time_Format", "time.format");
  const keep = parameters.isOn("Time_Keep", "time.keep", false);
  const offset = parameters.get("Time_Offset", "time.zone");
  const types = parameters.get("Types", "types");
  parameters.isOn("Skip_Empty_Values", undefined, true);
  parameters.isOn("Time_Strict", undefined, true);
  parameters.isOn("Time_System_Timezone", undefined, false);
  const misspelt = time === undefined ? parameters.misspelt("Time_Format") : undefined;
  if (misspelt !== undefined) {
    time = misspelt.value;
    parameters.tell(
      "risk",
      misspelt,
      "misspelt for Time_Format, it did nothing, and no word was said: every line had the time at which it was read. It is in effect now, and an unknown key is an error",
    );
  }
  if (time !== undefined || key !== undefined)
    part.time = {
      key: key ?? "time",
      format: time ?? "auto",
      keep,
      ...(offset === undefined ? {} : { zone: zoneOf(offset) }),
    };
  if (types !== undefined)
    part.types = Object.fromEntries(
      types.split(/\s+/).flatMap((pair) => {
        const [name = "", type = ""] = pair.split(":");
        return type === "integer" || type === "float" || type === "bool" ? [[name, type]] : [];
      }),
    );
  for (const each of ["Decode_Field", "Decode_Field_As"])
    for (const parameter of parameters.all(each, undefined))
      parameters.tell(
        "unsupported",
        parameter,
        "fields are not decoded further: container: docker unescapes what Docker wrote",
      );
  parameters.finish();
  return part;
}

function zoneOf(offset: string): string {
  return /^[+-]\d{4}$/.test(offset) ? `${offset.slice(0, 3)}:${offset.slice(3)}` : offset;
}

export function useParser(
  name: string,
  source: PlannedSource,
  parsers: ReadonlyMap<string, { readonly part: ParsePart }>,
  place: Place,
  findings: Findings,
): void {
  const own = parsers.get(name);
  // Those that come with it (parsers.conf of Fluent Bit).
  const shipped: Readonly<Record<string, ParsePart>> = {
    docker: { format: "json", time: { key: "time", format: "%Y-%m-%dT%H:%M:%S.%L", keep: true } },
    cri: { container: "cri", format: "none" },
    json: { format: "json", time: { key: "time", format: "%d/%b/%Y:%H:%M:%S %z", keep: false } },
    nginx: { format: "nginx" },
    apache: { format: "apache" },
    apache2: { format: "apache" },
    logfmt: { format: "logfmt" },
  };
  const part = own?.part ?? shipped[name];
  if (part === undefined)
    findings.add(
      "unsupported",
      place,
      `Parser ${name}`,
      `no such parser was given${nearest(name, [...parsers.keys()])}`,
    );
  else Object.assign(source, structuredClone(part));
}
