/**
 * fluentd's configuration to a plan. Each source is followed through filters and labels to the first match that takes its tag,
 * as an event would be; what takes nothing is told.
 */
import type { Findings } from "./findings.ts";
import { BUFFER, CREDENTIALS, OUTPUT, TAIL } from "./fluentd-keys.ts";
import { patternOf, translateParse } from "./fluentd-parse.ts";
import type { Element } from "./fluentd-syntax.ts";
import { Parameters, toBytes, toMs } from "./parameters.ts";
import { type Plan, type PlannedRoute, type PlannedSource, routeName, sourceName } from "./plan.ts";

export function translateFluentd(elements: readonly Element[], plan: Plan, findings: Findings): void {
  const labels = new Map(elements.filter(({ name }) => name === "label").map((each) => [each.argument, each]));
  const used = new Set<Element>();
  const routes = new Map<Element, PlannedRoute>();
  for (const element of elements) {
    if (element.name === "source") translateSource(element, elements, labels, used, routes, plan, findings);
    else if (element.name === "system")
      findings.add("note", element, "<system>", "the process's own settings: see REFERENCE.md of the agent");
    else if (element.name === "label" && element.argument === "@FLUENT_LOG") {
      markAll(element, used);
      findings.add(
        "translated",
        element,
        `<label ${element.argument}>`,
        "fluentd's own log lines: the agent's go to standard error, and are not sent",
      );
    } else if (element.name === "label" && element.argument === "@ERROR") {
      markAll(element, used);
      findings.add("note", element, "<label @ERROR>", "not needed: what does not parse is sent, marked");
    } else if (!["match", "filter", "label"].includes(element.name))
      findings.add("unsupported", element, `<${element.name}>`, "is not known");
  }
  const rest = (list: readonly Element[]): void => {
    for (const element of list) {
      if (element.name === "label") rest(element.children);
      else if ((element.name === "match" || element.name === "filter") && !used.has(element)) {
        const type = element.parameters.find(({ key }) => key === "@type")?.value ?? "";
        const isOwn = element.argument.startsWith("fluent.");
        findings.add(
          isOwn ? "note" : "unsupported",
          element,
          `<${element.name} ${element.argument}> ${type}`,
          isOwn ? "fluentd's own log lines: not sent" : "no source that could be translated reaches it",
        );
      }
    }
  };
  rest(elements);
}

function markAll(element: Element, used: Set<Element>): void {
  used.add(element);
  for (const child of element.children) markAll(child, used);
}

