/**
 * What happens to an Export call before its handler sees it, in a server interceptor.
 *
 * grpc-js reads a whole message into memory before any handler can say no, so without a gate the memory would be
 * senders times message size. Here large messages take part of `receivingBytesMax` from before they are read until
 * their call has ended:
 * - up to one HTTP/2 window (64 KB) a message is in memory whether it is read or not, so it passes;
 * - a larger one says its size in its first five bytes; its stream is paused until that many bytes are free;
 * - a compressed one may unpack to `requestBytesMax` whatever it says, so it is not unpacked, and beyond a window not read,
 *   before that much is free. What it turns out not to need is given back. It waits packed, and whole where it fits a
 *   window: a sender that stalls in the middle of a small one keeps nobody out.
 *
 * Who waits is held, as in admission.ts, only unread: in order of arrival, kept by flow control to its window, refused
 * (UNAVAILABLE with RetryInfo) shortly before its client's deadline. A sender that announces much and sends nothing
 * must not keep the others out: when somebody waits, a call that takes longer than `receiveMsMax` to arrive is refused.
 *
 * Messages lie in memory that is used again (memory/recycled-memory.ts). What they unpack to can't: it counts as litter.
 */
import {
  ServerInterceptingCall,
  type ServerInterceptingCallInterface,
  type ServerInterceptor,
  status,
} from "@grpc/grpc-js";
import type { Clock, Random } from "../clock.ts";
import { assert, CollectorError } from "../errors.ts";
import type { Litter } from "../memory/litter.ts";
import type { RecycledMemory } from "../memory/recycled-memory.ts";
import { mendStatus, type PartialStatusObject, toStatus } from "./boundary.ts";
import type { IngestCounters } from "./counters.ts";
import { MessageDecoder, PREFIX_BYTES } from "./message-decoder.ts";
import { type Packing, unpack } from "./unpack.ts";

export interface ReceptionLimits {
  /** Bytes of one request, unpacked; the wire may not bring more either. */
  readonly requestBytesMax: number;
  /** Bytes of messages larger than a window, or compressed, from their first byte to their answer. */
  readonly receivingBytesMax: number;
  /** How long a call may take to arrive when others wait for their turn. */
  readonly receiveMsMax: number;
}

/** What HTTP/2 lets a sender send before anybody has read: the initial window of a stream. */
const WINDOW_BYTES = 65_535;

/** How often the gate looks for calls that are late, in milliseconds; well within the margin before a deadline. */
const SWEEP_MS = 200;

/** One call on its way in. */
export interface Arrival {
  /** What is set aside for it. */
  bytes: number;
  /** Until when it may wait unread, by `Clock.monotonicMs`. */
  readonly waitEndsAtMs: number;
  /** It leaves garbage behind. */
  readonly leavesLitter: boolean;
  /** When its reading began, likewise; undefined before, and once it is in memory whole. */
  receivingSinceMs: number | undefined;
  readonly start: () => void;
  readonly refuse: (reason: CollectorError) => void;
}

/** How many bytes are being read at once. */
export class ReceptionGate {
  readonly #limits: ReceptionLimits;
  readonly #clock: Clock;
  readonly #litter: Litter;
  readonly #entered = new Set<Arrival>();
  readonly #waiting = new Set<Arrival>();
  #bytes = 0;
  #sweeping = false;

  constructor(limits: ReceptionLimits, clock: Clock, litter: Litter) {
    assert(limits.requestBytesMax <= limits.receivingBytesMax, "the largest request can be received");
    this.#limits = limits;
    this.#clock = clock;
    this.#litter = litter;
  }

  /** Bytes that are set aside. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Calls that wait to be read. */
  get waiting(): number {
    return this.#waiting.size;
  }

  /** Starts the reading now and returns true, or starts it when it is this call's turn. */
  enter(arrival: Arrival): boolean {
    if (this.#waiting.size === 0 && this.#fits(arrival)) {
      this.#receive(arrival);
      return true;
    }
    this.#waiting.add(arrival);
    void this.#sweepWhileWaiting();
    return false;
  }

