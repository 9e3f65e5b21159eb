/**
 * Trouble on order. A fault says what happens (`kind`), to which calls (`stream`, `operations`), and when: after a
 * number of calls or milliseconds, for a number of calls or milliseconds, with a probability. Several may be active;
 * latencies add up, of errors the first one wins. Pure: time and chance are passed in.
 *
 * Where in a call each kind acts, in order: outage (before a byte is read), error at the front (authorization, 5xx),
 * poison (with validation), error of the stream (missing, KMS, source), throttle and record_failure (with the quota),
 * storage_down (between buffer and bucket), lost_answer (after everything is stored), latency (before the answer).
 */
import { z } from "zod";
import type { Random } from "./clock.ts";
import { FirehoseError, internalFailure, slowDown, streamNotFound } from "./errors.ts";
import { type ThrottlePattern, throttledPositions } from "./quota.ts";

/** Errors that an `error` fault can answer with; those of the stream come after validation. */
const ERRORS = {
  service_unavailable: { at: "front", make: slowDown },
  internal_failure: { at: "front", make: internalFailure },
  /** A 503 from something in between, with a body that is no JSON. */
  bad_gateway: { at: "front", make: () => new FirehoseError("", "<html><body>503</body></html>", { status: 503 }) },
  throttling: { at: "front", make: () => new FirehoseError("ThrottlingException", "Rate exceeded") },
  expired_token: {
    at: "front",
    make: () => new FirehoseError("ExpiredTokenException", "The security token included in the request is expired"),
  },
  unrecognized_client: {
    at: "front",
    make: () =>
      new FirehoseError("UnrecognizedClientException", "The security token included in the request is invalid."),
  },
  access_denied: {
    at: "front",
    make: (call: FaultCall) =>
      new FirehoseError(
        "AccessDeniedException",
        `User: arn:aws:sts::${call.accountId}:assumed-role/local is not authorized to perform: ` +
          `${call.operation === "GetMetricData" ? "cloudwatch" : "firehose"}:${call.operation} on resource: ${call.streamName}`,
      ),
  },
  missing_stream: { at: "stream", make: (call: FaultCall) => streamNotFound(call.streamName ?? "", call.accountId) },
  kms: {
    at: "stream",
    make: () =>
      new FirehoseError("InvalidKMSResourceException", "The KMS key of the stream is disabled.", {
        code: "KMS.DisabledException",
      }),
  },
  invalid_source: {
    at: "stream",
    make: () =>
      new FirehoseError("InvalidSourceException", "Only CloudWatch Logs can put records to this stream.", {
        code: "InvalidSourceException",
      }),
  },
} as const satisfies Record<string, { at: "front" | "stream"; make: (call: FaultCall) => FirehoseError }>;

const errorNames = Object.keys(ERRORS) as [keyof typeof ERRORS, ...(keyof typeof ERRORS)[]];

const when = {
  /** Of the calls that match, leave out that many first. */
  afterCalls: z.int().min(0).optional(),
  /** Of those that follow, act on that many; without it, on all. */
  calls: z.int().min(1).optional(),
  afterMs: z.number().min(0).optional(),
  durationMs: z.number().min(0).optional(),
  /** Of the calls that are due, act on this share. */
  probability: z.number().min(0).max(1).optional(),
};
const which = {
  /** Only calls to this stream. */
  stream: z.string().optional(),
  /** PutRecord and PutRecordBatch unless told. */
  operations: z.array(z.string()).optional(),
};

const pattern = z.enum(["suffix", "prefix", "random", "all"]);

export const FAULT_SCHEMA = z.discriminatedUnion("kind", [
  z.strictObject({
    kind: z.literal("throttle"),
    pattern,
    fraction: z.number().min(0).max(1).default(0.5),
    ...when,
    ...which,
  }),
  z.strictObject({ kind: z.literal("error"), error: z.enum(errorNames), ...when, ...which }),
  /** `positions` from 0; without them every record fails with probability `share`. */
  z.strictObject({
    kind: z.literal("record_failure"),
    positions: z.array(z.int().min(0)).optional(),
    share: z.number().min(0).max(1).default(0.1),
    ...when,
    ...which,
  }),
  z.strictObject({
    kind: z.literal("lost_answer"),
    how: z.enum(["reset", "hang"]).default("reset"),
    ...when,
    ...which,
  }),
  z.strictObject({
    kind: z.literal("latency"),
    ms: z.number().min(0),
    /** Up to that much more, evenly spread. */
    jitterMs: z.number().min(0).default(0),
    ...when,
    ...which,
  }),
  z.strictObject({ kind: z.literal("outage"), ...when }),
  /** A call with a record that holds `marker` (UTF-8) is refused as a whole. */
  z.strictObject({ kind: z.literal("poison"), marker: z.string().min(1), ...when, ...which }),
  z.strictObject({ kind: z.literal("storage_down"), afterMs: when.afterMs, durationMs: when.durationMs }),
]);

/** A fault as it is ordered. */
export type Fault = z.input<typeof FAULT_SCHEMA>;
type CompleteFault = z.output<typeof FAULT_SCHEMA>;

export interface FaultCall {
  readonly operation: string;
  readonly streamName: string | null;
  readonly accountId: string;
}

/** All that befalls one call. */
export interface FaultEffects {
  readonly latencyMs: number;
  readonly frontError: FirehoseError | undefined;
  readonly streamError: FirehoseError | undefined;
  readonly poisonMarkers: readonly Buffer[];
  readonly throttles: readonly { readonly pattern: ThrottlePattern; readonly fraction: number }[];
  readonly recordFailures: readonly { readonly positions: readonly number[] | undefined; readonly share: number }[];
  readonly lost: "reset" | "hang" | undefined;
}

