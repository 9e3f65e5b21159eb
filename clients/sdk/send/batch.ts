/** What goes between the outbox, which keeps, and the courier, which sends. */

/** The records of one request. Made by the outbox, and given back to it in the end: settled, or to be sent again. */
export interface Batch {
  readonly records: number;
  /** Bytes of `payload`, nearly: it is made when the batch is first sent. */
  readonly bytes: number;
  /** A serialised ExportLogsServiceRequest. */
  payload(): Uint8Array;
}

export type Answer =
  | {
      readonly kind: "taken";
      /** Records of the batch that the collector can never take, and why. */
      readonly refused: number;
      readonly reason: string | undefined;
      /** By streaming only: the collector's journal, and the ordinal in it of the first record. */
      readonly collectorId: string | undefined;
      readonly firstOrdinal: bigint | undefined;
    }
  /** None of it can ever be taken as it is. */
  | { readonly kind: "refused"; readonly reason: string };

/** What the courier needs of the outbox. */
export interface BatchSource {
  /** Bytes of the batch that is next; undefined when nothing is to be sent. */
  nextBytes(): number | undefined;
  take(): Batch | undefined;
  settle(batch: Batch, answer: Answer): void;
  /** They were not answered: they go again, before all others. */
  giveBack(batches: readonly Batch[]): void;
}
