/**
 * The local Firehose without its socket. Read this first; server.ts only carries bytes to it.
 *
 *   call ─> faults: front ─> read ─> validation ─> 4 MiB ─> stream state ─> faults: stream ─> quota ─> buffer ─> answer
 *                                                                              │
 *                              bucket <── publish <── stage <── compress <── object, cut by size or age
 *
 * `handle` is synchronous and pure but for the clock and the random source passed in: a virtual clock makes a day pass
 * in milliseconds, and a simulation can run it without any I/O (a MemoryObjectStore). `run` cuts buffers when they are
 * due. A body that can't be read at all is refused before faults at the front, since nobody knows yet what it asks for.
 */
import type { Clock, Random } from "./clock.ts";
import { getMetricData } from "./cloudwatch.ts";
import { ControlPlane } from "./control-plane.ts";
import {
  FirehoseError,
  internalFailure,
  invalidArgument,
  signatureOutOfTime,
  slowDown,
  streamNotFound,
} from "./errors.ts";
import { type FaultEffects, FaultPlan } from "./faults.ts";
import { GUESSES_DEFAULT, type Guesses } from "./guesses.ts";
import { CLOCK_SKEW_MS_MAX, RECORD_ID_LENGTH } from "./limits.ts";
import type { StreamCounters } from "./meter.ts";
import type { ObjectStore } from "./object-store.ts";
import { ObjectWriter } from "./object-writer.ts";
import { type CheckedPut, checkPut, type PutOperation, parseObject, poisonError, readPut } from "./put-request.ts";
import { RECORD_TAKEN, RECORD_THROTTLED } from "./quota.ts";
import { DeliveryStream, type PutResult } from "./stream.ts";
import { completeStream, type StreamOptions } from "./stream-settings.ts";

export interface ServiceOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly store: ObjectStore;
  readonly streams?: readonly StreamOptions[];
  readonly guesses?: Partial<Guesses>;
  /** What CreateDeliveryStream uses for all that the API doesn't say: the quota and its pattern, for example. */
  readonly streamDefaults?: Partial<Omit<StreamOptions, "name">>;
  /** How long a stream that was created over the API stays CREATING. */
  readonly createMs?: number;
  /** Whether a call without Authorization is refused, and one whose date is off by 5 minutes. No signature is checked. */
  readonly checkAuthorization?: boolean;
  readonly accountId?: string;
  readonly region?: string;
  /** Told of trouble that is no fault, for example a full disk. */
  readonly onTrouble?: (reason: unknown) => void;
}

/** One call, as it came over the wire. */
export interface ServiceCall {
  /** The header x-amz-target: `Firehose_20150804.PutRecordBatch` for example, or CloudWatch's GetMetricData. */
  readonly target: string;
  readonly body: Buffer;
  /** The headers authorization and x-amz-date; null where there are none. */
  readonly authorization: string | null;
  readonly date: string | null;
}

export interface ServiceAnswer {
  readonly status: number;
  readonly body: string;
  /** The `__type`, where it is an error. */
  readonly errorType: string | undefined;
  /** How long to wait before it. */
  readonly latencyMs: number;
  /** `reset` and `hang`: the work is done, and the client never learns of it. */
  readonly fate: "answer" | "reset" | "hang";
}

const TARGET = /^Firehose_20150804\.(\w+)$/;
const METRICS_TARGET = "GraniteServiceVersion20100801.GetMetricData";
const IDLE_MS = 60 * 60 * 1000;

export class FirehoseService {
  readonly faults: FaultPlan;
  readonly streams: Map<string, DeliveryStream>;
  readonly guesses: Guesses;
  readonly clock: Clock;
  readonly #options: Required<Omit<ServiceOptions, "streams" | "guesses" | "streamDefaults" | "onTrouble">>;
  readonly #control: ControlPlane;
  readonly #writer: ObjectWriter;
  readonly #recordIdHead: string;
  #recordIds = 0;
  #wakeMs = Number.POSITIVE_INFINITY;
  #wake = new AbortController();

