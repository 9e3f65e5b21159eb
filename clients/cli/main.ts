/** The process: words, terminal, Ctrl-C, exit code. Nothing else in this folder reads process.env or exits. */
import { writeSync } from "node:fs";
import { createInterface } from "node:readline/promises";
import { logVerbosity, setLogVerbosity } from "@grpc/grpc-js";
import type { Screen, Terminal } from "./context.ts";
import { runProgram } from "./program.ts";

const COLUMNS_DEFAULT = 100;
const ROWS_DEFAULT = 24;

/** On the second screen, without the cursor, and back. */
const ENTER = "\u001b[?1049h\u001b[?25l";
const LEAVE = "\u001b[?25h\u001b[?1049l";
const CTRL_C = 0x03;
const Q = 0x71;
/** A signal that comes again so soon is the same Ctrl-C: the terminal tells all, and `bun run` tells its program once more. */
const ECHO_MS = 300;

setLogVerbosity(logVerbosity.NONE);
const stopped = new AbortController();
let isEcho = false;
// The first one ends what is under way in order; the second ends it at once.
const stop = (): void => {
  if (isEcho) return;
  if (stopped.signal.aborted) process.exit(130);
  isEcho = true;
  setTimeout(() => {
    isEcho = false;
  }, ECHO_MS).unref();
  stopped.abort();
};
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, stop);
const output = Bun.stdout.writer();
const flush = async (): Promise<void> => {
  try {
    await output.flush();
  } catch (reason) {
    const { code } = reason as { code?: string };
    // Whoever reads has gone: `standpipe cat | head`.
    if (code === "EPIPE") process.exit(0);
    process.stderr.write(`standpipe: what there is to say can't be written (${code ?? String(reason)})\n`);
    process.exit(2);
  }
};

const isInteractive = process.stdout.isTTY === true;

const screen: Screen = {
  rows: () => process.stdout.rows || ROWS_DEFAULT,
  enter: (onResize) => {
    const { stdin } = process;
    const hasKeys = stdin.isTTY === true;
    const onKeys = (keys: Buffer): void => {
      if (keys.includes(CTRL_C) || keys.includes(Q)) stop();
    };
    let isOpen = true;
    const leave = (): void => {
      if (!isOpen) return;
      isOpen = false;
      process.stdout.off("resize", onResize);
      if (hasKeys) {
        stdin.off("data", onKeys);
        stdin.setRawMode(false);
        stdin.pause();
      }
      try {
        // At once and last: what is still in `output` is for the screen that is left.
        writeSync(1, LEAVE);
      } catch {
        // The terminal has gone.
      }
    };
    process.on("exit", leave);
    if (hasKeys) {
      stdin.setRawMode(true);
      stdin.on("data", onKeys);
      stdin.resume();
    }
    process.stdout.on("resize", onResize);
    output.write(ENTER);
    return leave;
  },
};

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
  screen: isInteractive && process.env.TERM !== "dumb" ? screen : undefined,
  ask: async (question) => {
    if (process.stdin.isTTY !== true) return undefined;
    const lines = createInterface({ input: process.stdin, output: process.stderr });
    // The terminal hands over Ctrl-C as a key meanwhile.
    lines.on("SIGINT", stop);
    // Where the input ends, the question itself is never answered.
    const isClosed = new Promise<undefined>((resolve) => lines.once("close", () => resolve(undefined)));
    const answer = lines.question(question, { signal: stopped.signal }).catch((reason: unknown) => {
      if (stopped.signal.aborted) return undefined;
      throw reason;
    });
    try {
      const given = await Promise.race([answer, isClosed]);
      if (given === undefined) process.stderr.write("\n");
      return given ?? "";
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
