/** The process: words, terminal, Ctrl-C, exit code. Nothing else in this folder reads process.env or exits. */
import { createInterface } from "node:readline/promises";
import { logVerbosity, setLogVerbosity } from "@grpc/grpc-js";
import type { Terminal } from "./context.ts";
import { runProgram } from "./program.ts";

const COLUMNS_DEFAULT = 100;

setLogVerbosity(logVerbosity.NONE);
const stopped = new AbortController();
// The first one ends what is under way in order; the second ends it at once.
process.once("SIGINT", () => {
  stopped.abort();
  process.once("SIGINT", () => process.exit(130));
});
const output = Bun.stdout.writer();
const flush = async (): Promise<void> => {
  try {
    await output.flush();
  } catch (reason) {
    // Whoever reads has gone: `standpipe cat | head`.
    if ((reason as { code?: string }).code === "EPIPE") process.exit(0);
    throw reason;
  }
};

const isInteractive = process.stdout.isTTY === true;
const terminal: Terminal = {
  out: (text) => {
    output.write(text);
    // A person looks on.
    if (isInteractive) void flush();
  },
  drained: flush,
  err: (text) => void process.stderr.write(text),
  isInteractive,
  // https://no-color.org: set to anything but nothing.
  hasColours: isInteractive && !process.env.NO_COLOR && process.env.TERM !== "dumb",
  showsProgress: process.stderr.isTTY === true,
  columns: () => process.stdout.columns || COLUMNS_DEFAULT,
  ask: async (question) => {
    if (process.stdin.isTTY !== true) return undefined;
    const lines = createInterface({ input: process.stdin, output: process.stderr });
    try {
      return await lines.question(question, { signal: stopped.signal });
    } finally {
      lines.close();
    }
  },
  signal: stopped.signal,
  environment: process.env,
};

const code = await runProgram(process.argv.slice(2), terminal);
await flush();
process.exit(code);