/** A fault in force, as it is listed. */
export interface FaultStatus {
  readonly id: number;
  readonly fault: CompleteFault;
  /** Calls that matched since it was set. */
  readonly matched: number;
  /** Calls it acted on. */
  readonly acted: number;
}

interface Entry {
  readonly id: number;
  readonly fault: CompleteFault;
  readonly setMs: number;
  matched: number;
  acted: number;
}

const PUTS: readonly string[] = ["PutRecord", "PutRecordBatch"];

const NOTHING: FaultEffects = {
  latencyMs: 0,
  frontError: undefined,
  streamError: undefined,
  poisonMarkers: [],
  throttles: [],
  recordFailures: [],
  lost: undefined,
};

export class FaultPlan {
  readonly #nowMs: () => number;
  readonly #random: Random;
  #entries: Entry[] = [];
  #nextId = 1;

  constructor(nowMs: () => number, random: Random) {
    this.#nowMs = nowMs;
    this.#random = random;
  }

  /** Sets a fault, from now on. Returns its id. Throws an Error of one sentence for what is no fault. */
  add(fault: unknown): number {
    const parsed = FAULT_SCHEMA.safeParse(fault);
    if (!parsed.success) {
      const problems = parsed.error.issues.map(({ path, message }) => `${path.join(".") || "fault"}: ${message}`);
      throw new Error(`this is no fault: ${problems.join("; ")}`);
    }
    const id = this.#nextId++;
    this.#entries.push({ id, fault: parsed.data, setMs: this.#nowMs(), matched: 0, acted: 0 });
    return id;
  }

  /** Takes one back, or all. Returns how many there were. */
  clear(id?: number): number {
    const before = this.#entries.length;
    this.#entries = id === undefined ? [] : this.#entries.filter((entry) => entry.id !== id);
    return before - this.#entries.length;
  }

  list(): FaultStatus[] {
    return this.#entries.map(({ id, fault, matched, acted }) => ({ id, fault, matched, acted }));
  }

  /** Whether a call that arrives now finds nobody. */
  hitsOutage(): boolean {
    if (this.#entries.length === 0) return false;
    return this.#hits((fault) => fault.kind === "outage").length > 0;
  }

  /** Whether S3 can't be written now. */
  isStorageDown(): boolean {
    return this.#entries.some((entry) => entry.fault.kind === "storage_down" && this.#inTime(entry));
  }

  /** All that befalls a call that was read. */
  effectsOn(call: FaultCall): FaultEffects {
    if (this.#entries.length === 0) return NOTHING;
    const hits = this.#hits((fault) => {
      if (fault.kind === "outage" || fault.kind === "storage_down") return false;
      if (fault.stream !== undefined && fault.stream !== call.streamName) return false;
      return (fault.operations ?? PUTS).includes(call.operation);
    });
    const error = (at: "front" | "stream"): FirehoseError | undefined => {
      const first = hits.find((fault) => fault.kind === "error" && ERRORS[fault.error].at === at);
      return first?.kind === "error" ? ERRORS[first.error].make(call) : undefined;
    };
    return {
      latencyMs: hits
        .filter((fault) => fault.kind === "latency")
        .reduce((sum, { ms, jitterMs }) => sum + ms + (jitterMs > 0 ? this.#random() * jitterMs : 0), 0),
      frontError: error("front"),
      streamError: error("stream"),
      poisonMarkers: hits.filter((fault) => fault.kind === "poison").map(({ marker }) => Buffer.from(marker)),
      throttles: hits.filter((fault) => fault.kind === "throttle"),
      recordFailures: hits
        .filter((fault) => fault.kind === "record_failure")
        .map(({ positions, share }) => ({ positions, share })),
      lost: hits.find((fault) => fault.kind === "lost_answer")?.how,
    };
  }

  #hits(matches: (fault: CompleteFault) => boolean): CompleteFault[] {
    return this.#entries.filter((entry) => matches(entry.fault) && this.#acts(entry)).map(({ fault }) => fault);
  }

  #acts(entry: Entry): boolean {
    if (entry.fault.kind === "storage_down" || !this.#inTime(entry)) return false;
    const { afterCalls = 0, calls = Number.POSITIVE_INFINITY, probability = 1 } = entry.fault;
    const turn = entry.matched++ - afterCalls;
    if (turn < 0 || turn >= calls || (probability < 1 && this.#random() >= probability)) return false;
    entry.acted++;
    return true;
  }

  #inTime({ fault: { afterMs = 0, durationMs = Number.POSITIVE_INFINITY }, setMs }: Entry): boolean {
    const sinceMs = this.#nowMs() - setMs - afterMs;
    return sinceMs >= 0 && sinceMs < durationMs;
  }
}

/** The positions, of `length` records, that the faults refuse: throttled ones and failed ones. */
export function refusedPositions(
  effects: FaultEffects,
  length: number,
  random: Random,
): { throttled: number[]; failed: number[] } {
  const failed = effects.recordFailures.flatMap(({ positions, share }) =>
    positions === undefined
      ? Array.from({ length }, (_, index) => index).filter(() => random() < share)
      : positions.filter((position) => position < length),
  );
  const throttled = effects.throttles.flatMap(({ pattern, fraction }) =>
    throttledPositions(length, fraction, pattern, random),
  );
  return { throttled, failed };
}
