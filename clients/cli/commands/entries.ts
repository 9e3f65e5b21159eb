/** `standpipe ls`, `cat`, `grep`: what the journal holds. */
import { type Command, type Option, type OptionValues, textOf } from "../command.ts";
import type { Context } from "../context.ts";
import { overEntries, type Range, type Source } from "../entries.ts";
import { EXIT_FOUND, Failure } from "../failure.ts";
import { queryOf, SEARCH_OPTIONS, timesOf } from "../query.ts";
import { showLine } from "../record.ts";
import { Search } from "../search.ts";
import { bytesWord, countWord, table, timeWord } from "../words.ts";
import { toCount, toOrdinal } from "./quarantine.ts";
import { tailCommand } from "./tail.ts";

/** The write comes after the record's own time, by as much as a sender may hold it back. */
const LATE_MS_MAX = 3_600_000;

const RANGE_OPTIONS: readonly Option[] = [
  { flags: "--first <ordinal>", description: "from this log record on" },
  { flags: "--end <ordinal>", description: "up to this one, which is left out" },
];

const TIME_OPTIONS: readonly Option[] = [
  { flags: "--since <time>", description: "2h, 30m, 45s, 7d ago, or 2026-11-22T08:00:00Z" },
  { flags: "--until <time>", description: "the same, left out itself" },
];

function rangeOf(options: OptionValues, isWithoutRequest: boolean): Range {
  const ordinal = (name: string): bigint | undefined => {
    const text = textOf(options, name);
    return text === undefined ? undefined : toOrdinal(text);
  };
  return { first: ordinal("first"), end: ordinal("end"), ...timesOf(options), isWithoutRequest };
}

const lsCommand: Command = {
  name: "ls",
  summary: "the entries of the journal: ordinals, time of the write, size",
  options: [...RANGE_OPTIONS, ...TIME_OPTIONS, { flags: "-n, --limit <count>", description: "at most so many" }],
  examples: ["standpipe ls --since 10m", "standpipe ls --journal /var/lib/standpipe --limit 20"],
  worksOffline: true,
  run: async (context, _words, options) => {
    const limit = toCount(textOf(options, "limit") ?? "999999999999");
    const range = rangeOf(options, true);
    return await overEntries(
      context,
      () => range,
      async (entries) => {
        let shown = 0;
        let code = 0;
        let rows: string[][] = [];
        const flush = (): void => {
          if (rows.length > 0) context.out(table(["FIRST", "RECORDS", "WRITTEN", "SIZE", ""], rows));
          rows = [];
        };
        for await (const { first, end, committedAtMs, requestBytes, missing } of entries) {
          if (shown >= limit) break;
          shown += 1;
          if (missing !== "") code = EXIT_FOUND;
          if (context.isJson) {
            const facts = { first: String(first), end: String(end), committedAtMs, requestBytes };
            context.jsonLine(missing === "" ? facts : { ...facts, missing });
          } else
            rows.push([String(first), String(end - first), timeWord(committedAtMs), bytesWord(requestBytes), missing]);
          if (rows.length >= 1_000) flush();
          await context.terminal.drained();
        }
        flush();
        context.assertNotStopped("there may be more entries");
        return code;
      },
    );
  },
};

const catCommand: Command = {
  name: "cat",
  summary: "log records as lines: all, those of a range, or one",
  arguments: [{ name: "[ordinal]", description: "this one alone" }],
  options: [...RANGE_OPTIONS, ...TIME_OPTIONS, ...SEARCH_OPTIONS],
  examples: [
    "standpipe cat 4711",
    "standpipe cat --first 4700 --end 4800 --json",
    "standpipe cat --since 5m --severity ERROR",
  ],
  worksOffline: true,
  run: async (context, [ordinal], options) => {
    if (ordinal === undefined) return await search(context, options, undefined);
    const first = toOrdinal(ordinal);
    const one = { ...options, first: ordinal, end: String(first + 1n) };
    const looked: Source[] = [];
    const code = await search(context, one, undefined, looked);
    if (code === EXIT_FOUND && looked.length > 0) {
      throw new Failure(`there is no log record ${ordinal} to be read: ${holdsWord(looked)}`, EXIT_FOUND);
    }
    return code;
  },
};

