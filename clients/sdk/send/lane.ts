/** A way to bring batches to one replica over one connection: unary calls, or one stream. */
import type { Answer, Batch } from "./batch.ts";

export interface Lane {
  readonly transport: "unary" | "stream";
  readonly batchesInFlight: number;
  readonly bytesInFlight: number;
  /** Whether a batch of that many bytes may go now. */
  hasRoomFor(bytes: number): boolean;
  /** Only after `hasRoomFor`. */
  send(batch: Batch): void;
  /** Takes no more; what is under way is finished, then `onEnd` is called. */
  retire(): void;
  /** Ends now: what is under way is given back. */
  cut(): void;
}

export interface LaneEvents {
  onAnswer(batch: Batch, answer: Answer): void;
  /** These were not answered. `error` says why; the lane may go on, where it has not ended. */
  onReturned(batches: readonly Batch[], error: unknown): void;
  /** There may be room again. */
  onRoom(): void;
  /** Called once, last. `error` is undefined when it ended as it was asked to. */
  onEnd(error: unknown): void;
}
