/** `standpipe ls`, `cat`, `grep`, `tail`: what the journal holds, and what comes in. */
import type { Entry__Output } from "../../../proto/gen/standpipe/admin/v1/Entry.ts";
import type { FollowedEntry__Output } from "../../../proto/gen/standpipe/admin/v1/FollowedEntry.ts";
import { type Command, listOf, type Option, type OptionValues, textOf } from "../command.ts";
import type { Connection } from "../connection.ts";
import type { Context } from "../context.ts";
import { EXIT_FOUND, Failure } from "../failure.ts";
import { showLine } from "../record.ts";
import { type Query, Search } from "../search.ts";
import { bytesWord, countWord, parseTime, table, timeWord } from "../words.ts";
import { toCount, toOrdinal } from "./quarantine.ts";

/** An entry wherever it came from. */
interface Found {
  readonly first: bigint;
  readonly end: bigint;
  readonly committedAtMs: number;
  readonly request: Uint8Array | undefined;
  readonly requestBytes: number;
  readonly missing: string;
}

interface Range {
  readonly first: bigint | undefined;
  readonly end: bigint | undefined;
  readonly sinceMs: number | undefined;
  readonly untilMs: number | undefined;
  readonly isWithoutRequest: boolean;
}

/** The write comes after the record's own time, by as much as a sender may hold it back. */
const LATE_MS_MAX = 3_600_000;

const RANGE_OPTIONS: readonly Option[] = [
  { flags: "--first <ordinal>", description: "from this log record on" },
  { flags: "--end <ordinal>", description: "up to this one, which is left out" },
];

const SEARCH_OPTIONS: readonly Option[] = [
  { flags: "--severity <name>", description: "this and worse: TRACE, DEBUG, INFO, WARN, ERROR, FATAL" },
  { flags: "--attribute <key=value>", description: "an attribute of the record or its resource", isList: true },
  { flags: "--filter <expression>", description: "as a route's filter: severity >= WARN and body =~ /time.?out/" },
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

function timesOf(options: OptionValues): { sinceMs: number | undefined; untilMs: number | undefined } {
  const time = (name: string): number | undefined => {
    const text = textOf(options, name);
    const ms = text === undefined ? undefined : parseTime(text, Date.now());
    if (text !== undefined && ms === undefined)
      throw new Failure(`${text} is no time: say 2h, or 2026-11-22T08:00:00Z`);
    return ms;
  };
  return { sinceMs: time("since"), untilMs: time("until") };
}

function queryOf(options: OptionValues, pattern: string | undefined): Query {
  return {
    pattern,
    ignoresCase: options.ignoreCase === true,
    isFixed: options.fixed === true,
    isInverted: options.invertMatch === true,
    severity: textOf(options, "severity"),
    attributes: listOf(options, "attribute"),
    filter: textOf(options, "filter"),
    ...timesOf(options),
  };
}

/** Runs `body` over what each collector that is meant, or the folder, holds. Resolves with the worst exit code. */
async function overEntries(
  context: Context,
  range: Range,
  body: (entries: AsyncIterable<Found>, collectorId: string) => Promise<number>,
): Promise<number> {
  const { journal } = context.common;
  if (journal === undefined) {
    return await context.each(async (connection) => {
      const { collectorId = "" } = await connection.call<{ collectorId?: string }>("GetLedger");
      return await body(online(context, connection, range), collectorId);
    });
  }
  return await context.look(journal, async (inspection) => {
    const { first = 0n, end = (1n << 63n) - 1n } = range;
    const found = async function* (): AsyncGenerator<Found> {
      for await (const each of inspection.read(first, end)) {
        if (context.signal.aborted) return;
        if (each.kind === "damage") {
          const missing = each.reason.split("; the segment")[0] ?? "";
          yield { ...each, committedAtMs: 0, request: undefined, requestBytes: 0, missing };
        } else if (isInTime(each.committedAtMs, range)) {
          const { request, committedAtMs } = each;
          const end = each.first + BigInt(each.records);
          yield { first: each.first, end, committedAtMs, request, requestBytes: request.byteLength, missing: "" };
        }
      }
    };
    return await body(found(), inspection.collectorId);
  });
}

function isInTime(committedAtMs: number, { sinceMs = 0, untilMs = Number.POSITIVE_INFINITY }: Range): boolean {
  return committedAtMs >= sinceMs && committedAtMs < untilMs;
}

async function* online(context: Context, connection: Connection, range: Range): AsyncGenerator<Found> {
  const { first, end, sinceMs, untilMs, isWithoutRequest } = range;
  const request = {
    ...(first === undefined ? {} : { first: String(first) }),
    ...(end === undefined ? {} : { end: String(end) }),
    ...(sinceMs === undefined ? {} : { sinceMs }),
    ...(untilMs === undefined ? {} : { untilMs }),
    withoutRequest: isWithoutRequest,
  };
  for await (const entry of connection.stream<Entry__Output>("ListEntries", request, context.signal))
    yield toFound(entry);
}

function toFound({ first, end, committedAtMs = 0, request, requestBytes, missing = "" }: Entry__Output): Found {
  return {
    first: BigInt(first ?? 0),
    end: BigInt(end ?? 0),
    committedAtMs,
    request: request === undefined || request.length === 0 ? undefined : request,
    requestBytes: Number(requestBytes ?? 0),
    missing,
  };
}

const lsCommand: Command = {
  name: "ls",
  summary: "the entries of the journal: ordinals, time of the write, size",
  options: [...RANGE_OPTIONS, ...TIME_OPTIONS, { flags: "-n, --limit <count>", description: "at most so many" }],
  examples: ["standpipe ls --since 10m", "standpipe ls --journal /var/lib/standpipe --limit 20"],
  worksOffline: true,
  run: async (context, _words, options) => {
    const limit = toCount(textOf(options, "limit") ?? "999999999999");
    return await overEntries(context, rangeOf(options, true), async (entries) => {
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
          context.out(JSON.stringify(missing === "" ? facts : { ...facts, missing }));
        } else
          rows.push([String(first), String(end - first), timeWord(committedAtMs), bytesWord(requestBytes), missing]);
        if (rows.length >= 1_000) flush();
        await context.terminal.drained();
      }
      flush();
      context.assertNotStopped("there may be more entries");
      return code;
    });
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
    if ((await search(context, one, undefined)) !== 0)
      throw new Failure(`there is no log record ${ordinal} to be read`, EXIT_FOUND);
    return 0;
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

async function search(context: Context, options: OptionValues, pattern: string | undefined): Promise<number> {
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
  return await overEntries(context, range, async (entries, collectorId) => {
    const search = new Search(query, collectorId);
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
        if (options.count !== true) context.out(showLine(context, ordinal, line.toString("utf8")));
      }
      await context.terminal.drained();
    }
    context.assertNotStopped(`${countWord(count)} log records matched until then, and not all were looked at`);
    if (options.count === true) context.out(context.isJson ? JSON.stringify({ count }) : String(count));
    return count > 0 ? 0 : EXIT_FOUND;
  });
}

