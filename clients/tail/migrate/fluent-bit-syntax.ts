/** Fluent Bit's configuration, classic and YAML, as sections with parameters; `@INCLUDE`, `@SET`, `${VARIABLE}` resolved. */
import { basename } from "node:path";
import { isMap, isScalar, isSeq, LineCounter, type Node, parseDocument, type YAMLMap } from "yaml";
import type { Findings, Place } from "./findings.ts";
import type { Parameter } from "./fluentd-syntax.ts";
import type { ConfigText } from "./inputs.ts";

export interface Section extends Place {
  /** In lower case: service, input, filter, output, parser, multiline_parser. */
  readonly name: string;
  readonly parameters: Parameter[];
}

export interface FluentBitContext {
  readonly configs: readonly ConfigText[];
  readonly environment: ReadonlyMap<string, string>;
  readonly findings: Findings;
}

export function parseFluentBit(config: ConfigText, context: FluentBitContext): Section[] {
  return config.kind === "fluent-bit-yaml" ? parseYaml(config, context) : parseClassic(config, context, new Map(), []);
}

function parseClassic(
  config: ConfigText,
  context: FluentBitContext,
  variables: Map<string, string>,
  including: readonly string[],
): Section[] {
  const sections: Section[] = [];
  for (const [index, text] of config.text.split("\n").entries()) {
    const place = { file: config.file, line: config.lineOffset + index + 1 };
    const line = text.trim();
    if (line === "" || line.startsWith("#")) continue;
    const [, heading] = /^\[(\w+)\]$/.exec(line) ?? [];
    if (heading !== undefined) {
      sections.push({ name: heading.toLowerCase(), parameters: [], ...place });
      continue;
    }
    const [, key = "", raw = ""] = /^(\S+)\s*(.*)$/.exec(line) ?? [];
    if (key.toUpperCase() === "@SET") {
      const [, name = "", value = ""] = /^([^=\s]+)\s*=\s*(.*)$/.exec(raw) ?? [];
      variables.set(name, value);
      context.findings.add("translated", place, line, "its value was put where it is used");
    } else if (key.toUpperCase() === "@INCLUDE") {
      const all = context.configs.filter(
        ({ name }) => new Bun.Glob(basename(raw)).match(basename(name)) && !including.includes(name),
      );
      const near = all.filter(({ file }) => file === config.file);
      const found = near.length > 0 ? near : all;
      if (found.length === 0)
        context.findings.add("unsupported", place, line, "that file was not given: name it as well");
      else context.findings.add("translated", place, line, "its content was taken in");
      for (const each of found) sections.push(...parseClassic(each, context, variables, [...including, config.name]));
    } else {
      const section = sections.at(-1);
      if (section === undefined) context.findings.add("unsupported", place, line, "stands in no section");
      else
        section.parameters.push({
          key,
          value: resolveValue(raw, place, key, context, variables),
          isUsed: false,
          ...place,
        });
    }
  }
  return sections;
}

function resolveValue(
  raw: string,
  place: Place,
  key: string,
  context: FluentBitContext,
  variables: Map<string, string>,
): string {
  return raw.replace(/^"(.*)"$/, "$1").replace(/\$\{(\w+)\}/g, (all, name: string) => {
    const value = variables.get(name) ?? context.environment.get(name);
    if (value === undefined)
      context.findings.add("note", place, `${key} ${all}`, `${name} is set by nothing that was given: set it by hand`);
    return value ?? "";
  });
}

const LISTS: Readonly<Record<string, string>> = { inputs: "input", filters: "filter", outputs: "output" };

function parseYaml(config: ConfigText, context: FluentBitContext): Section[] {
  const lineCounter = new LineCounter();
  const document = parseDocument(config.text, { lineCounter });
  const placeOf = (node: Node | null | undefined): Place => ({
    file: config.file,
    line: config.lineOffset + lineCounter.linePos(node?.range?.[0] ?? 0).line,
  });
  for (const error of document.errors)
    context.findings.add("unsupported", { file: config.file, line: config.lineOffset + 1 }, "YAML", error.message);
  const sections: Section[] = [];
  const variables = new Map<string, string>();
  const add = (name: string, node: unknown): void => {
    if (!isMap(node)) return;
    const parameters = node.items.flatMap(({ key, value }) =>
      flatten(String(isScalar(key) ? key.value : key), value, key as Node),
    );
    sections.push({ name, parameters, ...placeOf(node) });
  };
  const flatten = (key: string, value: unknown, at: Node): Parameter[] => {
    const place = placeOf(at);
    if (isSeq(value)) return value.items.flatMap((each) => flatten(key, each, at));
    if (isMap(value)) {
      return [{ key, value: JSON.stringify(value.toJSON()), isUsed: false, ...place }];
    }
    const text = isScalar(value) ? String(value.value ?? "") : "";
    return [{ key, value: resolveValue(text, place, key, context, variables), isUsed: false, ...place }];
  };
  const root = document.contents;
  if (!isMap(root)) return [];
  for (const { key, value } of root.items) {
    const name = String(isScalar(key) ? key.value : key);
    if (name === "env" && isMap(value))
      for (const pair of (value as YAMLMap).items)
        variables.set(
          String(isScalar(pair.key) ? pair.key.value : ""),
          String(isScalar(pair.value) ? pair.value.value : ""),
        );
  }
  for (const { key, value } of root.items) {
    const name = String(isScalar(key) ? key.value : key);
    if (name === "env") continue;
    if (name === "service") add("service", value);
    else if (name === "parsers" && isSeq(value)) for (const each of value.items) add("parser", each);
    else if (name === "multiline_parsers" && isSeq(value))
      for (const each of value.items) add("multiline_parser", each);
    else if (name === "pipeline" && isMap(value)) {
      for (const list of value.items) {
        const kind = LISTS[String(isScalar(list.key) ? list.key.value : list.key)];
        if (kind === undefined || !isSeq(list.value))
          context.findings.add(
            "unsupported",
            placeOf(list.key as Node),
            `pipeline.${String(list.key)}`,
            "is not known",
          );
        else for (const each of list.value.items) add(kind, each);
      }
    } else
      context.findings.add(
        "unsupported",
        placeOf(key as Node),
        name,
        "is not translated: name what it includes as well",
      );
  }
  return sections;
}
