/**
 * Builds what the image holds, as a plain folder: `bun deploy/docker/assemble.ts --arch arm64 --out FOLDER`.
 *
 *    FOLDER/usr/local/bin/bun   Bun for that processor, from the package registry, by the digest in runtime/bun.lock
 *    FOLDER/lib, usr/lib        the C and C++ runtime, from Debian's packages, by apt's signatures   (system.ts)
 *    FOLDER/etc                 the user 65532, certificates of authorities, name resolution         (system.ts)
 *    FOLDER/app                 the program and its production dependencies                          (program.ts)
 *
 * The image is that folder and nothing else: no shell, no package manager, no base image whose digest somebody would have
 * to look after. Nothing in it is run to build it, so that one machine builds for both processors. The Dockerfile calls
 * this; the tests call it too, and run the collector from the result.
 */
import { copyFileSync, cpSync, existsSync, mkdirSync, readdirSync, statSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { ARCHITECTURES, type Architecture } from "./architectures.ts";
import { assembleProgram } from "./program.ts";
import { run } from "./run.ts";
import { assembleSystem } from "./system.ts";

const RUNTIME = join(import.meta.dir, "runtime");
const EXECUTABLE = 0o755;

/** Fills `out`, which must be empty or missing. Rejects with an Error of one sentence when a step fails. */
export async function assemble(architecture: Architecture, out: string): Promise<void> {
  if (existsSync(out) && readdirSync(out).length > 0) throw new Error(`${out} is not empty: give a new folder`);
  mkdirSync(out, { recursive: true });
  await assembleSystem(architecture, out);
  await placeBun(architecture, join(out, "usr/local/bin/bun"));
  await assembleProgram(join(out, "app"));
}

/** Bytes of all files below a folder; links count nothing. */
export function bytesOf(folder: string): number {
  return readdirSync(folder, { withFileTypes: true })
    .map((entry) => {
      const path = join(folder, entry.name);
      return entry.isDirectory() ? bytesOf(path) : entry.isFile() ? statSync(path).size : 0;
    })
    .reduce((sum, bytes) => sum + bytes, 0);
}

async function placeBun(architecture: Architecture, target: string): Promise<void> {
  const { bunPackage, cpu } = ARCHITECTURES[architecture];
  const scratch = `${target}.install`;
  mkdirSync(dirname(target), { recursive: true });
  cpSync(RUNTIME, scratch, { recursive: true });
  await run(
    [process.execPath, "install", "--frozen-lockfile", "--ignore-scripts", "--os=linux", `--cpu=${cpu}`],
    scratch,
  );
  copyFileSync(join(scratch, "node_modules", bunPackage, "bin/bun"), target);
  await run(["chmod", EXECUTABLE.toString(8), target]);
  await run(["rm", "-rf", scratch]);
}

async function main(): Promise<number> {
  const { values } = parseArgs({ options: { arch: { type: "string" }, out: { type: "string" } }, strict: true });
  const { arch, out } = values;
  if (out === undefined || (arch !== "amd64" && arch !== "arm64")) {
    process.stderr.write("Usage: bun deploy/docker/assemble.ts --arch amd64|arm64 --out FOLDER\n");
    return 2;
  }
  await assemble(arch, resolve(out));
  process.stdout.write(`${out}: ${(bytesOf(resolve(out)) / 2 ** 20).toFixed(1)} MiB for ${arch}\n`);
  return 0;
}

if (import.meta.main) {
  try {
    process.exit(await main());
  } catch (reason) {
    process.stderr.write(`the image's folder can't be built: ${(reason as Error).message}\n`);
    process.exit(1);
  }
}