  /** The message is in memory, and takes `bytes`. */
  received(arrival: Arrival, bytes: number): void {
    // It may have been refused while it was unpacked.
    if (!this.#entered.has(arrival)) return;
    arrival.receivingSinceMs = undefined;
    this.#bytes += bytes - arrival.bytes;
    arrival.bytes = bytes;
    this.#startWaiting();
  }

  /** The call has ended. It may be said more than once, and of calls that never entered. */
  leave(arrival: Arrival): void {
    if (this.#entered.delete(arrival)) {
      this.#bytes -= arrival.bytes;
      if (arrival.leavesLitter) this.#litter.drop(arrival.bytes);
    } else this.#waiting.delete(arrival);
    this.#startWaiting();
  }

  /** Refuses all who wait. */
  drain(reason: CollectorError): void {
    for (const arrival of [...this.#waiting]) this.#refuse(arrival, reason);
  }

  #fits(arrival: Arrival): boolean {
    return this.#bytes + arrival.bytes <= this.#limits.receivingBytesMax;
  }

  #receive(arrival: Arrival): void {
    arrival.receivingSinceMs = this.#clock.monotonicMs();
    this.#entered.add(arrival);
    this.#bytes += arrival.bytes;
    arrival.start();
  }

  #startWaiting(): void {
    for (const next of this.#waiting) {
      if (!this.#fits(next)) return;
      this.#waiting.delete(next);
      this.#receive(next);
    }
  }

  #refuse(arrival: Arrival, reason: CollectorError): void {
    arrival.refuse(reason);
    this.leave(arrival);
  }

