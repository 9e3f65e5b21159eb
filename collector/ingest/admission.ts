/**
 * Who may write now, who waits, and who is sent away.
 *
 * Common OTLP clients drop what is refused, so a call that finds no room is *held*: it waits its turn until there is
 * room, and is refused only when its deadline is near or the waiting room itself is full.
 *
 *   arrived ──fits, nobody waits──> in flight ──written──> answered
 *      │                             ^      │
 *      └──> held (FIFO by arrival) ──┘      │ journal_full: back to its old place among the held
 *             │        ^────────────────────┘
 *             └──> refused (deadline near, held too long, waiting room full, draining) or gone (client left)
 *
 * Invariants (admission.test.ts states each as a property):
 * - bytes in flight never exceed `inFlightBytesMax`;
 * - bytes in flight and held together never exceed `inFlightBytesMax + heldBytesMax`. A call that comes back from the
 *   journal is held even when the waiting room is full: its bytes were counted already, and nobody new gets in.
 *   Patient callers (streams) are held beside that, and bound their bytes themselves;
 * - nobody overtakes: a call is admitted only when all that arrived before it have been, or have left;
 * - nobody waits for ever: each held call has an end (a patient one with its stream), and room is asked for again even if nobody tells of it.
 */
import { type Clock, systemClock } from "../clock.ts";
import { assert, CollectorError } from "../errors.ts";
import { type Appender, ORDINARY_REQUEST_BYTES } from "../journal/port.ts";

export interface AdmissionLimits {
  /** Bytes of requests that are being written. The largest request must fit. */
  readonly inFlightBytesMax: number;
  /** Calls that wait for room. */
  readonly heldCallsMax: number;
  /** Their bytes. */
  readonly heldBytesMax: number;
  /** How long before its client's deadline a held call is refused, so that the answer still gets there. */
  readonly deadlineMarginMs: number;
  /** How long a call without a deadline is held. */
  readonly holdMsMax: number;
  /** How often room is asked for again while calls are held: space can come back without the journal's doing. */
  readonly roomProbeMs: number;
}

export const ADMISSION_LIMITS_DEFAULT: AdmissionLimits = {
  inFlightBytesMax: 32 * 1024 * 1024,
  heldCallsMax: 1_024,
  heldBytesMax: 32 * 1024 * 1024,
  deadlineMarginMs: 500,
  holdMsMax: 30_000,
  roomProbeMs: 1_000,
};

/** What admission needs to know of a call. */
export interface Caller {
  /** Whose limits it falls under. */
  readonly tenant: string;
  /** When its client stops waiting: wall time in milliseconds since 1970, or Infinity. */
  readonly deadlineAtMs: number;
  readonly cancelled: boolean;
  /** Calls `listener` when the client has left. */
  onCancelled(listener: () => void): void;
  /**
   * Waits as long as it takes, whatever else waits: for who can wait without harm, and whose bytes are bounded where they
   * come from, as those of streams are. @default false
   */
  readonly isPatient?: boolean;
  /** Its own trace, in the words of W3C Trace Context; undefined where it sent none. */
  readonly traceparent?: string | undefined;
}

/** The client left while its call was held: nothing was written, and nobody is there to be told. */
export class CallerGone extends Error {
  override readonly name = "CallerGone";
}

interface Held {
  /** Position in the order of arrival. */
  readonly arrival: number;
  readonly bytes: number;
  readonly isPatient: boolean;
  readonly admit: () => void;
  readonly refuse: (reason: Error) => void;
}

export class Admission {
  readonly #room: Pick<Appender, "hasRoom" | "onRoom">;
  readonly #limits: AdmissionLimits;
  readonly #clock: Clock;
  readonly #stopListening: () => void;
  readonly #drained = new AbortController();

  #arrivals = 0;
  #inFlightBytes = 0;
  #held: Held[] = [];
  #heldBytes = 0;
  /** Of those that are held, what takes no place from others. */
  #patient = { calls: 0, bytes: 0 };
  #heldTotal = 0;
  /** The journal said no although it seemed to have room: it is not asked again until it tells, or the next probe. */
  #roomDenied = false;
  #probing = false;

  constructor(
    room: Pick<Appender, "hasRoom" | "onRoom">,
    limits: AdmissionLimits = ADMISSION_LIMITS_DEFAULT,
    clock: Clock = systemClock,
  ) {
    this.#room = room;
    this.#limits = limits;
    this.#clock = clock;
    this.#stopListening = room.onRoom(() => this.#askAgain());
  }

  get inFlightBytes(): number {
    return this.#inFlightBytes;
  }

  get heldCalls(): number {
    return this.#held.length;
  }

  get heldBytes(): number {
    return this.#heldBytes;
  }

  /** Calls that ever had to wait. */
  get heldTotal(): number {
    return this.#heldTotal;
  }

  get draining(): boolean {
    return this.#drained.signal.aborted;
  }

  /** Whether an ordinary request would be written now rather than held for want of space on disk. */
  acceptsWrites(): boolean {
    return !this.draining && this.#hasRoom(ORDINARY_REQUEST_BYTES);
  }

