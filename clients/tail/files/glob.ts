/**
 * Patterns to files: `*`, `?`, `[...]`, `{a,b}` within a folder's names, `**` through folders. Folders that do not exist are no
 * files; a folder that may not be read is a problem that is told. Symbolic links are followed, but not by `**`, which could
 * go round in circles.
 */
import { type Dirent, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { Glob } from "bun";
import { systemCodeOf } from "../errors.ts";

export interface Found {
  readonly paths: readonly string[];
  /** One sentence per folder that can't be read. */
  readonly problems: readonly string[];
}

const DEPTH_MAX = 32;

/** Patterns are absolute. Matches any of `include` and none of `exclude`, sorted, each once. */
export function expandGlobs(include: readonly string[], exclude: readonly string[]): Found {
  const paths = new Set<string>();
  const problems = new Set<string>();
  for (const pattern of include) walk("/", pattern.split("/").filter(Boolean), paths, problems, 0);
  const excluded = exclude.map((pattern) => new Glob(pattern));
  const kept = [...paths].filter((path) => !excluded.some((glob) => glob.match(path)));
  return { paths: kept.sort(), problems: [...problems] };
}

/** The folders whose new entries may match: those that patterns name before their first magic character. */
export function baseFolders(include: readonly string[]): string[] {
  const bases = include.map((pattern) => {
    const parts = pattern.split("/");
    const magic = parts.findIndex((part, index) => isMagic(part) || index === parts.length - 1);
    return parts.slice(0, magic).join("/") || "/";
  });
  return [...new Set(bases)];
}

function isMagic(part: string): boolean {
  return /[*?[{]/.test(part);
}

function walk(
  folder: string,
  parts: readonly string[],
  paths: Set<string>,
  problems: Set<string>,
  depth: number,
): void {
  const [part, ...rest] = parts;
  if (part === undefined || depth > DEPTH_MAX) return;
  if (!isMagic(part)) {
    const path = join(folder, part);
    if (rest.length > 0) walk(path, rest, paths, problems, depth + 1);
    else if (isFile(path)) paths.add(path);
    return;
  }
  const entries = entriesOf(folder, problems);
  if (part === "**") {
    walk(folder, rest.length === 0 ? ["*"] : rest, paths, problems, depth + 1);
    for (const entry of entries)
      if (entry.isDirectory()) walk(join(folder, entry.name), parts, paths, problems, depth + 1);
    return;
  }
  const glob = new Glob(part);
  for (const entry of entries) {
    if (entry.name.startsWith(".") && !part.startsWith(".")) continue;
    if (!glob.match(entry.name)) continue;
    const path = join(folder, entry.name);
    if (rest.length > 0) walk(path, rest, paths, problems, depth + 1);
    else if (entry.isFile() || (entry.isSymbolicLink() && isFile(path))) paths.add(path);
  }
}

function entriesOf(folder: string, problems: Set<string>): Dirent[] {
  try {
    return readdirSync(folder, { withFileTypes: true });
  } catch (reason) {
    const code = systemCodeOf(reason);
    if (code !== "ENOENT" && code !== "ENOTDIR") problems.add(`the folder ${folder} can't be read (${code})`);
    return [];
  }
}

function isFile(path: string): boolean {
  try {
    return statSync(path, { throwIfNoEntry: false })?.isFile() === true;
  } catch {
    // A link in a circle, or a folder that may not be entered.
    return false;
  }
}
