/**
 * One replica of the collector, as the client sees it.
 *
 *   idle ──connect()──> connecting ──> ready ──GOAWAY, idle too long──> idle   (the old lane finishes what is under way)
 *                           │            │
 *                           └──failure───┴──> resting ──its time is over──> idle
 *
 * Rests grow with the failures in a row, spread by chance, and are never shorter than RetryInfo asks. What asks for RetryInfo
 * keeps its connection.
 */
import { status as grpcStatus } from "@grpc/grpc-js";
import type { ClientClock } from "../clock.ts";
import { nextDelayMs, toVerdict } from "../verdict.ts";
import type { Answer, Batch } from "./batch.ts";
import { Connection, type ConnectionOptions } from "./connection.ts";
import { type Address, nameOf } from "./endpoint.ts";
import type { Lane, LaneEvents } from "./lane.ts";
import { openStream } from "./stream-lane.ts";
import { UnaryLane } from "./unary-lane.ts";

export type Transport = "stream" | "unary";

export interface ReplicaOptions extends ConnectionOptions {
  readonly transport: Transport;
  readonly callMsMax: number;
  readonly retry: { readonly initialDelayMs: number; readonly delayMsMax: number };
  readonly clock: ClientClock;
  readonly random: () => number;
  /** Who sends, for the collector's figures. */
  readonly client: string;
}

export interface ReplicaEvents {
  onAnswer(batch: Batch, answer: Answer): void;
  onReturned(batches: readonly Batch[]): void;
  /** It may take batches, or may be connected again. */
  onChange(): void;
  onConnected(name: string, transport: Transport): void;
  /** `reason` is undefined when nothing was wrong. */
  onDisconnected(name: string, reason: string | undefined): void;
}

export class Replica {
  readonly name: string;
  readonly #address: Address;
  readonly #options: ReplicaOptions;
  readonly #events: ReplicaEvents;
  #state: "idle" | "connecting" | "ready" | "gone" = "idle";
  #lane: Lane | undefined;
  /** Lanes that finish what they have. */
  readonly #retired = new Set<Lane>();
  /** Monotonic. */
  #restsUntilMs = Number.NEGATIVE_INFINITY;
  #failures = 0;
  /** Whether the lane has brought anything home: one that is sent away before it did counts as a failure. */
  #hasAnswered = false;

  constructor(address: Address, options: ReplicaOptions, events: ReplicaEvents) {
    this.name = nameOf(address);
    this.#address = address;
    this.#options = options;
    this.#events = events;
  }

