/** Batches as unary Export calls of OTLP, several at a time: what every OTLP collector understands. */
import type { ServiceError } from "@grpc/grpc-js";
import { fields, payloads } from "../fields.ts";
import { toVerdict } from "../verdict.ts";
import type { Answer, Batch } from "./batch.ts";
import type { Connection } from "./connection.ts";
import type { Lane, LaneEvents } from "./lane.ts";

/** As many as one connection of the collector takes before calls wait at the client, with room for others. */
const CALLS_MAX = 128;
const IN_FLIGHT_BYTES_MAX = 8 * 1024 * 1024;

export class UnaryLane implements Lane {
  readonly transport = "unary";
  readonly #connection: Connection;
  readonly #callMsMax: number;
  readonly #events: LaneEvents;
  readonly #inFlight = new Set<Batch>();
  #bytes = 0;
  #isRetired = false;
  #hasEnded = false;

  constructor(connection: Connection, callMsMax: number, events: LaneEvents) {
    this.#connection = connection;
    this.#callMsMax = callMsMax;
    this.#events = events;
  }

  get batchesInFlight(): number {
    return this.#inFlight.size;
  }

  get bytesInFlight(): number {
    return this.#bytes;
  }

  hasRoomFor(bytes: number): boolean {
    if (this.#isRetired) return false;
    if (this.#inFlight.size === 0) return true;
    return this.#inFlight.size < CALLS_MAX && this.#bytes + bytes <= IN_FLIGHT_BYTES_MAX;
  }

  send(batch: Batch): void {
    this.#inFlight.add(batch);
    this.#bytes += batch.bytes;
    this.#connection.export(batch.payload(), this.#callMsMax, (error, response) => {
      if (!this.#inFlight.delete(batch)) return; // Given back when the lane was cut.
      this.#bytes -= batch.bytes;
      if (error === null) this.#events.onAnswer(batch, taken(response ?? new Uint8Array()));
      else this.#failed(batch, error);
      if (this.#isRetired) this.#endWhenDone();
      else this.#events.onRoom();
    });
  }

  retire(): void {
    this.#isRetired = true;
    this.#endWhenDone();
  }

  cut(): void {
    this.#isRetired = true;
    const batches = [...this.#inFlight];
    this.#inFlight.clear();
    this.#bytes = 0;
    if (batches.length > 0) this.#events.onReturned(batches, undefined);
    this.#endWhenDone();
  }

  #failed(batch: Batch, error: ServiceError): void {
    if (toVerdict(error).kind === "refused") {
      this.#events.onAnswer(batch, { kind: "refused", reason: error.details || error.message });
    } else this.#events.onReturned([batch], error);
  }

  #endWhenDone(): void {
    if (this.#inFlight.size > 0 || this.#hasEnded) return;
    this.#hasEnded = true;
    this.#events.onEnd(undefined);
    this.#connection.close();
  }
}

/** An ExportLogsServiceResponse: `partial_success` says how many records were not taken, and why. */
function taken(response: Uint8Array): Answer {
  let refused = 0;
  let reason: string | undefined;
  for (const partial of payloads(response, 1)) {
    for (const { field, value } of fields(partial)) {
      if (field === 1 && typeof value === "number") refused = value;
      if (field === 2 && value instanceof Uint8Array) reason = new TextDecoder().decode(value);
    }
  }
  return { kind: "taken", refused, reason, collectorId: undefined, firstOrdinal: undefined };
}
