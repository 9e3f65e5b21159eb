/** `standpipe doctor`, `config …`, `fsck`, `repair`, `quota`: is it right, and is it enough? */
import { loadConfig } from "../../../collector/config/config.ts";
import { lineProblems } from "../../../collector/delivery/lines.ts";
import {
  DemandSpread,
  limitIncreaseRequest,
  quotaNeededMibPerSecond,
} from "../../../collector/delivery/pacing/forecast.ts";
import { fsck } from "../../../collector/journal/fsck.ts";
import { repair } from "../../../collector/journal/repair.ts";
import { type Command, textOf } from "../command.ts";
import type { Connection } from "../connection.ts";
import type { Context } from "../context.ts";
import { EXIT_FOUND, Failure, toFailure } from "../failure.ts";
import { areWord, bytesWord, countWord, durationWord, numberOf, percentWord, table } from "../words.ts";
import { toCount } from "./quarantine.ts";
import { type RouteView, readStatus, type StatusView, worries } from "./status.ts";

const doctorCommand: Command = {
  name: "doctor",
  summary: "asks one thing after the other that is known to go wrong, and says what to do",
  examples: ["standpipe doctor", "standpipe doctor --all --address standpipe-headless:4320"],
  run: (context) =>
    context.each(async (connection) => {
      const checks = diagnose(await readStatus(connection));
      if (context.isJson) context.json(checks);
      else {
        for (const { isGood, what } of checks) {
          context.out(`${isGood ? context.colour("green", "ok  ") : context.colour("red", "LOOK")}  ${what}`);
        }
      }
      return checks.every(({ isGood }) => isGood) ? 0 : EXIT_FOUND;
    }),
};

interface Check {
  readonly isGood: boolean;
  readonly what: string;
}

function diagnose(status: StatusView): Check[] {
  const { journal, ingest, routes } = status;
  const used = journal.bytes / journal.bytesMax;
  const found = worries(status);
  const room = journal.bytesMax - journal.bytes;
  const checks: Check[] = [
    {
      isGood: used < 0.8,
      what: `the journal is ${percentWord(used)} full: ${bytesWord(journal.bytes)} of ${bytesWord(journal.bytesMax)}`,
    },
    {
      isGood: journal.diskFreeBytes > room,
      what: `its disk has ${bytesWord(journal.diskFreeBytes)} free; the journal may grow by ${bytesWord(room)}${journal.diskFreeBytes > room ? "" : ": make the volume larger, or journal.bytesMax smaller"}`,
    },
    {
      isGood: ingest.heldCalls === 0,
      what: `${numberOf(ingest.heldCalls, "call")} of senders ${areWord(ingest.heldCalls)} held back for want of room`,
    },
    ...found.map((what) => ({ isGood: false, what })),
  ];
  for (const { route, pace, quota, drainSeconds, delivery } of routes) {
    const need = pace.arrivingBytesPerSecond;
    const limit = quota.bytesPerSecond;
    checks.push(
      {
        isGood: pace.backlogAgeMs < 900_000,
        what: `route ${route}: the oldest log record waits ${durationWord(pace.backlogAgeMs / 1_000)}${drainSeconds === undefined ? "" : `; all are delivered in ${durationWord(drainSeconds)} if nothing more comes`}`,
      },
      {
        isGood: need === undefined || need <= limit,
        what:
          need === undefined
            ? `route ${route}: how much comes in for it is known when something was delivered`
            : `route ${route}: ${bytesWord(need)}/s come in, and its stream takes ${bytesWord(limit)}/s${need <= limit ? "" : ": see `standpipe quota`"}`,
      },
      {
        isGood: pace.source !== "default",
        what: `route ${route}: its limit is said by ${pace.source}${pace.source === "default" ? ": name firehose.region, or allow cloudwatch:GetMetricData" : ""}`,
      },
    );
    if (delivery.state === "backing_off")
      checks.push({
        isGood: false,
        what: `route ${route}: backs off, since ${delivery.lastError?.code}: ${delivery.lastError?.message}`,
      });
  }
  return checks;
}

const quotaCommand: Command = {
  name: "quota",
  summary: "what each route needs against what its stream takes, with the text that asks AWS for more",
  options: [{ flags: "--for <seconds>", description: "how long to look on", fallback: "10" }],
  examples: ["standpipe quota", "standpipe quota --for 600 --all --address standpipe-headless:4320"],
  run: async (context, _words, options) => {
    const seconds = toCount(textOf(options, "for") ?? "");
    if (seconds < 1) throw new Failure("--for is a second at least");
    return await context.together((connections) => tellQuota(context, connections, seconds));
  },
};

