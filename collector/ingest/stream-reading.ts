/**
 * Reads the messages of one stream no faster than there is memory for them.
 *
 * grpc-js keeps what arrives until a message is whole, and starts on the next one at once. So each message is entered in
 * the gate (reception.ts) as soon as its first five bytes say how long it is, before the rest is read: where the gate
 * has no room for it, the stream is paused, and HTTP/2's flow control holds its sender to one window. Unlike a call's
 * request a message is never refused for having to wait, since its sender has credit to wait with; only one that is
 * announced and does not arrive while others wait ends its stream.
 */
import type { ServerInterceptingCallInterface } from "@grpc/grpc-js";
import type { CollectorError } from "../errors.ts";
import type { RecycledMemory } from "../memory/recycled-memory.ts";
import { release } from "../memory/release.ts";
import { MessageDecoder } from "./message-decoder.ts";
import type { Arrival, InnermostCall, ReceptionGate } from "./reception.ts";

/** Grpc-js's innermost call, with more of what its interface does not show: see `InnermostCall` of reception.ts. */
export interface StreamCall
  extends ServerInterceptingCallInterface,
    Pick<InnermostCall, "incomingEncoding" | "decoder"> {
  readonly stream: InnermostCall["stream"] & {
    once(event: "close", listener: () => void): void;
    close(code: number): void;
    readonly closed: boolean;
    readonly session?: { readonly closed: boolean } | undefined;
  };
}

/** The place of one message in the gate, from its announcement until nobody needs its bytes any more. */
export class Place implements Arrival {
  bytes: number;
  readonly waitEndsAtMs = Number.POSITIVE_INFINITY;
  /** Messages lie in memory that is used again; what they are unpacked to does not. */
  readonly leavesLitter: boolean;
  receivingSinceMs: number | undefined;
  readonly start: () => void;
  readonly refuse: (reason: CollectorError) => void;
  isStarted = false;

  constructor(
    bytes: number,
    leavesLitter: boolean,
    onStarted: () => void,
    onRefused: (reason: CollectorError) => void,
  ) {
    this.bytes = bytes;
    this.leavesLitter = leavesLitter;
    this.refuse = onRefused;
    this.start = () => {
      this.isStarted = true;
      onStarted();
    };
  }
}

export interface ReadingParts {
  readonly gate: ReceptionGate;
  readonly memory: RecycledMemory;
  readonly messageBytesMax: number;
}

export interface ReadingEvents {
  /** A message, and its place: when it is done with, the place is to be left and the memory given back. */
  readonly onMessage: (message: Buffer, place: Place) => void;
  /** The message that is arriving took too long, or the collector is stopping. */
  readonly onRefused: (reason: CollectorError) => void;
}

/** In the place of a decoder, once nobody listens. */
const LETS_GO: StreamCall["decoder"] = {
  write: (piece) => {
    release(piece);
    return [];
  },
};

export class StreamReading {
  readonly #call: StreamCall;
  readonly #gate: ReceptionGate;
  readonly #memory: RecycledMemory;
  readonly #decoder: MessageDecoder;
  readonly #events: ReadingEvents;
  /** Of the messages that were announced and not handed on, in order. */
  readonly #places: Place[] = [];
  /** Messages that are here before their turn has come: they were in one piece with the one before. */
  readonly #early: Buffer[] = [];
  /** Places that have not started. */
  #waiting = 0;
  #isPaused = false;
  #isReadPending = false;
  #isWanted = false;
  #isClosed = false;

  constructor(call: StreamCall, parts: ReadingParts, events: ReadingEvents) {
    const { gate, memory, messageBytesMax } = parts;
    this.#call = call;
    this.#gate = gate;
    this.#memory = memory;
    this.#events = events;
    this.#decoder = new MessageDecoder({ memory, messageBytesMax, onLength: (bytes) => this.#announce(bytes) });
    call.decoder = this.#decoder;
  }

  /** Asks for one more message. */
  next(): void {
    this.#isWanted = true;
    this.#read();
  }

  /** `onReceiveMessage` of the call's listener. */
  received(message: Buffer): void {
    this.#isReadPending = false;
    if (this.#isClosed) {
      this.#memory.giveBack(message);
      return;
    }
    this.#early.push(message);
    this.#handOn();
  }

  /** Nothing more is read, and what was not handed on is let go. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#decoder.abandon();
    // What comes of a message that was under way would be taken for the beginning of another.
    this.#call.decoder = LETS_GO;
    for (const place of this.#places.splice(0)) this.#gate.leave(place);
    for (const message of this.#early.splice(0)) this.#memory.giveBack(message);
  }

  #announce(bytes: number): void {
    if (this.#isClosed) return;
    const place: Place = new Place(
      bytes,
      false,
      () => this.#started(),
      (reason) => this.#events.onRefused(reason),
    );
    this.#places.push(place);
    this.#waiting++;
    this.#gate.enter(place);
    this.#pauseWhileWaiting();
  }

  #started(): void {
    this.#waiting--;
    if (this.#isPaused && this.#waiting === 0 && !this.#isClosed) {
      this.#isPaused = false;
      if (this.#isReadPending) this.#call.stream.resume();
    }
    this.#handOn();
    this.#read();
  }

  #handOn(): void {
    for (;;) {
      const place = this.#places[0];
      const message = this.#early[0];
      if (place === undefined || message === undefined || !place.isStarted) return;
      this.#places.shift();
      this.#early.shift();
      this.#gate.received(place, place.bytes);
      this.#isWanted = false;
      this.#events.onMessage(message, place);
    }
  }

  #read(): void {
    if (!this.#isWanted || this.#isReadPending || this.#isClosed) return;
    // What has its place is here whole already when a later one waits, and must be let out for that one to get room.
    if (this.#waiting > 0 && this.#places[0]?.isStarted !== true) return;
    this.#isReadPending = true;
    this.#call.startRead();
    this.#pauseWhileWaiting();
  }

  /** grpc-js sets the stream going whenever it is asked for a message. */
  #pauseWhileWaiting(): void {
    if (this.#waiting === 0) return;
    this.#isPaused = true;
    this.#call.stream.pause();
  }
}
