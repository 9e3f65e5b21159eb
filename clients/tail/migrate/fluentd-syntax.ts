/** fluentd's configuration as a tree: elements with parameters, `@include` followed, embedded Ruby resolved where it can be. */
import { basename } from "node:path";
import { nearest } from "../config-values.ts";
import type { Findings, Place } from "./findings.ts";
import type { ConfigText } from "./inputs.ts";

export interface Parameter extends Place {
  readonly key: string;
  /** "" where it said nil. */
  readonly value: string;
  isUsed: boolean;
}

export interface Element extends Place {
  readonly name: string;
  /** What stands behind the name: a pattern, a label. */
  readonly argument: string;
  readonly parameters: Parameter[];
  readonly children: Element[];
}

export interface FluentdContext {
  readonly configs: readonly ConfigText[];
  readonly environment: ReadonlyMap<string, string>;
  readonly findings: Findings;
}

/** The elements of a file and of all that it includes. */
export function parseFluentd(
  config: ConfigText,
  context: FluentdContext,
  including: readonly string[] = [],
): Element[] {
  const root: Element = { name: "", argument: "", parameters: [], children: [], file: config.file, line: 1 };
  const stack = [root];
  const lines = config.text.split("\n");
  for (let index = 0; index < lines.length; index++) {
    const place = { file: config.file, line: config.lineOffset + index + 1 };
    const line = (lines[index] as string).trim();
    const top = stack.at(-1) as Element;
    if (line === "" || line.startsWith("#")) continue;
    const [, closing] = /^<\/(\w+)>$/.exec(line) ?? [];
    const [, opening, argument = ""] = /^<(\w+)\s*([^>]*)>(?:\s+#.*)?$/.exec(line) ?? [];
    if (closing !== undefined) {
      if (stack.length === 1 || top.name !== closing)
        context.findings.add("unsupported", place, line, "closes what was not opened");
      else stack.pop();
    } else if (opening !== undefined) {
      const element: Element = { name: opening, argument: argument.trim(), parameters: [], children: [], ...place };
      top.children.push(element);
      stack.push(element);
    } else {
      const [, key = "", rest = ""] = /^(\S+)\s*(.*)$/.exec(line) ?? [];
      let raw = rest;
      // Lists and maps may go on over lines.
      while (/^[[{]/.test(raw) && !isBalanced(raw) && index + 1 < lines.length)
        raw += (lines[++index] as string).trim();
      if (key === "@include") top.children.push(...include(raw, place, context, [...including, config.name]));
      else top.parameters.push({ key, value: resolveValue(raw, place, key, context), isUsed: false, ...place });
    }
  }
  for (const { name, ...place } of stack.slice(1))
    context.findings.add(
      "unsupported",
      place,
      `<${name}>`,
      "is never closed: it was taken as if it ended with the file",
    );
  return root.children;
}

function isBalanced(text: string): boolean {
  let depth = 0;
  for (const character of text) depth += "[{".includes(character) ? 1 : "]}".includes(character) ? -1 : 0;
  return depth <= 0;
}

function include(raw: string, place: Place, context: FluentdContext, including: readonly string[]): Element[] {
  const { configs, findings } = context;
  const wanted = raw.replace(/^["']|["']$/g, "");
  const all = configs.filter(({ name, file }) => {
    const pattern = new Bun.Glob(basename(wanted));
    return !including.includes(name) && (name === wanted || pattern.match(basename(name)) || file === wanted);
  });
  // Several manifests may hold files of one name: those of its own come first.
  const near = all.filter(({ file }) => file === place.file);
  const matches = near.length > 0 ? near : all;
  if (matches.length === 0)
    findings.add("unsupported", place, `@include ${wanted}`, "that file was not given: name it as well");
  else findings.add("translated", place, `@include ${wanted}`, "its content was taken in");
  return matches.flatMap((config) => parseFluentd(config, context, including));
}

/** Quotes taken off, embedded Ruby looked up. */
function resolveValue(raw: string, place: Place, key: string, context: FluentdContext): string {
  const [, double, single] = /^(?:"((?:[^"\\]|\\.|#\{[^}]*\})*)"|'([^']*)')/.exec(raw) ?? [];
  if (single !== undefined) return single;
  if (double === undefined) return raw.replace(/\s+#.*$/, "").trim();
  const text = resolveRuby(double, place, key, context);
  return text.replace(/\\(.)/g, (_, letter: string) => ({ n: "\n", t: "\t" })[letter] ?? letter);
}

function resolveRuby(text: string, place: Place, key: string, { environment, findings }: FluentdContext): string {
  return text.replace(/#\{([^}]*)\}/g, (all, code: string) => {
    const [, name] = /^\s*ENV(?:\[|\.fetch\()\s*["']([^"']+)["']/.exec(code) ?? [];
    if (name === undefined) {
      const known = { hostname: "the agent's node name", "Socket.gethostname": "the agent's node name" }[code.trim()];
      findings.add(
        "unsupported",
        place,
        `${key} "${all}"`,
        `this Ruby can't be carried over${known === undefined ? "" : ` (${known})`}`,
      );
      return "";
    }
    const value = environment.get(name);
    if (value !== undefined) return value;
    const [, fallback] = /\|\|\s*["']([^"']*)["']/.exec(code) ?? [];
    const hint = nearest(name, [...environment.keys()]);
    if (fallback === undefined && hint !== "")
      findings.add(
        "risk",
        place,
        `${key} "${all}"`,
        `nothing sets ${name}${hint} A misspelt variable was nil without a word`,
      );
    else if (fallback === undefined)
      findings.add(
        "note",
        place,
        `${key} "${all}"`,
        `${name} is set by nothing that was given: see the line's counterpart below`,
      );
    return fallback ?? "";
  });
}
