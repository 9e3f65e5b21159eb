/** `standpipe top`: what goes on, second by second, in the terminal. */
import { type Command, textOf } from "../command.ts";
import { Failure } from "../failure.ts";
import { bytesWord, countWord, durationWord, numberOf, percentWord, sparkline } from "../words.ts";
import { pause } from "./check.ts";
import { toCount } from "./quarantine.ts";
import { readStatus, type StatusView, worries } from "./status.ts";

const HISTORY_SECONDS = 120;

const HOME = "\u001b[H";
const CLEAR_LINE = "\u001b[K";
const CLEAR_BELOW = "\u001b[J";

interface Series {
  readonly taken: number[];
  readonly routes: Map<string, { readonly sent: number[]; readonly waiting: number[]; readonly used: number[] }>;
}

export const topCommand: Command = {
  name: "top",
  summary: "live: rates, backlog, forecast, use of the quota; q or Ctrl-C ends it",
  options: [
    { flags: "--interval <seconds>", description: "between two looks", fallback: "1" },
    { flags: "-n, --frames <count>", description: "end after so many; without a terminal it must be said" },
  ],
  examples: ["standpipe top", "standpipe top --frames 1"],
  run: async (context, _words, options) => {
    const seconds = Math.max(1, toCount(textOf(options, "interval") ?? "1"));
    const said = textOf(options, "frames");
    const frames = said === undefined ? Number.POSITIVE_INFINITY : toCount(said);
    const { terminal } = context;
    const screen = context.isJson ? undefined : terminal.screen;
    if (screen === undefined && said === undefined && !context.isJson) {
      throw new Failure(
        "top draws over a terminal, and its output is none: say how often with --frames, take --json, or `standpipe status`",
      );
    }
    return await context.one(async (connection) => {
      const series: Series = { taken: [], routes: new Map() };
      let before = await readStatus(connection);
      let lines: readonly string[] = [];
      const show = (): void => {
        if (screen !== undefined) terminal.out(frameOf(lines, terminal.columns(), screen.rows()));
      };
      const leave = screen?.enter(show) ?? (() => undefined);
      try {
        for (let frame = 0; frame < frames; frame++) {
          await pause(seconds * 1_000, context.signal);
          if (context.signal.aborted) break;
          const now = await readStatus(connection);
          note(series, before, now, seconds);
          before = now;
          lines = draw(now, series, terminal.columns(), connection.address);
          if (context.isJson) context.out(JSON.stringify(now));
          else if (screen !== undefined) show();
          else context.out(`${lines.join("\n")}\n`);
          await terminal.drained();
        }
      } finally {
        leave();
      }
      return 0;
    });
  },
};

function note(series: Series, before: StatusView, now: StatusView, seconds: number): void {
  const push = (values: number[], value: number): void => {
    values.push(Math.max(0, value));
    if (values.length > HISTORY_SECONDS) values.shift();
  };
  push(series.taken, (now.ingest.acknowledgedRecords - before.ingest.acknowledgedRecords) / seconds);
  for (const { route, ledger, delivery, quota } of now.routes) {
    const old = before.routes.find((each) => each.route === route) ?? { delivery };
    const bytes = (delivery.delivered.bytes - old.delivery.delivered.bytes) / seconds;
    const lines = series.routes.get(route) ?? { sent: [], waiting: [], used: [] };
    series.routes.set(route, lines);
    push(lines.sent, bytes);
    push(lines.waiting, ledger.waiting);
    push(lines.used, bytes / quota.bytesPerSecond);
  }
}

/** Lines no wider than `columns`. */
export function draw(status: StatusView, series: Series, columns: number, address: string): string[] {
  const { journal, routes } = status;
  const width = Math.max(10, Math.min(60, columns - 50));
  const row = (label: string, value: string, values: readonly number[], most = 0): string =>
    `  ${label.padEnd(12)} ${value.padStart(14)}  ${sparkline(values, width, most)}`;
  const lines = [
    `standpipe ${journal.collectorId} at ${address}`,
    `  journal      ${bytesWord(journal.bytes)} of ${bytesWord(journal.bytesMax)}, ${numberOf(journal.segments, "segment")}, ${bytesWord(journal.diskFreeBytes)} free`,
    row("taken", `${countWord(Math.round(series.taken.at(-1) ?? 0))} logs/s`, series.taken),
  ];
  for (const { route, stream, paused, delivery, ledger, pace, quota, drainSeconds } of routes) {
    const of = series.routes.get(route) ?? { sent: [], waiting: [], used: [] };
    const gone = drainSeconds === undefined ? "" : `, gone in ${durationWord(drainSeconds)}`;
    lines.push(
      "",
      `${route} -> ${stream}: ${paused === undefined ? delivery.state : "paused"}, throttled ${percentWord(pace.failedFraction)}, quarantine ${countWord(ledger.quarantined)}`,
      row("sent", `${bytesWord(of.sent.at(-1) ?? 0)}/s`, of.sent),
      row("of quota", percentWord(of.used.at(-1) ?? 0), of.used, 1),
      row("waiting", countWord(ledger.waiting), of.waiting),
      `  may send     ${bytesWord(pace.bytesPerSecond)}/s of ${bytesWord(quota.bytesPerSecond)}/s (${pace.source})${gone}`,
    );
  }
  const found = worries(status);
  if (found.length > 0) lines.push("", ...found.map((worry) => `! ${worry}`));
  return lines.map((line) => cut(line, columns));
}

/** Lines over what is there, none of them wrapped and none below the last row, where a terminal would scroll. */
function frameOf(lines: readonly string[], columns: number, rows: number): string {
  const room = Math.max(1, rows - 1);
  const hidden = lines.length - (room - 1);
  const shown = lines.length <= room ? lines : [...lines.slice(0, room - 1), `(${hidden} more lines: make it higher)`];
  // Cleared before it is written: a line as wide as the terminal would lose its last character.
  return HOME + shown.map((line) => `${CLEAR_LINE}${cut(line, columns)}\n`).join("") + CLEAR_BELOW;
}

function cut(line: string, columns: number): string {
  return Bun.sliceAnsi(line, 0, columns);
}
