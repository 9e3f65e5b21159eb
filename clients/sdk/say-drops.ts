/** Dropped records told on the console, where the application has no `onDrop`: at most a line in ten seconds. */
import type { ClientClock } from "./clock.ts";

interface Told {
  readonly reason: string;
  readonly records: number;
  readonly message: string | undefined;
}

const SAY_EVERY_MS = 10_000;

export function sayDrops(clock: ClientClock, say: (line: string) => void = console.error): (drop: Told) => void {
  let lastMs = Number.NEGATIVE_INFINITY;
  let unsaid = 0;
  return ({ reason, records, message }) => {
    unsaid += records;
    if (clock.monotonicMs() - lastMs < SAY_EVERY_MS) return;
    say(
      `@standpipe/client: ${unsaid} log records were dropped (${reason})${message === undefined ? "" : `: ${message}`}`,
    );
    lastMs = clock.monotonicMs();
    unsaid = 0;
  };
}
