/** `standpipe status`, `ledger`, `segments`: what is, at a glance. */

import type { JournalInspection } from "../../../collector/journal/inspection.ts";
import type { GetLedgerResponse__Output } from "../../../proto/gen/standpipe/admin/v1/GetLedgerResponse.ts";
import type { ListSegmentsResponse__Output } from "../../../proto/gen/standpipe/admin/v1/ListSegmentsResponse.ts";
import type { Command } from "../command.ts";
import type { Connection } from "../connection.ts";
import type { Context } from "../context.ts";
import { EXIT_FOUND } from "../failure.ts";
import { bytesWord, countWord, durationWord, harmless, numberOf, percentWord, table } from "../words.ts";

/** The parts of the status that are shown. Numbers beyond 2^53 are rounded: they are only looked at. */
export interface StatusView {
  readonly journal: {
    readonly collectorId: string;
    readonly head: number;
    readonly segments: number;
    readonly bytes: number;
    readonly bytesMax: number;
    readonly diskFreeBytes: number;
    readonly isFull: boolean;
  };
  readonly ingest: {
    readonly acknowledgedRecords: number;
    readonly acknowledgedBytes: number;
    readonly heldCalls: number;
  };
  readonly routes: readonly RouteView[];
}

export interface RouteView {
  readonly route: string;
  readonly stream: string;
  readonly paused?: { readonly by: string; readonly atMs: number };
  readonly ledger: Readonly<Record<"accepted" | "delivered" | "filtered" | "quarantined" | "waiting", number>>;
  readonly quarantine: { readonly entries: number; readonly bytes: number };
  readonly delivery: {
    readonly state: string;
    readonly delivered: { readonly logRecords: number; readonly bytes: number };
    readonly throttled: { readonly bytes: number };
    readonly lastError?: { readonly code: string; readonly message: string; readonly atMs: number };
  };
  readonly quota: { readonly bytesPerSecond: number };
  readonly pace: {
    readonly source: string;
    readonly share: number;
    /** How many share the stream. */
    readonly replicas: number;
    readonly bytesPerSecond: number;
    /** Not there until something was delivered. */
    readonly arrivingBytesPerSecond?: number;
    readonly failedFraction: number;
    readonly backlogBytes: number;
    readonly backlogAgeMs: number;
  };
  readonly drainSeconds?: number;
}

export async function readStatus(connection: Connection): Promise<StatusView> {
  return JSON.parse((await connection.call<{ json: string }>("GetStatus")).json) as StatusView;
}

/** What a person should look at; empty where all is well. */
export function worries({ journal, routes }: StatusView): string[] {
  return [
    ...(journal.isFull ? ["the journal is full: senders are held back until logs are delivered"] : []),
    ...routes.flatMap(({ route, paused, delivery, quarantine, ledger }) => [
      ...(paused === undefined
        ? []
        : [`route ${route} is paused, by ${paused.by}: \`standpipe route resume ${route}\``]),
      ...(delivery.state === "holding"
        ? [`route ${route} holds: ${delivery.lastError?.code}: ${harmless(delivery.lastError?.message ?? "")}`]
        : []),
      ...(quarantine.entries > 0
        ? [
            `route ${route} has ${numberOf(quarantine.entries, "log record")} in quarantine: \`standpipe quarantine list ${route}\``,
          ]
        : []),
      ...(ledger.accepted !== ledger.delivered + ledger.filtered + ledger.quarantined + ledger.waiting
        ? [`the ledger of route ${route} is out of balance: keep the journal's folder and report this`]
        : []),
    ]),
  ];
}

export const statusCommand: Command = {
  name: "status",
  summary: "is anything lost, how far behind, why; exits with 1 where a person should look",
  examples: ["standpipe status", "standpipe status --all --address standpipe-headless:4320", "standpipe status --json"],
  worksOffline: true,
  run: async (context) => {
    const { journal } = context.common;
    if (journal !== undefined) return await context.look(journal, (inspection) => tellFolder(context, inspection));
    return await context.each(async (connection, isOneOfMany) => {
      const { json } = await connection.call<{ json: string }>("GetStatus");
      const status = JSON.parse(json) as StatusView;
      const found = worries(status);
      if (context.isJson && isOneOfMany) context.jsonLine({ status });
      else if (context.isJson) context.out(json);
      else tellStatus(context, status, found);
      return found.length > 0 ? EXIT_FOUND : 0;
    });
  },
};

function tellStatus(context: Context, status: StatusView, found: readonly string[]): void {
  const { collectorId, bytes, bytesMax, segments, diskFreeBytes, head } = status.journal;
  context.out(
    `collector ${context.colour("bold", collectorId)}: ${countWord(head)} log records accepted; journal ${bytesWord(bytes)} of ${bytesWord(bytesMax)} in ${numberOf(segments, "segment")}, ${bytesWord(diskFreeBytes)} free on its disk`,
  );
  const rows = status.routes.map(({ route, stream, paused, ledger, delivery, pace, quota, drainSeconds }) => [
    route,
    stream,
    paused === undefined ? delivery.state : "paused",
    countWord(ledger.waiting),
    durationWord(pace.backlogAgeMs / 1_000),
    `${bytesWord(paused === undefined ? pace.bytesPerSecond : 0)}/s`,
    `${bytesWord(quota.bytesPerSecond)}/s`,
    pace.source,
    percentWord(pace.failedFraction),
    drainSeconds === undefined ? "-" : durationWord(drainSeconds),
  ]);
  const head2 = [
    "ROUTE",
    "STREAM",
    "STATE",
    "WAITING",
    "OLDEST",
    "MAY SEND",
    "LIMIT",
    "SAID BY",
    "THROTTLED",
    "GONE IN",
  ];
  context.out(table(head2, rows));
  for (const worry of found) context.out(`${context.colour("yellow", "!")} ${worry}`);
  if (found.length === 0) context.out(context.colour("green", "nothing is lost, nothing needs anybody"));
}

