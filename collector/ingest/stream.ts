/**
 * One stream of batches (proto/standpipe/ingest/v1/ingest.proto), from its first message to its status.
 *
 *   message ──reading, gate──> queued ──unpacked, scanned, admitted──> written ──in order──> Progress
 *
 * - Batches are written side by side with those of other streams and calls, and acknowledged without a gap
 *   (stream-batches.ts). A journal without room is back-pressure: no acknowledgement, no credit, no new batches.
 * - A batch that never can be taken is told in `refused`, and the stream goes on. Anything else that goes wrong ends the
 *   stream, with what was written acknowledged before the status: the client sends the rest on another stream.
 * - A stream ends in order (a drain, the age of its connection, the client's own end): what was received is written,
 *   acknowledged, and only then the status is sent. A client that breaks the protocol loses what is still queued.
 * - Acknowledgements are one message at a time; what is written while that one is on its way goes into the next. A
 *   client that does not read them costs that message, what its window lets it send, and BATCHES_MAX small objects.
 *
 * It speaks to grpc-js's innermost call rather than to its stream object, which would read ahead of what there is memory
 * for and tell nothing of when a message has left.
 */
import { Metadata, type StatusObject, status } from "@grpc/grpc-js";
import type { Random } from "../clock.ts";
import { assert, CollectorError } from "../errors.ts";
import type { RecycledMemory } from "../memory/recycled-memory.ts";
import { type PartialStatusObject, toStatus } from "./boundary.ts";
import { type BatchParts, StreamBatches } from "./stream-batches.ts";
import { type Place, type StreamCall, StreamReading } from "./stream-reading.ts";
import { type BatchMessage, decodeStreamRequest, encodeProgress, encodeWelcome } from "./stream-wire.ts";

export interface StreamParts extends BatchParts {
  readonly collectorId: string;
  readonly random: Random;
  readonly clock: { monotonicMs(): number };
  readonly memory: RecycledMemory;
  /** Bytes of the largest message. */
  readonly messageBytesMax: number;
  /** Counts and tells a failure of the client of that name, and ends the stream with its status. */
  readonly fail: (reason: unknown, client: string, end: (failure: StatusObject) => void) => void;
  /** The client, or both sides, have left. `isBroken`: before a status was sent. */
  readonly onClosed: (stream: BatchStream, isBroken: boolean) => void;
}

/** Batches of one stream that are not acknowledged; beyond that it is not read. */
const BATCHES_MAX = 4_096;

export class BatchStream {
  readonly #call: StreamCall;
  readonly #parts: StreamParts;
  readonly #reading: StreamReading;
  readonly #batches: StreamBatches;
  /** Undefined before Open. */
  #client: string | undefined;
  #lastNumber = 0;
  #acknowledgedNumber = 0;
  #windowBytes: number;
  /** The largest that was ever granted: what the client may still go by. */
  #grantedBytes: number;
  #isWindowNew = false;
  #isReadDue = false;
  #isFlushDue = false;
  #sendingSinceMs: number | undefined;
  /** The status that it ends with, once that is known. */
  #ending: PartialStatusObject | undefined;
  #endedAtMs: number | undefined;
  #isFailed = false;
  #isGone = false;
  readonly openedAtMs: number;

