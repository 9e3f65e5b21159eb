/**
 * One delivery stream: quota, buffers, counts. Takes checked records and answers each one's fate; hands objects that
 * are due to whoever carries them. Pure, and synchronous: a call is judged and stored in one step, so what was answered
 * as taken lies in a buffer.
 */
import type { Random } from "./clock.ts";
import { type FaultEffects, refusedPositions } from "./faults.ts";
import type { Guesses } from "./guesses.ts";
import { billedBytes, StreamMeter } from "./meter.ts";
import { ObjectBuffer, type ObjectDraft } from "./object-buffer.ts";
import { objectKey } from "./object-key.ts";
import type { ObjectOrder } from "./object-writer.ts";
import type { CheckedPut } from "./put-request.ts";
import { RECORD_FAILED, RECORD_TAKEN, RECORD_THROTTLED, StreamQuota } from "./quota.ts";
import { extensionOf, type StreamSettings } from "./stream-settings.ts";

const MIB = 1024 * 1024;

export interface StreamContext {
  readonly random: Random;
  readonly guesses: Guesses;
  readonly nowMs: () => number;
  /** Takes an object that is due. */
  readonly deliver: (order: ObjectOrder) => void;
}

/** What became of a call: a fate per record (RECORD_TAKEN and so on), or a refusal as a whole. */
export interface PutResult {
  readonly fates: Uint8Array;
  readonly failed: number;
  /** The call gets one ServiceUnavailableException instead of a fate per record; nothing was stored. */
  readonly asCall: boolean;
}

export class DeliveryStream {
  readonly createdMs: number;
  readonly meter = new StreamMeter();
  readonly #context: StreamContext;
  readonly #quota: StreamQuota;
  readonly #baseMibPerSecond: number;
  #settings: StreamSettings;
  #version = 1;
  #updatedMs: number | undefined;
  #channels: ObjectBuffer[] = [];
  #turn = 0;

