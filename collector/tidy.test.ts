import { expect, test } from "bun:test";
import { dirname, join, normalize } from "node:path";
import { Glob } from "bun";

const ROOT = join(import.meta.dir, "..");
const LINES_MAX = 400;

/**
 * One direction of imports: a file may import from its own layer and from those before it in its row.
 * `*` is any file that lies directly in the folder and has no layer of its own.
 */
const ROWS: Record<string, readonly string[]> = {
  collector: [
    "*",
    "memory",
    "config",
    "identity",
    "otlp",
    "journal",
    "delivery",
    "ingest",
    "admin",
    "collector.ts",
    "main.ts",
    "testing",
    "bench",
  ],
  "deploy/aws": ["*"],
  "deploy/docker": ["*"],
  "deploy/grafana": ["*"],
  "deploy/kubernetes": ["*", "cluster"],
  "deploy/local": ["*", "demo"],
  "clients/tail": [
    "*",
    "wire",
    "parse",
    "files",
    "kubernetes",
    "send",
    "config.ts",
    "records.ts",
    "assembler.ts",
    "source.ts",
    "tracker.ts",
    "reader.ts",
    "follow.ts",
    "status.ts",
    "admin.ts",
    "agent.ts",
    "main.ts",
    "reference.ts",
    "migrate",
    "testing",
  ],
  "clients/cli": ["*", "commands", "commands.ts", "program.ts", "main.ts", "build.ts", "bench"],
  "clients/sdk": [
    "*",
    "wire",
    "send",
    "keep",
    "options.ts",
    "client-types.ts",
    "telemetry.ts",
    "client.ts",
    "shapes",
    "pino.ts",
    "winston.ts",
    "index.ts",
    "examples",
  ],
  "clients/verify": ["*"],
};

/** Trees that stand apart: a client must not know the collector, nor the local Firehose either of them. */
const FOREIGN_ALLOWED: Record<string, readonly string[]> = {
  collector: [],
  "deploy/aws": [],
  "deploy/docker": [],
  // Held against what the collector prints.
  "deploy/grafana": ["collector"],
  "deploy/kubernetes": [],
  "deploy/local": [],
  // It reads journals by the collector's own code, and carries `verify` and `migrate`.
  "clients/cli": ["collector", "clients/verify", "clients/tail"],
  "clients/sdk": [],
  // It reads the journal of a stopped collector.
  "clients/verify": ["collector"],
  // The agent sends with the SDK.
  "clients/tail": ["clients/sdk"],
};

/** The demo, whole-system tests and benches, and what tries the manifests on Kubernetes put all trees together. */
const SEES_ALL = [/^deploy\/local\/demo/, /^deploy\/kubernetes\/cluster/, /^collector\/(testing|bench)\//];

function treeOf(path: string): string | undefined {
  return Object.keys(ROWS).find((tree) => path.startsWith(`${tree}/`));
}

function layerOf(tree: string, path: string): number {
  const row = ROWS[tree] ?? [];
  const [head = ""] = path.slice(tree.length + 1).split("/");
  const own = row.findIndex((layer) => layer === head || layer === head.replace(/\.ts$/, ""));
  if (own >= 0) return own;
  return head.endsWith(".ts") ? row.indexOf("*") : -1;
}

/** A chain of imports, of types as well, that comes back to where it began. */
function circleIn(imports: ReadonlyMap<string, readonly string[]>): string[] {
  const done = new Set<string>();
  const visit = (path: string, chain: readonly string[]): string[] => {
    if (chain.includes(path)) return [...chain.slice(chain.indexOf(path)), path];
    if (done.has(path)) return [];
    for (const to of imports.get(path) ?? []) {
      const circle = visit(to, [...chain, path]);
      if (circle.length > 0) return circle;
    }
    done.add(path);
    return [];
  };
  for (const path of imports.keys()) {
    const circle = visit(path, []);
    if (circle.length > 0) return circle;
  }
  return [];
}

test("tidy: imports point one way and in no circle, trees stand apart, files stay small", async () => {
  const problems: string[] = [];
  const imports = new Map<string, string[]>();
  for await (const path of new Glob("{collector,clients,deploy}/**/*.ts").scan(ROOT)) {
    if (path.includes("node_modules")) continue;
    const source = await Bun.file(join(ROOT, path)).text();
    if (source.split("\n").length > LINES_MAX + 1) problems.push(`${path}: over ${LINES_MAX} lines`);
    const tree = treeOf(path);
    if (tree === undefined) {
      problems.push(`${path}: in no known tree`);
      continue;
    }
    if (layerOf(tree, path) === -1) problems.push(`${path}: in no known folder`);
    if (path.endsWith(".test.ts")) continue;
    const own: string[] = [];
    imports.set(path, own);
    for (const [, target = ""] of source.matchAll(/\b(?:from|import)\s*\(?\s*"(\.[^"]+)"/g)) {
      const to = normalize(join(dirname(path), target));
      own.push(to);
      const targetTree = treeOf(to);
      if (to.startsWith("proto/gen/") || to === "package.json") continue;
      if (targetTree !== tree) {
        const allowed = SEES_ALL.some((rule) => rule.test(path)) || FOREIGN_ALLOWED[tree]?.includes(targetTree ?? "");
        if (!allowed) problems.push(`${path}: must not import ${target} of another tree`);
      } else if (layerOf(tree, to) > layerOf(tree, path)) {
        problems.push(`${path}: must not import ${target} of a later layer`);
      }
    }
  }
  expect(problems).toEqual([]);
  expect(circleIn(imports)).toEqual([]);
});