/** What comes in for each stream at all of them, added up: its limit is for all. What waits is no need, if that has time. */
async function tellQuota(context: Context, connections: readonly Connection[], seconds: number): Promise<number> {
  const spreads = new Map<string, DemandSpread>();
  const streams = new Map<string, RouteView>();
  const look = async (isNoted: boolean): Promise<void> => {
    const needs = new Map<string, number>();
    for (const status of await Promise.all(connections.map(readStatus))) {
      for (const each of status.routes) {
        const key = `${each.route} ${each.stream}`;
        streams.set(key, each);
        const { arrivingBytesPerSecond } = each.pace;
        if (arrivingBytesPerSecond !== undefined) needs.set(key, (needs.get(key) ?? 0) + arrivingBytesPerSecond);
      }
    }
    for (const [key, bytesPerSecond] of isNoted ? needs : []) {
      const spread = spreads.get(key) ?? new DemandSpread();
      spread.note(bytesPerSecond, 1);
      spreads.set(key, spread);
    }
  };
  await look(false);
  for (let second = 1; second <= seconds; second++) {
    await pause(1_000, context.signal);
    await look(true);
    if (context.signal.aborted) break;
    context.progress("looking on", second, seconds);
  }
  const found = [...streams].map(([key, { route, stream, quota, pace }]) => {
    const spread = spreads.get(key) ?? new DemandSpread();
    const complete = { ...quota, recordsPerSecond: 0, requestsPerSecond: 0, ...(quota as object) };
    const needed = spread.quantile(0.99);
    const text = limitIncreaseRequest({ stream, region: undefined, quota: complete, spread });
    return {
      route,
      stream,
      limit: quota.bytesPerSecond,
      source: pace.source,
      needed,
      peak: spread.peakBytesPerSecond,
      collectors: connections.length,
      replicas: pace.replicas,
      text,
    };
  });
  const isEnough = found.every(({ text }) => text === undefined);
  if (context.isJson) {
    context.json(found);
    return isEnough ? 0 : EXIT_FOUND;
  }
  const rows = found.map((each) => [
    each.route,
    each.stream,
    ...(each.needed === undefined ? ["-", "-"] : [`${bytesWord(each.needed)}/s`, `${bytesWord(each.peak)}/s`]),
    `${bytesWord(each.limit)}/s`,
    each.source,
    each.needed === undefined ? "-" : percentWord(each.needed / each.limit),
    adviceOf(each),
  ]);
  context.out(table(["ROUTE", "STREAM", "NEEDS", "PEAK", "LIMIT", "SAID BY", "USED", ""], rows));
  for (const { text } of found) if (text !== undefined) context.out(`\n${text}`);
  for (const { route, collectors, replicas } of found) {
    if (replicas > collectors) {
      context.out(
        `${context.colour("yellow", "!")} route ${route}: ${replicas} replicas share this stream, and ${collectors} of them ${areWord(collectors)} counted here: add them up with --all`,
      );
    }
  }
  return isEnough ? 0 : EXIT_FOUND;
}

function adviceOf({ needed, text }: { needed: number | undefined; text: string | undefined }): string {
  if (needed === undefined) return "not known before something was delivered";
  return text === undefined ? "enough" : `ask for ${quotaNeededMibPerSecond(needed)} MiB/s`;
}

/** Ends early, without complaint, when `signal` is aborted. */
export function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const end = (): void => {
      clearTimeout(timer);
      signal.removeEventListener("abort", end);
      resolve();
    };
    const timer = setTimeout(end, ms);
    signal.addEventListener("abort", end);
    if (signal.aborted) end();
  });
}