function translateSource(
  element: Element,
  elements: readonly Element[],
  labels: ReadonlyMap<string, Element>,
  used: Set<Element>,
  routes: Map<Element, PlannedRoute>,
  plan: Plan,
  findings: Findings,
): void {
  const parameters = new Parameters(element.parameters, element, findings, false);
  const type = parameters.get("@type", undefined) ?? parameters.get("type", undefined) ?? "";
  if (type !== "tail") {
    findings.add(
      "unsupported",
      element,
      `<source> ${type}`,
      "only tail is translated: what speaks OTLP can send to the collector itself",
    );
    return;
  }
  findings.add("translated", element, "<source> tail", "a source of the agent");
  const paths = (parameters.get("path", "include") ?? "")
    .split(",")
    .map((path) => path.trim())
    .filter(Boolean);
  const tag = parameters.get("tag", "tag");
  const source: PlannedSource = {
    name: sourceName(plan, tag ?? "tail"),
    include: paths.map((path) => path.replace(/%[YmdHMS]/g, "*")),
  };
  const excluded = parameters.get("exclude_path", "exclude");
  if (excluded !== undefined)
    source.exclude = excluded.startsWith("[") ? (JSON.parse(excluded.replaceAll("'", '"')) as string[]) : [excluded];
  source.readFrom = parameters.isOn("read_from_head", "readFrom", false) ? "beginning" : "end";
  if (tag !== undefined) source.tag = tag;
  const refresh = parameters.get("refresh_interval", "files.refreshMs");
  if (refresh !== undefined) plan.files.refreshMs = toMs(refresh);
  const wait = parameters.get("rotate_wait", "files.rotateWaitMs");
  if (wait !== undefined) plan.files.rotateWaitMs = toMs(wait);
  const charset = parameters.get("from_encoding", "charset") ?? parameters.get("encoding", "charset");
  if (charset !== undefined && charset.toUpperCase() !== "ASCII-8BIT") source.charset = charset.toLowerCase();
  const lineMax = parameters.get("max_line_size", "lineBytesMax");
  if (lineMax !== undefined) source.lineBytesMax = toBytes(lineMax);
  const flush = parameters.get("multiline_flush_interval", "multiline.timeoutMs");
  const pathKey = parameters.get("path_key", "log.file.path, in the resource of each record");
  void pathKey;
  const label = parameters.get("@label", "followed");
  parameters.known(TAIL);
  const parse = element.children.find(({ name }) => name === "parse");
  if (parse !== undefined) Object.assign(source, translateParse(parse, findings));
  else if (element.parameters.some(({ key }) => key === "format"))
    Object.assign(
      source,
      translateParse({ ...element, parameters: element.parameters.filter(({ isUsed }) => !isUsed) }, findings),
    );
  if (flush !== undefined && source.multiline !== undefined) source.multiline.timeoutMs = toMs(flush);
  for (const child of element.children)
    if (child.name !== "parse") findings.add("unsupported", child, `<${child.name}>`, "is not known in a source");
  parameters.finish();
  const within = label === undefined ? elements : (labels.get(label)?.children ?? []);
  if (label !== undefined && !labels.has(label))
    findings.add("unsupported", element, `@label ${label}`, "there is no such label");
  const route = follow(source, within, labels, used, routes, plan, findings, element);
  plan.sources.push(source);
  if (route !== undefined) source.resource = { ...source.resource, route: route.name };
}

