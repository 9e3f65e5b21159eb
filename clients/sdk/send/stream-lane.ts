/**
 * Batches on one stream of standpipe.ingest.v1.Ingest: many under way without a call for each, acknowledged cumulatively.
 *
 * At most the window that the collector grants is under way, and never more than `IN_FLIGHT_BYTES_MAX`, whatever it grants;
 * one batch always may be. The stream ends, and its batches without an answer are given back, when the collector says
 * nothing for `callMsMax` although batches are under way. One that has had nothing to do for `IDLE_MS_MAX` is closed: an open
 * stream would keep a process alive that has nothing more to send.
 */
import { promisify } from "node:util";
import { gzip } from "node:zlib";
import { type ClientDuplexStream, type StatusObject, status } from "@grpc/grpc-js";
import type { ClientClock } from "../clock.ts";
import { decodeResponse, encodeBatch, encodeOpen, type Progress, type Refused, type Written } from "../wire/ingest.ts";
import type { Answer, Batch } from "./batch.ts";
import type { Connection } from "./connection.ts";
import type { Lane, LaneEvents } from "./lane.ts";

export interface StreamOptions {
  /** Who sends, for the collector's figures. */
  readonly client: string;
  readonly isGzip: boolean;
  readonly callMsMax: number;
  readonly connectMsMax: number;
  readonly clock: ClientClock;
}

const IN_FLIGHT_BYTES_MAX = 8 * 1024 * 1024;
const BATCHES_MAX = 1_024;
const IDLE_MS_MAX = 5_000;
const WATCH_MS_MAX = 500;
/** Smaller ones grow more often than they shrink. */
const GZIP_BYTES_MIN = 512;

const gzipped = promisify<Uint8Array, { level: number }, Buffer>(gzip);

/** Rejects with the gRPC error when the stream is not opened; the connection is then still whole. */
export async function openStream(connection: Connection, options: StreamOptions, events: LaneEvents): Promise<Lane> {
  const call = connection.stream();
  const finished = new AbortController();
  void options.clock.sleep(options.connectMsMax, finished.signal).then(() => {
    if (!finished.signal.aborted) call.cancel();
  });
  try {
    return await new Promise<Lane>((resolve, reject) => {
      let lane: StreamLane | undefined;
      call.on("data", (bytes: Buffer) => {
        const response = decodeResponse(bytes);
        if (response.kind === "progress") lane?.progress(response.progress);
        if (response.kind !== "welcome" || lane !== undefined) return;
        const { collectorId, windowBytes } = response.welcome;
        lane = new StreamLane(call, connection, options, events, collectorId, windowBytes);
        resolve(lane);
      });
      // What it is stands in the status, which always comes.
      call.on("error", () => undefined);
      call.on("status", (ended: StatusObject) => {
        if (lane === undefined) reject(toError(ended));
        else lane.ended(ended);
      });
      call.write(encodeOpen(options.client));
    });
  } finally {
    finished.abort();
  }
}

interface Sent {
  readonly number: number;
  readonly batch: Batch;
}

class StreamLane implements Lane {
  readonly transport = "stream";
  readonly #call: ClientDuplexStream<Buffer, Buffer>;
  readonly #connection: Connection;
  readonly #options: StreamOptions;
  readonly #events: LaneEvents;
  readonly #collectorId: string;
  #windowBytes: number;
  #nextNumber = 1;
  /** In the order of their numbers. */
  #sent: Sent[] = [];
  /** Batches that are being compressed. */
  readonly #packing = new Set<Batch>();
  #bytes = 0;
  readonly #written = new Map<number, Written>();
  readonly #refused = new Map<number, Refused>();
  #movedAtMs: number;
  #isRetired = false;
  #hasEnded = false;

  constructor(
    call: ClientDuplexStream<Buffer, Buffer>,
    connection: Connection,
    options: StreamOptions,
    events: LaneEvents,
    collectorId: string,
    windowBytes: number,
  ) {
    this.#call = call;
    this.#connection = connection;
    this.#options = options;
    this.#events = events;
    this.#collectorId = collectorId;
    this.#windowBytes = windowBytes;
    this.#movedAtMs = options.clock.monotonicMs();
    void this.#watch();
  }

  get batchesInFlight(): number {
    return this.#sent.length + this.#packing.size;
  }

  get bytesInFlight(): number {
    return this.#bytes;
  }

