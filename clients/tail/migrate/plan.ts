/** What the translations build: the agent's and the collector's configuration, before they are written. */
import { stringify } from "yaml";
import type { TailConfigInput } from "../config.ts";

export type PlannedSource = TailConfigInput["sources"][number];

/** Of the collector's route: its keys (collector/REFERENCE.md). */
export interface PlannedRoute {
  readonly name: string;
  stream?: string;
  region?: string;
  endpoint?: string;
  compression?: "gzip" | "zstd" | "none";
  filter?: string;
  shape?: string | Record<string, unknown>;
  redact?: Record<string, unknown>;
}

export interface Plan {
  readonly sources: PlannedSource[];
  readonly routes: PlannedRoute[];
  readonly files: NonNullable<TailConfigInput["files"]>;
  readonly kubernetes: NonNullable<TailConfigInput["kubernetes"]>;
}

export function emptyPlan(): Plan {
  return { sources: [], routes: [], files: {}, kubernetes: {} };
}

/** A source's name from anything: unique among those that are there. */
export function sourceName(plan: Plan, wish: string): string {
  const plain =
    wish
      .toLowerCase()
      .replace(/[^a-z0-9_-]+/g, "-")
      .replace(/^[^a-z0-9]+|-+$/g, "")
      .slice(0, 50) || "source";
  return unique(
    plain,
    plan.sources.map(({ name }) => name),
  );
}

export function routeName(plan: Plan, wish: string): string {
  const plain =
    wish
      .toLowerCase()
      .replace(/[^a-z0-9-]+/g, "-")
      .replace(/^[^a-z0-9]+|-+$/g, "")
      .slice(0, 24) || "route";
  return unique(
    plain,
    plan.routes.map(({ name }) => name),
  );
}

function unique(plain: string, taken: readonly string[]): string {
  for (let number = 1; ; number++) {
    const name = number === 1 ? plain : `${plain}-${number}`;
    if (!taken.includes(name)) return name;
  }
}

/** The agent's configuration. */
export function tailYaml({ sources, files, kubernetes }: Plan, collectorEndpoint: string): string {
  const sections = {
    collector: { endpoint: collectorEndpoint },
    positions: { directory: "/var/lib/standpipe-tail" },
    ...(Object.keys(files).length > 0 ? { files } : {}),
    ...(Object.keys(kubernetes).length > 0 ? { kubernetes } : {}),
    sources,
  };
  return stringify(sections, { lineWidth: 0 });
}

/** The collector's. With one destination it is the section `firehose`, else routes that tell by the resource. */
export function collectorYaml({ routes }: Plan): string {
  const [only] = routes;
  if (only !== undefined && routes.length === 1) {
    const { name: _, ...firehose } = only;
    return stringify({ firehose }, { lineWidth: 0 });
  }
  return stringify({ routes }, { lineWidth: 0 });
}
