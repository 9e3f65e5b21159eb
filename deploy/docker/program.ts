/**
 * The program's part of the image: sources as they are (Bun runs TypeScript), what they need at run time, and production
 * dependencies without what is only for compilers, people and other operating systems.
 */
import { copyFileSync, cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { Glob } from "bun";
import { run } from "./run.ts";

const ROOT = join(import.meta.dir, "../..");

/** Folders that hold a program, or what one reads at run time. */
const FOLDERS = ["collector", "proto", "clients", "deploy/local"] as const;
const FILES = ["package.json", "bun.lock", "bunfig.toml", "LICENSE"] as const;

/** What only development needs. Documents go too: they are where the sources are. */
const NOT_SHIPPED = [
  /(^|\/)node_modules(\/|$)/,
  /(^|\/)dist(\/|$)/,
  /\.test\.tsx?$/,
  /\.md$/,
  /^collector\/(testing|bench)(\/|$)/,
  /^collector\/ingest\/interop-client\./,
  /^clients\/[^/]+\/(testing|examples|bench|migrate\/fixtures)(\/|$)/,
  /^deploy\/local\/demo(\/|$)/,
];

/** Of a dependency: types, maps and documents, whatever the package. Licences stay. */
const NEEDLESS_IN_PACKAGES = /\.(d\.[cm]?ts|map|md|markdown|tsbuildinfo)$/i;

/** Of single packages: what their size is worth naming for. */
const NEEDLESS_OF: Readonly<Record<string, readonly string[]>> = {
  "classic-level": ["deps", "binding.cc", "binding.gyp"],
  zod: ["src"],
};

/** The prebuilt addons that stay: glibc on both processors. The same tree serves both images. */
const PREBUILDS = new Set(["linux-x64/classic-level.node", "linux-arm64/classic-level.armv8.node"]);

const PROGRAMS = ["collector/main.ts", "clients/*/main.ts", "deploy/local/main.ts"] as const;

/** The programs in the image, by their files: a collector, a local Firehose, and each client that has one. */
export function entryPoints(app: string): string[] {
  return PROGRAMS.flatMap((pattern) => [...new Glob(pattern).scanSync(app)]).sort();
}

export async function assembleProgram(app: string): Promise<void> {
  mkdirSync(app, { recursive: true });
  for (const folder of FOLDERS) {
    cpSync(join(ROOT, folder), join(app, folder), {
      recursive: true,
      filter: (source) => !NOT_SHIPPED.some((rule) => rule.test(relative(ROOT, source))),
    });
  }
  for (const file of FILES) copyFileSync(join(ROOT, file), join(app, file));
  // The lock file is frozen against all workspaces, those without anything to run among them.
  const { workspaces } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")) as { workspaces: string[] };
  for (const pattern of workspaces) {
    for (const path of new Glob(`${pattern}/package.json`).scanSync(ROOT)) {
      mkdirSync(dirname(join(app, path)), { recursive: true });
      copyFileSync(join(ROOT, path), join(app, path));
    }
  }
  await run(
    [process.execPath, "install", "--frozen-lockfile", "--production", "--ignore-scripts", "--backend=copyfile"],
    app,
  );
  prune(join(app, "node_modules"));
  rmSync(join(app, "bunfig.toml"));
}

function prune(modules: string): void {
  for (const folder of foldersBelow(modules)) {
    const path = relative(modules, folder);
    // A package lies at the top, or in a store with a folder of its own for each.
    const name = /(?:^|node_modules\/)((?:@[^/]+\/)?[^/]+)$/.exec(path)?.[1] ?? "";
    if (name === "@types") rmSync(folder, { recursive: true });
    for (const each of NEEDLESS_OF[name] ?? []) rmSync(join(folder, each), { recursive: true, force: true });
    if (/(^|\/)classic-level\/prebuilds$/.test(path)) prunePrebuilds(folder);
  }
  for (const folder of foldersBelow(modules)) {
    for (const entry of readdirSync(folder, { withFileTypes: true })) {
      if (entry.isFile() && NEEDLESS_IN_PACKAGES.test(entry.name)) rmSync(join(folder, entry.name));
    }
  }
  for (const folder of foldersBelow(modules)) {
    for (const entry of readdirSync(folder, { withFileTypes: true })) {
      const path = join(folder, entry.name);
      if (entry.isSymbolicLink() && !existsSync(path)) rmSync(path);
    }
  }
}

function prunePrebuilds(folder: string): void {
  for (const file of new Glob("**/*.node").scanSync(folder)) {
    if (!PREBUILDS.has(file)) rmSync(join(folder, file));
  }
  for (const platform of readdirSync(folder)) {
    if (readdirSync(join(folder, platform)).length === 0) rmSync(join(folder, platform), { recursive: true });
  }
}

/** A folder and all below it, parents first, links not followed. */
function* foldersBelow(folder: string): Generator<string> {
  yield folder;
  // Whoever looked at it may have removed it.
  if (!existsSync(folder)) return;
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    if (entry.isDirectory()) yield* foldersBelow(join(folder, entry.name));
  }
}
