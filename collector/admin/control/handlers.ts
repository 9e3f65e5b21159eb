/**
 * The admin service, call by call: what is asked for is looked up or done, and said. A change is logged with who asked for
 * it, after it is done, in words of its own, so that no two are folded into one line.
 */
import type { AdminHandlers } from "../../../proto/gen/standpipe/admin/v1/Admin.ts";
import type { Entry } from "../../../proto/gen/standpipe/admin/v1/Entry.ts";
import type { QuarantinedRecord } from "../../../proto/gen/standpipe/admin/v1/QuarantinedRecord.ts";
import type { Clock } from "../../clock.ts";
import type { Config } from "../../config/config.ts";
import type { Route } from "../../delivery/route.ts";
import type { Routes } from "../../delivery/routes.ts";
import { CollectorError } from "../../errors.ts";
import type { QuarantineEntry } from "../../journal/port.ts";
import { type Log, setLogLevel } from "../../log.ts";
import { type CollectorStatus, type RouteStatus, toJson, toLedger } from "../status.ts";
import { type Answering, createAnswering } from "./answering.ts";
import { type AdminCall, nameOfCaller } from "./caller.ts";
import { maskSecrets } from "./mask.ts";
import { discard, exportLine, type QuarantineJournal, readEntry, requeue } from "./quarantine.ts";
import { endOf, type Found, type PeekableJournal, Readers } from "./reading.ts";

export interface ControlJournal extends PeekableJournal, QuarantineJournal {
  readonly collectorId: string;
  roll(): Promise<void>;
}

export interface ControlParts {
  readonly journal: ControlJournal;
  readonly routes: Pick<Routes, "all" | "get" | "pause" | "resume" | "seek">;
  readonly status: () => CollectorStatus;
  readonly config: () => Config;
  /** Takes no more logs, for the rest of the process's life. */
  readonly drain: () => void;
  readonly clock: Clock;
  readonly log: Log;
  readonly onBug: Parameters<typeof createAnswering>[0]["onBug"];
}

const DRAIN_POLL_MS = 500;

const QUARANTINE_LIST_DEFAULT = 100;
const QUARANTINE_LIST_MAX = 1_000;

const LOG_LEVELS = ["debug", "info", "warn", "error", "silent"];

export function createHandlers(parts: ControlParts): AdminHandlers {
  const answering = createAnswering(parts);
  return {
    ...lookingHandlers(parts, answering),
    ...readingHandlers(parts, answering),
    ...changingHandlers(parts, answering),
  };
}

type Looking = "GetStatus" | "GetLedger" | "ListSegments" | "ListStreams" | "GetConfig";

function lookingHandlers(
  { journal, routes, status, config }: ControlParts,
  { unary }: Answering,
): Pick<AdminHandlers, Looking> {
  return {
    GetStatus: unary(() => ({ json: toJson(status()) })),
    GetConfig: unary(() => ({ json: JSON.stringify(maskSecrets(config()), undefined, 2) })),
    GetLedger: unary(() => ({
      collectorId: journal.collectorId,
      head: String(journal.head),
      tail: String(journal.tail),
      routes: routes.all.map(({ config: { name }, ledger }) => {
        const { accepted, delivered, filtered, quarantined, waiting, ...rare } = toLedger(journal.head, ledger);
        const { entries, bytes } = journal.quarantine.totals(name);
        return {
          route: name,
          ...texts({ start: ledger.start, cursor: ledger.cursor, accepted, delivered, filtered, quarantined, waiting }),
          ...texts({ ...rare, quarantineEntries: entries, quarantineBytes: bytes }),
        };
      }),
    })),
    ListSegments: unary(() => ({
      segments: journal.listSegments().map(({ first, end, bytes, state }) => ({
        ...texts({ first, end, bytes }),
        state,
        neededBy: routes.all.filter(({ ledger }) => ledger.cursor < end).map((route) => route.config.name),
      })),
    })),
    ListStreams: unary(() => ({ streams: status().routes.map(describeStream) })),
  };
}

function describeStream({ route, stream, cursor, paused, delivery, pace }: RouteStatus) {
  const { ceiling, bytesPerSecond, source, share, replicas, failedFraction } = pace;
  return {
    route,
    stream,
    cursor: String(cursor),
    state: paused === undefined ? delivery.state : "paused",
    bytesPerSecond: paused === undefined ? bytesPerSecond : 0,
    ceilingBytesPerSecond: ceiling.bytesPerSecond,
    ceilingRecordsPerSecond: ceiling.recordsPerSecond,
    ceilingRequestsPerSecond: ceiling.requestsPerSecond,
    ceilingSource: source,
    share,
    replicas,
    failedFraction,
    lastErrorCode: delivery.lastError?.code ?? "",
    lastError: delivery.lastError?.message ?? "",
    lastErrorAtMs: delivery.lastError?.atMs ?? 0,
    pausedBy: paused?.by ?? "",
    pausedAtMs: paused?.atMs ?? 0,
  };
}