  /** Looks for calls that are late only while others wait: a timer for each call would cost every call. */
  async #sweepWhileWaiting(): Promise<void> {
    if (this.#sweeping) return;
    this.#sweeping = true;
    while (this.#waiting.size > 0) {
      await this.#clock.sleep(SWEEP_MS);
      const nowMs = this.#clock.monotonicMs();
      for (const arrival of [...this.#entered]) {
        const sinceMs = arrival.receivingSinceMs;
        if (this.#waiting.size === 0 || sinceMs === undefined || nowMs - sinceMs < this.#limits.receiveMsMax) continue;
        this.#refuse(arrival, overloaded("the request took too long to arrive while others waited"));
      }
      for (const arrival of [...this.#waiting]) {
        if (nowMs < arrival.waitEndsAtMs) continue;
        this.#refuse(arrival, overloaded("more requests are waiting to be read than memory allows"));
      }
    }
    this.#sweeping = false;
  }
}

function overloaded(message: string): CollectorError {
  return new CollectorError("overloaded", message);
}

/**
 * The part of grpc-js's innermost call that its interface does not show. There is no other way to see a message before
 * it is whole; the package is pinned, and server.test.ts would tell if another version had it otherwise.
 */
export interface InnermostCall {
  readonly incomingEncoding: string;
  /** Gets each piece of the body, and gives the messages that are whole with it. */
  decoder: { write(piece: Buffer): Buffer[] };
  /** Makes of a message with its prefix what the handler gets; `encoding` is "identity" where the prefix says so. */
  decompressMessage(framed: Buffer, encoding: string): Buffer | Promise<Buffer>;
  readonly stream: {
    once(event: "data", listener: (chunk: Buffer) => void): void;
    pause(): void;
    resume(): void;
  };
}

export interface ReceptionParts {
  readonly exportPath: string;
  readonly limits: ReceptionLimits;
  readonly gate: ReceptionGate;
  readonly memory: RecycledMemory;
  readonly counters: IngestCounters;
  readonly random: Random;
  /** How long a call with this deadline (wall time in milliseconds since 1970) may wait unread, in milliseconds. */
  readonly holdMs: (deadlineAtMs: number) => number;
  readonly clock: Clock;
}

/** The interceptor for Export; calls of other services pass as they are. */
export function createReception(parts: ReceptionParts): ServerInterceptor {
  const { exportPath, limits, gate, memory, random, holdMs, clock } = parts;
  const { requestBytesMax: messageBytesMax } = limits;
  return (method, call) => {
    if (method.path !== exportPath) return new ServerInterceptingCall(call);
    const innermost = call as unknown as InnermostCall;
    const { stream, incomingEncoding } = innermost;
    const progress: Progress = { isReceived: false, isEnded: false, arrival: undefined, decoder: undefined };
    watchStatuses(call, parts, progress);
    const isCompressed = incomingEncoding !== "identity";
    const enter = (bytes: number, start: () => void): boolean => {
      const waitEndsAtMs = clock.monotonicMs() + holdMs(Number(call.getDeadline()));
      const refuse = (reason: CollectorError): void => call.sendStatus(toStatus(reason, random));
      const leavesLitter = isCompressed;
      progress.arrival = { bytes, waitEndsAtMs, leavesLitter, receivingSinceMs: undefined, start, refuse };
      return gate.enter(progress.arrival);
    };
    return new ServerInterceptingCall(call, {
      start: (next) => {
        const onLength = (messageBytes: number, hereBytes: number): void => {
          // What fits the window, or is here already, is in memory whatever is said now.
          if (messageBytes <= WINDOW_BYTES || messageBytes <= hereBytes || progress.isEnded) return;
          const bytes = isCompressed ? limits.requestBytesMax : messageBytes;
          if (progress.arrival === undefined && !enter(bytes, () => stream.resume())) stream.pause();
        };
        const turnToUnpack = async (): Promise<void> => {
          if (progress.arrival !== undefined) return;
          await new Promise<void>((resolve) => enter(limits.requestBytesMax, resolve));
        };
        progress.decoder = new MessageDecoder({ memory, messageBytesMax, onLength });
        innermost.decoder = progress.decoder;
        if (isCompressed) unpackWithin(innermost, limits.requestBytesMax, turnToUnpack, memory);
        next({
          onReceiveMessage: (message: Buffer, nextMessage) => {
            progress.isReceived = true;
            if (progress.arrival !== undefined) gate.received(progress.arrival, message.length);
            nextMessage(message);
          },
          onCancel: () => {
            progress.decoder?.abandon();
            if (progress.arrival !== undefined) gate.leave(progress.arrival);
          },
        });
      },
    });
  };
}

/** What can be unpacked, by the name that `grpc-encoding` has for it. */
const PACKINGS: readonly string[] = ["gzip", "deflate", "zstd"] satisfies Packing[];

/**
 * Has compressed messages unpacked in their turn, by unpack.ts: grpc-js would at once, and knows no zstd. Its words for what
 * can't be unpacked are kept, so that boundary.ts knows them; encodings that are not known are left to it to refuse.
 */
function unpackWithin(
  innermost: InnermostCall,
  requestBytesMax: number,
  turn: () => Promise<void>,
  memory: RecycledMemory,
): void {
  const asItIs = innermost.decompressMessage.bind(innermost);
  innermost.decompressMessage = (framed, encoding) => {
    if (!PACKINGS.includes(encoding)) return asItIs(framed, encoding);
    const unpackIt = async (): Promise<Buffer> => {
      await turn();
      try {
        const { buffer, byteOffset, byteLength } = await unpack(
          framed.subarray(PREFIX_BYTES),
          encoding as Packing,
          requestBytesMax,
        );
        return Buffer.from(buffer, byteOffset, byteLength);
      } catch (reason) {
        const { code, message: details } = CollectorError.from(reason);
        throw { code: code === "request_too_large" ? status.RESOURCE_EXHAUSTED : status.INTERNAL, details };
      } finally {
        memory.giveBack(framed);
      }
    };
    return unpackIt();
  };
}

interface Progress {
  /** The whole message is in memory. */
  isReceived: boolean;
  /** A status was sent. */
  isEnded: boolean;
  /** Set once the call has asked the gate. */
  arrival: Arrival | undefined;
  /** Set once the call is being read. */
  decoder: MessageDecoder | undefined;
}

/**
 * grpc-js sends statuses of its own from inside the innermost call, where no interceptor's hook sees them: so the call's
 * own method is replaced. export.test.ts shows what leaves.
 */
function watchStatuses(call: ServerInterceptingCallInterface, parts: ReceptionParts, progress: Progress): void {
  const { limits, gate, counters, random } = parts;
  const send = call.sendStatus.bind(call);
  call.sendStatus = (sent: PartialStatusObject): void => {
    if (!progress.isReceived && !progress.isEnded) counters.refusedOnReceipt++;
    progress.isEnded = true;
    send(mendStatus(sent, progress.isReceived, limits.requestBytesMax, random));
    progress.decoder?.abandon();
    if (progress.arrival !== undefined) gate.leave(progress.arrival);
  };
}
