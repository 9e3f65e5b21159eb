/** The CLI as users run it: a process of its own; or, where only its words matter, its program within this one. */
import { join } from "node:path";
import { runProgram } from "../../../clients/cli/program.ts";

const MAIN = join(import.meta.dir, "../../../clients/cli/main.ts");

export interface Ended {
  readonly code: number;
  readonly out: string;
  readonly errors: string;
}

export interface CliOptions {
  readonly words: readonly string[];
  readonly cwd?: string;
  readonly environment?: Readonly<Record<string, string>>;
  /** A program instead of the sources. */
  readonly program?: readonly string[];
}

export function spawnCli({ words, cwd, environment, program = [process.execPath, MAIN] }: CliOptions) {
  return Bun.spawn({
    cmd: [...program, ...words],
    cwd: cwd ?? import.meta.dir,
    env: { PATH: process.env.PATH ?? "", HOME: process.env.HOME ?? "", ...environment },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
}

export async function runCli(options: CliOptions): Promise<Ended> {
  const child = spawnCli(options);
  const [out, errors, code] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ]);
  return { code, out, errors };
}

/** What a process would say and end with, without the second that a start takes. Nobody is there to be asked. */
export async function runWords(
  words: readonly string[],
  environment: Record<string, string> = {},
  signal = new AbortController().signal,
): Promise<Ended> {
  let out = "";
  let errors = "";
  const code = await runProgram(words, {
    out: (text) => {
      out += text;
    },
    err: (text) => {
      errors += text;
    },
    drained: () => Promise.resolve(),
    isInteractive: false,
    hasColours: false,
    showsProgress: false,
    columns: () => 100,
    screen: undefined,
    ask: () => Promise.resolve(undefined),
    signal,
    environment,
  });
  return { code, out, errors };
}
