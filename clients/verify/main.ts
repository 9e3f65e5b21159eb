/** `bun run verify`: the program. What it does is in command.ts. */
import { runVerify } from "./command.ts";

/** A signal that comes again so soon is the same Ctrl-C: the terminal tells all, and `bun run` tells its program once more. */
const ECHO_MS = 300;

const stopped = new AbortController();
let isEcho = false;
// The first one ends the run after the object at hand, with its state kept; the second ends it at once.
process.on("SIGINT", () => {
  if (isEcho) return;
  if (stopped.signal.aborted) process.exit(130);
  isEcho = true;
  setTimeout(() => {
    isEcho = false;
  }, ECHO_MS).unref();
  stopped.abort();
});

const code = await runVerify(process.argv.slice(2), {
  out: (text) => process.stdout.write(text),
  err: (text) => process.stderr.write(text),
  isInteractive: process.stderr.isTTY === true,
  signal: stopped.signal,
});
process.exit(code);
