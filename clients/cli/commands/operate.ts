/** `standpipe route …`, `drain`, `roll`, `log-level`: what changes a collector. Each change is logged there, with who. */
import type { DrainProgress__Output } from "../../../proto/gen/standpipe/admin/v1/DrainProgress.ts";
import type { ListStreamsResponse__Output } from "../../../proto/gen/standpipe/admin/v1/ListStreamsResponse.ts";
import type { RouteState__Output } from "../../../proto/gen/standpipe/admin/v1/RouteState.ts";
import type { SeekRouteResponse__Output } from "../../../proto/gen/standpipe/admin/v1/SeekRouteResponse.ts";
import { type Command, textOf } from "../command.ts";
import type { Connection } from "../connection.ts";
import { EXIT_FOUND, Failure } from "../failure.ts";
import { areWord, bytesWord, harmless, numberOf, percentWord, table, timeWord } from "../words.ts";
import { toCount, toOrdinal } from "./quarantine.ts";

/** A route settles its open calls before it stands still. */
const SETTLE_MS_MAX = 120_000;

const ROUTE = { name: "<route>", description: "the route's name; `default` where none is configured" };

const listCommand: Command = {
  name: "route list",
  summary: "each route's stream: how fast, how fast it may, who says so, the last trouble",
  examples: ["standpipe route list"],
  run: (context) =>
    context.each(async (connection) => {
      const { streams = [] } = await connection.call<ListStreamsResponse__Output>("ListStreams");
      if (context.isJson) {
        context.json(streams);
        return 0;
      }
      const rows = streams.map((each) => [
        each.route ?? "",
        each.stream ?? "",
        each.state ?? "",
        each.cursor ?? "",
        `${bytesWord(each.bytesPerSecond ?? 0)}/s`,
        `${bytesWord(each.ceilingBytesPerSecond ?? 0)}/s`,
        each.ceilingSource ?? "",
        `${percentWord(each.share ?? 0)} of ${each.replicas ?? 0}`,
        percentWord(each.failedFraction ?? 0),
      ]);
      context.out(
        table(["ROUTE", "STREAM", "STATE", "CURSOR", "MAY SEND", "LIMIT", "SAID BY", "SHARE", "THROTTLED"], rows),
      );
      for (const { route, pausedBy, pausedAtMs = 0, lastErrorCode, lastError = "", lastErrorAtMs = 0 } of streams) {
        if (pausedBy) context.out(`${route}: paused since ${timeWord(pausedAtMs)} by ${harmless(pausedBy)}`);
        if (lastErrorCode)
          context.out(`${route}: last error ${timeWord(lastErrorAtMs)}: ${lastErrorCode}: ${harmless(lastError)}`);
      }
      return 0;
    }),
};

function stateCommand(word: "pause" | "resume", method: string, summary: string): Command {
  return {
    name: `route ${word}`,
    summary,
    arguments: [ROUTE],
    examples: [`standpipe route ${word} default`],
    run: (context, [route = ""]) =>
      context.each(async (connection) => {
        const state = await connection.call<RouteState__Output>(method, { route }, SETTLE_MS_MAX);
        if (context.isJson) context.json(state);
        else {
          const how = state.isPaused ? "is paused, also after a restart" : "goes on";
          context.out(`route ${route} ${how}; ${numberOf(state.waiting ?? "0", "log record")} not delivered yet`);
        }
        return 0;
      }),
  };
}

const seekCommand: Command = {
  name: "route seek",
  summary: "delivers a range once more, as doubles: from an ordinal up to another, or up to the cursor",
  arguments: [ROUTE],
  options: [
    { flags: "--to <ordinal>", description: "where the cursor goes back to, or `tail`: the oldest log record on disk" },
    {
      flags: "--end <ordinal>",
      description: "the first one that is not delivered again; left out: all up to where the cursor is",
    },
    {
      flags: "--confirm <count>",
      description: "how many are delivered again, instead of being asked; the route must be paused then",
    },
  ],
  examples: [
    "standpipe route seek default --to tail",
    "standpipe route seek default --to 4700 --end 5000",
    "standpipe route pause default; standpipe route seek default --to 4700 --confirm 300",
  ],
  run: async (context, [route = ""], options) => {
    const target = textOf(options, "to");
    if (target === undefined) throw new Failure("say where to, with --to <ordinal> or --to tail");
    if (target !== "tail") toOrdinal(target);
    const ending = textOf(options, "end");
    const end = ending === undefined ? undefined : toOrdinal(ending);
    if (end !== undefined && target !== "tail" && end <= BigInt(target))
      throw new Failure(`what is delivered again begins at ${target}: --end ${end} must be beyond that`);
    const given = textOf(options, "confirm");
    const confirmed = given === undefined ? undefined : toCount(given);
    return await context.one(async (connection) => {
      const { tail, isPaused: wasPaused } = await ledgerOf(connection, route);
      const to = target === "tail" ? tail : BigInt(target);
      if (to < tail) {
        throw new Failure(
          `route ${route} can't go back to ${to}: the journal begins at ${tail}, since what every route has finished leaves it; --to tail is as far as it goes`,
          EXIT_FOUND,
        );
      }
      if (confirmed === undefined && !wasPaused) await connection.call("PauseRoute", { route }, SETTLE_MS_MAX);
      try {
        const { cursor } = await ledgerOf(connection, route);
        const until = end ?? cursor;
        const count = until - to;
        if (confirmed === undefined && count > 0n && until <= cursor) {
          await context.confirm(
            `${numberOf(count, "log record")} of route ${route}, ${to} to ${until - 1n}, will be delivered again, as doubles.`,
            String(count),
            `--confirm ${count}, with the route paused,`,
          );
        }
        const request = {
          route,
          to: String(to),
          ...(end === undefined ? {} : { end: String(end) }),
          confirmed: String(confirmed ?? (count > 0n ? count : 0n)),
        };
        const done = await connection.call<SeekRouteResponse__Output>("SeekRoute", request, SETTLE_MS_MAX);
        if (context.isJson) context.json(done);
        else {
          const rest = until < cursor ? `; those from ${until} on stay as they are` : "";
          context.out(
            `the cursor of route ${route} is at ${done.cursor}: ${numberOf(done.replayed ?? "0", "log record")} ${areWord(done.replayed ?? "0")} delivered again${rest}`,
          );
        }
      } finally {
        if (confirmed === undefined && !wasPaused) await connection.call("ResumeRoute", { route }, SETTLE_MS_MAX);
      }
      return 0;
    });
  },
};

