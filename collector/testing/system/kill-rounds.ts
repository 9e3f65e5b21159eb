/**
 * Kill the collector at random moments under load, start it again, many times, and hold the promises to what is found in
 * the objects. Used by the suite (50 rounds) and by ../soak.ts (as many as asked for).
 *
 * A round is one life of the process: it is started, killed with SIGKILL after a random while (in some rounds before it
 * even takes logs), and what it left is started again. Senders never stop. Between a start and the kill the ledger is read
 * and held to what senders and Firehose know, who are both outside of the process.
 */
import { expect } from "bun:test";
import type { Random } from "../../clock.ts";
import { CollectorProcess, freePorts, type LedgerView, type Settings, type StatusView } from "./collector-process.ts";
import { countBy, type DeliveredLine, type ObservedFirehose, startFirehose } from "./observed-firehose.ts";
import { Sender } from "./sender.ts";

export interface KillRoundsOptions {
  readonly directory: string;
  readonly rounds: number;
  readonly random: Random;
  /** Longest life of the process after its start, in milliseconds. */
  readonly lifeMsMax?: number;
  /** Ends the rounds early, whatever their number. */
  readonly isOver?: () => boolean;
  readonly onRound?: (round: number, acknowledged: number) => void;
}

export interface KillReport {
  readonly rounds: number;
  readonly killedInStart: number;
  readonly acknowledged: number;
  /** Log records in the objects, each ordinal once. */
  readonly delivered: number;
  /** Acknowledged and not in the objects. */
  readonly lost: readonly string[];
  /** Records that their sender sent again, and that were taken twice: two ordinals. */
  readonly doubledBySenders: number;
  /** Lines with an ordinal that was delivered before. */
  readonly doubledByKills: number;
  /** The most of those, in bytes of lines, that one kill is to blame for. */
  readonly doubledBytesOfOneKill: number;
}

const SENDERS = 4;
const CALLS_IN_FLIGHT_MAX = 2;
const BYTES_PER_SECOND = 1_048_576;
/** Delivery gives no call more than 200 ms of the rate. */
const CALL_BYTES_MAX = BYTES_PER_SECOND * 0.2;
/** What one kill may double: the calls that were open. */
export const DOUBLED_BYTES_MAX = CALLS_IN_FLIGHT_MAX * CALL_BYTES_MAX;

const SETTINGS: Settings = {
  // Small segments, so that kills also hit them being made, closed and deleted.
  journal: { segmentBytesMax: "1MiB" },
  firehose: { recordId: true, bytesPerSecond: BYTES_PER_SECOND, callsInFlightMax: CALLS_IN_FLIGHT_MAX },
  shutdown: { drainMsMax: 10_000 },
};

/** Runs the rounds, checks after each start and at the end, and tells what was found. Throws where a promise is broken. */
export async function runKillRounds(options: KillRoundsOptions): Promise<KillReport> {
  const { directory, random } = options;
  await using firehose = await startFirehose(directory, { random });
  // Calls that are open for a while, and some that fail in part: both must meet kills.
  firehose.local.faults.add({ kind: "latency", ms: 5, jitterMs: 60 });
  firehose.local.faults.add({ kind: "throttle", pattern: "random", fraction: 0.3, probability: 0.1 });
  const ports = await freePorts();
  const start = (): CollectorProcess => {
    firehose.life++;
    return CollectorProcess.spawn({ directory, endpoint: firehose.local.url, ports, settings: SETTINGS });
  };
  const senders = Array.from(
    { length: SENDERS },
    (_, index) =>
      new Sender({ name: `sender${index}`, port: ports.ingest, recordsPerRequest: 1 + index * 10, pauseMs: 15 }),
  );
  const stopping = new AbortController();
  const sending = Promise.all(senders.map((sender) => sender.run(stopping.signal)));
  sending.catch(() => undefined);
  const known = new Ground(firehose, senders);
  let rounds = 0;
  let killedInStart = 0;
  try {
    for (; rounds < options.rounds && options.isOver?.() !== true; rounds++) {
      await using collector = start();
      if (random() < 0.15) {
        killedInStart++;
        await Bun.sleep(random() * 600);
      } else {
        await Promise.race([collector.ready(), sending]);
        known.check(await collector.status());
        await Promise.race([Bun.sleep(random() * (options.lifeMsMax ?? 700)), sending]);
        if (random() < 0.5) known.check(await collector.status());
      }
      await collector.end("SIGKILL");
      options.onRound?.(rounds + 1, known.acknowledged);
    }
    await using collector = start();
    await collector.ready();
    stopping.abort();
    await sending;
    const { journal, routes } = await collector.until((status) => status.routes[0].ledger.waiting === 0);
    const lines = await firehose.lines();
    const report = known.report(lines, rounds, killedInStart);
    const settled: LedgerView = {
      accepted: journal.head,
      delivered: journal.head,
      filtered: 0,
      quarantined: 0,
      waiting: 0,
      replayed: 0,
      handedOver: 0,
    };
    expect({ ...routes[0].ledger, ordinals: report.delivered }).toEqual({ ...settled, ordinals: journal.head });
    expect(await collector.end("SIGTERM")).toBe(0);
    return report;
  } finally {
    stopping.abort();
    for (const sender of senders) sender[Symbol.dispose]();
  }
}

