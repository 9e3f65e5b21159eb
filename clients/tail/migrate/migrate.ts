/** `standpipe migrate`: from the configurations of fluentd and Fluent Bit to those of agent and collector, with a report. */
import { basename } from "node:path";
import { type Finding, Findings } from "./findings.ts";
import { translateFluentBit } from "./fluent-bit.ts";
import { parseFluentBit } from "./fluent-bit-syntax.ts";
import { translateFluentd } from "./fluentd.ts";
import { parseFluentd } from "./fluentd-syntax.ts";
import { type ConfigText, type InputFile, readInputs } from "./inputs.ts";
import { collectorYaml, emptyPlan, tailYaml } from "./plan.ts";

export interface Migration {
  /** standpipe-tail.yaml, for the agent. */
  readonly tail: string;
  /** standpipe.yaml, for the collector. */
  readonly collector: string;
  readonly findings: readonly Finding[];
  /** Whether nothing is left that someone must look at. */
  readonly isComplete: boolean;
}

export interface MigrateOptions {
  /** Values of variables, which go before what manifests say. */
  readonly environment?: Readonly<Record<string, string>>;
  /** Where the agent will find the collector. */
  readonly collectorEndpoint?: string;
}

const ENDPOINT = "http://standpipe:4317";

/** Translates all files together: they may include each other. Never throws for what they hold. */
export function migrate(files: readonly InputFile[], options: MigrateOptions = {}): Migration {
  const findings = new Findings();
  const plan = emptyPlan();
  const { configs, environment } = readInputs(files, findings);
  for (const [name, value] of Object.entries(options.environment ?? {})) environment.set(name, value);
  const context = { configs, environment, findings };
  const roots = configs.filter((config) => !isIncluded(config, configs));
  const bits = roots.filter(({ kind }) => kind === "fluent-bit" || kind === "fluent-bit-yaml");
  for (const config of roots)
    if (config.kind === "fluentd") translateFluentd(parseFluentd(config, context), plan, findings);
  // Parsers stand in files of their own, which nothing includes: those of one manifest belong together.
  for (const file of new Set(bits.map((config) => groupOf(config, bits))))
    translateFluentBit(
      bits.filter((config) => groupOf(config, bits) === file).flatMap((config) => parseFluentBit(config, context)),
      plan,
      findings,
    );
  for (const { name, include, format, container } of plan.sources)
    if (
      container === undefined &&
      format === "json" &&
      [include].flat().some((path) => path.startsWith("/var/log/containers/"))
    )
      findings.add(
        "note",
        { file: configs[0]?.file ?? "", line: 1 },
        `source ${name}`,
        "its lines are taken for Docker's JSON, as before. Where nodes run containerd they are none, and would be sent marked: then say container: cri, and format: none",
      );
  const region = environment.get("AWS_REGION");
  for (const route of plan.routes) if (route.region === undefined && region !== undefined) route.region = region;
  if (plan.routes.length > 1)
    for (const route of plan.routes) route.filter = `resource["route"] = ${JSON.stringify(route.name)}`;
  else for (const source of plan.sources) removeRoute(source);
  if (plan.sources.length === 0 && configs.length > 0)
    findings.add(
      "unsupported",
      { file: configs[0]?.file ?? "", line: 1 },
      "no source",
      "nothing that follows files was found: the agent's configuration is empty",
    );
  return {
    tail: tailYaml(plan, options.collectorEndpoint ?? ENDPOINT),
    collector: collectorYaml(plan),
    findings: findings.all,
    isComplete: !findings.all.some(({ kind }) => kind === "unsupported"),
  };
}

/** What tells routes apart is not needed where there is one. */
function removeRoute(source: { resource?: Record<string, string | number | boolean> | undefined }): void {
  const { route: _, ...rest } = source.resource ?? {};
  if (Object.keys(rest).length > 0) source.resource = rest;
  else delete source.resource;
}

/** A manifest's own files go together; files that were named one by one do, too. */
function groupOf({ file, name }: ConfigText, all: readonly ConfigText[]): string {
  return file === name ? "" : all.some((other) => other.file === file && other !== undefined) ? file : "";
}

function isIncluded(config: ConfigText, configs: readonly ConfigText[]): boolean {
  return configs.some((other) => {
    if (other === config) return false;
    const sameManifest = configs.some(({ name, file }) => name === config.name && file === other.file);
    if (sameManifest && other.file !== config.file) return false;
    return [...other.text.matchAll(/^\s*@include\s+["']?([^"'\s]+)/gim)].some(([, wanted = ""]) =>
      new Bun.Glob(basename(wanted)).match(basename(config.name)),
    );
  });
}