const tailCommand: Command = {
  name: "tail",
  summary: "the newest log records; with --follow, those that come in",
  options: [
    { flags: "-f, --follow", description: "go on until Ctrl-C" },
    { flags: "-n, --lines <count>", description: "so many to begin with", fallback: "10" },
    ...SEARCH_OPTIONS,
  ],
  examples: [
    "standpipe tail",
    "standpipe tail -f --severity ERROR",
    "standpipe tail -f --attribute service.name=checkout --json",
  ],
  run: async (context, _words, options) => {
    const query = queryOf(options, undefined);
    const lines = toCount(textOf(options, "lines") ?? "10");
    new Search(query, undefined);
    return await context.one(async (connection) => {
      const { collectorId, head = "0", tail = "0" } = await connection.call<Record<string, string>>("GetLedger");
      const search = new Search(query, collectorId);
      const from = BigInt(head) - BigInt(lines) > BigInt(tail) ? BigInt(head) - BigInt(lines) : BigInt(tail);
      const show = (entry: Entry__Output, isFirst: boolean): void => {
        const { first, end, request, committedAtMs, missing } = toFound(entry);
        if (request === undefined) {
          context.terminal.err(`standpipe: log records ${first} to ${end - 1n} can't be read: ${missing}\n`);
          return;
        }
        const start = isFirst && from > first ? Number(from - first) : 0;
        for (const { ordinal, line } of search.lines(request, first, [start, Number(end - first)], committedAtMs)) {
          context.out(showLine(context, ordinal, line.toString("utf8")));
        }
      };
      if (options.follow !== true) {
        const range = { first: String(from), end: head };
        for await (const entry of connection.stream<Entry__Output>("ListEntries", range, context.signal))
          show(entry, true);
        return 0;
      }
      const request = { back: String(BigInt(head) - from) };
      for await (const { what, entry, skipped } of connection.stream<FollowedEntry__Output>(
        "FollowEntries",
        request,
        context.signal,
      )) {
        if (what === "skipped")
          context.terminal.err(`standpipe: ${countWord(skipped)} log records came in meanwhile and are not shown\n`);
        else if (entry !== undefined && entry !== null) show(entry, true);
        await context.terminal.drained();
      }
      return 0;
    });
  },
};

export const entryCommands: readonly Command[] = [lsCommand, catCommand, grepCommand, tailCommand];
