/**
 * The scenario `tail`: the agent, as `bun run tail` runs it, reads files of 200-byte lines and sends them to a server that
 * stores nothing; on one core where taskset is there, the server on another. In the same run the same files are read by
 * `cat | wc -l`, which nothing that reads lines can be cheaper than.
 */
import { closeSync, mkdirSync, openSync, rmSync, writeFileSync, writeSync } from "node:fs";
import { join, resolve } from "node:path";
import type { Subprocess } from "bun";
import { systemClock } from "../clock.ts";
import { freePort } from "../testing/free-port.ts";
import { RUNTIME } from "../testing/runtime.ts";
import type { Endpoint } from "./children.ts";
import type { Figure, Part } from "./figures.ts";
import { type ProcessFacts, readProcessFacts } from "./process-facts.ts";

const MIB = 1024 * 1024;
const LINES = 1_000_000;
const LINE_BYTES = 200;
const RESIDENT_BYTES_MAX = 100 * MIB;
const READ_MS_MAX = 120_000;
const POLL_MS = 20;
const MAIN = join(import.meta.dir, "../../clients/tail/main.ts");

const REACH = { none: 150_000, json: 60_000 } as const;

/** Lines per second, CPU per line and resident memory, by format and number of files. */
export async function measureTail(options: {
  readonly directory: string;
  readonly server: Endpoint;
  readonly tell: (progress: string) => void;
}): Promise<Figure[]> {
  const figures: Figure[] = [];
  for (const format of ["none", "json"] as const) {
    for (const files of [1, 200]) {
      const name = `${format}, ${files} ${files === 1 ? "file" : "files"}`;
      options.tell(`tail: ${name}`);
      const directory = resolve(options.directory, `${format}-${files}`);
      const paths = writeFiles(directory, files, format);
      const catUs = cat(paths);
      const run = await readAll(directory, format, options.server);
      rmSync(directory, { recursive: true, force: true });
      const cpuUs = (run.facts.cpuSeconds * 1e6) / LINES;
      const parts: Part[] = [
        { label: "CPU per line", value: cpuUs, unit: "us" },
        { label: "cat | wc -l, CPU per line", value: catUs, unit: "us" },
        { label: "resident, at most", value: run.facts.residentBytesPeak, unit: "bytes" },
      ];
      const value = LINES / run.seconds;
      figures.push(
        {
          name: `tail, lines/s on one core: ${name}`,
          value,
          unit: "logs/s",
          reach: { bound: "least", of: REACH[format] },
          parts,
          rounds: [],
        },
        {
          name: `tail, resident memory at full speed: ${name}`,
          value: run.facts.residentBytesPeak,
          unit: "bytes",
          reach: { bound: "most", of: RESIDENT_BYTES_MAX },
          parts: [{ label: "of it anonymous, at the end", value: run.facts.anonymousBytes, unit: "bytes" }],
          rounds: [],
        },
      );
    }
  }
  return figures;
}

function writeFiles(directory: string, count: number, format: keyof typeof REACH): string[] {
  mkdirSync(join(directory, "logs"), { recursive: true });
  return Array.from({ length: count }, (_, file) => {
    const path = join(directory, "logs", `${file}.log`);
    const out = openSync(path, "w");
    for (let from = 0; from < LINES / count; from += 1_000) {
      const lines = Math.min(1_000, LINES / count - from);
      writeSync(out, Array.from({ length: lines }, (_, index) => lineOf(from + index, format)).join(""));
    }
    closeSync(out);
    return path;
  });
}

function lineOf(number: number, format: keyof typeof REACH): string {
  const time = `2025-11-22T08:${String(Math.floor(number / 60_000) % 60).padStart(2, "0")}:${String(Math.floor(number / 1_000) % 60).padStart(2, "0")}.${String(number % 1_000).padStart(3, "0")}345678Z`;
  const line =
    format === "json"
      ? `{"time":"${time}","level":"INFO","logger":"com.example.shop.Checkout","message":"order ${number} paid","took_ms":${number % 300},"ok":true,"pad":"`
      : `${time} INFO com.example.shop.Checkout order ${number} paid in ${number % 300} ms `;
  const end = format === "json" ? '"}\n' : "\n";
  return line.padEnd(LINE_BYTES - end.length, "x") + end;
}

/** CPU microseconds per line of reading and counting, user and system. */
function cat(paths: readonly string[]): number {
  const run = Bun.spawnSync({ cmd: ["sh", "-c", 'cat "$@" | wc -l', "sh", ...paths], stdout: "pipe" });
  if (Number(run.stdout.toString()) !== LINES)
    throw new Error("the files do not hold the lines that they were to hold");
  const { user, system } = run.resourceUsage.cpuTime;
  return (Number(user) + Number(system)) / LINES;
}

async function readAll(
  directory: string,
  format: string,
  server: Endpoint,
): Promise<{ readonly facts: ProcessFacts; readonly seconds: number }> {
  const admin = `127.0.0.1:${await freePort()}`;
  const source = {
    name: "bench",
    include: [join(directory, "logs/*.log")],
    format,
    ...(format === "json" ? { time: { key: "time", format: "%Y-%m-%dT%H:%M:%S.%NZ" } } : {}),
  };
  const config = {
    collector: { endpoint: `http://${server.target}` },
    positions: { directory: join(directory, "positions") },
    admin: { address: admin },
    log: { level: "silent" },
    sources: [source],
  };
  const path = join(directory, "tail.yaml");
  writeFileSync(path, JSON.stringify(config));
  const pinned = Bun.which("taskset") === null ? [] : ["taskset", "--cpu-list", "0"];
  const sinceMs = systemClock.monotonicMs();
  const child = Bun.spawn({
    cmd: [...pinned, process.execPath, ...RUNTIME.arguments, MAIN, "--config", path],
    env: RUNTIME.environment,
    stdin: "ignore",
    stdout: "ignore",
    stderr: "inherit",
  });
  try {
    const startedMs = await until(child, admin, sinceMs, () => true);
    const doneMs = await until(child, admin, sinceMs, ({ acknowledgedRecords }) => acknowledgedRecords >= LINES);
    return { facts: readProcessFacts(child.pid), seconds: (doneMs - startedMs) / 1000 };
  } finally {
    child.kill("SIGKILL");
    await child.exited;
  }
}

/** Resolves with the time at which the condition held; monotonic. */
async function until(
  child: Subprocess,
  admin: string,
  sinceMs: number,
  condition: (status: { readonly acknowledgedRecords: number }) => boolean,
): Promise<number> {
  for (;;) {
    if (child.exitCode !== null) throw new Error(`the agent ended (exit ${child.exitCode})`);
    if (systemClock.monotonicMs() - sinceMs > READ_MS_MAX) throw new Error("the agent was not done in time");
    const status = await fetch(`http://${admin}/status`).then(
      async (response) => (await response.json()) as { readonly acknowledgedRecords: number },
      () => undefined,
    );
    if (status !== undefined && condition(status)) return systemClock.monotonicMs();
    await systemClock.sleep(POLL_MS);
  }
}