async function ledgerOf(
  connection: Connection,
  route: string,
): Promise<{ tail: bigint; cursor: bigint; isPaused: boolean }> {
  const { tail = "0", routes = [] } = await connection.call<{
    tail?: string;
    routes?: { route?: string; cursor?: string }[];
  }>("GetLedger");
  const found = routes.find((each) => each.route === route);
  if (found === undefined) {
    throw new Failure(
      `there is no route ${route}: there are ${routes.map((each) => each.route).join(", ")}`,
      EXIT_FOUND,
    );
  }
  const { streams = [] } = await connection.call<ListStreamsResponse__Output>("ListStreams");
  const isPaused = streams.some((each) => each.route === route && each.state === "paused");
  return { tail: BigInt(tail), cursor: BigInt(found.cursor ?? 0), isPaused };
}

const drainCommand: Command = {
  name: "drain",
  summary: "takes no more logs until the collector is started again, and waits until all are delivered",
  options: [{ flags: "-y, --yes", description: "do not ask" }],
  examples: ["standpipe drain --yes && kubectl delete pod standpipe-0"],
  run: async (context, _words, options) => {
    const who = context.common.all ? "every collector" : `the collector at ${context.common.address}`;
    if (options.yes !== true) await context.confirm(`${who} will refuse logs until it is started again.`, "drain");
    return await context.each(async (connection) => {
      let most: bigint | undefined;
      let last: DrainProgress__Output = {};
      for await (const progress of connection.stream<DrainProgress__Output>("Drain", {}, context.signal)) {
        last = progress;
        const waiting = BigInt(progress.waiting ?? 0);
        most ??= waiting;
        if (context.isJson) context.jsonLine(progress);
        else context.progress("delivering", Number(most - waiting), Math.max(1, Number(most)));
        const stuck = BigInt(progress.stuck ?? 0);
        if (stuck > 0n && stuck === waiting) {
          throw new Failure(
            `${numberOf(stuck, "log record")} will not go by themselves: their route is paused, or holds (see \`standpipe status\`). The collector takes no logs meanwhile`,
            EXIT_FOUND,
          );
        }
      }
      if (BigInt(last.waiting ?? 1) > 0n) {
        context.terminal.err(
          `standpipe: stopped looking; the collector goes on to drain, and takes no logs until it is started again\n`,
        );
        return EXIT_FOUND;
      }
      if (!context.isJson)
        context.out("everything is delivered; the collector takes no logs until it is started again");
      return 0;
    });
  },
};

const rollCommand: Command = {
  name: "roll",
  summary: "ends the segment that is written to, so that it goes as soon as it is delivered",
  examples: ["standpipe roll"],
  run: (context) =>
    context.each(async (connection) => {
      const done = await connection.call<{ segments?: number }>("RollSegment");
      if (context.isJson) context.json(done);
      else context.out(`the segment has ended; the journal has ${done.segments ?? 0} of them`);
      return 0;
    }),
};

const logLevelCommand: Command = {
  name: "log-level",
  summary: "what the collector logs of itself, until it is started again",
  arguments: [{ name: "<level>", description: "debug, info, warn, error or silent" }],
  examples: ["standpipe log-level debug"],
  run: (context, [level = ""]) =>
    context.each(async (connection) => {
      const { before } = await connection.call<{ before?: string }>("SetLogLevel", { level });
      if (context.isJson) context.json({ before, level });
      else context.out(`the log level is ${level}; it was ${before}`);
      return 0;
    }),
};

export const routeCommands: readonly Command[] = [
  listCommand,
  stateCommand("pause", "PauseRoute", "delivers nothing more of a route until it is resumed; what comes in is kept"),
  stateCommand("resume", "ResumeRoute", "goes on with a route that was paused"),
  seekCommand,
];

export const operateCommands: readonly Command[] = [drainCommand, rollCommand, logLevelCommand];
