/**
 * Fluent Bit's configuration to a plan: each tail input, its parser, the filters and the first Firehose output that its tag
 * matches. What an input has more than one output for is told, since a line goes to each of them there.
 */
import type { Findings } from "./findings.ts";
import { INPUT, OUTPUT, SERVICE } from "./fluent-bit-keys.ts";
import { translateParser, useParser } from "./fluent-bit-parse.ts";
import type { Section } from "./fluent-bit-syntax.ts";
import type { ParsePart } from "./fluentd-parse.ts";
import { Parameters, toBytes, toMs } from "./parameters.ts";
import { type Plan, type PlannedRoute, type PlannedSource, routeName, sourceName } from "./plan.ts";

const FIREHOSE = ["kinesis_firehose", "firehose"];
/** What Fluent Bit takes of a line unless told (buffer_max_size). */
const LINE_BYTES_DEFAULT = 32 * 1024;
const LINE_BYTES_MAX = 900 * 1024;

export function translateFluentBit(sections: readonly Section[], plan: Plan, findings: Findings): void {
  const parsers = new Map<string, { readonly section: Section; readonly part: ParsePart }>();
  const of = (section: Section): Parameters => new Parameters(section.parameters, section, findings, true);
  const nameOf = (section: Section): string =>
    (section.parameters.find(({ key }) => key.toLowerCase() === "name")?.value ?? "").toLowerCase();

  for (const section of sections.filter(({ name }) => name === "parser")) {
    const name = section.parameters.find(({ key }) => key.toLowerCase() === "name")?.value ?? "";
    parsers.set(name, { section, part: translateParser(of(section), findings) });
  }
  for (const section of sections) {
    if (section.name === "service") {
      const parameters = of(section);
      parameters.known(SERVICE);
      parameters.finish();
    } else if (!["parser", "input", "filter", "output"].includes(section.name))
      findings.add("unsupported", section, `[${section.name.toUpperCase()}]`, "this section has no counterpart");
  }
  const outputs = sections.filter(({ name }) => name === "output");
  const routes = new Map<Section, PlannedRoute | undefined>();
  for (const output of outputs) {
    if (FIREHOSE.includes(nameOf(output))) routes.set(output, translateOutput(of(output), plan, findings));
    else {
      for (const each of output.parameters) each.isUsed = true;
      findings.add("unsupported", output, `[OUTPUT] ${nameOf(output)}`, "only kinesis_firehose is translated");
    }
  }
  const filters = sections.filter(({ name }) => name === "filter");
  const usedFilters = new Set<Section>();
  for (const input of sections.filter(({ name }) => name === "input")) {
    if (nameOf(input) !== "tail") {
      for (const each of input.parameters) each.isUsed = true;
      findings.add("unsupported", input, `[INPUT] ${nameOf(input)}`, "only tail is translated");
      continue;
    }
    const source = translateInput(of(input), parsers, plan, findings);
    const tag = (source.tag ?? "tail").replace("*", "x.y");
    for (const filter of filters) {
      if (!matches(filter, tag)) continue;
      usedFilters.add(filter);
      translateFilter(of(filter), nameOf(filter), source, parsers, plan, findings);
    }
    const taking = outputs.filter((output) => routes.has(output) && matches(output, tag));
    const [route] = taking.map((output) => routes.get(output)).filter((each) => each !== undefined);
    if (route === undefined) findings.add("unsupported", input, `Tag ${source.tag ?? ""}`, "no output takes it");
    else source.resource = { ...source.resource, route: route.name };
    if (taking.length > 1)
      findings.add(
        "unsupported",
        input,
        `Tag ${source.tag ?? ""}`,
        "several outputs take it: give the collector a route for each, without filter",
      );
    plan.sources.push(source);
  }
  for (const filter of filters)
    if (!usedFilters.has(filter)) {
      for (const each of filter.parameters) each.isUsed = true;
      findings.add("unsupported", filter, `[FILTER] ${nameOf(filter)}`, "no input that could be translated reaches it");
    }
}

