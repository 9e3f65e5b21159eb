/** `standpipe quarantine …`: log records that their stream can never take. */
import { writeFile } from "node:fs/promises";
import { exportLine } from "../../../collector/admin/control/quarantine.ts";
import type { JournalInspection } from "../../../collector/journal/inspection.ts";
import type { QuarantineEntry } from "../../../collector/journal/port.ts";
import type { DiscardQuarantineResponse__Output } from "../../../proto/gen/standpipe/admin/v1/DiscardQuarantineResponse.ts";
import type { ListQuarantineResponse__Output } from "../../../proto/gen/standpipe/admin/v1/ListQuarantineResponse.ts";
import type { QuarantinedRecord__Output } from "../../../proto/gen/standpipe/admin/v1/QuarantinedRecord.ts";
import type { RequeueQuarantineResponse__Output } from "../../../proto/gen/standpipe/admin/v1/RequeueQuarantineResponse.ts";
import { type Command, textOf } from "../command.ts";
import type { Connection } from "../connection.ts";
import type { Context } from "../context.ts";
import { Failure } from "../failure.ts";
import { areWord, bytesWord, harmless, numberOf, table, timeWord } from "../words.ts";

/** What the service takes and gives in one call. */
const PAGE = 1_000;

const ROUTE = { name: "<route>", description: "the route's name; `default` where none is configured" };
const ORDINALS = { name: "[ordinals...]", description: "the log records; or --every" };

async function* pages(connection: Connection, route: string): AsyncGenerator<ListQuarantineResponse__Output> {
  for (let after: string | undefined; ; ) {
    const page = await connection.call<ListQuarantineResponse__Output>("ListQuarantine", {
      route,
      limit: PAGE,
      ...(after === undefined ? {} : { after }),
    });
    const last = page.records?.at(-1)?.ordinal;
    if (last === undefined) return;
    yield page;
    after = last;
  }
}

const listCommand: Command = {
  name: "quarantine list",
  summary: "what is in quarantine, and why",
  arguments: [ROUTE],
  options: [{ flags: "-n, --limit <count>", description: "at most so many", fallback: "100" }],
  examples: ["standpipe quarantine list default", "standpipe quarantine list errors --json | jq .records[].reason"],
  worksOffline: true,
  run: async (context, [route = ""], options) => {
    const limit = toCount(textOf(options, "limit") ?? "");
    const { journal } = context.common;
    if (journal !== undefined) {
      return await context.look(journal, async ({ quarantine, routes }) => {
        assertRoute(routes, route);
        const records: QuarantinedRecord__Output[] = [];
        for await (const { ordinal, reason, message, atMs, request } of quarantine.all(route)) {
          const requestBytes = String(request.byteLength);
          if (records.push({ ordinal: String(ordinal), reason, message, atMs, requestBytes }) >= limit) break;
        }
        return tellList(context, { records, entries: String(quarantine.totals(route).entries) });
      });
    }
    return await context.each(async (connection) => {
      return tellList(context, await connection.call("ListQuarantine", { route, limit }));
    });
  },
};

function tellList(context: Context, list: ListQuarantineResponse__Output): number {
  const { records = [], entries = "0" } = list;
  if (context.isJson) {
    context.json(list);
    return 0;
  }
  const rows = records.map(({ ordinal = "", reason = "", message = "", atMs = 0, requestBytes = "0" }) => [
    ordinal,
    timeWord(atMs),
    bytesWord(Number(requestBytes)),
    reason,
    harmless(message).slice(0, 160),
  ]);
  if (rows.length > 0) context.out(table(["ORDINAL", "SINCE", "SIZE", "REASON", "MESSAGE"], rows));
  context.out(
    `${numberOf(entries, "log record")} in quarantine${rows.length < Number(entries) ? `, ${rows.length} shown` : ""}`,
  );
  return 0;
}