  constructor(call: StreamCall, windowBytes: number, parts: StreamParts) {
    this.#call = call;
    this.#parts = parts;
    this.#windowBytes = windowBytes;
    this.#grantedBytes = windowBytes;
    this.openedAtMs = parts.clock.monotonicMs();
    this.#reading = new StreamReading(call, parts, {
      onMessage: (message, place) => this.#message(message, place),
      onRefused: (reason) => this.end(reason),
    });
    this.#batches = new StreamBatches(parts, {
      onAnswered: () => this.#flushSoon(),
      onFailed: (reason) => this.#fail(reason),
    });
    const send = call.sendStatus.bind(call);
    // grpc-js sends statuses of its own from inside the call, which no interceptor sees (as in reception.ts).
    call.sendStatus = (sent) => {
      this.#endedAtMs ??= parts.clock.monotonicMs();
      this.#ending ??= sent;
      this.#dropQueued();
      send(sent);
    };
  }

  /** Begins to read. */
  start(): void {
    const { incomingEncoding } = this.#call;
    if (incomingEncoding !== "identity") {
      const details = `a stream's messages are not compressed (grpc-encoding ${incomingEncoding}): compress Batch.request`;
      this.#call.sendStatus({ code: status.UNIMPLEMENTED, details });
      return;
    }
    this.#reading.next();
  }

  /** A message is here whole. */
  received(message: Buffer): void {
    this.#reading.received(message);
  }

  /** The client sends no more. */
  halfClosed(): void {
    this.#endWith({ code: status.OK, details: "", metadata: new Metadata() });
  }

  /** The client has left, or the status is sent and nothing more is to come. */
  closed(): void {
    if (this.#isGone) return;
    this.#isGone = true;
    this.#reading.close();
    this.#batches.abandon();
    this.#parts.onClosed(this, this.#endedAtMs === undefined);
  }

  get isOpen(): boolean {
    return this.#client !== undefined;
  }

  /** Since when the message that is on its way has not gone out, by `Clock.monotonicMs`; undefined where none is. */
  get sendingSinceMs(): number | undefined {
    return this.#sendingSinceMs;
  }

  /** When its status was sent, likewise. */
  get endedAtMs(): number | undefined {
    return this.#endedAtMs;
  }

  /** Nothing can come or go on it any more. */
  get isReset(): boolean {
    return this.#call.stream.closed;
  }

  /** Its connection takes no new streams: it is at its age, or the collector stops. */
  get isConnectionClosing(): boolean {
    return this.#call.stream.session?.closed === true;
  }

  /** Tells the client of another window. */
  setWindow(bytes: number): void {
    if (bytes === this.#windowBytes) return;
    this.#windowBytes = bytes;
    this.#isWindowNew = true;
    this.#flushSoon();
  }

  /** Ends it in order: what was received is written and acknowledged first. */
  end(reason: CollectorError): void {
    this.#endWith(toStatus(reason, this.#parts.random));
  }

  /** Breaks it off. */
  cut(code: number): void {
    this.#call.stream.close(code);
  }

  #message(message: Buffer, place: Place): void {
    let isKept = false;
    try {
      if (this.#ending !== undefined) return;
      const request = decodeStreamRequest(message);
      if (request.kind === "open") this.#welcome(request.client);
      else {
        this.#checkBatch(request);
        this.#lastNumber = request.number;
        isKept = true;
        this.#batches.add(request, message, place);
      }
      this.#readOn();
    } catch (reason) {
      this.#fail(reason);
    } finally {
      if (!isKept) {
        this.#parts.gate.leave(place);
        this.#parts.memory.giveBack(message);
      }
    }
  }

  #welcome(client: string): void {
    if (this.#client !== undefined) throw breach("Open may be sent once only");
    this.#client = client;
    const { collectorId, batchBytesMax } = this.#parts;
    this.#isWindowNew = false;
    this.#grantedBytes = this.#windowBytes;
    this.#send(encodeWelcome(collectorId, this.#windowBytes, batchBytesMax));
  }

  #checkBatch({ number, request }: BatchMessage): void {
    if (this.#client === undefined) throw breach("the first message must be Open");
    if (number !== this.#lastNumber + 1) {
      throw breach(`batch ${this.#lastNumber + 1} was expected, and ${number} came`);
    }
    const { underWayBytes } = this.#batches;
    if (underWayBytes > 0 && underWayBytes + request.length > this.#grantedBytes) {
      const sent = `${underWayBytes + request.length} bytes of batches are under way`;
      const words = `${sent}, and the window is ${this.#windowBytes}: wait for Progress`;
      throw new CollectorError("window_exceeded", words);
    }
  }

  /** Acknowledges at the end of this turn of the event loop: all batches of one write together. */
  #flushSoon(): void {
    if (this.#isFlushDue) return;
    this.#isFlushDue = true;
    setImmediate(() => {
      this.#isFlushDue = false;
      this.#flush();
    });
  }

  #flush(): void {
    if (this.#isGone || this.#endedAtMs !== undefined || this.#sendingSinceMs !== undefined) return;
    const done = this.#batches.takeAnswered();
    const isWindowTold = this.#isWindowNew && this.isOpen;
    if (done.length === 0 && !isWindowTold) {
      if (this.#ending !== undefined && this.#batches.unanswered === 0) this.#call.sendStatus(this.#ending);
      return;
    }
    this.#acknowledgedNumber = done.at(-1)?.number ?? this.#acknowledgedNumber;
    this.#isWindowNew = false;
    this.#grantedBytes = Math.max(this.#grantedBytes, this.#windowBytes);
    this.#send(
      encodeProgress({
        through: this.#acknowledgedNumber,
        written: done.flatMap(({ answer }) => answer?.written ?? []),
        refused: done.flatMap(({ answer }) => answer?.refused ?? []),
        windowBytes: isWindowTold ? this.#windowBytes : 0,
      }),
    );
    if (this.#isReadDue) this.#readOn();
  }

  #send(message: Buffer): void {
    assert(this.#sendingSinceMs === undefined, "one message of a stream is on its way at a time");
    this.#sendingSinceMs = this.#parts.clock.monotonicMs();
    this.#call.sendMessage(message, () => {
      this.#sendingSinceMs = undefined;
      this.#flush();
    });
  }

  /** Asks for the next message, unless the client has more under way than it may, or than is kept account of. */
  #readOn(): void {
    const isShrunk = this.#windowBytes < this.#grantedBytes && this.#batches.underWayBytes >= this.#windowBytes;
    this.#isReadDue = this.#batches.count >= BATCHES_MAX || isShrunk;
    if (!this.#isReadDue && this.#ending === undefined) this.#reading.next();
  }

  /** Ends it, and forgets what is queued: the client has it still. */
  #fail(reason: unknown): void {
    if (this.#isGone || this.#isFailed) return;
    this.#isFailed = true;
    // What went wrong is more to the point than what the stream was ending for anyway.
    this.#ending = undefined;
    this.#dropQueued();
    this.#parts.fail(reason, this.#client ?? "", (failure) => this.#endWith(failure));
  }

  #endWith(ending: StatusObject): void {
    this.#ending ??= ending;
    this.#reading.close();
    this.#flushSoon();
  }

  #dropQueued(): void {
    this.#batches.dropQueued();
    this.#reading.close();
  }
}

function breach(what: string): CollectorError {
  return new CollectorError("invalid_request", `a breach of the stream's protocol: ${what}`);
}