function matches(section: Section, tag: string): boolean {
  const pattern = section.parameters.find(({ key }) => key.toLowerCase() === "match")?.value ?? "";
  const source = pattern.replace(/[.+?^${}()|[\]\\]/g, "\\$&").replaceAll("*", ".*");
  return pattern !== "" && new RegExp(`^${source}$`).test(tag);
}

function translateInput(
  parameters: Parameters,
  parsers: ReadonlyMap<string, { readonly part: ParsePart }>,
  plan: Plan,
  findings: Findings,
): PlannedSource {
  const { place } = parameters;
  parameters.get("Name", "a source of the agent");
  const tag = parameters.get("Tag", "tag");
  const include = (parameters.get("Path", "include") ?? "")
    .split(",")
    .map((path) => path.trim())
    .filter(Boolean);
  const source: PlannedSource = { name: sourceName(plan, tag ?? "tail"), include };
  const excluded = parameters.get("Exclude_Path", "exclude");
  if (excluded !== undefined) source.exclude = excluded.split(",").map((path) => path.trim());
  source.readFrom = parameters.isOn("Read_from_Head", "readFrom", false) ? "beginning" : "end";
  if (source.readFrom === "end")
    findings.add(
      "note",
      place,
      "Read_from_Head Off",
      "readFrom: end. Files that appear later are read from their beginning, whatever they hold by then",
    );
  if (tag !== undefined) source.tag = tag;
  const refresh = parameters.get("Refresh_Interval", "files.refreshMs");
  if (refresh !== undefined) plan.files.refreshMs = toMs(refresh);
  const wait = parameters.get("Rotate_Wait", "files.rotateWaitMs");
  if (wait !== undefined) plan.files.rotateWaitMs = toMs(wait);
  const inotify = parameters.get("Inotify_Watcher", "files.watch");
  if (inotify !== undefined) plan.files.watch = /^(true|on)$/i.test(inotify);
  const unicode = parameters.get("unicode.encoding", "charset") ?? parameters.get("generic.encoding", "charset");
  if (unicode !== undefined && unicode.toLowerCase() !== "auto")
    source.charset = unicode.toLowerCase().replace("shiftjis", "shift_jis");
  const [skipLong] = parameters.all("Skip_Long_Lines", undefined);
  const lineMax = toBytes(parameters.get("Buffer_Max_Size", "lineBytesMax") ?? String(LINE_BYTES_DEFAULT));
  source.lineBytesMax = Math.min(LINE_BYTES_MAX, Math.max(lineMax, 256 * 1024));
  source.longLines = "split";
  if (skipLong === undefined)
    findings.add(
      "risk",
      place,
      "Skip_Long_Lines Off",
      `a line over ${lineMax} bytes stopped its whole file for good; it is sent in parts now`,
    );
  else
    parameters.tell(
      "risk",
      skipLong,
      `lines over ${lineMax} bytes were dropped without a word; they are sent in parts now (longLines: split)`,
    );
  const parserName = parameters.get("Parser", "the parser's keys");
  if (parserName !== undefined) useParser(parserName, source, parsers, place, findings);
  if (parameters.isOn("Docker_Mode", "container: docker", false))
    Object.assign(source, { container: "docker", format: "none" });
  multiline(parameters, source, parsers, findings);
  parameters.known(INPUT);
  parameters.finish();
  return source;
}