const grepCommand: Command = {
  name: "grep",
  summary: "log records whose line matches a pattern; exits with 1 where none does",
  arguments: [{ name: "<pattern>", description: "of RE2's syntax, held against the line as `cat --json` shows it" }],
  options: [
    { flags: "-i, --ignore-case", description: "either case" },
    { flags: "-F, --fixed", description: "the pattern is plain text" },
    { flags: "-v, --invert-match", description: "lines that do not match" },
    { flags: "-c, --count", description: "only how many" },
    ...SEARCH_OPTIONS,
    ...TIME_OPTIONS,
    ...RANGE_OPTIONS,
  ],
  examples: [
    "standpipe grep 'order \\d+ failed' --since 1h",
    "standpipe grep --fixed timeout --severity WARN --attribute service.name=checkout",
    "standpipe grep panic --journal /var/lib/standpipe --count",
  ],
  worksOffline: true,
  run: (context, [pattern = ""], options) => search(context, options, pattern),
};

/** Resolves with EXIT_FOUND where nobody had one. `looked` gets where it was looked. */
async function search(
  context: Context,
  options: OptionValues,
  pattern: string | undefined,
  looked: Source[] = [],
): Promise<number> {
  const query = queryOf(options, pattern);
  // Made once for its mistakes, before anybody is asked.
  new Search(query, undefined);
  const { sinceMs } = query;
  // A record is written after its own time; one that claims the future is found all the same.
  const range = {
    ...rangeOf(options, false),
    sinceMs: sinceMs === undefined ? undefined : sinceMs - LATE_MS_MAX,
    untilMs: undefined,
  };
  let found = 0;
  const code = await overEntries(
    context,
    () => range,
    async (entries, source) => {
      const search = new Search(query, source.collectorId);
      const progress = progressOver(context, range, source, options.count === true);
      looked.push(source);
      let count = 0;
      for await (const entry of entries) {
        if (entry.request === undefined) {
          context.terminal.err(
            `standpipe: log records ${entry.first} to ${entry.end - 1n} can't be read: ${entry.missing}\n`,
          );
          continue;
        }
        const from = range.first !== undefined && range.first > entry.first ? Number(range.first - entry.first) : 0;
        const to = Number((range.end !== undefined && range.end < entry.end ? range.end : entry.end) - entry.first);
        for (const { ordinal, line } of search.lines(entry.request, entry.first, [from, to], entry.committedAtMs)) {
          count += 1;
          if (options.count !== true) context.out(showLine(context, String(ordinal), line.toString("utf8")));
        }
        progress(entry.end);
        await context.terminal.drained();
      }
      context.endProgress();
      context.assertNotStopped(`${countWord(count)} log records matched until then, and not all were looked at`);
      if (options.count === true && context.isJson) context.jsonLine({ count });
      else if (options.count === true) context.out(String(count));
      found += count;
      return 0;
    },
  );
  if (code !== 0 || found > 0) return code;
  if (context.terminal.showsProgress && pattern !== undefined)
    context.terminal.err(`standpipe: nothing matches: ${holdsWord(looked)}\n`);
  return EXIT_FOUND;
}

/** Which log records there were to look at. */
function holdsWord(looked: readonly Source[]): string {
  const held = looked.map(({ tail, head }) => (head > tail ? `${tail} to ${head - 1n}` : "none"));
  const who = held.length === 1 ? "the journal holds" : "the journals hold";
  return `${who} ${held.join("; ")}, since what every route has finished leaves it`;
}

/** A bar, where nothing else is drawn. Takes the ordinal that it has come to. */
function progressOver(
  context: Context,
  { first = 0n, end }: Range,
  { tail, head }: Source,
  isCount: boolean,
): (at: bigint) => void {
  if (context.terminal.isInteractive && !isCount) return () => undefined;
  const from = first > tail ? first : tail;
  const until = end !== undefined && end < head ? end : head;
  return (at) => {
    const done = at < until ? at : until;
    if (done > from) context.progress("searching", Number(done - from), Number(until - from));
  };
}

export const entryCommands: readonly Command[] = [lsCommand, catCommand, grepCommand, tailCommand];
