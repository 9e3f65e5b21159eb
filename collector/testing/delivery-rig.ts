/** Everything around a Delivery, in memory and on a virtual clock, for its tests. */
import type { Random } from "../clock.ts";
import { Delivery, type Sink } from "../delivery/delivery.ts";
import type { DeliveryLimits } from "../delivery/delivery-limits.ts";
import { Pacer, type Quota } from "../delivery/pacing/pacer.ts";
import { type Compression, compressNow } from "../delivery/packing/compress.ts";
import type { Oversize } from "../delivery/packing/oversize.ts";
import type { ExtractRecord } from "../delivery/read-ahead.ts";
import { type Log, silentLog } from "../log.ts";
import { type Behaviour, FakeSink, type SeenCall } from "./fake-sink.ts";
import { extractLine, LineTranscoder, MemoryJournal, MemoryLedger } from "./memory-journal.ts";
import { VirtualClock } from "./virtual-clock.ts";

export interface Rig {
  readonly clock: VirtualClock;
  readonly journal: MemoryJournal;
  readonly ledger: MemoryLedger;
  readonly transcoder: LineTranscoder;
  readonly pacer: Pacer;
  readonly delivery: Delivery;
}

/** Small enough that a few hundred lines fill everything. */
export const SMALL_LIMITS: Partial<DeliveryLimits> = {
  recordBytesMax: 200,
  callBytesMax: 800,
  callRecordsMax: 4,
  readAheadBytesMax: 20_000,
};

export const WIDE_QUOTA: Quota = { bytesPerSecond: 1e9, recordsPerSecond: 1e6, requestsPerSecond: 1e6 };

export interface RigOptions {
  readonly limits?: Partial<DeliveryLimits>;
  readonly quota?: Quota;
  readonly compression?: Compression;
  readonly oversize?: Oversize;
  readonly random?: Random;
  readonly log?: Log;
  readonly extractRecord?: ExtractRecord;
  /** To go on after a restart. */
  readonly clock?: VirtualClock;
  readonly journal?: MemoryJournal;
  readonly ledger?: MemoryLedger;
}

/** A delivery that is not started yet. Chance is 0.5 unless told. */
export function createRig(sink: (clock: VirtualClock) => Sink, options: RigOptions = {}): Rig {
  const clock = options.clock ?? new VirtualClock();
  const journal = options.journal ?? new MemoryJournal();
  const ledger = options.ledger ?? new MemoryLedger();
  const transcoder = new LineTranscoder();
  const pacer = new Pacer({ clock, quota: options.quota ?? WIDE_QUOTA });
  const delivery = new Delivery({
    journal,
    ledger,
    sink: sink(clock),
    transcoder,
    extractRecord: options.extractRecord ?? extractLine,
    pacer,
    compression: options.compression ?? "none",
    // At once: another thread does not follow the virtual clock.
    compress: async (codec, bytes) => compressNow(codec, bytes),
    oversize: options.oversize ?? "split",
    clock,
    random: options.random ?? (() => 0.5),
    log: options.log ?? silentLog,
    limits: { ...SMALL_LIMITS, ...options.limits },
  });
  return { clock, journal, ledger, transcoder, pacer, delivery };
}

/** The same with a fake sink that does as told, after `latencyMs` (5 unless told). */
export function rigWith(
  behave: (call: SeenCall) => Behaviour,
  options: RigOptions & { latencyMs?: number | ((call: number) => number) } = {},
): Rig & { readonly sink: FakeSink } {
  const clock = options.clock ?? new VirtualClock();
  const latency = options.latencyMs ?? 5;
  const latencyMs = typeof latency === "number" ? () => latency : latency;
  const sink = new FakeSink({ clock, behave, latencyMs });
  return { ...createRig(() => sink, { ...options, clock }), sink };
}

/** Log lines as objects, for tests of what the operator is told. */
export function recordingLog(create: (stream: { write(line: string): void }) => Log): {
  log: Log;
  lines: { level: number; msg: string; [key: string]: unknown }[];
} {
  const lines: { level: number; msg: string; [key: string]: unknown }[] = [];
  return { log: create({ write: (line) => void lines.push(JSON.parse(line)) }), lines };
}

/** Numbered lines, each different, `length` bytes with the newline. */
export function numberedLines(first: number, count: number, length = 40): string[] {
  return Array.from({ length: count }, (_, index) => `line ${first + index} `.padEnd(length - 1, "."));
}

/** Moves time on in steps of `stepMs` until `done`, for at most `limitMs`. Says whether it came to that. */
export async function advanceUntil(
  clock: VirtualClock,
  done: () => boolean,
  limitMs: number,
  stepMs = 50,
): Promise<boolean> {
  for (let passedMs = 0; passedMs < limitMs && !done(); passedMs += stepMs) await clock.advance(stepMs);
  return done();
}