function multiline(
  parameters: Parameters,
  source: PlannedSource,
  parsers: ReadonlyMap<string, { readonly part: ParsePart }>,
  findings: Findings,
): void {
  const names = parameters
    .all("multiline.parser", "container and multiline")
    .flatMap(({ value }) => value.split(/[,\s]+/));
  const containers = names.filter((name) => name === "docker" || name === "cri");
  if (containers.length > 0) source.container = containers.length > 1 ? "auto" : (containers[0] as "docker" | "cri");
  for (const name of names) {
    if (name === "java") source.multiline = { preset: "java" };
    else if (!["docker", "cri", ""].includes(name))
      findings.add("unsupported", parameters.place, `multiline.parser ${name}`, "write it as multiline.firstLine");
  }
  const isOn = parameters.isOn("Multiline", "multiline", false);
  const first = parameters.get("Parser_Firstline", "multiline.firstLine");
  const flush = parameters.get("Multiline_Flush", "multiline.timeoutMs");
  const pattern = first === undefined ? undefined : parsers.get(first)?.part.pattern;
  if (isOn && pattern !== undefined) {
    Object.assign(source, structuredClone(parsers.get(first as string)?.part));
    source.pattern = `(?s)${pattern}`;
    source.multiline = { firstLine: pattern, ...(flush === undefined ? {} : { timeoutMs: toMs(flush) }) };
  } else if (isOn)
    findings.add(
      "unsupported",
      parameters.place,
      `Parser_Firstline ${first ?? ""}`,
      "no such parser with a Regex was given",
    );
  for (let number = 1; number <= 9; number++)
    for (const each of parameters.all(`Parser_${number}`, undefined))
      parameters.tell("unsupported", each, "put the whole event into one pattern");
}

function translateFilter(
  parameters: Parameters,
  name: string,
  source: PlannedSource,
  parsers: ReadonlyMap<string, { readonly part: ParsePart }>,
  plan: Plan,
  findings: Findings,
): void {
  const { place } = parameters;
  parameters.get("Name", "rules or attributes of the source");
  parameters.get("Match", "which sources it is for");
  parameters.get("Alias", "not needed");
  const told = `[FILTER] ${name}`;
  if (name === "grep") {
    for (const list of ["keep", "drop"] as const)
      for (const { value } of parameters.all(
        list === "keep" ? "Regex" : "Exclude",
        `${list} of the source; a line that does not parse stays`,
      )) {
        const [field = "", ...pattern] = value.split(/\s+/);
        source[list] = [...(source[list] ?? []), { field: field.replace(/^\$/, ""), pattern: pattern.join(" ") }];
      }
    for (const each of parameters.all("Logical_Op", undefined))
      if (each.value.toLowerCase() !== "legacy")
        parameters.tell("unsupported", each, "all of keep must match, and none of drop");
  } else if (name === "kubernetes") {
    findings.add("translated", place, told, "kubernetes: true: names from the path, labels from the API server");
    source.kubernetes = true;
    plan.kubernetes.labels = parameters.isOn("Labels", "kubernetes.labels", true);
    plan.kubernetes.annotations = parameters.isOn("Annotations", "kubernetes.annotations", true);
    if (
      parameters.isOn("Merge_Log", "container: docker, and format: json within it", false) &&
      source.container !== "cri"
    )
      Object.assign(source, { container: source.container ?? "docker", format: "json", time: undefined });
    for (const each of [
      "Kube_URL",
      "Kube_CA_File",
      "Kube_CA_Path",
      "Kube_Token_File",
      "Kube_Tag_Prefix",
      "Keep_Log",
      "Merge_Log_Key",
      "K8S-Logging.Parser",
      "K8S-Logging.Exclude",
      "Use_Kubelet",
      "Kubelet_Port",
      "Buffer_Size",
      "Merge_Log_Trim",
      "Kube_Meta_Cache_TTL",
      "tls.verify",
    ])
      for (const parameter of parameters.all(each, undefined))
        parameters.tell(
          each.startsWith("K8S-Logging") || each === "Merge_Log_Key" ? "unsupported" : "note",
          parameter,
          each.startsWith("K8S")
            ? "annotations of pods do not change how lines are read"
            : "see kubernetes.* of the agent",
        );
  } else if (name === "record_modifier" || name === "modify") {
    for (const key of ["Record", "Add", "Set"])
      for (const { value } of parameters.all(
        key,
        "an attribute; shape.fields of the collector can put it into the line",
      )) {
        const [field = "", ...rest] = value.split(/\s+/);
        source.attributes = { ...source.attributes, [field]: rest.join(" ") };
      }
    for (const key of ["Remove_Key", "Remove"])
      for (const { value } of parameters.all(key, "redact.drop of the collector"))
        for (const route of plan.routes) {
          const drop = [...((route.redact?.drop as string[] | undefined) ?? []), `body[${JSON.stringify(value)}]`];
          route.redact = { ...route.redact, drop };
        }
  } else if (name === "parser") {
    const key = parameters.get("Key_Name", undefined);
    const parser = parameters.get("Parser", "the parser's keys");
    parameters.isOn("Reserve_Data", undefined, false);
    parameters.isOn("Preserve_Key", undefined, false);
    if (key === "log" && parser !== undefined && (source.format === "json" || source.container !== undefined)) {
      Object.assign(source, { container: source.container ?? "docker", format: "none", time: undefined });
      useParser(parser, source, parsers, place, findings);
      findings.add("translated", place, told, "the runtime's wrapping is taken off, and the format read within it");
    } else
      findings.add(
        "unsupported",
        place,
        told,
        "a field can be read further only where it is what a container runtime wrapped",
      );
  } else {
    findings.add(
      "unsupported",
      place,
      told,
      name === "throttle" ? "dropped lines; the collector paces and drops none" : "this filter has no counterpart",
    );
    for (const each of ["Rate", "Window", "Interval"]) parameters.all(each, undefined);
  }
  parameters.finish();
}