async function tellFolder(context: Context, inspection: JournalInspection): Promise<number> {
  const { collectorId, segments } = inspection;
  const head = await inspection.head();
  const bytes = segments.reduce((sum, each) => sum + each.bytes, 0);
  const routes = [...inspection.routes].map(([route, state]) => ({
    route,
    cursor: state.cursor,
    unfinished: state.openRanges(state.start, head).reduce((sum, { first, end }) => sum + end - first, 0n),
    quarantined: inspection.quarantine.totals(route).entries,
    paused: inspection.pauseOf(route),
  }));
  if (context.isJson) {
    context.json({
      collectorId,
      head,
      tail: segments[0]?.first ?? head,
      segments: segments.length,
      bytes,
      routes,
    });
    return 0;
  }
  context.out(
    `collector ${collectorId}, stopped: ${countWord(head)} log records accepted; ${bytesWord(bytes)} in ${numberOf(segments.length, "segment")}`,
  );
  const rows = routes.map((each) => [
    each.route,
    String(each.cursor),
    countWord(each.unfinished),
    countWord(each.quarantined),
    each.paused === undefined ? "" : "paused",
  ]);
  context.out(table(["ROUTE", "CURSOR", "WAITING", "QUARANTINE", ""], rows));
  return 0;
}

export const ledgerCommand: Command = {
  name: "ledger",
  summary: "accepted = delivered + filtered + quarantined + waiting, route by route",
  examples: ["standpipe ledger", "standpipe ledger --journal /var/lib/standpipe"],
  worksOffline: true,
  run: async (context) => {
    const { journal } = context.common;
    if (journal !== undefined)
      return await context.look(journal, (inspection) => tellFolderLedger(context, inspection));
    return await context.each(async (connection) => {
      const ledger = await connection.call<GetLedgerResponse__Output>("GetLedger");
      return tellLedger(context, { address: connection.address, ...ledger });
    });
  },
};

interface LedgerRows {
  readonly address?: string;
  readonly collectorId?: string;
  readonly head?: string;
  readonly routes?: readonly Partial<Record<LedgerKey | "route", string>>[];
}

const LEDGER_KEYS = ["accepted", "delivered", "filtered", "quarantined", "waiting", "replayed"] as const;
type LedgerKey = (typeof LEDGER_KEYS)[number];

function tellLedger(context: Context, ledger: LedgerRows): number {
  const routes = (ledger.routes ?? []).map((each) => {
    const [accepted = 0n, ...ends] = LEDGER_KEYS.slice(0, 5).map((key) => BigInt(each[key] ?? 0));
    return { ...each, balances: accepted === ends.reduce((sum, end) => sum + end, 0n) };
  });
  if (context.isJson) context.json({ ...ledger, routes });
  else {
    const rows = routes.map((each) => [
      each.route ?? "",
      ...LEDGER_KEYS.map((key) => countWord(each[key])),
      each.balances ? "yes" : "NO",
    ]);
    const head = [
      "ROUTE",
      "ACCEPTED",
      "= DELIVERED",
      "+ FILTERED",
      "+ QUARANTINED",
      "+ WAITING",
      "(REPLAYED)",
      "BALANCES",
    ];
    context.out(table(head, rows));
  }
  return routes.every(({ balances }) => balances) ? 0 : EXIT_FOUND;
}

async function tellFolderLedger(context: Context, inspection: JournalInspection): Promise<number> {
  const head = await inspection.head();
  const routes = [...inspection.routes].map(([route, { start, totals, replayed }]) => {
    const accepted = head - start + replayed;
    const waiting = accepted - totals.delivered - totals.filtered - totals.quarantined;
    const numbers = { accepted, ...totals, waiting, replayed };
    return {
      route,
      ...(Object.fromEntries(Object.entries(numbers).map(([key, value]) => [key, String(value)])) as Record<
        LedgerKey,
        string
      >),
    };
  });
  return tellLedger(context, { collectorId: inspection.collectorId, head: String(head), routes });
}

export const segmentsCommand: Command = {
  name: "segments",
  summary: "the folders of the journal, and who still needs each",
  examples: ["standpipe segments"],
  worksOffline: true,
  run: async (context) => {
    const { journal } = context.common;
    if (journal !== undefined) {
      return await context.look(journal, async ({ segments, routes }) => {
        const rows = segments.map(({ first, nextFirst, bytes }) => {
          const neededBy = [...routes].filter(([, { cursor }]) => nextFirst === undefined || cursor < nextFirst);
          return {
            first: String(first),
            end: nextFirst === undefined ? "" : String(nextFirst),
            bytes: String(bytes),
            state: "closed",
            neededBy: neededBy.map(([name]) => name),
          };
        });
        return tellSegments(context, rows);
      });
    }
    return await context.each(async (connection) => {
      return tellSegments(
        context,
        (await connection.call<ListSegmentsResponse__Output>("ListSegments")).segments ?? [],
      );
    });
  },
};

function tellSegments(context: Context, segments: NonNullable<ListSegmentsResponse__Output["segments"]>): number {
  if (context.isJson) context.json(segments);
  else {
    const rows = segments.map(({ first = "", end = "", bytes = "0", state = "", neededBy = [] }) => [
      first,
      end,
      bytesWord(Number(bytes)),
      state,
      neededBy.join(", "),
    ]);
    context.out(table(["FIRST", "END", "SIZE", "STATE", "NEEDED BY"], rows));
  }
  return 0;
}
