/** Entries of journals, wherever they come from: running collectors, or the folder of a stopped one. */
import type { JournalInspection } from "../../collector/journal/inspection.ts";
import type { Entry__Output } from "../../proto/gen/standpipe/admin/v1/Entry.ts";
import type { Connection } from "./connection.ts";
import type { Context } from "./context.ts";

/** An entry wherever it came from. */
export interface Found {
  readonly first: bigint;
  readonly end: bigint;
  readonly committedAtMs: number;
  readonly request: Uint8Array | undefined;
  readonly requestBytes: number;
  readonly missing: string;
}

/** Where entries come from. */
export interface Source {
  readonly collectorId: string;
  /** The log records that the journal holds: [tail, head). */
  readonly tail: bigint;
  readonly head: bigint;
}

export interface Range {
  readonly first: bigint | undefined;
  readonly end: bigint | undefined;
  readonly sinceMs: number | undefined;
  readonly untilMs: number | undefined;
  readonly isWithoutRequest: boolean;
}

/** Runs `body` over what each collector that is meant, or the folder, holds. Resolves with the worst exit code. */
export async function overEntries(
  context: Context,
  rangeIn: (source: Source) => Range,
  body: (entries: AsyncIterable<Found>, source: Source) => Promise<number>,
): Promise<number> {
  const { journal } = context.common;
  if (journal === undefined) {
    return await context.each(async (connection) => {
      const source = await sourceOf(connection);
      return await body(online(context, connection, rangeIn(source)), source);
    });
  }
  return await context.look(journal, async (inspection) => {
    const { collectorId, segments } = inspection;
    const head = await inspection.head();
    const source = { collectorId, tail: segments[0]?.first ?? head, head };
    return await body(inFolder(context, inspection, rangeIn(source)), source);
  });
}

async function* inFolder(context: Context, inspection: JournalInspection, range: Range): AsyncGenerator<Found> {
  const { first = 0n, end = (1n << 63n) - 1n } = range;
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
}

/** Where the entries of a running collector come from, as it is now. */
export async function sourceOf(connection: Connection): Promise<Source> {
  const { collectorId = "", head = "0", tail = "0" } = await connection.call<Record<string, string>>("GetLedger");
  return { collectorId, tail: BigInt(tail), head: BigInt(head) };
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

export function toFound({ first, end, committedAtMs = 0, request, requestBytes, missing = "" }: Entry__Output): Found {
  return {
    first: BigInt(first ?? 0),
    end: BigInt(end ?? 0),
    committedAtMs,
    request: request === undefined || request.length === 0 ? undefined : request,
    requestBytes: Number(requestBytes ?? 0),
    missing,
  };
}