  /** Throws a FirehoseError where a stream's settings are not valid. */
  constructor(options: ServiceOptions) {
    this.#options = {
      createMs: 0,
      checkAuthorization: false,
      accountId: "123456789012",
      region: "us-east-1",
      ...options,
    };
    const { clock, random, store, accountId, region, createMs } = this.#options;
    this.clock = clock;
    this.guesses = { ...GUESSES_DEFAULT, ...options.guesses };
    this.faults = new FaultPlan(() => clock.nowMs(), random);
    this.#recordIdHead = randomBase64(RECORD_ID_LENGTH - 24, random);
    this.#writer = new ObjectWriter({
      store,
      clock,
      isDown: () => this.faults.isStorageDown(),
      onTrouble: options.onTrouble ?? (() => undefined),
    });
    const context = {
      random,
      guesses: this.guesses,
      nowMs: () => clock.nowMs(),
      deliver: this.#writer.add.bind(this.#writer),
    };
    this.#control = new ControlPlane({
      nowMs: context.nowMs,
      accountId,
      region,
      createMs,
      streamDefaults: options.streamDefaults ?? {},
      createStream: (settings) => new DeliveryStream(settings, context),
    });
    this.streams = this.#control.streams;
    for (const stream of options.streams ?? []) this.#control.add(completeStream(stream));
  }

  /** Answers one call. Never throws. */
  handle(call: ServiceCall): ServiceAnswer {
    const isMetrics = call.target === METRICS_TARGET;
    const operation = isMetrics ? "GetMetricData" : (TARGET.exec(call.target)?.[1] ?? "");
    let effects: FaultEffects | undefined;
    const begin = (name: string | null): FaultEffects => {
      effects = this.faults.effectsOn({ operation, streamName: name, accountId: this.#options.accountId });
      if (effects.frontError !== undefined) throw effects.frontError;
      return effects;
    };
    try {
      this.#checkAuthorization(call);
      if (operation === "PutRecord" || operation === "PutRecordBatch") {
        return answer(200, this.#put(operation, call.body, begin), effects);
      }
      const fields = parseObject(call.body);
      const named = fields.DeliveryStreamName;
      const { streamError } = begin(typeof named === "string" ? named : null);
      if (streamError !== undefined) throw streamError;
      if (isMetrics) return answer(200, JSON.stringify(getMetricData(this.streams, fields)), effects);
      return answer(200, JSON.stringify(this.#control.handle(operation, fields)), effects);
    } catch (reason) {
      const error = reason instanceof FirehoseError ? reason : this.#bug(reason);
      return {
        ...answer(error.status, error.type === "" ? error.message : error.toJson(), effects),
        errorType: error.type,
      };
    }
  }

  /** Cuts buffers when they are due, until `signal` is aborted. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const nowMs = this.clock.nowMs();
      let dueMs = nowMs + IDLE_MS;
      for (const stream of this.streams.values()) {
        stream.cutDue();
        dueMs = Math.min(dueMs, stream.dueMs ?? dueMs);
      }
      this.#wakeMs = dueMs;
      this.#wake = new AbortController();
      await this.clock.sleep(Math.max(0, dueMs - nowMs), AbortSignal.any([signal, this.#wake.signal]));
    }
  }

  /** Resolves when the objects on their way are few enough to take another call. */
  room(): Promise<void> | undefined {
    return this.#writer.hasRoom ? undefined : this.#writer.room();
  }

  /** Cuts all buffers, and resolves when everything is visible in the bucket, or waits because S3 is down. */
  async flush(): Promise<void> {
    for (const stream of this.streams.values()) stream.cutAll();
    await this.#writer.settled();
  }

  /** As `flush`, whatever the faults say. */
  async close(): Promise<void> {
    for (const stream of this.streams.values()) stream.cutAll();
    await this.#writer.close();
  }

  /** The counts of a stream. Throws an Error where there is none of that name. */
  counters(streamName: string): Readonly<StreamCounters> {
    const stream = this.streams.get(streamName);
    if (stream === undefined) throw new Error(`there is no stream ${streamName}`);
    return stream.meter.counters;
  }

  #put(operation: PutOperation, body: Buffer, begin: (name: string | null) => FaultEffects): string {
    const request = readPut(operation, body, (name) => !(this.streams.get(name)?.settings.discard ?? false));
    const named = this.streams.get(request.streamName ?? "");
    let effects: FaultEffects;
    let stream: DeliveryStream;
    let checked: CheckedPut;
    try {
      effects = begin(request.streamName);
      checked = checkPut(request, this.guesses);
      checkPoison(checked, effects);
      stream = this.#activeStream(checked.streamName);
      if (effects.streamError !== undefined) throw effects.streamError;
    } catch (reason) {
      if (named !== undefined) named.meter.counters.refusedCalls++;
      throw reason;
    }
    const result = stream.put(checked, effects);
    if (effects.lost !== undefined) stream.meter.counters.lostAnswers++;
    if ((stream.dueMs ?? Number.POSITIVE_INFINITY) < this.#wakeMs) this.#wake.abort();
    return operation === "PutRecord" ? this.#recordAnswer(result) : this.#batchAnswer(result);
  }

  #activeStream(name: string): DeliveryStream {
    const stream = this.streams.get(name);
    if (stream === undefined) throw streamNotFound(name, this.#options.accountId);
    if (this.#control.statusOf(stream) === "ACTIVE") return stream;
    throw this.guesses.inactiveStream === "ResourceNotFoundException"
      ? streamNotFound(name, this.#options.accountId)
      : invalidArgument(`Firehose ${name} is not in ACTIVE state.`);
  }

  #recordAnswer({ fates: [fate], asCall }: PutResult): string {
    if (asCall || fate === RECORD_THROTTLED) throw slowDown();
    if (fate !== RECORD_TAKEN) throw internalFailure();
    return `{"Encrypted":false,"RecordId":"${this.#recordId()}"}`;
  }

  #batchAnswer({ fates, failed, asCall }: PutResult): string {
    if (asCall) throw slowDown();
    let entries = "";
    for (let index = 0; index < fates.length; index++) {
      if (index > 0) entries += ",";
      const fate = fates[index];
      if (fate === RECORD_TAKEN) entries += `{"RecordId":"${this.#recordId()}"}`;
      else if (fate === RECORD_THROTTLED) entries += THROTTLED_ENTRY;
      else entries += FAILED_ENTRY;
    }
    return `{"Encrypted":false,"FailedPutCount":${failed},"RequestResponses":[${entries}]}`;
  }

  #recordId(): string {
    return this.#recordIdHead + (this.#recordIds++).toString(36).padStart(24, "0");
  }

  /** Presence and date only, where asked for: what a client gets wrong that forgot to sign, or whose clock is off. */
  #checkAuthorization({ authorization, date }: ServiceCall): void {
    if (!this.#options.checkAuthorization) return;
    if (authorization === null || date === null) {
      throw new FirehoseError("MissingAuthenticationTokenException", "Missing Authentication Token", { status: 403 });
    }
    const [, year, month, day, hour, minute, second] = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(date) ?? [];
    const sentMs = Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`);
    if (!authorization.startsWith("AWS4-HMAC-SHA256 Credential=") || Number.isNaN(sentMs)) {
      throw new FirehoseError("IncompleteSignatureException", "Authorization header is incomplete");
    }
    const nowMs = this.clock.nowMs();
    if (Math.abs(nowMs - sentMs) > CLOCK_SKEW_MS_MAX) throw signatureOutOfTime(sentMs, nowMs, CLOCK_SKEW_MS_MAX);
  }

  /** A fault of this program itself: the client gets a 500, and the one who started it is told. */
  #bug(reason: unknown): FirehoseError {
    console.error("the local Firehose has a bug:", reason);
    return internalFailure();
  }
}

const THROTTLED_ENTRY = '{"ErrorCode":"ServiceUnavailableException","ErrorMessage":"Slow down."}';
const FAILED_ENTRY = '{"ErrorCode":"InternalFailure","ErrorMessage":"Internal service failure."}';

/** A fault: the call is refused for the first record that holds a marker. */
function checkPoison({ data }: CheckedPut, { poisonMarkers }: FaultEffects): void {
  if (poisonMarkers.length === 0) return;
  for (const [index, record] of data.entries()) {
    if (poisonMarkers.some((marker) => record.includes(marker))) throw poisonError(index, record.length);
  }
}

function answer(status: number, body: string, effects: FaultEffects | undefined): ServiceAnswer {
  return {
    status,
    body,
    errorType: undefined,
    latencyMs: effects?.latencyMs ?? 0,
    fate: effects?.lost ?? "answer",
  };
}

function randomBase64(length: number, random: Random): string {
  const bytes = Buffer.from(Array.from({ length: Math.ceil((length * 3) / 4) }, () => Math.floor(random() * 256)));
  return bytes.toString("base64").slice(0, length);
}