/** From filter to filter to the match that takes the tag. */
function follow(
  source: PlannedSource,
  within: readonly Element[],
  labels: ReadonlyMap<string, Element>,
  used: Set<Element>,
  routes: Map<Element, PlannedRoute>,
  plan: Plan,
  findings: Findings,
  origin: Element,
): PlannedRoute | undefined {
  const tag = (source.tag ?? "").replace(
    "*",
    (source.include as string[])[0]?.replace(/^\//, "").replaceAll("/", ".") ?? "x",
  );
  for (const element of within) {
    if ((element.name !== "match" && element.name !== "filter") || !matchesTag(element.argument, tag)) continue;
    const isNew = !used.has(element);
    used.add(element);
    if (element.name === "filter") {
      translateFilter(element, source, plan, findings);
      continue;
    }
    const parameters = new Parameters(element.parameters, element, findings, false);
    const type = parameters.get("@type", undefined) ?? parameters.get("type", undefined) ?? "";
    if (type === "relabel") {
      const label = parameters.get("@label", "followed") ?? "";
      return follow(source, labels.get(label)?.children ?? [], labels, used, routes, plan, findings, origin);
    }
    if (type === "kinesis_firehose" || type === "aws_kinesis_firehose") {
      const known = routes.get(element);
      if (known !== undefined || !isNew) return known;
      const route = translateOutput(element, parameters, plan, findings);
      routes.set(element, route);
      return route;
    }
    findings.add(
      "unsupported",
      element,
      `<match ${element.argument}> ${type}`,
      type === "null" ? "drops the lines: leave the source out" : "only kinesis_firehose is translated",
    );
    return undefined;
  }
  findings.add("unsupported", origin, `tag ${source.tag ?? ""}`, "no <match> takes it");
  return undefined;
}

function translateOutput(element: Element, parameters: Parameters, plan: Plan, findings: Findings): PlannedRoute {
  findings.add("translated", element, `<match ${element.argument}> kinesis_firehose`, "a route of the collector");
  const stream = parameters.get("delivery_stream_name", "stream");
  const route: PlannedRoute = { name: routeName(plan, stream ?? "firehose") };
  if (stream === undefined)
    findings.add(
      "note",
      element,
      "delivery_stream_name",
      "is not said: set STANDPIPE_FIREHOSE_STREAM for the collector",
    );
  else route.stream = stream;
  const region = parameters.get("region", "region");
  if (region !== undefined) route.region = region;
  else findings.add("note", element, "region", "is not said: it comes from AWS_REGION of the collector");
  const endpoint = parameters.get("endpoint", "endpoint");
  if (endpoint !== undefined) route.endpoint = endpoint;
  if (parameters.get("compression", "compression") === "gzip") route.compression = "gzip";
  else if (parameters.get("compression", undefined) === "zlib")
    findings.add("unsupported", element, "compression zlib", "there is gzip and zstd");
  // What its JSON formatter wrote: collector/otlp/README.md, "What fluentd and Fluent Bit wrote".
  const shape: Record<string, unknown> = { fields: ["body.*"], doublesWithPoint: true };
  route.shape = shape;
  parameters.known({
    ...OUTPUT,
    "@id": { kind: "note", message: "the route's name" },
    "@log_level": { kind: "note", message: "log.level" },
  });
  for (const child of element.children) translateOutputChild(child, route, shape, findings);
  parameters.finish();
  plan.routes.push(route);
  return route;
}

function translateOutputChild(
  child: Element,
  route: PlannedRoute,
  shape: Record<string, unknown>,
  findings: Findings,
): void {
  const parameters = new Parameters(child.parameters, child, findings, false);
  if (child.name === "buffer") {
    parameters.known(BUFFER);
    const isFile = child.parameters.some(({ key, value }) => key === "@type" && value.startsWith("file"));
    if (!isFile)
      findings.add(
        "risk",
        child,
        "<buffer> in memory",
        "what waited was lost with the process; it is on disk now before it is acknowledged",
      );
  } else if (child.name === "format") {
    const type = parameters.get("@type", "shape");
    if (type === "single_value") {
      const key = parameters.get("message_key", "shape") ?? "message";
      route.shape = "body";
      findings.add(
        "note",
        child,
        `message_key ${key}`,
        "the line is the body as it is: let the source have format: none",
      );
      parameters.isOn("add_newline", "each line ends with a line break", true);
    } else if (type !== "json") findings.add("unsupported", child, `@type ${type}`, "lines are JSON, or the body");
  } else if (child.name === "inject") {
    const key = parameters.get("time_key", "shape.timeKey");
    if (key !== undefined)
      Object.assign(shape, {
        timeKey: key,
        timeFormat: parameters.get("time_format", "shape.timeFormat") ?? "%Y-%m-%dT%H:%M:%S%:z",
      });
    const tag = parameters.get("tag_key", "shape.fields");
    if (tag !== undefined) (shape.fields as unknown[]).push({ name: tag, from: "resource.tag" });
    parameters.known({
      time_type: { kind: "note", message: "a text" },
      localtime: { kind: "note", message: "UTC" },
      utc: { kind: "note", message: "UTC" },
    });
  } else if (
    ["assume_role_credentials", "instance_profile_credentials", "shared_credentials", "process_credentials"].includes(
      child.name,
    )
  ) {
    for (const each of child.parameters) each.isUsed = true;
    findings.add("note", child, `<${child.name}>`, CREDENTIALS.message);
  } else findings.add("unsupported", child, `<${child.name}>`, "is not known in this output");
  parameters.finish();
}

function translateFilter(element: Element, source: PlannedSource, plan: Plan, findings: Findings): void {
  const parameters = new Parameters(element.parameters, element, findings, false);
  const type = parameters.get("@type", undefined) ?? "";
  const told = `<filter ${element.argument}> ${type}`;
  const rule = (key: string, pattern: string) => ({ field: key.replace(/^\$\./, ""), pattern: patternOf(pattern) });
  if (type === "grep") {
    findings.add("translated", element, told, "keep and drop of the source");
    for (const child of element.children) {
      const own = new Parameters(child.parameters, child, findings, false);
      const made = rule(own.get("key", "field") ?? "", own.get("pattern", "pattern") ?? "");
      if (child.name === "regexp") source.keep = [...(source.keep ?? []), made];
      else if (child.name === "exclude") source.drop = [...(source.drop ?? []), made];
      else findings.add("unsupported", child, `<${child.name}>`, "write it as one pattern: a|b");
      own.finish();
    }
    for (const { key } of element.parameters.filter(({ key }) => /^(regexp|exclude)\d+$/.test(key))) {
      const [field = "", pattern = ""] = (parameters.get(key, key.startsWith("regexp") ? "keep" : "drop") ?? "").split(
        /\s+(.*)/s,
      );
      const list = key.startsWith("regexp") ? "keep" : "drop";
      source[list] = [...(source[list] ?? []), rule(field, pattern)];
    }
  } else if (type === "kubernetes_metadata") {
    findings.add("translated", element, told, "kubernetes: true, and labels from the API server");
    source.kubernetes = true;
    plan.kubernetes.labels = !parameters.isOn("skip_labels", "kubernetes.labels", false);
    for (const each of element.parameters.filter(({ isUsed }) => !isUsed))
      parameters.all(each.key, "not needed: names come from the path");
  } else if (type === "record_transformer") {
    for (const child of element.children.filter(({ name }) => name === "record"))
      for (const each of child.parameters) {
        each.isUsed = true;
        if (each.value.includes("${"))
          findings.add("unsupported", each, `${each.key} ${each.value}`, "computed fields can't be carried over");
        else {
          source.attributes = { ...source.attributes, [each.key]: each.value };
          findings.add(
            "translated",
            each,
            `${each.key} ${each.value}`,
            `an attribute: { name: ${each.key}, from: attributes.${each.key} } in shape.fields puts it into the line`,
          );
        }
      }
  } else if (type === "parser") {
    const key = parameters.get("key_name", undefined);
    const parse = element.children.find(({ name }) => name === "parse");
    parameters.isOn("reserve_data", undefined, false);
    if (key === "log" && source.format === "json" && parse !== undefined) {
      Object.assign(source, { container: "docker", format: "none", time: undefined }, translateParse(parse, findings));
      findings.add("translated", element, told, "container: docker takes the runtime's wrapping off before the format");
    } else
      findings.add(
        "unsupported",
        element,
        told,
        "a field can be read further only where it is what a container runtime wrapped",
      );
    parameters.known({
      remove_key_name_field: { kind: "note", message: "the wrapping is taken off" },
      emit_invalid_record_to_error: { kind: "note", message: "what does not parse is sent, marked" },
    });
  } else {
    for (const each of element.parameters) each.isUsed = true;
    findings.add("unsupported", element, told, "this filter has no counterpart");
  }
  parameters.finish();
}

/** Whether one of the patterns takes the tag: `*` one part, `**` any number, {a,b} one of them. */
export function matchesTag(patterns: string, tag: string): boolean {
  return patterns.split(/\s+/).some((pattern) => {
    const source = pattern.replace(/\.\*\*|\*\*\.|\*\*|\*|\{[^}]*\}|[^\w]/g, (token) => {
      if (token === ".**") return "(?:\\..*)?";
      if (token === "**.") return "(?:.*\\.)?";
      if (token === "**") return ".*";
      if (token === "*") return "[^.]*";
      if (token.startsWith("{")) return `(?:${token.slice(1, -1).replaceAll(",", "|")})`;
      return `\\${token}`;
    });
    return new RegExp(`^${source}$`).test(tag);
  });
}
