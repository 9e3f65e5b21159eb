/**
 * The two ways to load an endpoint.
 *
 * - `saturate`: so many calls are open at all times, each answered one is followed by the next. Tells what it can do.
 * - `pace`: so many calls a second, whatever became of the ones before. The time of each is taken from when it was due,
 *   not from when it was sent, so that an endpoint that stalls can't hide the calls that had to wait for it.
 */
import { type Clock, systemClock } from "../clock.ts";
import { type CallStatus, type Connection, toFrame } from "./connection.ts";
import type { EncodedRequest } from "./requests.ts";

export interface LoadResult {
  readonly acknowledgedLogs: number;
  readonly acknowledgedBytes: number;
  /** From the first call to the last answer. */
  readonly elapsedMs: number;
  /** Of the calls that were acknowledged, in milliseconds. */
  readonly latenciesMs: readonly number[];
  /** Calls that were not, by how they ended. */
  readonly refused: Readonly<Record<string, number>>;
}

/** A framed request. */
export interface Frame {
  readonly bytes: Buffer;
  readonly records: number;
}

/** Requests in turn, endlessly: the next one is as unlike the last as it can be. */
export function createSupply(requests: readonly EncodedRequest[]): () => Frame {
  const frames = requests.map((request) => ({ bytes: toFrame(request), records: request.records }));
  let next = 0;
  return () => {
    const frame = frames[next % frames.length];
    next++;
    if (frame === undefined) throw new RangeError("there are no requests to send");
    return frame;
  };
}

/** How long to wait after a refusal: a refusing endpoint is not to be asked thousands of times a second. */
const REFUSED_PAUSE_MS = 20;

export async function saturate(options: {
  readonly connections: readonly Pick<Connection, "send">[];
  readonly callsEach: number;
  readonly durationMs: number;
  readonly supply: () => Frame;
  readonly clock?: Clock;
}): Promise<LoadResult> {
  const { connections, callsEach, durationMs, supply, clock = systemClock } = options;
  const tally = new Tally(clock);
  const keepSending = async (connection: Pick<Connection, "send">): Promise<void> => {
    while (tally.elapsedMs < durationMs) {
      const frame = supply();
      const sinceMs = clock.monotonicMs();
      const status = await connection.send(frame.bytes);
      tally.count(frame, status, clock.monotonicMs() - sinceMs);
      if (status !== 0) await clock.sleep(REFUSED_PAUSE_MS);
    }
  };
  const callers = connections.flatMap((connection) => Array.from({ length: callsEach }, () => keepSending(connection)));
  await Promise.all(callers);
  return tally.result();
}

export async function pace(options: {
  /** Takes a frame somewhere, and resolves with how that ended. */
  readonly send: (frame: Frame, turn: number) => Promise<CallStatus>;
  readonly callsPerSecond: number;
  readonly durationMs: number;
  readonly supply: () => Frame;
  readonly clock?: Clock;
}): Promise<LoadResult> {
  const { send, callsPerSecond, durationMs, supply, clock = systemClock } = options;
  const tally = new Tally(clock);
  const startMs = clock.monotonicMs();
  const calls = Math.floor((durationMs / 1000) * callsPerSecond);
  const open: Promise<void>[] = [];
  for (let turn = 0; turn < calls; turn++) {
    const dueMs = startMs + (turn * 1000) / callsPerSecond;
    const waitMs = dueMs - clock.monotonicMs();
    if (waitMs > 0) await clock.sleep(waitMs);
    const frame = supply();
    open.push(send(frame, turn).then((status) => tally.count(frame, status, clock.monotonicMs() - dueMs)));
  }
  await Promise.all(open);
  return tally.result();
}

class Tally {
  readonly #clock: Clock;
  readonly #startMs: number;
  readonly #latenciesMs: number[] = [];
  readonly #refused: Record<string, number> = {};
  #logs = 0;
  #bytes = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#startMs = clock.monotonicMs();
  }

  get elapsedMs(): number {
    return this.#clock.monotonicMs() - this.#startMs;
  }

  count(frame: Frame, status: CallStatus, latencyMs: number): void {
    if (status === 0) {
      this.#logs += frame.records;
      this.#bytes += frame.bytes.length;
      this.#latenciesMs.push(latencyMs);
    } else {
      const name = describeStatus(status);
      this.#refused[name] = (this.#refused[name] ?? 0) + 1;
    }
  }

  result(): LoadResult {
    return {
      acknowledgedLogs: this.#logs,
      acknowledgedBytes: this.#bytes,
      elapsedMs: this.elapsedMs,
      latenciesMs: this.#latenciesMs,
      refused: this.#refused,
    };
  }
}

/** The names of gRPC's statuses, by number. */
const STATUS_NAMES =
  "OK CANCELLED UNKNOWN INVALID_ARGUMENT DEADLINE_EXCEEDED NOT_FOUND ALREADY_EXISTS PERMISSION_DENIED RESOURCE_EXHAUSTED FAILED_PRECONDITION ABORTED OUT_OF_RANGE UNIMPLEMENTED INTERNAL UNAVAILABLE DATA_LOSS UNAUTHENTICATED".split(
    " ",
  );

/** The name of how a call ended. */
export function describeStatus(status: CallStatus): string {
  return typeof status === "string" ? status : (STATUS_NAMES[status] ?? `status ${status}`);
}