  /**
   * Does `work` (which appends `bytes` to the journal) as soon as there is room, and again if the journal turns out to
   * be full. Rejects with `overloaded`, `journal_full` or `shutting_down` when the call can't be held or held longer,
   * with `request_too_large` when it could never be admitted, with `CallerGone`, and with whatever else `work` threw.
   */
  async run<Result>(bytes: number, caller: Caller, work: () => Promise<Result>): Promise<Result> {
    if (bytes > this.#limits.inFlightBytesMax) {
      throw new CollectorError("request_too_large", `at most ${this.#limits.inFlightBytesMax} bytes can be in flight`);
    }
    const arrival = this.#arrivals++;
    const holdMs = caller.isPatient
      ? Number.POSITIVE_INFINITY
      : holdMsFor(caller.deadlineAtMs, this.#clock.nowMs(), this.#limits);
    const holdEndsAtMs = this.#clock.monotonicMs() + holdMs;
    let isBack = false;
    for (;;) {
      if (this.#held.length === 0 && this.#fits(bytes)) this.#inFlightBytes += bytes;
      else await this.#hold({ arrival, bytes, holdMs: holdEndsAtMs - this.#clock.monotonicMs(), isBack }, caller);
      try {
        return await work();
      } catch (reason) {
        if (!(reason instanceof CollectorError && reason.code === "journal_full")) throw reason;
        this.#roomDenied = true;
        isBack = true;
      } finally {
        this.#inFlightBytes -= bytes;
        assert(this.#inFlightBytes >= 0, "more bytes left flight than entered it");
        this.#admitHeld();
      }
    }
  }

  /** From now on nobody is held: who waits is refused with `shutting_down`. Who fits is still taken. */
  drain(): void {
    if (this.draining) return;
    this.#drained.abort();
    this.#stopListening();
    for (const held of [...this.#held]) held.refuse(shuttingDown());
  }

  #hold(call: { arrival: number; bytes: number; holdMs: number; isBack: boolean }, caller: Caller): Promise<void> {
    const { arrival, bytes, holdMs, isBack } = call;
    if (this.draining) return Promise.reject(shuttingDown());
    if (caller.cancelled) return Promise.reject(new CallerGone("the client left before its call was held"));
    const isPatient = caller.isPatient === true;
    const isFull =
      this.#held.length - this.#patient.calls >= this.#limits.heldCallsMax ||
      this.#heldBytes - this.#patient.bytes + bytes > this.#limits.heldBytesMax;
    if (holdMs <= 0 || (isFull && !isBack && !isPatient)) return Promise.reject(this.#refusal(bytes));
    return new Promise((resolve, reject) => {
      const settled = new AbortController();
      const leave = (): boolean => {
        const place = this.#held.indexOf(held);
        if (place < 0) return false;
        this.#held.splice(place, 1);
        this.#count(held, -1);
        settled.abort();
        return true;
      };
      const held: Held = {
        arrival,
        bytes,
        isPatient,
        admit: () => {
          if (!leave()) return;
          this.#inFlightBytes += bytes;
          resolve();
        },
        refuse: (reason) => {
          if (!leave()) return;
          reject(reason);
          // It may have been the one that was too large for the room there is.
          this.#admitHeld();
        },
      };
      this.#enqueue(held);
      if (!isBack) this.#heldTotal++;
      caller.onCancelled(() => held.refuse(new CallerGone("the client left while its call was held")));
      if (!isPatient) void this.#clock.sleep(holdMs, settled.signal).then(() => held.refuse(this.#refusal(bytes)));
      this.#admitHeld();
      void this.#probeWhileHeld();
    });
  }

  /** Puts a call where its arrival says: at the end, unless it came back from the journal. */
  #enqueue(held: Held): void {
    const behind = this.#held.findLastIndex((other) => other.arrival < held.arrival);
    this.#held.splice(behind + 1, 0, held);
    this.#count(held, 1);
  }

  #count({ bytes, isPatient }: Held, sign: 1 | -1): void {
    this.#heldBytes += sign * bytes;
    if (!isPatient) return;
    this.#patient.calls += sign;
    this.#patient.bytes += sign * bytes;
  }

  #admitHeld(): void {
    for (let first = this.#held[0]; first !== undefined && this.#fits(first.bytes); first = this.#held[0]) {
      first.admit();
    }
  }

  #askAgain(): void {
    this.#roomDenied = false;
    this.#admitHeld();
  }

  async #probeWhileHeld(): Promise<void> {
    if (this.#probing) return;
    this.#probing = true;
    while (this.#held.length > 0) {
      await this.#clock.sleep(this.#limits.roomProbeMs, this.#drained.signal);
      this.#askAgain();
    }
    this.#probing = false;
  }

  #hasRoom(bytes: number): boolean {
    return !this.#roomDenied && this.#room.hasRoom(bytes);
  }

  #fits(bytes: number): boolean {
    return this.#inFlightBytes + bytes <= this.#limits.inFlightBytesMax && this.#hasRoom(bytes);
  }

  #refusal(bytes: number): CollectorError {
    if (!this.#hasRoom(bytes)) {
      return new CollectorError("journal_full", "the journal is full; space comes back as logs are delivered");
    }
    return new CollectorError("overloaded", "more requests are waiting to be written than memory allows");
  }
}

/** How long a call with this deadline may be held from now on, in milliseconds; zero or less when not at all. */
export function holdMsFor(deadlineAtMs: number, nowMs: number, limits: AdmissionLimits): number {
  if (deadlineAtMs === Number.POSITIVE_INFINITY) return limits.holdMsMax;
  return deadlineAtMs - limits.deadlineMarginMs - nowMs;
}

export function shuttingDown(): CollectorError {
  return new CollectorError("shutting_down", "this collector is stopping; send it again, to any replica");
}
