/** `standpipe tail`: the newest log records, and those that come in. */
import type { FollowedEntry__Output } from "../../../proto/gen/standpipe/admin/v1/FollowedEntry.ts";
import { type Command, textOf } from "../command.ts";
import type { Connection } from "../connection.ts";
import type { Context } from "../context.ts";
import { type Found, overEntries, type Source, sourceOf, toFound } from "../entries.ts";
import { Failure } from "../failure.ts";
import { queryOf, SEARCH_OPTIONS } from "../query.ts";
import { showLine } from "../record.ts";
import { type Query, Search } from "../search.ts";
import { areWord, numberOf } from "../words.ts";
import { toCount } from "./quarantine.ts";

export const tailCommand: Command = {
  name: "tail",
  summary: "the newest log records; with --follow, those that come in",
  options: [
    { flags: "-f, --follow", description: "go on until Ctrl-C" },
    { flags: "-n, --lines <count>", description: "so many, or so many to begin with", fallback: "10" },
    ...SEARCH_OPTIONS,
  ],
  examples: [
    "standpipe tail",
    "standpipe tail -f --severity ERROR",
    "standpipe tail -f --attribute service.name=checkout --json",
  ],
  worksOffline: true,
  run: async (context, _words, options) => {
    const query = queryOf(options, undefined);
    const lines = BigInt(toCount(textOf(options, "lines") ?? "10"));
    // Made once for its mistakes, before anybody is asked.
    new Search(query, undefined);
    const { journal } = context.common;
    if (options.follow !== true) return await newest(context, query, lines);
    if (journal !== undefined)
      throw new Failure("nothing comes into the journal of a stopped collector: leave --follow out");
    return await context.together(async (connections) => {
      const codes = connections.map(async (connection) => {
        try {
          await follow(context, connection, query, lines, connections.length > 1);
          return 0;
        } catch (reason) {
          // The others go on.
          if (connections.length > 1) return context.tellFailure(reason);
          throw reason;
        }
      });
      return Math.max(...(await Promise.all(codes)));
    });
  },
};

/** The last ones of each collector, or of the folder. */
function newest(context: Context, query: Query, lines: bigint): Promise<number> {
  return overEntries(
    context,
    (source) => ({
      first: firstOf(source, lines),
      end: source.head,
      sinceMs: undefined,
      untilMs: undefined,
      isWithoutRequest: false,
    }),
    async (entries, source) => {
      const search = new Search(query, source.collectorId);
      for await (const entry of entries) showEntry(context, search, entry, firstOf(source, lines), undefined);
      return 0;
    },
  );
}

function firstOf({ tail, head }: Source, lines: bigint): bigint {
  return head - lines > tail ? head - lines : tail;
}

/** Until Ctrl-C. */
async function follow(
  context: Context,
  connection: Connection,
  query: Query,
  lines: bigint,
  isOneOfMany: boolean,
): Promise<void> {
  const source = await sourceOf(connection);
  const { collectorId } = source;
  const search = new Search(query, collectorId);
  const from = firstOf(source, lines);
  const request = { back: String(source.head - from) };
  for await (const { what, entry, skipped } of connection.stream<FollowedEntry__Output>(
    "FollowEntries",
    request,
    context.signal,
  )) {
    if (what === "skipped")
      context.terminal.err(
        `standpipe: ${numberOf(skipped ?? "0", "log record")} came in meanwhile and ${areWord(skipped ?? "0")} not shown\n`,
      );
    else if (entry !== undefined && entry !== null)
      showEntry(context, search, toFound(entry), from, isOneOfMany ? collectorId : undefined);
    await context.terminal.drained();
  }
}

/** The lines of what is looked for in an entry, from that ordinal on. */
function showEntry(
  context: Context,
  search: Search,
  { first, end, request, committedAtMs, missing }: Found,
  from: bigint,
  collectorId: string | undefined,
): void {
  if (request === undefined) {
    context.terminal.err(`standpipe: log records ${first} to ${end - 1n} can't be read: ${missing}\n`);
    return;
  }
  const start = from > first ? Number(from - first) : 0;
  for (const { ordinal, line } of search.lines(request, first, [start, Number(end - first)], committedAtMs)) {
    const name = collectorId === undefined ? String(ordinal) : `${collectorId}/${ordinal}`;
    context.out(showLine(context, name, line.toString("utf8")));
  }
}
