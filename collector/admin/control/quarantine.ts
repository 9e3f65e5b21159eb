/** What an operator does with the quarantine of a route: list, read, export, send again, let go. */
import { CollectorError } from "../../errors.ts";
import type { QuarantineEntry } from "../../journal/port.ts";
import { describeEntry, type QuarantineTotals } from "../../journal/quarantine.ts";
import { type ScanLimits, scan } from "../../otlp/scan.ts";

export interface QuarantineJournal {
  readonly quarantine: {
    totals(route: string): QuarantineTotals;
    all(route: string, after?: bigint): AsyncGenerator<QuarantineEntry>;
    get(route: string, ordinal: bigint): Promise<QuarantineEntry | undefined>;
    remove(route: string, ordinal: bigint): Promise<boolean>;
  };
  requeue(route: string, ordinal: bigint, request?: Uint8Array): Promise<bigint | undefined>;
}

/** Entries that are let go of in one write. */
const PAGE = 100;

export const ORDINALS_MAX = 1_000;

/** Rejects with CollectorError `not_found`. */
export async function readEntry(
  { quarantine }: QuarantineJournal,
  route: string,
  ordinal: bigint,
): Promise<QuarantineEntry> {
  const found = await quarantine.get(route, ordinal);
  if (found === undefined) throw notThere(route, ordinal);
  return found;
}

/** A line of JSON; a record that can't be made a line of is shown as it was sent. */
export function exportLine(entry: QuarantineEntry): string {
  try {
    return describeEntry(entry);
  } catch (reason) {
    const { ordinal, reason: code, message, atMs, request } = entry;
    const head = { ordinal: String(ordinal), reason: code, message, at: new Date(atMs).toISOString() };
    const otlp = Buffer.from(request).toString("base64");
    return `${JSON.stringify({ ...head, log: null, problem: String(reason), otlp })}\n`;
  }
}

/**
 * Sends entries again. One ordinal may be sent `mended`: a request of one log record. Rejects with CollectorError; what
 * was sent before that is sent, and the message says how many.
 */
export async function requeue(
  journal: QuarantineJournal,
  limits: ScanLimits,
  { route, ordinals, mended }: { route: string; ordinals: readonly bigint[]; mended: Uint8Array | undefined },
): Promise<{ ordinal: bigint; newOrdinal: bigint }[]> {
  assertOrdinals(ordinals);
  if (mended !== undefined) {
    if (ordinals.length !== 1) throw invalid("a mended log record takes the place of exactly one");
    const { records, refused } = scan(mended, limits);
    if (records !== 1 || refused > 0) throw invalid(`a mended request holds one log record, and not ${records}`);
  }
  const done: { ordinal: bigint; newOrdinal: bigint }[] = [];
  for (const ordinal of ordinals) {
    try {
      const newOrdinal = await journal.requeue(route, ordinal, mended);
      if (newOrdinal === undefined) throw notThere(route, ordinal);
      done.push({ ordinal, newOrdinal });
    } catch (reason) {
      if (!(reason instanceof CollectorError) || done.length === 0) throw reason;
      const words = `${done.length} of ${ordinals.length} were sent again, and then: ${reason.message}`;
      throw new CollectorError(reason.code, words, { cause: reason });
    }
  }
  return done;
}

/** Lets entries go for good: those named, or all. Rejects with `precondition_failed` unless `confirmed` is their number. */
export async function discard(
  journal: QuarantineJournal,
  { route, ordinals, confirmed }: { route: string; ordinals: readonly bigint[]; confirmed: bigint },
): Promise<number> {
  assertOrdinals(ordinals);
  const count = ordinals.length > 0 ? ordinals.length : journal.quarantine.totals(route).entries;
  if (BigInt(count) !== confirmed) {
    const words = `${count} log records of route ${route} would be gone for good: confirm exactly that number, not ${confirmed}`;
    throw new CollectorError("precondition_failed", words);
  }
  for (const ordinal of ordinals) await readEntry(journal, route, ordinal);
  const chosen = [...ordinals];
  if (chosen.length === 0) {
    for await (const { ordinal } of journal.quarantine.all(route)) {
      if (chosen.push(ordinal) >= count) break;
    }
  }
  let discarded = 0;
  for (let at = 0; at < chosen.length; at += PAGE) {
    const gone = chosen.slice(at, at + PAGE).map((ordinal) => journal.quarantine.remove(route, ordinal));
    discarded += (await Promise.all(gone)).filter(Boolean).length;
  }
  return discarded;
}

function assertOrdinals(ordinals: readonly bigint[]): void {
  if (ordinals.length > ORDINALS_MAX) throw invalid(`a call names ${ORDINALS_MAX} ordinals at most`);
  if (new Set(ordinals).size < ordinals.length) throw invalid("an ordinal is named twice");
}

function invalid(message: string): CollectorError {
  return new CollectorError("invalid_request", message);
}

function notThere(route: string, ordinal: bigint): CollectorError {
  return new CollectorError("not_found", `log record ${ordinal} is not in the quarantine of route ${route}`);
}