/** What is known outside of the collector, and what follows for it. */
class Ground {
  readonly #firehose: ObservedFirehose;
  readonly #senders: readonly Sender[];
  /** Ordinals that were in any call, of the first `callsSeen` calls. */
  readonly #seen = new Set<number>();
  #callsSeen = 0;
  #head = 0;
  #tail = 0;
  #cursor = 0;

  constructor(firehose: ObservedFirehose, senders: readonly Sender[]) {
    this.#firehose = firehose;
    this.#senders = senders;
  }

  get acknowledged(): number {
    return this.#senders.reduce((sum, sender) => sum + sender.acknowledged.size, 0);
  }

  /** Holds a status to what was known before it was asked for. The cursor may fall back over a kill, head and tail not. */
  check({ journal, routes: [route] }: StatusView): void {
    const { accepted, delivered, filtered, quarantined, waiting } = route.ledger;
    expect(accepted).toBe(journal.head);
    expect(delivered + filtered + quarantined + waiting).toBe(accepted);
    expect(Math.min(delivered, waiting)).toBeGreaterThanOrEqual(0);
    expect([filtered, quarantined]).toEqual([0, 0]);
    expect(route.cursor).toBeLessThanOrEqual(delivered);
    expect(journal.tail).toBeLessThanOrEqual(route.cursor);
    expect(journal.head).toBeGreaterThanOrEqual(this.#head);
    expect(journal.tail).toBeGreaterThanOrEqual(this.#tail);
    // Nothing counts as delivered that Firehose has not seen.
    const { calls } = this.#firehose;
    for (; this.#callsSeen < calls.length; this.#callsSeen++) {
      for (const ordinal of calls[this.#callsSeen]?.ordinals ?? []) this.#seen.add(ordinal);
    }
    expect(delivered).toBeLessThanOrEqual(this.#seen.size);
    for (let ordinal = this.#cursor; ordinal < route.cursor; ordinal++) {
      if (!this.#seen.has(ordinal)) throw new Error(`the cursor passed ${ordinal}, which Firehose never saw`);
    }
    this.#head = journal.head;
    this.#tail = journal.tail;
    this.#cursor = Math.max(this.#cursor, route.cursor);
  }

  report(lines: readonly DeliveredLine[], rounds: number, killedInStart: number): KillReport {
    const byOrdinal = new Map(lines.map((line) => [line.ordinal, line]));
    const ordinalsOfKey = countBy([...byOrdinal.values()], ({ key }) => key);
    const lost = this.#senders.flatMap(({ acknowledged }) =>
      [...acknowledged].filter((key) => !ordinalsOfKey.has(key)),
    );
    let doubledBySenders = 0;
    for (const sender of this.#senders) {
      for (const [key, attempts] of sender.attempts) {
        const ordinals = ordinalsOfKey.get(key) ?? 0;
        // More ordinals than times it was sent: the collector would have doubled it.
        expect(ordinals).toBeLessThanOrEqual(attempts);
        doubledBySenders += Math.max(0, ordinals - 1);
      }
    }
    const bytesOfLife = this.#doubledBytesOfLife(lines, byOrdinal);
    return {
      rounds,
      killedInStart,
      acknowledged: this.acknowledged,
      delivered: byOrdinal.size,
      lost,
      doubledBySenders,
      doubledByKills: lines.length - byOrdinal.size,
      doubledBytesOfOneKill: Math.max(0, ...bytesOfLife.values()),
    };
  }

  /** Bytes of what was delivered more than once, by the life of the collector that ended before the repetition. */
  #doubledBytesOfLife(
    lines: readonly DeliveredLine[],
    byOrdinal: ReadonlyMap<number, DeliveredLine>,
  ): Map<number, number> {
    const livesOfOrdinal = new Map<number, Set<number>>();
    for (const { life, ordinals } of this.#firehose.calls) {
      for (const ordinal of ordinals) {
        const lives = livesOfOrdinal.get(ordinal);
        if (lives === undefined) livesOfOrdinal.set(ordinal, new Set([life]));
        else lives.add(life);
      }
    }
    const bytes = new Map<number, number>();
    for (const [ordinal, times] of countBy(lines, (line) => line.ordinal)) {
      if (times === 1) continue;
      const lives = [...(livesOfOrdinal.get(ordinal) ?? [])].sort((a, b) => a - b);
      // Within one life nothing is doubled: each repetition belongs to another one.
      expect(times).toBeLessThanOrEqual(lives.length);
      for (const life of lives.slice(0, -1)) {
        bytes.set(life, (bytes.get(life) ?? 0) + (byOrdinal.get(ordinal)?.bytes ?? 0));
      }
    }
    return bytes;
  }
}

/** Small, fast and seeded (mulberry32): a run can be repeated as far as a machine's timing allows. */
export function seededRandom(seed: number): Random {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