function translateOutput(parameters: Parameters, plan: Plan, findings: Findings): PlannedRoute {
  const { place } = parameters;
  parameters.get("Name", "a route of the collector");
  parameters.get("Match", "which sources it takes");
  const stream = parameters.get("delivery_stream", "stream");
  const route: PlannedRoute = { name: routeName(plan, stream ?? "firehose") };
  if (stream === undefined) findings.add("unsupported", place, "delivery_stream", "is needed");
  else route.stream = stream;
  const region = parameters.get("region", "region");
  if (region !== undefined) route.region = region;
  const endpoint = parameters.get("endpoint", "endpoint");
  if (endpoint !== undefined) route.endpoint = endpoint.includes("://") ? endpoint : `https://${endpoint}`;
  const compression = parameters.get("compression", "compression");
  if (compression === "gzip" || compression === "zstd") route.compression = compression;
  else if (compression !== undefined)
    findings.add("unsupported", place, `compression ${compression}`, "there is gzip and zstd");
  // What it wrote: collector/otlp/README.md, "What fluentd and Fluent Bit wrote".
  const shape: Record<string, unknown> = { fields: ["body.*"], escapeUnicode: true, doublesWithPoint: true };
  const timeKey = parameters.get("time_key", "shape.timeKey");
  const timeFormat = parameters.get("time_key_format", "shape.timeFormat");
  if (timeKey !== undefined)
    Object.assign(shape, { timeKey, timeFormat: (timeFormat ?? "%Y-%m-%dT%H:%M:%S").replaceAll("%L", "%9N") });
  const dataKeys = parameters.get("data_keys", "shape.fields");
  if (dataKeys !== undefined) shape.fields = dataKeys.split(",").map((key) => `body[${JSON.stringify(key.trim())}]`);
  const logKey = parameters.get("log_key", "shape: body");
  route.shape = logKey === undefined ? shape : "body";
  if (logKey !== undefined)
    findings.add(
      "note",
      place,
      `log_key ${logKey}`,
      "the body alone is delivered: with container: docker (or cri) that is what the application wrote",
    );
  if (parameters.all("Retry_Limit", undefined).length === 0)
    findings.add(
      "risk",
      place,
      "Retry_Limit (1 unless told)",
      "a chunk that failed twice was dropped; there is no limit now",
    );
  parameters.known(OUTPUT);
  parameters.finish();
  plan.routes.push(route);
  return route;
}
