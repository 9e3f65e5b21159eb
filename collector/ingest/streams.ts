/**
 * All streams of batches together: how many there may be, what they may have under way, and when they end.
 *
 * Bounds, whatever the clients do: `streamsMax` streams, each with at most one HTTP/2 window unread; messages from their
 * announcement to the synced write within `streamBytesMax`; what compressed ones unpack to within `unpackBytesMax`.
 *
 * A stream ends when its connection takes no new ones (its age, a drain): in order, with `stream_over` or
 * `shutting_down`, well before the connection is cut. So no stream outlives `connectionAgeMsMax` by more than the grace.
 * One whose client says nothing at first, or reads no acknowledgement, is broken off; a dead connection is found by
 * HTTP/2 keepalive.
 */
import { type Metadata, ServerInterceptingCall, type ServerInterceptor } from "@grpc/grpc-js";
import type { Clock, Random } from "../clock.ts";
import { assert, CollectorError } from "../errors.ts";
import { identityOf } from "../identity/interceptor.ts";
import type { Litter } from "../memory/litter.ts";
import type { RecycledMemory } from "../memory/recycled-memory.ts";
import { shuttingDown } from "./admission.ts";
import { mendStatus, toStatus } from "./boundary.ts";
import { ReceptionGate, type ReceptionLimits } from "./reception.ts";
import { BatchStream, type StreamParts } from "./stream.ts";
import type { StreamCall } from "./stream-reading.ts";
import { type WindowLimits, windowBytesFor } from "./stream-windows.ts";
import type { Take } from "./take.ts";

export interface StreamLimits {
  /** Streams that are open at once. */
  readonly streamsMax: number;
  /** Bytes of their messages that are in memory, and of their windows. */
  readonly streamBytesMax: number;
  /** Bytes that one of them may have under way. */
  readonly streamWindowBytesMax: number;
}

export const STREAM_LIMITS_DEFAULT: StreamLimits = {
  streamsMax: 4_096,
  streamBytesMax: 16 * 1024 * 1024,
  streamWindowBytesMax: 1024 * 1024,
};

export interface StreamsOptions {
  readonly limits: StreamLimits;
  readonly reception: ReceptionLimits;
  readonly take: Take;
  readonly collectorId: string;
  /** Where messages lie. */
  readonly memory: RecycledMemory;
  readonly clock: Clock;
  readonly random: Random;
  readonly litter: Litter;
  /** Time from a connection's GOAWAY until it is cut. */
  readonly connectionAgeGraceMs: number;
  readonly fail: StreamParts["fail"];
}

export interface StreamsSnapshot {
  /** Streams that are open now. */
  readonly open: number;
  /** Streams that were opened since the start, and those whose client left without a status. */
  readonly opened: number;
  readonly broken: number;
  /** Batches that were answered, and those among them of which nothing was taken. */
  readonly batches: number;
  readonly refusedBatches: number;
  /** What each stream may have under way. */
  readonly windowBytes: number;
  /** Bytes of messages in memory, or on their way there. */
  readonly bytes: number;
}

/** The room that the fields around `Batch.request` take of the largest message. */
const ENVELOPE_BYTES = 64;

/** How often streams are looked over. */
const SWEEP_MS = 1_000;

/** How long a client may take to send Open. */
const OPEN_MS_MAX = 10_000;

/** How long an acknowledgement may take to leave, and a status: the client does not read. */
const SEND_MS_MAX = 30_000;

/** How long a client may keep its side open after the status. */
const LINGER_MS_MAX = 2_000;

/** Of HTTP/2 (RFC 9113, section 7). */
const NO_ERROR = 0;
const CANCEL = 8;

/** A call that has not been opened as a stream yet, or has. */
interface Arrived {
  readonly call: StreamCall;
  stream: BatchStream | undefined;
}

export class Streams {
  readonly #options: StreamsOptions;
  readonly #windowLimits: WindowLimits;
  readonly #parts: Omit<StreamParts, "tenant">;
  readonly #gate: ReceptionGate;
  /** By what an interceptor and its call's handler both have. */
  readonly #arrived = new WeakMap<Metadata, Arrived>();
  readonly #streams = new Set<BatchStream>();
  /** Since when streams have their status whose clients have not closed their side. */
  readonly #lingering = new Map<BatchStream, number>();
  readonly #counts = { opened: 0, broken: 0, batches: 0, refusedBatches: 0 };
  #windowBytes = 0;
  #sweeping = false;
  #isDraining = false;