type Reading = "ListEntries" | "ReadEntry" | "FollowEntries" | "ListQuarantine" | "ReadQuarantine" | "ExportQuarantine";

function readingHandlers(parts: ControlParts, { unary, stream }: Answering): Pick<AdminHandlers, Reading> {
  const { journal, routes, clock } = parts;
  const readers = new Readers(journal, clock);
  const toEntry = (found: Found, isWithout = false): Entry => describeEntry(found, routes.all, isWithout);
  return {
    ListEntries: stream(async ({ request }, send) => {
      await readers.read(async () => {
        const { sinceMs = 0, untilMs = 0, withoutRequest = false } = request;
        const first = request._first === undefined ? journal.tail : toOrdinal(request.first);
        const end = request._end === undefined ? journal.head : toOrdinal(request.end);
        const from = request._sinceMs === undefined ? first : larger(first, await readers.firstSince(sinceMs));
        for await (const found of readers.range(from, end < journal.head ? end : journal.head)) {
          if (found.kind === "commit") {
            if (request._sinceMs !== undefined && found.committedAtMs < sinceMs) continue;
            if (request._untilMs !== undefined && found.committedAtMs >= untilMs) return;
          }
          if (!(await send(toEntry(found, withoutRequest)))) return;
        }
      });
    }),
    ReadEntry: unary(async ({ request }) => {
      const ordinal = toOrdinal(request.ordinal);
      const found = await journal.peek(ordinal);
      if (found === undefined || found.kind === "gone") {
        const there = `the journal holds those from ${journal.tail} on, and below ${journal.head}`;
        throw new CollectorError("not_found", `there is no log record ${ordinal}: ${there}`);
      }
      return toEntry(found);
    }),
    FollowEntries: stream(async ({ request }, send, signal) => {
      await readers.read(async () => {
        const back = journal.head - toOrdinal(request.back);
        for await (const found of readers.follow(larger(back, journal.tail), signal)) {
          const what = found.kind === "skipped" ? { skipped: String(found.logRecords) } : { entry: toEntry(found) };
          if (!(await send(what))) return;
        }
      });
    }),
    ListQuarantine: unary(async ({ request }) => {
      const route = knownRoute(routes, request.route);
      const limit = Math.min(request.limit || QUARANTINE_LIST_DEFAULT, QUARANTINE_LIST_MAX);
      const after = request._after === undefined ? undefined : toOrdinal(request.after);
      const records: QuarantinedRecord[] = [];
      for await (const entry of journal.quarantine.all(route, after)) {
        if (records.push(describeQuarantined(entry)) >= limit) break;
      }
      const { entries, bytes } = journal.quarantine.totals(route);
      return { records, ...texts({ entries, bytes }) };
    }),
    ReadQuarantine: unary(async ({ request }) => {
      const entry = await readEntry(journal, knownRoute(routes, request.route), toOrdinal(request.ordinal));
      return { ...describeQuarantined(entry), request: Buffer.from(entry.request) };
    }),
    ExportQuarantine: stream(async ({ request }, send) => {
      const route = knownRoute(routes, request.route);
      await readers.read(async () => {
        for await (const entry of journal.quarantine.all(route)) {
          if (!(await send({ ordinal: String(entry.ordinal), line: exportLine(entry) }))) return;
        }
      });
    }),
  };
}

type Changing =
  | "RequeueQuarantine"
  | "DiscardQuarantine"
  | "PauseRoute"
  | "ResumeRoute"
  | "SeekRoute"
  | "Drain"
  | "RollSegment"
  | "SetLogLevel";

