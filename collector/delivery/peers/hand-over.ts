/**
 * A collector that stops gives what it could not deliver to the others, so that a pod that goes with its volume takes no
 * log with it. After the routes have stopped: nothing is under way, and the ledgers say exactly what is open.
 *
 *   for each route: open range ─ read ─ cut to size ─> row "giving" ─> offer to one, then to the next ─> settled
 *
 * Each range goes to one route of the other collector, the one of the same name and stream: routes are behind by
 * different amounts, and so what two of them have not delivered goes twice. Nothing is settled without an answer of OK;
 * what nobody takes, or not in time, stays open in this journal, and is told with its place.
 *
 * The crash table is in journal/hand-overs.ts. An offer whose answer was lost (a deadline, a broken connection) goes to
 * the same collector again first: it knows what it has. Only when that one is gone does another get it, and then the log
 * says which records may be delivered twice.
 */
import { type ServiceError, status } from "@grpc/grpc-js";
import type { Clock } from "../../clock.ts";
import { AssertionError } from "../../errors.ts";
import type { HandOvers } from "../../journal/hand-overs.ts";
import type { Commit, Damage, JournalReader, RouteLedger } from "../../journal/port.ts";
import type { Log } from "../../log.ts";
import { extractRecords } from "../../otlp/edit.ts";
import { ENVELOPE_BYTES, type Waiting } from "./hand-over-protocol.ts";

/** Bytes of the request that is offered at once, where it can be cut so small. */
const OFFER_BYTES_AIM = 1024 * 1024;

/** How long one offer may take: it is written and synced there, twice over. */
const OFFER_MS_MAX = 5_000;

const RETRY_MS = 200;

export interface Receiver {
  readonly address: string;
  readonly collectorId: string;
}

export interface HandOverRoute {
  /** The stream's name as it is told to peers. */
  readonly stream: string;
  readonly ledger: RouteLedger;
}

export interface HandOverOptions {
  readonly journal: JournalReader & {
    readonly handOvers: Pick<HandOvers, "noteGiving" | "endGiving">;
    listSegments(): readonly { readonly end: bigint }[];
  };
  readonly routes: readonly HandOverRoute[];
  /** Who may take something now. */
  readonly receivers: () => readonly Receiver[];
  /** Bytes of the largest message that the others take, by what this one takes. */
  readonly requestBytesMax: number;
  readonly offer: (address: string, waiting: Waiting, signal: AbortSignal) => Promise<void>;
  readonly clock: Clock;
  readonly log: Log;
  /** Ends it before its time. */
  readonly signal?: AbortSignal;
}

/** What became of it, for each route. */
export interface HandOverResult {
  readonly route: string;
  readonly handedOver: number;
  /** Log records that are still open here. */
  readonly left: bigint;
  /** Why, in the words of the last one that took none; undefined where nothing is left. */
  readonly reason: string | undefined;
}

/** Gives away what is open, for `deadlineMs` milliseconds at most. Never rejects for what others do. */
export async function handOver(options: HandOverOptions, deadlineMs: number): Promise<HandOverResult[]> {
  const endsAtMs = options.clock.monotonicMs() + deadlineMs;
  const results: HandOverResult[] = [];
  for (const route of options.routes) results.push(await new Giver(options, route, endsAtMs).give());
  return results;
}

class Giver {
  readonly #options: HandOverOptions;
  readonly #route: HandOverRoute;
  readonly #endsAtMs: number;
  /** Those that will not take anything of this route any more. */
  readonly #refused = new Set<string>();
  #receiver: Receiver | undefined;
  #reason = "no other replica is reached";
  #handedOver = 0;
  #isNoted = false;
  /** Who may have what was offered last, since the answer was lost. */
  #doubtful: Receiver | undefined;

  constructor(options: HandOverOptions, route: HandOverRoute, endsAtMs: number) {
    this.#options = options;
    this.#route = route;
    this.#endsAtMs = endsAtMs;
  }

