/**
 * `bun run bench`: the program. Words, progress, the table, the file, the exit code; what is measured is in scenarios.ts.
 *
 * Exit codes: 0 it ran, whatever the figures are; 1 it could not be carried out; 2 the words mean nothing.
 */
import { mkdirSync, mkdtempSync, rmSync, statfsSync, writeFileSync } from "node:fs";
import { arch, cpus, platform, release, totalmem } from "node:os";
import { dirname, join } from "node:path";
import { systemClock } from "../clock.ts";
import type { Figure } from "./figures.ts";
import { type BenchOptions, HELP, parseOptions } from "./options.ts";
import { type Machine, toJson, toTable } from "./report.ts";
import { runScenarios } from "./scenarios.ts";
import { measureTargets } from "./target.ts";

const OUTPUT_FOLDER = "bench-out";
const FREE_BYTES_MIN = 6 * 1024 ** 3;

process.exit(await main());

async function main(): Promise<number> {
  let options: BenchOptions;
  try {
    options = parseOptions(process.argv.slice(2));
  } catch (reason) {
    process.stderr.write(`bench: ${messageOf(reason)} Try --help.\n`);
    return 2;
  }
  if (options.kind === "help") {
    process.stdout.write(HELP);
    return 0;
  }
  try {
    const figures = options.kind === "target" ? await measureTargets(options.targets, tell) : await bench(options);
    process.stdout.write(`\n${toTable(figures)}`);
    mkdirSync(dirname(options.json), { recursive: true });
    writeFileSync(options.json, toJson({ atMs: systemClock.nowMs(), machine: describeMachine(), figures }));
    process.stdout.write(`All numbers: ${options.json}\n`);
    return 0;
  } catch (reason) {
    process.stderr.write(`bench: ${messageOf(reason)}\n`);
    return 1;
  }
}

async function bench({ scenarios }: Extract<BenchOptions, { kind: "bench" }>): Promise<Figure[]> {
  if (platform() !== "linux") throw new Error("it reads CPU, memory and disk from /proc, which only Linux has.");
  mkdirSync(OUTPUT_FOLDER, { recursive: true });
  const disk = statfsSync(OUTPUT_FOLDER);
  if (disk.bavail * disk.bsize < FREE_BYTES_MIN)
    throw new Error(`${OUTPUT_FOLDER} needs ${FREE_BYTES_MIN / 1024 ** 3} GiB of free disk.`);
  const directory = mkdtempSync(join(OUTPUT_FOLDER, "run-"));
  const remove = (): void => rmSync(directory, { recursive: true, force: true });
  // Not the default end by a signal, which would leave the folder and the children; through `bun run` one comes twice.
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => process.exit(1));
  process.once("exit", remove);
  return await runScenarios(scenarios, { directory, settings: {}, tell });
}

function tell(progress: string): void {
  process.stderr.write(`${progress}\n`);
}

function messageOf(reason: unknown): string {
  return reason instanceof Error ? reason.message : String(reason);
}

function describeMachine(): Machine {
  const [cpu] = cpus();
  return {
    cpu: cpu?.model ?? "unknown",
    cores: cpus().length,
    memoryBytes: totalmem(),
    system: `${platform()} ${arch()} ${release()}`,
    bun: Bun.version,
  };
}