  hasRoomFor(bytes: number): boolean {
    if (this.#isRetired) return false;
    const { batchesInFlight } = this;
    if (batchesInFlight === 0) return true;
    return batchesInFlight < BATCHES_MAX && this.#bytes + bytes <= Math.min(this.#windowBytes, IN_FLIGHT_BYTES_MAX);
  }

  send(batch: Batch): void {
    if (this.batchesInFlight === 0) this.#movedAtMs = this.#options.clock.monotonicMs();
    this.#bytes += batch.bytes;
    const payload = batch.payload();
    if (!this.#options.isGzip || payload.length < GZIP_BYTES_MIN) {
      this.#write(batch, payload, false);
      return;
    }
    this.#packing.add(batch);
    void gzipped(payload, { level: 1 }).then((packed) => {
      if (!this.#packing.delete(batch)) return; // Given back meanwhile.
      this.#write(batch, packed, true);
      if (this.#isRetired) this.#endWhenPacked();
    });
  }

  retire(): void {
    if (this.#isRetired) return;
    this.#isRetired = true;
    this.#endWhenPacked();
  }

  cut(): void {
    this.#isRetired = true;
    this.#finish(undefined);
    this.#call.cancel();
  }

  progress({ through, written, refused, windowBytes }: Progress): void {
    if (this.#hasEnded) return;
    this.#movedAtMs = this.#options.clock.monotonicMs();
    if (windowBytes > 0) this.#windowBytes = windowBytes;
    for (const one of written) this.#written.set(one.number, one);
    for (const one of refused) this.#refused.set(one.number, one);
    let count = 0;
    for (; count < this.#sent.length && (this.#sent[count] as Sent).number <= through; count++);
    for (const { number, batch } of this.#sent.splice(0, count)) {
      this.#bytes -= batch.bytes;
      this.#events.onAnswer(batch, this.#answerTo(number));
    }
    if (!this.#isRetired) this.#events.onRoom();
  }

  /** The collector's last word. */
  ended(last: StatusObject): void {
    const isDone = last.code === status.OK && this.#isRetired;
    this.#finish(isDone && this.batchesInFlight === 0 ? undefined : toError(last));
  }

  #answerTo(number: number): Answer {
    const refused = this.#refused.get(number);
    const written = this.#written.get(number);
    this.#refused.delete(number);
    this.#written.delete(number);
    if (refused !== undefined && refused.code !== 0) return { kind: "refused", reason: refused.reason };
    return {
      kind: "taken",
      refused: refused?.records ?? 0,
      reason: refused?.reason,
      collectorId: this.#collectorId,
      firstOrdinal: written?.firstOrdinal,
    };
  }

  #write(batch: Batch, request: Uint8Array, isGzip: boolean): void {
    const number = this.#nextNumber++;
    this.#sent.push({ number, batch });
    this.#call.write(encodeBatch(number, request, isGzip));
  }

  /** Half-closes: the collector answers what it has, and ends with OK. */
  #endWhenPacked(): void {
    if (this.#packing.size === 0) this.#call.end();
  }

  async #watch(): Promise<void> {
    const { clock, callMsMax } = this.#options;
    while (!this.#hasEnded) {
      await clock.sleep(Math.min(WATCH_MS_MAX, Math.ceil(callMsMax / 4)));
      if (this.#hasEnded) return;
      const quietMs = clock.monotonicMs() - this.#movedAtMs;
      if (this.batchesInFlight > 0 ? quietMs > callMsMax : this.#isRetired && quietMs > callMsMax) {
        const details = `the stream was silent for ${callMsMax} ms`;
        this.#finish(Object.assign(new Error(details), { code: status.DEADLINE_EXCEEDED, details }));
        this.#call.cancel();
      } else if (this.batchesInFlight === 0 && quietMs > IDLE_MS_MAX) this.retire();
    }
  }

  /** Ends once: gives back what has no answer. */
  #finish(error: Error | undefined): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    this.#isRetired = true;
    const batches = [...this.#sent.map(({ batch }) => batch), ...this.#packing];
    this.#sent = [];
    this.#packing.clear();
    this.#bytes = 0;
    // The end first: the batches shall not come back to this lane.
    this.#events.onEnd(error);
    this.#connection.close();
    if (batches.length > 0) this.#events.onReturned(batches, undefined);
  }
}

function toError({ code, details, metadata }: StatusObject): Error {
  const reason = code === status.OK ? "the collector ended the stream" : details;
  return Object.assign(new Error(reason), { code: code === status.OK ? status.UNAVAILABLE : code, details, metadata });
}