  async give(): Promise<HandOverResult> {
    const { journal } = this.#options;
    const { ledger } = this.#route;
    let position = ledger.cursor;
    let hasGiven = true;
    while (position < journal.head && hasGiven) {
      let item: Commit | Damage | undefined;
      try {
        item = await journal.read(position);
      } catch (reason) {
        // A disk that refuses one segment must not keep the others back with it.
        if (reason instanceof AssertionError) throw reason;
        this.#reason = reason instanceof Error ? reason.message : String(reason);
        const at = position;
        position = journal.listSegments().find(({ end }) => end > at)?.end ?? journal.head;
        continue;
      }
      if (item === undefined) break;
      const end = item.kind === "damage" ? item.end : item.first + BigInt(item.records);
      for (const range of ledger.openRanges(position, end)) {
        // Damage is told and settled at the next start, as delivery does it.
        if (item.kind === "damage") continue;
        if (item.isFor(ledger.route)) hasGiven = await this.#giveRange(item, range.first, range.end);
        else settle(ledger, range.first, range.end, "filtered");
        if (!hasGiven) break;
      }
      position = end;
    }
    // With an answer lost at the very end the row stays, and the next start tells of it.
    if (this.#isNoted && this.#doubtful === undefined) await journal.handOvers.endGiving(ledger.route);
    const left = ledger.openRanges(ledger.cursor, journal.head).reduce((sum, { first, end }) => sum + end - first, 0n);
    const reason = left === 0n ? undefined : this.#reason;
    return { route: ledger.route, handedOver: this.#handedOver, left, reason };
  }

  /** Gives [first, end) of a commit, in pieces of a size that others take. False when nobody took all of it in time. */
  async #giveRange(commit: Commit, first: bigint, end: bigint): Promise<boolean> {
    const bytesEach = commit.request.byteLength / commit.records;
    const bytesMax = Math.min(OFFER_BYTES_AIM, this.#options.requestBytesMax - ENVELOPE_BYTES);
    const recordsMax = Math.max(1, Math.floor(bytesMax / bytesEach));
    for (let from = first; from < end; from += BigInt(recordsMax)) {
      const to = from + BigInt(recordsMax) < end ? from + BigInt(recordsMax) : end;
      if (!(await this.#givePiece(commit, from, to))) return false;
    }
    return true;
  }

  async #givePiece(commit: Commit, first: bigint, end: bigint): Promise<boolean> {
    const { journal } = this.#options;
    const { ledger, stream } = this.#route;
    const records = Number(end - first);
    const from = Number(first - commit.first);
    const origin = commit.origin ?? { collectorId: journal.collectorId, first: commit.first };
    const waiting: Waiting = {
      collectorId: origin.collectorId,
      first: origin.first + BigInt(from),
      records,
      route: ledger.route,
      stream,
      request: records === commit.records ? commit.request : extractRecords(commit.request, from, from + records),
    };
    if (!(await this.#offerAround(waiting, { first, end }))) return false;
    settle(ledger, first, end, "handedOver");
    this.#handedOver += records;
    return true;
  }

  /** Offers it to one after the other until one has it, or the time is over. */
  async #offerAround(waiting: Waiting, range: { first: bigint; end: bigint }): Promise<boolean> {
    const { journal, clock, log, offer } = this.#options;
    for (;;) {
      const leftMs = this.#endsAtMs - clock.monotonicMs();
      if (leftMs <= 0 || this.#options.signal?.aborted === true) return false;
      const receiver = this.#choose();
      if (receiver === undefined) {
        await clock.sleep(Math.min(RETRY_MS, leftMs));
        continue;
      }
      const doubtful = this.#doubtful;
      if (doubtful !== undefined && doubtful.collectorId !== receiver.collectorId) {
        log.warn(
          {
            route: waiting.route,
            first: String(range.first),
            end: String(range.end),
            to: receiver.collectorId,
            and: doubtful.collectorId,
          },
          "the answer to a hand-over was lost and another replica takes it: these log records may be delivered twice, with the same record ids",
        );
        this.#doubtful = undefined;
      }
      this.#isNoted = true;
      const { collectorId, first, records } = waiting;
      const named = { collectorId, first, end: first + BigInt(records) };
      await journal.handOvers.noteGiving(waiting.route, range, receiver.collectorId, named);
      const late = new AbortController();
      const answered = new AbortController();
      void clock.sleep(Math.min(OFFER_MS_MAX, leftMs), answered.signal).then(() => late.abort());
      try {
        await offer(receiver.address, waiting, late.signal);
        this.#doubtful = undefined;
        return true;
      } catch (reason) {
        const { code, details } = reason as Partial<ServiceError>;
        this.#reason = `${receiver.address}: ${details ?? String(reason)}`;
        if (code === status.CANCELLED || code === status.DEADLINE_EXCEEDED || isCutOff(reason))
          this.#doubtful = receiver;
        else this.#refused.add(receiver.collectorId);
        if (!this.#isThere(receiver)) this.#receiver = undefined;
        await clock.sleep(Math.min(RETRY_MS, Math.max(0, this.#endsAtMs - clock.monotonicMs())));
      } finally {
        answered.abort();
      }
    }
  }

  /** The one that took the last piece, for as long as it takes more. */
  #choose(): Receiver | undefined {
    if (this.#receiver !== undefined && this.#isThere(this.#receiver)) return this.#receiver;
    const others = this.#options.receivers().filter(({ collectorId }) => !this.#refused.has(collectorId));
    this.#receiver = others[0];
    // Who had no room may have some by now.
    if (others.length === 0) this.#refused.clear();
    return this.#receiver;
  }

  #isThere({ collectorId }: Receiver): boolean {
    if (this.#refused.has(collectorId)) return false;
    return this.#options.receivers().some((each) => each.collectorId === collectorId);
  }
}

function settle(ledger: RouteLedger, first: bigint, end: bigint, as: "filtered" | "handedOver"): void {
  ledger.finish(first, end, { delivered: 0, filtered: 0, quarantined: 0, [as]: Number(end - first) });
}

/** UNAVAILABLE is said by the other one, with a code of ours, or by grpc-js of a connection: then nobody knows. */
function isCutOff(reason: unknown): boolean {
  const { code, metadata } = reason as Partial<ServiceError>;
  return code === status.UNAVAILABLE && metadata?.get("standpipe-code")[0] === undefined;
}