  constructor(options: StreamsOptions) {
    const { limits, reception, take, collectorId, memory, clock, random, litter, fail } = options;
    this.#options = options;
    this.#windowLimits = { bytesMax: limits.streamBytesMax, windowBytesMax: limits.streamWindowBytesMax };
    const { requestBytesMax } = reception;
    // One message always fits: a stream may send one batch of the largest size whatever its window is.
    const messageBytesMax = Math.max(limits.streamBytesMax, requestBytesMax);
    this.#gate = new ReceptionGate({ ...reception, receivingBytesMax: messageBytesMax }, clock, litter);
    const unpackGate = new ReceptionGate({ ...reception, receivingBytesMax: 2 * requestBytesMax }, clock, litter);
    this.#parts = {
      take,
      gate: this.#gate,
      unpackGate,
      collectorId,
      batchBytesMax: requestBytesMax - ENVELOPE_BYTES,
      random,
      clock,
      memory,
      messageBytesMax: requestBytesMax,
      onBatch: (isRefused) => {
        this.#counts.batches++;
        if (isRefused) this.#counts.refusedBatches++;
      },
      fail,
      onClosed: (stream, isBroken) => {
        this.#streams.delete(stream);
        if (isBroken) this.#counts.broken++;
        else if (!stream.isReset) this.#lingering.set(stream, clock.monotonicMs());
        this.#fitWindows();
      },
    };
  }

  /**
   * The innermost interceptor: what comes in on calls of `path` goes to their stream, once `handle` has opened it. Calls
   * of other paths go to `others`.
   */
  intercept(path: string, others: ServerInterceptor): ServerInterceptor {
    const { random, reception } = this.#options;
    return (method, call) => {
      if (method.path !== path) return others(method, call);
      const arrived: Arrived = { call: call as unknown as StreamCall, stream: undefined };
      const send = call.sendStatus.bind(call);
      call.sendStatus = (sent) => {
        send(mendStatus(sent, arrived.stream !== undefined, reception.requestBytesMax, random));
      };
      return new ServerInterceptingCall(call, {
        start: (next) => {
          next({
            onReceiveMetadata: (metadata, nextMetadata) => {
              this.#arrived.set(metadata, arrived);
              nextMetadata(metadata);
            },
            onReceiveMessage: (message: Buffer) => arrived.stream?.received(message),
            onReceiveHalfClose: () => arrived.stream?.halfClosed(),
            onCancel: () => arrived.stream?.closed(),
          });
        },
      });
    };
  }

  /** The handler: reached by calls that no other interceptor has refused. */
  readonly handle = ({ metadata }: { readonly metadata: Metadata }): void => {
    const arrived = this.#arrived.get(metadata);
    assert(arrived !== undefined, "every stream comes through its interceptor");
    arrived.stream = this.#open(arrived.call, identityOf(metadata).tenant);
    arrived.stream?.start();
  };

  snapshot(): StreamsSnapshot {
    return {
      open: this.#streams.size,
      ...this.#counts,
      windowBytes: this.#windowBytes,
      bytes: this.#gate.bytes,
    };
  }

  /** Ends all streams in order: what was received is written where there is room, and acknowledged. */
  drain(): void {
    this.#isDraining = true;
    this.#gate.drain(shuttingDown());
    for (const stream of this.#streams) stream.end(shuttingDown());
  }

  #open(call: StreamCall, tenant: string): BatchStream | undefined {
    const { limits, random } = this.#options;
    if (this.#isDraining || this.#streams.size >= limits.streamsMax) {
      const tooMany = new CollectorError("overloaded", `${limits.streamsMax} streams are open here already`);
      call.sendStatus(toStatus(this.#isDraining ? shuttingDown() : tooMany, random));
      return undefined;
    }
    this.#counts.opened++;
    const windowBytes = windowBytesFor(this.#streams.size + 1, this.#windowBytes, this.#windowLimits);
    const stream = new BatchStream(call, windowBytes, { ...this.#parts, tenant });
    this.#streams.add(stream);
    this.#fitWindows();
    call.stream.once("close", () => this.#lingering.delete(stream));
    void this.#sweepWhileOpen();
    return stream;
  }

  #fitWindows(): void {
    const windowBytes = windowBytesFor(this.#streams.size, this.#windowBytes, this.#windowLimits);
    if (windowBytes === this.#windowBytes) return;
    this.#windowBytes = windowBytes;
    for (const stream of this.#streams) stream.setWindow(windowBytes);
  }

  async #sweepWhileOpen(): Promise<void> {
    if (this.#sweeping) return;
    this.#sweeping = true;
    const { clock, connectionAgeGraceMs } = this.#options;
    while (this.#streams.size + this.#lingering.size > 0) {
      await clock.sleep(Math.min(SWEEP_MS, connectionAgeGraceMs / 4));
      const nowMs = clock.monotonicMs();
      for (const stream of [...this.#streams]) this.#look(stream, nowMs);
      for (const [stream, sinceMs] of [...this.#lingering]) if (nowMs - sinceMs > LINGER_MS_MAX) stream.cut(NO_ERROR);
    }
    this.#sweeping = false;
  }

  #look(stream: BatchStream, nowMs: number): void {
    const { endedAtMs, sendingSinceMs } = stream;
    if (endedAtMs !== undefined) {
      if (nowMs - endedAtMs > SEND_MS_MAX) stream.cut(CANCEL);
    } else if (sendingSinceMs !== undefined && nowMs - sendingSinceMs > SEND_MS_MAX) {
      stream.cut(CANCEL);
    } else if (!stream.isOpen && nowMs - stream.openedAtMs > OPEN_MS_MAX) {
      stream.end(over("its client did not send Open"));
    } else if (stream.isConnectionClosing) {
      stream.end(this.#isDraining ? shuttingDown() : over("its connection is at its age"));
    }
  }
}

/** To be opened again at once. */
function over(why: string): CollectorError {
  return new CollectorError("stream_over", `the stream was ended, since ${why}: open another one`, { retryAfterMs: 0 });
}