const showCommand: Command = {
  name: "quarantine show",
  summary: "one log record, with why it is there and all it holds",
  arguments: [ROUTE, { name: "<ordinal>", description: "which one" }],
  examples: ["standpipe quarantine show default 4711"],
  worksOffline: true,
  run: async (context, [route = "", ordinal = ""]) => {
    toOrdinal(ordinal);
    const { journal } = context.common;
    const tell = (entry: QuarantineEntry): number => {
      const line = JSON.parse(exportLine(entry)) as object;
      context.out(harmlessJson(line));
      return 0;
    };
    if (journal !== undefined) {
      return await context.look(journal, async (inspection) => {
        assertRoute(inspection.routes, route);
        const found = await inspection.quarantine.get(route, BigInt(ordinal));
        if (found === undefined)
          throw new Failure(`log record ${ordinal} is not in the quarantine of route ${route}`, 1);
        return tell(found);
      });
    }
    return await context.one(async (connection) => {
      const {
        reason = "",
        message = "",
        atMs = 0,
        request = Buffer.alloc(0),
      } = await connection.call<QuarantinedRecord__Output>("ReadQuarantine", { route, ordinal });
      return tell({ ordinal: BigInt(ordinal), reason, message, atMs, request });
    });
  },
};

const exportCommand: Command = {
  name: "quarantine export",
  summary: "all of it as lines of JSON: the reason, the log record as a line, and its bytes",
  arguments: [ROUTE],
  options: [
    { flags: "-o, --output <file>", description: "write to a file that is not there yet, instead of the output" },
  ],
  examples: ["standpipe quarantine export default --output quarantine.jsonl"],
  worksOffline: true,
  run: async (context, [route = ""], options) => {
    const output = textOf(options, "output");
    if (output !== undefined) await writeFile(output, "", { flag: "wx" });
    let count = 0;
    const take = async (line: string): Promise<void> => {
      count += 1;
      if (output === undefined) {
        context.terminal.out(line);
        await context.terminal.drained();
        return;
      }
      await writeFile(output, line, { flag: "a" });
    };
    const { journal } = context.common;
    if (journal !== undefined) {
      await context.look(journal, (inspection) => exportFolder(inspection, route, take));
    } else {
      await context.one(async (connection) => {
        for await (const { line = "" } of connection.stream<{ line?: string }>(
          "ExportQuarantine",
          { route },
          context.signal,
        )) {
          await take(line);
        }
      });
    }
    if (output !== undefined)
      context.out(`${numberOf(count, "log record")} written to ${output}, and in quarantine still`);
    return 0;
  },
};

async function exportFolder(
  inspection: JournalInspection,
  route: string,
  take: (line: string) => Promise<void>,
): Promise<void> {
  assertRoute(inspection.routes, route);
  for await (const entry of inspection.quarantine.all(route)) await take(exportLine(entry));
}

const requeueCommand: Command = {
  name: "quarantine requeue",
  summary: "sends log records again, to their own route alone, under new ordinals",
  arguments: [ROUTE, ORDINALS],
  options: [
    { flags: "--every", description: "all that are in quarantine now" },
    {
      flags: "--mended <file>",
      description: "what to send instead of the one that is named: an ExportLogsServiceRequest, as bytes or as base64",
    },
  ],
  examples: ["standpipe quarantine requeue default 4711", "standpipe quarantine requeue default --every"],
  run: async (context, [route = "", ...ordinals], options) => {
    const isEvery = options.every === true;
    const chosen = chosenOrdinals(ordinals, isEvery);
    const file = textOf(options, "mended");
    const mended = file === undefined ? undefined : fromFile(Buffer.from(await Bun.file(file).bytes()));
    return await context.one(async (connection) => {
      const done: { ordinal?: string; newOrdinal?: string }[] = [];
      const send = async (some: readonly string[]): Promise<void> => {
        const request = { route, ordinals: some, ...(mended === undefined ? {} : { mended }) };
        const { requeued = [] } = await connection.call<RequeueQuarantineResponse__Output>(
          "RequeueQuarantine",
          request,
          600_000,
        );
        done.push(...requeued);
      };
      if (isEvery) {
        let most: number | undefined;
        for await (const { records = [], entries = "0" } of pages(connection, route)) {
          // What is refused again comes back under a new ordinal, and is not sent for ever.
          most ??= Number(entries);
          if (context.signal.aborted || done.length >= most) break;
          await send(records.slice(0, most - done.length).map(({ ordinal = "" }) => ordinal));
          context.progress("sending again", done.length, most);
        }
      } else {
        for (let at = 0; at < chosen.length; at += PAGE) await send(chosen.slice(at, at + PAGE));
      }
      if (context.isJson) context.json(done);
      else
        context.out(
          `${numberOf(done.length, "log record")} of route ${route} ${areWord(done.length)} in the journal again${done.length === 1 ? `, as ${done[0]?.newOrdinal}` : ""}`,
        );
      return 0;
    });
  },
};