  get state(): "idle" | "connecting" | "ready" | "resting" {
    if (this.#isResting()) return "resting";
    return this.#state === "gone" ? "idle" : this.#state;
  }

  get transport(): Transport | undefined {
    return this.#lane?.transport;
  }

  get batchesInFlight(): number {
    return [...this.#retired].reduce((sum, lane) => sum + lane.batchesInFlight, this.#lane?.batchesInFlight ?? 0);
  }

  /** Milliseconds until it may be tried again. */
  get restMs(): number {
    return Math.max(0, this.#restsUntilMs - this.#options.clock.monotonicMs());
  }

  hasRoomFor(bytes: number): boolean {
    return this.#lane?.hasRoomFor(bytes) === true && !this.#isResting();
  }

  send(batch: Batch): void {
    this.#lane?.send(batch);
  }

  /** Connects, where it is idle. Tells the outcome through the events; never throws. */
  connect(): void {
    if (this.#state !== "idle" || this.#isResting()) return;
    this.#state = "connecting";
    void this.#connect().then(
      (lane) => {
        if (this.#state === "gone" || lane === undefined) {
          lane?.retire();
          return;
        }
        this.#lane = lane;
        this.#state = "ready";
        this.#hasAnswered = false;
        this.#events.onConnected(this.name, lane.transport);
        this.#events.onChange();
      },
      (error: unknown) => this.#failed(error),
    );
  }

  /** The replica is no longer among the addresses, or the client closes: what is under way is finished. */
  leave(): void {
    this.#state = "gone";
    this.#retire();
  }

  /** Gives back what is under way, now. */
  cut(): void {
    this.#state = "gone";
    const lanes = [...this.#retired, ...(this.#lane === undefined ? [] : [this.#lane])];
    this.#lane = undefined;
    for (const lane of lanes) lane.cut();
  }

  async #connect(): Promise<Lane | undefined> {
    const { transport } = this.#options;
    if (transport === "unary") return await this.#open("unary");
    try {
      return await this.#open("stream");
    } catch (error) {
      // A collector that knows OTLP alone. The next connection asks again: it may have been replaced by a newer one.
      if (codeOf(error) === grpcStatus.UNIMPLEMENTED) return await this.#open("unary");
      throw error;
    }
  }

  async #open(transport: Transport): Promise<Lane> {
    const options = this.#options;
    // A stream's batches are compressed one by one, calls by gRPC itself.
    const connection = new Connection(this.#address, { ...options, isGzip: options.isGzip && transport === "unary" });
    let lane: Lane | undefined;
    let hasLeft = false;
    const left = (): void => {
      hasLeft = true;
      if (lane !== undefined) this.#left(lane);
    };
    try {
      await connection.open(left);
      const events = this.#laneEvents(() => lane);
      lane =
        transport === "stream"
          ? await openStream(connection, options, events)
          : new UnaryLane(connection, options.callMsMax, events);
    } catch (error) {
      connection.close();
      throw error;
    }
    if (hasLeft) {
      lane.retire();
      throw new Error("the connection was closed while it was made");
    }
    return lane;
  }

  #laneEvents(laneOf: () => Lane | undefined): LaneEvents {
    return {
      onAnswer: (batch, answer) => {
        this.#failures = 0;
        this.#hasAnswered = true;
        this.#events.onAnswer(batch, answer);
      },
      onReturned: (batches, error) => {
        const lane = laneOf();
        if (error !== undefined && lane !== undefined && lane === this.#lane) this.#trouble(lane, error);
        this.#events.onReturned(batches);
      },
      onRoom: () => this.#events.onChange(),
      onEnd: (error) => {
        const lane = laneOf();
        if (lane === undefined) return;
        this.#retired.delete(lane);
        if (lane !== this.#lane) return;
        this.#lane = undefined;
        if (error === undefined) this.#becomeIdle();
        else this.#failed(error);
      },
    };
  }

  /** GOAWAY, or the connection broke: calls under way find out which. */
  #left(lane: Lane): void {
    if (lane !== this.#lane) return;
    this.#events.onDisconnected(this.name, undefined);
    this.#retire();
    if (!this.#hasAnswered) this.#rest(undefined);
    this.#becomeIdle();
  }

  /** A call failed. Where the collector asks for time it gets it; anything else casts doubt on the connection. */
  #trouble(lane: Lane, error: unknown): void {
    const verdict = toVerdict(error);
    this.#noteToken(error);
    const retryAfterMs = verdict.kind === "retry" ? verdict.retryAfterMs : undefined;
    this.#rest(retryAfterMs);
    if (retryAfterMs !== undefined || lane !== this.#lane) return;
    this.#events.onDisconnected(this.name, messageOf(error));
    this.#retire();
    this.#becomeIdle();
  }

  #failed(error: unknown): void {
    this.#noteToken(error);
    const verdict = toVerdict(error);
    this.#rest(verdict.kind === "retry" ? verdict.retryAfterMs : undefined);
    this.#events.onDisconnected(this.name, messageOf(error));
    this.#becomeIdle();
  }

  #noteToken(error: unknown): void {
    if (codeOf(error) === grpcStatus.UNAUTHENTICATED) this.#options.token?.expire();
  }

  #becomeIdle(): void {
    if (this.#state !== "gone") this.#state = "idle";
    this.#events.onChange();
  }

  #retire(): void {
    const lane = this.#lane;
    if (lane === undefined) return;
    this.#lane = undefined;
    this.#retired.add(lane);
    lane.retire();
  }

  #rest(retryAfterMs: number | undefined): void {
    const { clock, retry, random } = this.#options;
    this.#failures++;
    const restMs = nextDelayMs(this.#failures, retryAfterMs, retry, random());
    this.#restsUntilMs = Math.max(this.#restsUntilMs, clock.monotonicMs() + restMs);
  }

  #isResting(): boolean {
    return this.#options.clock.monotonicMs() < this.#restsUntilMs;
  }
}

function codeOf(error: unknown): unknown {
  return typeof error === "object" && error !== null && "code" in error ? error.code : undefined;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
