/**
 * Files as they are given: configurations themselves, or Kubernetes manifests that hold them in ConfigMaps. What the
 * containers of a manifest get as environment is remembered, since configurations refer to it.
 */
import { isMap, isScalar, LineCounter, parseAllDocuments, type YAMLMap } from "yaml";
import type { Findings } from "./findings.ts";

export interface InputFile {
  readonly path: string;
  readonly text: string;
}

/** One configuration file, wherever it came from. */
export interface ConfigText {
  /** What other files include it by. */
  readonly name: string;
  /** Where it is to be looked for by a person. */
  readonly file: string;
  /** Lines before its first one, where it lies within a manifest. */
  readonly lineOffset: number;
  readonly text: string;
  readonly kind: "fluentd" | "fluent-bit" | "fluent-bit-yaml" | "unknown";
}

export interface Inputs {
  readonly configs: readonly ConfigText[];
  readonly environment: Map<string, string>;
}

/** Takes all files apart. What is no configuration, nor holds one, is told. */
export function readInputs(files: readonly InputFile[], findings: Findings): Inputs {
  const configs: ConfigText[] = [];
  const environment = new Map<string, string>();
  for (const { path, text } of files) {
    const found = readManifest(path, text, environment, findings);
    if (found !== undefined) configs.push(...found);
    else configs.push({ name: path, file: path, lineOffset: 0, text, kind: kindOf(text) });
  }
  for (const { kind, file, lineOffset } of configs)
    if (kind === "unknown")
      findings.add(
        "unsupported",
        { file, line: lineOffset + 1 },
        file,
        "this is no configuration of fluentd or Fluent Bit",
      );
  return { configs, environment };
}

function kindOf(text: string): ConfigText["kind"] {
  if (/^\s*<(source|match|filter|label|system|parse|worker)\b/m.test(text)) return "fluentd";
  if (/^\s*\[(SERVICE|INPUT|FILTER|OUTPUT|PARSER|MULTILINE_PARSER|PLUGINS)\]\s*$/im.test(text)) return "fluent-bit";
  if (/^(pipeline|parsers|multiline_parsers|service):/m.test(text)) return "fluent-bit-yaml";
  if (/^\s*@include\b/m.test(text)) return "fluentd";
  if (/^\s*@(INCLUDE|SET)\b/m.test(text)) return "fluent-bit";
  return "unknown";
}

/** Undefined where the text is no Kubernetes manifest. */
function readManifest(
  path: string,
  text: string,
  environment: Map<string, string>,
  findings: Findings,
): ConfigText[] | undefined {
  if (!/^\s*kind:\s*\w+/m.test(text)) return undefined;
  const lineCounter = new LineCounter();
  const documents = parseAllDocuments(text, { lineCounter });
  const configs: ConfigText[] = [];
  for (const document of documents) {
    const root = document.contents;
    if (document.errors.length > 0) {
      const [error] = document.errors;
      const line = lineCounter.linePos(error?.pos[0] ?? 0).line;
      findings.add("unsupported", { file: path, line }, "YAML", `can't be read: ${error?.message.split("\n")[0]}`);
    }
    if (!isMap(root)) continue;
    const lineOfKind = lineCounter.linePos(root.range?.[0] ?? 0).line;
    const kind = String(root.get("kind") ?? "");
    if (kind === "ConfigMap") {
      const data = root.get("data");
      for (const { key, value } of isMap(data) ? (data as YAMLMap).items : []) {
        if (!isScalar(value) || typeof value.value !== "string") continue;
        const start = lineCounter.linePos(value.range?.[0] ?? 0).line;
        // A block's text begins on the line after its sign.
        const lineOffset = value.type?.startsWith("BLOCK") ? start : start - 1;
        const name = String(isScalar(key) ? key.value : key);
        configs.push({ name, file: path, lineOffset, text: value.value, kind: kindOf(value.value) });
      }
      continue;
    }
    if (["Deployment", "DaemonSet", "StatefulSet", "Pod"].includes(kind)) {
      readEnvironment(document.toJS(), environment);
      findings.add(
        "note",
        { file: path, line: lineOfKind },
        `kind: ${kind}`,
        "its containers' environment was read; deploy the agent in its place (clients/tail/README.md)",
      );
    } else if (kind !== "")
      findings.add(
        "note",
        { file: path, line: lineOfKind },
        `kind: ${kind}`,
        "is not needed for the logs of the agent itself",
      );
  }
  return configs;
}

/** Name and value of all `env` entries, however deep. */
function readEnvironment(value: unknown, environment: Map<string, string>): void {
  if (Array.isArray(value)) for (const each of value) readEnvironment(each, environment);
  if (typeof value !== "object" || value === null || Array.isArray(value)) return;
  for (const [key, inner] of Object.entries(value)) {
    if (key === "env" && Array.isArray(inner))
      for (const { name, value: given } of inner as { name?: unknown; value?: unknown }[])
        if (typeof name === "string" && given !== undefined) environment.set(name, String(given));
    readEnvironment(inner, environment);
  }
}