const discardCommand: Command = {
  name: "quarantine discard",
  summary: "lets log records go for good, after their number was confirmed",
  arguments: [ROUTE, ORDINALS],
  options: [
    { flags: "--every", description: "all that are in quarantine now" },
    { flags: "--confirm <count>", description: "how many, instead of being asked" },
  ],
  examples: ["standpipe quarantine discard default 4711", "standpipe quarantine discard default --every --confirm 12"],
  run: async (context, [route = "", ...ordinals], options) => {
    const isEvery = options.every === true;
    const chosen = chosenOrdinals(ordinals, isEvery);
    return await context.one(async (connection) => {
      const { entries = "0" } = await connection.call<ListQuarantineResponse__Output>("ListQuarantine", {
        route,
        limit: 1,
      });
      const count = isEvery ? entries : String(chosen.length);
      if (count === "0") {
        context.out(`nothing is in the quarantine of route ${route}`);
        return 0;
      }
      const given = textOf(options, "confirm");
      if (given === undefined) {
        await context.confirm(
          `${numberOf(count, "log record")} of route ${route} will be gone for good (export them first?).`,
          count,
          `--confirm ${count}`,
        );
      }
      const request = { route, ordinals: chosen, confirmed: String(toCount(given ?? count)) };
      const { discarded = "0" } = await connection.call<DiscardQuarantineResponse__Output>(
        "DiscardQuarantine",
        request,
        600_000,
      );
      if (context.isJson) context.json({ discarded });
      else context.out(`${numberOf(discarded, "log record")} of route ${route} ${areWord(discarded)} gone`);
      return 0;
    });
  },
};

export const quarantineCommands: readonly Command[] = [
  listCommand,
  showCommand,
  requeueCommand,
  exportCommand,
  discardCommand,
];

function chosenOrdinals(ordinals: readonly string[], isEvery: boolean): readonly string[] {
  for (const ordinal of ordinals) toOrdinal(ordinal);
  if (isEvery !== ordinals.length > 0) return ordinals;
  throw new Failure(isEvery ? "name log records, or say --every: not both" : "name the log records, or say --every");
}

export function toOrdinal(text: string): bigint {
  if (!/^\d{1,20}$/.test(text)) throw new Failure(`${text} is no ordinal: a whole number`);
  return BigInt(text);
}

export function toCount(text: string): number {
  const count = Number(text);
  if (!/^\d{1,15}$/.test(text)) throw new Failure(`${text} is no count: a whole number`);
  return count;
}

function assertRoute(routes: ReadonlyMap<string, unknown>, route: string): void {
  if (routes.has(route)) return;
  throw new Failure(`the journal knows no route ${route}: it knows ${[...routes.keys()].join(", ") || "none"}`, 1);
}

/** Bytes, or base64 as an export has it. */
function fromFile(content: Buffer): Buffer {
  const text = content.toString("latin1").trim();
  return /^[A-Za-z0-9+/\s]+={0,2}$/.test(text) ? Buffer.from(text, "base64") : content;
}

function harmlessJson(value: object): string {
  // JSON escapes control characters but those from 0x7f to 0x9f.
  return JSON.stringify(value, undefined, 2).replace(
    /[\u007f-\u009f]/g,
    (each) => `\\u00${each.charCodeAt(0).toString(16)}`,
  );
}