function changingHandlers(parts: ControlParts, { unary, stream }: Answering): Pick<AdminHandlers, Changing> {
  const { journal, routes, clock, log, config } = parts;
  const tell = (call: AdminCall, what: string, facts: object = {}): void => {
    const by = nameOfCaller(call);
    log.warn({ by, ...facts }, `admin: ${what}, by ${by}`);
  };
  const stateOf = ({ config: { name }, pause, ledger }: Route) => {
    return { route: name, isPaused: pause !== undefined, waiting: String(toLedger(journal.head, ledger).waiting) };
  };
  return {
    RequeueQuarantine: unary(async (call) => {
      const { ordinals = [], mended = Buffer.alloc(0) } = call.request;
      const route = knownRoute(routes, call.request.route);
      const { ingest } = config();
      const limits = { ...ingest, recordsMax: ingest.recordsPerRequestMax };
      const asked = { route, ordinals: ordinals.map(toOrdinal), mended: mended.length === 0 ? undefined : mended };
      const done = await requeue(journal, limits, asked);
      const mendedWords = asked.mended === undefined ? "" : ", mended";
      tell(
        call,
        `${done.length} log records of route ${route} sent again${mendedWords}, from ${ordinals[0] ?? "none"} on`,
      );
      return { requeued: done.map(({ ordinal, newOrdinal }) => texts({ ordinal, newOrdinal })) };
    }),
    DiscardQuarantine: unary(async (call) => {
      const { ordinals = [], confirmed } = call.request;
      const route = knownRoute(routes, call.request.route);
      const asked = { route, ordinals: ordinals.map(toOrdinal), confirmed: toOrdinal(confirmed) };
      const discarded = await discard(journal, asked);
      tell(call, `${discarded} log records of route ${route} discarded from quarantine, for good`, { ordinals });
      return { discarded: String(discarded) };
    }),
    PauseRoute: unary(async (call) => {
      const route = await routes.pause(call.request.route ?? "", nameOfCaller(call));
      tell(call, `route ${route.config.name} paused at ${route.ledger.cursor}`);
      return stateOf(route);
    }),
    ResumeRoute: unary(async (call) => {
      const route = await routes.resume(call.request.route ?? "");
      tell(call, `route ${route.config.name} resumed at ${route.ledger.cursor}`);
      return stateOf(route);
    }),
    SeekRoute: unary(async (call) => {
      const { route: name = "" } = call.request;
      const to = toOrdinal(call.request.to);
      const end = toOrdinal(call.request.end) || undefined;
      const confirmed = toOrdinal(call.request.confirmed);
      const before = routes.get(name).ledger.cursor;
      let replayed = 0n;
      const route = await routes.seek(name, to, end, (logRecords) => {
        replayed = logRecords;
        // Where it can't be gone back at all, the journal says so.
        if (logRecords === confirmed || logRecords < 0n) return;
        const words = `${logRecords} log records of route ${name} would be delivered again: confirm exactly that number, not ${confirmed}`;
        throw new CollectorError("precondition_failed", words);
      });
      const until = to + replayed;
      const rest = until < before ? `; those from ${until} on stay as they are` : "";
      const again = `${replayed} log records are delivered again, as doubles${rest}`;
      tell(call, `cursor of route ${name} set back from ${before} to ${to}: ${again}`);
      return texts({ cursor: route.ledger.cursor, replayed });
    }),
    Drain: stream(async (call, send, signal) => {
      parts.drain();
      tell(call, "drain begun: no more logs are taken until the collector is started again");
      for (;;) {
        const waits = routes.all.map((route) => ({ route, waiting: toLedger(journal.head, route.ledger).waiting }));
        const stuck = waits.filter(({ route }) => route.pause !== undefined || route.status().state === "holding");
        const waiting = sum(waits);
        if (!(await send(texts({ waiting, stuck: sum(stuck) }))) || waiting === 0n) return;
        await clock.sleep(DRAIN_POLL_MS, signal);
        if (signal.aborted) return;
      }
    }),
    RollSegment: unary(async (call) => {
      await journal.roll();
      tell(call, `segment rolled at ${journal.head}`);
      return { segments: journal.listSegments().length };
    }),
    SetLogLevel: unary((call) => {
      const { level = "" } = call.request;
      if (!LOG_LEVELS.includes(level)) {
        throw new CollectorError("invalid_request", `the level is one of ${LOG_LEVELS.join(", ")}, and not ${level}`);
      }
      // Told before it can be silenced.
      tell(call, `log level set to ${level}`);
      return { before: setLogLevel(log, level) };
    }),
  };
}

function describeEntry(found: Found, routes: readonly Route[], isWithoutRequest: boolean): Entry {
  const place = texts({ first: found.first, end: endOf(found) });
  if (found.kind === "gone") return { ...place, missing: "every route has finished with it, and it has been deleted" };
  if (found.kind === "damage") return { ...place, missing: found.reason };
  const { request, committedAtMs } = found;
  return {
    ...place,
    committedAtMs,
    requestBytes: String(request.byteLength),
    routes: routes.map(({ config: { name } }) => name).filter((name) => found.isFor(name)),
    ...(isWithoutRequest ? {} : { request }),
  };
}

function describeQuarantined({ ordinal, reason, message, atMs, request }: QuarantineEntry): QuarantinedRecord {
  return { ordinal: String(ordinal), reason, message, atMs, requestBytes: String(request.byteLength) };
}

/** Throws CollectorError `not_found`, naming those that there are. */
function knownRoute(routes: Pick<Routes, "get">, name: string | undefined): string {
  return routes.get(name ?? "").config.name;
}

function sum(waits: readonly { readonly waiting: bigint }[]): bigint {
  return waits.reduce((total, { waiting }) => total + waiting, 0n);
}

/** 64-bit numbers as proto-loader takes them. */
function texts<K extends string>(numbers: Readonly<Record<K, bigint | number>>): Record<K, string> {
  return Object.fromEntries(Object.entries(numbers).map(([key, value]) => [key, String(value)])) as Record<K, string>;
}

function toOrdinal(text: string | undefined): bigint {
  return BigInt(text ?? 0);
}

function larger(a: bigint, b: bigint): bigint {
  return a > b ? a : b;
}