const configCheckCommand: Command = {
  name: "config check",
  summary: "says whether a configuration file can be used, and all that is wrong with it",
  arguments: [{ name: "<file>", description: "standpipe.yaml" }],
  options: [{ flags: "--no-environment", description: "leave out the STANDPIPE_ variables that are set here" }],
  examples: ["standpipe config check standpipe.yaml"],
  isLocal: true,
  run: async (context, [path = ""], options) => {
    const file = Bun.file(path);
    if (!(await file.exists())) throw new Failure(`can't read ${path}: it is not there`);
    const text = await file.text();
    try {
      loadConfig({ path, text }, options.environment === false ? {} : context.terminal.environment, lineProblems);
    } catch (reason) {
      const failure = toFailure(reason);
      if (failure === undefined) throw reason;
      const problems = failure.message
        .split("\n")
        .slice(1)
        .map((line) => line.replace(/^ {2}- /, ""));
      if (context.isJson) context.json({ path, problems });
      else context.out(`${path} can't be used:\n${failure.message.split("\n").slice(1).join("\n")}`);
      return EXIT_FOUND;
    }
    if (context.isJson) context.json({ path, problems: [] });
    else context.out(`${path} can be used`);
    return 0;
  },
};

const configShowCommand: Command = {
  name: "config show",
  summary: "the configuration that a collector runs with, secrets masked",
  examples: ["standpipe config show"],
  run: (context) =>
    context.each(async (connection) => {
      const { json } = await connection.call<{ json: string }>("GetConfig");
      if (context.isJson) context.json(JSON.parse(json));
      else context.out(json);
      return 0;
    }),
};

const FOLDER = { name: "[directory]", description: "the journal's folder, of a stopped collector; or --journal" };

const fsckCommand: Command = {
  name: "fsck",
  summary: "checks a stopped collector's journal: every entry, ordinals without gaps, the ledgers; changes nothing",
  arguments: [FOLDER],
  examples: ["standpipe fsck /var/lib/standpipe"],
  isLocal: true,
  worksOffline: true,
  run: async (context, [named]) => {
    return await context.look(folderOf(context, named), async (inspection) => {
      const report = await fsck(inspection, (done, of) => {
        context.progress("checking", done, of);
        if (done < of) context.assertNotStopped(`${done} of ${of} segments were checked`);
      });
      if (context.isJson) context.json(report);
      else {
        const { segments, entries, logRecords, requestBytes, unreadable, tail, head, problems } = report;
        context.out(
          `${numberOf(logRecords, "log record")}${head > tail ? `, ${tail} to ${head - 1n},` : ""} in ${countWord(entries)} entries of ${numberOf(segments, "segment")}: ${bytesWord(requestBytes)} before compression`,
        );
        for (const { where, words } of problems) context.out(`${context.colour("red", "!")} ${where}: ${words}`);
        if (problems.length === 0) context.out("all of it can be read, and the ledgers balance");
        else if (unreadable > 0n) {
          context.out(
            `${countWord(unreadable)} log records can't be read. A collector serves the rest by itself; \`standpipe repair\` makes a copy of it`,
          );
        }
      }
      return report.problems.length > 0 ? EXIT_FOUND : 0;
    });
  },
};

const repairCommand: Command = {
  name: "repair",
  summary: "copies what can be read of a journal into a new folder; never writes into the old one",
  arguments: [
    { name: "<directory>", description: "the journal's folder, of a stopped collector" },
    { name: "<new>", description: "a folder that is not there yet" },
  ],
  examples: ["standpipe repair /var/lib/standpipe /var/lib/standpipe-repaired"],
  isLocal: true,
  run: async (context, [directory = "", target = ""]) => {
    return await context.look(directory, async (inspection) => {
      const report = await repair(inspection, target, (done, of) => {
        context.progress("copying", done, of);
        context.assertNotStopped(`${done} of ${of} segments were copied; ${target} is no journal: delete it`);
      });
      if (context.isJson) context.json({ ...report, problems: inspection.findings });
      else {
        context.out(
          `${target} holds ${countWord(report.entries)} entries (${bytesWord(report.bytes)}) in ${numberOf(report.segments, "segment")}, and the bookkeeping. Check it with \`standpipe fsck ${target}\`, then name it as journal.directory`,
        );
        for (const { where, words } of inspection.findings) context.out(`${where}: ${words}`);
      }
      return inspection.findings.length > 0 ? EXIT_FOUND : 0;
    });
  },
};

function folderOf(context: Context, named: string | undefined): string {
  const directory = named ?? context.common.journal;
  if (directory === undefined)
    throw new Failure("name the journal's folder, as in `standpipe fsck /var/lib/standpipe`");
  return directory;
}

export const checkCommands: readonly Command[] = [
  doctorCommand,
  quotaCommand,
  configCheckCommand,
  configShowCommand,
  fsckCommand,
  repairCommand,
];