  constructor(settings: StreamSettings, context: StreamContext) {
    this.#settings = settings;
    this.#context = context;
    this.#baseMibPerSecond = settings.mibPerSecond;
    this.createdMs = context.nowMs();
    const { mibPerSecond, region, pattern, growth } = settings;
    this.#quota = new StreamQuota(
      { mibPerSecond, region, pattern, growth, windowMs: context.guesses.quotaWindowMs },
      context.random,
      this.createdMs,
    );
  }

  get settings(): StreamSettings {
    return this.#settings;
  }

  /** 1, and one more for every change of the destination. */
  get version(): number {
    return this.#version;
  }

  get updatedMs(): number | undefined {
    return this.#updatedMs;
  }

  limits(): ReturnType<StreamQuota["limits"]> {
    return this.#quota.limits();
  }

  /** Changes the destination: what is buffered goes to the old one. */
  update(settings: StreamSettings): void {
    this.cutAll();
    this.#channels = [];
    this.#settings = settings;
    this.#version++;
    this.#updatedMs = this.#context.nowMs();
  }

  put(request: CheckedPut, effects: FaultEffects): PutResult {
    const nowMs = this.#context.nowMs();
    const fates = new Uint8Array(request.sizes.length);
    const injected = this.#inject(effects, fates, nowMs);
    const counted = this.#context.guesses.quotaCounts === "raw" ? request.sizes : request.sizes.map(base64Length);
    const verdict = this.#quota.take(counted, fates, nowMs);
    const throttled = injected.throttled + verdict.failed;
    const failed = throttled + injected.failed;
    this.#store(request, fates, failed, nowMs);
    this.#count(request, fates, throttled, injected.failed, nowMs);
    const { requestsOverQuota, nothingFits } = this.#context.guesses;
    const asCall = verdict.outOfRequests
      ? requestsOverQuota === "call"
      : nothingFits === "call" && throttled === fates.length;
    return { fates, failed, asCall };
  }

  /** When the oldest buffer must be cut; undefined while all are empty. */
  get dueMs(): number | undefined {
    let due: number | undefined;
    for (const { dueMs } of this.#channels) {
      if (dueMs !== undefined && (due === undefined || dueMs < due)) due = dueMs;
    }
    return due;
  }

  /** Cuts the buffers whose time has come. */
  cutDue(): void {
    const nowMs = this.#context.nowMs();
    for (const channel of this.#channels) {
      if ((channel.dueMs ?? Number.POSITIVE_INFINITY) <= nowMs) this.#deliver(channel.cut());
    }
  }

  cutAll(): void {
    for (const channel of this.#channels) this.#deliver(channel.cut());
  }

  #inject(effects: FaultEffects, fates: Uint8Array, nowMs: number): { throttled: number; failed: number } {
    if (effects.throttles.length === 0 && effects.recordFailures.length === 0) return { throttled: 0, failed: 0 };
    const refused = refusedPositions(effects, fates.length, this.#context.random);
    for (const position of refused.throttled) fates[position] = RECORD_THROTTLED;
    for (const position of refused.failed) fates[position] = RECORD_FAILED;
    const throttled = fates.reduce((count, fate) => count + (fate === RECORD_THROTTLED ? 1 : 0), 0);
    const failed = fates.reduce((count, fate) => count + (fate === RECORD_FAILED ? 1 : 0), 0);
    this.#quota.noteThrottled(throttled, nowMs);
    return { throttled, failed };
  }

  #store({ data }: CheckedPut, fates: Uint8Array, failed: number, nowMs: number): void {
    if (this.#settings.discard || failed === fates.length) return;
    const channel = this.#nextChannel();
    for (const [index, record] of data.entries()) {
      if (fates[index] === RECORD_TAKEN) this.#deliver(channel.add(record, nowMs));
    }
  }

  /** A stream with n times its base quota writes through n channels, so that objects get smaller, not larger. */
  #nextChannel(): ObjectBuffer {
    const wanted = Math.max(1, Math.round(this.#quota.mibPerSecond / this.#baseMibPerSecond) || 1);
    while (this.#channels.length < wanted) {
      const { bufferMib, bufferSeconds, delimiter } = this.#settings;
      this.#channels.push(
        new ObjectBuffer({
          bytesMax: bufferMib * MIB,
          intervalMs: bufferSeconds * 1000,
          delimiter: delimiter === "" ? undefined : Buffer.from(delimiter),
        }),
      );
    }
    const channel = this.#channels[this.#turn++ % this.#channels.length];
    if (channel === undefined) throw new Error("a stream has at least one channel");
    return channel;
  }

  #count(request: CheckedPut, fates: Uint8Array, throttled: number, failed: number, nowMs: number): void {
    let bytes = 0;
    let billed = 0;
    for (let index = 0; index < fates.length; index++) {
      if (fates[index] !== RECORD_TAKEN) continue;
      const size = request.sizes[index] ?? 0;
      bytes += size;
      billed += billedBytes(size);
    }
    const count = {
      acceptedRecords: fates.length - throttled - failed,
      acceptedBytes: bytes,
      billedBytes: billed,
      throttledRecords: throttled,
      failedRecords: failed,
    };
    this.meter.countPut(count, this.#quota.limits(), nowMs);
  }

  #deliver(draft: ObjectDraft | undefined): void {
    if (draft === undefined) return;
    const { name: streamName, prefix, timeZone, bucket, compression } = this.#settings;
    const keySettings = {
      streamName,
      version: this.#version,
      prefix,
      timeZone,
      extension: extensionOf(this.#settings),
    };
    const { random, guesses, nowMs } = this.#context;
    this.#context.deliver({
      draft,
      bucket,
      compression,
      key: objectKey(keySettings, draft.arrivedMs, random, guesses.prefixJoin),
      onPublished: () => this.meter.countObject(draft.records, draft.bytes, this.#quota.limits(), nowMs()),
      onExpired: () => {
        this.meter.counters.expiredRecords += draft.records;
      },
    });
  }
}

function base64Length(size: number): number {
  return Math.ceil(size / 3) * 4;
}
