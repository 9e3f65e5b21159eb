/**
 * What happens to an Export call before its handler sees it, in a server interceptor.
 *
 * grpc-js reads a whole message into memory before any handler can say no, so without a gate the memory would be
 * senders times message size. Only `receivingCallsMax` calls are read at a time; the others wait unread, where HTTP/2
 * flow control keeps each to its window of 64 KB. They are read in the order in which they came.
 *
 * A sender that opens calls and sends nothing must not keep the others out: when somebody waits, a call that has been
 * in reception for longer than `receiveMsMax` is refused (UNAVAILABLE: the network may be slow today).
 */
import { ServerInterceptingCall, type ServerInterceptingCallInterface, type ServerInterceptor } from "@grpc/grpc-js";
import type { Clock, Random } from "../clock.ts";
import { CollectorError } from "../errors.ts";
import { mendStatus, type PartialStatusObject, toStatus } from "./boundary.ts";
import type { IngestCounters } from "./counters.ts";

export interface ReceptionLimits {
  /** Bytes of one request, unpacked; the wire may not bring more either. */
  readonly requestBytesMax: number;
  /** Export calls that are read into memory at the same time. */
  readonly receivingCallsMax: number;
  /** How long a call may take to arrive when others wait for their turn. */
  readonly receiveMsMax: number;
}

/** One call on its way in. */
interface Arrival {
  startedAtMs: number;
  readonly start: () => void;
  readonly evict: () => void;
}

/** How many calls are read at once. */
export class ReceptionGate {
  readonly #limits: ReceptionLimits;
  readonly #clock: Clock;
  readonly #receiving = new Set<Arrival>();
  readonly #waiting = new Set<Arrival>();
  #sweeping = false;

  constructor(limits: ReceptionLimits, clock: Clock) {
    this.#limits = limits;
    this.#clock = clock;
  }

  get receiving(): number {
    return this.#receiving.size;
  }

  get waiting(): number {
    return this.#waiting.size;
  }

  /** Starts the reading now, or when it is this call's turn. */
  enter(arrival: Arrival): void {
    if (this.#receiving.size < this.#limits.receivingCallsMax) {
      this.#receive(arrival);
      return;
    }
    this.#waiting.add(arrival);
    void this.#sweepWhileWaiting();
  }

  /** The call has arrived, or never will. It may be said more than once. */
  leave(arrival: Arrival): void {
    if (!this.#receiving.delete(arrival)) this.#waiting.delete(arrival);
    while (this.#receiving.size < this.#limits.receivingCallsMax) {
      const [next] = this.#waiting;
      if (next === undefined) return;
      this.#waiting.delete(next);
      this.#receive(next);
    }
  }

  #receive(arrival: Arrival): void {
    arrival.startedAtMs = this.#clock.monotonicMs();
    this.#receiving.add(arrival);
    arrival.start();
  }

  /** Looks for calls that take too long only while others wait: a timer for each call would cost every call. */
  async #sweepWhileWaiting(): Promise<void> {
    if (this.#sweeping) return;
    this.#sweeping = true;
    while (this.#waiting.size > 0) {
      // Sets keep the order of insertion, so the first has been in reception longest.
      const [oldest] = this.#receiving;
      const leftMs =
        oldest === undefined ? 0 : oldest.startedAtMs + this.#limits.receiveMsMax - this.#clock.monotonicMs();
      if (oldest !== undefined && leftMs <= 0) {
        oldest.evict();
        this.leave(oldest);
      } else await this.#clock.sleep(Math.max(1, leftMs));
    }
    this.#sweeping = false;
  }
}

/** The interceptor for Export; calls of other services pass as they are. */
export function createReception(
  exportPath: string,
  limits: ReceptionLimits,
  gate: ReceptionGate,
  counters: IngestCounters,
  random: Random,
): ServerInterceptor {
  return (method, call) => {
    if (method.path !== exportPath) return new ServerInterceptingCall(call);
    const progress = { isReceived: false, isRefused: false };
    mendOwnStatuses(call, limits, progress, counters, random);
    const arrival: Arrival = {
      startedAtMs: 0,
      start: () => proceed(),
      evict: () => {
        const slow = new CollectorError("overloaded", "the request took too long to arrive while others waited");
        call.sendStatus(toStatus(slow, random));
      },
    };
    let proceed = (): void => {};
    const done = (): void => gate.leave(arrival);
    return new ServerInterceptingCall(call, {
      start: (next) => {
        next({
          onReceiveMetadata: (metadata, nextMetadata) => {
            proceed = () => nextMetadata(metadata);
            gate.enter(arrival);
          },
          onReceiveHalfClose: (nextHalfClose) => {
            progress.isReceived = true;
            done();
            nextHalfClose();
          },
          onCancel: done,
        });
      },
    });
  };
}

/**
 * grpc-js sends statuses of its own from inside the innermost call, where no interceptor's hook sees them: so the call's
 * own method is replaced. ingest.test.ts shows what leaves, and would tell if another version did it otherwise.
 */
function mendOwnStatuses(
  call: ServerInterceptingCallInterface,
  limits: ReceptionLimits,
  progress: { readonly isReceived: boolean; isRefused: boolean },
  counters: IngestCounters,
  random: Random,
): void {
  const send = call.sendStatus.bind(call);
  call.sendStatus = (sent: PartialStatusObject): void => {
    if (!progress.isReceived && !progress.isRefused) {
      progress.isRefused = true;
      counters.refusedOnReceipt++;
    }
    send(mendStatus(sent, progress.isReceived, limits.requestBytesMax, random));
  };
}
