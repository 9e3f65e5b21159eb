/** `bun run verify`: the program. What it does is in command.ts. */
import { runVerify } from "./command.ts";

const stopped = new AbortController();
// The first one ends the run after the object at hand, with its state kept; the second ends it at once.
process.once("SIGINT", () => {
  stopped.abort();
  process.once("SIGINT", () => process.exit(130));
});

const code = await runVerify(process.argv.slice(2), {
  out: (text) => process.stdout.write(text),
  err: (text) => process.stderr.write(text),
  isInteractive: process.stderr.isTTY === true,
  signal: stopped.signal,
});
process.exit(code);
