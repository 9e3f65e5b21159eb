/**
 * What the other stages need of the journal: ingest appends, delivery reads and settles. Nothing else crosses.
 *
 * All bookkeeping is positions on one number line: each accepted log record has an ordinal (64 bits, so `bigint`), and
 * `head` is the next one. A range is half open: [first, end).
 */

/** A journal with less room than this can't take an ordinary request: health and readiness then say so. */
export const ORDINARY_REQUEST_BYTES = 64 * 1024;

/** Ingest's side. */
export interface Appender {
  /**
   * Writes one serialised ExportLogsServiceRequest of `records` log records (at least one) and resolves with the
   * ordinal of its first record, after the synced write. The bytes must not change until then.
   * Rejects with CollectorError `journal_full`, `journal_io` or `shutting_down`; then nothing was acknowledged.
   */
  append(request: Uint8Array, records: number): Promise<bigint>;
  /** Whether that many more bytes fit, by the journal's own limit and by the disk. Cheap: asked for every request. */
  hasRoom(bytes: number): boolean;
  /** Calls `listener` whenever room may have come back. Returns the way to stop that. */
  onRoom(listener: () => void): () => void;
}

/** One synced write: a valid ExportLogsServiceRequest, the requests of a group laid end to end. */
export interface Commit {
  readonly kind: "commit";
  /** The ordinal of its first log record. */
  readonly first: bigint;
  readonly records: number;
  /** Wall time of the write, in milliseconds since 1970. */
  readonly committedAtMs: number;
  /** The reader's own. */
  readonly request: Uint8Array;
  /**
   * Whether it is for the route of that name: all are, but for what was sent again from a route's quarantine, or handed
   * over for one route by another collector.
   */
  isFor(route: string): boolean;
  /** Where its log records were accepted first: not here, where another collector handed them over. */
  readonly origin?: Origin | undefined;
}

/** The name of a commit's first log record at the collector that accepted it; those that follow have the next ordinals. */
export interface Origin {
  readonly collectorId: string;
  readonly first: bigint;
}

/** A range whose bytes can't be read any more. It was reported when it was found; whoever reads passes over it. */
export interface Damage {
  readonly kind: "damage";
  readonly first: bigint;
  readonly end: bigint;
  /** A sentence for the operator. */
  readonly reason: string;
}

/** A range that has been deleted, since every route has finished with it. Only who looks from beside delivery meets it. */
export interface Gone {
  readonly kind: "gone";
  readonly first: bigint;
  readonly end: bigint;
}

/** Delivery's side: reading. */
export interface JournalReader {
  /** Names this journal for ever: `<collectorId>/<ordinal>` names one log record. */
  readonly collectorId: string;
  /** The next ordinal, which is the number of log records accepted so far. */
  readonly head: bigint;
  /** The commit, or the damage, that holds ordinal `from`; undefined when `from` is the head. */
  read(from: bigint): Promise<Commit | Damage | undefined>;
  /** Resolves when the head has passed `ordinal`, or `signal` is aborted. */
  waitForHead(ordinal: bigint, signal: AbortSignal): Promise<void>;
}

/** How the log records of a range ended. They add up to its length. */
export interface Counts {
  readonly delivered: number;
  readonly filtered: number;
  readonly quarantined: number;
  /** Journalled by another collector, which delivers them. @default 0 */
  readonly handedOver?: number;
}

/** A log record that its stream can never take, with what a person needs to mend it. */
export interface QuarantineEntry {
  readonly ordinal: bigint;
  /** One word for machines, for example `line_too_large`. */
  readonly reason: string;
  /** What was wrong, in words; where Firehose refused it, in AWS's words. */
  readonly message: string;
  /** Wall time in milliseconds since 1970. */
  readonly atMs: number;
  /** The log record alone, as an ExportLogsServiceRequest with its resource and scope. */
  readonly request: Uint8Array;
}

/** Delivery's side: settling. One per route; its row on disk is the route's whole state. */
export interface RouteLedger {
  readonly route: string;
  /** All below is finished and on disk as such. */
  readonly cursor: bigint;
  /** Where the route began. */
  readonly start: bigint;
  /** What was opened once more by a seek: finished twice, so counted twice. 0 unless an operator has asked for it. */
  readonly replayed: bigint;
  /** Of what has finished, what another collector delivers. */
  readonly handedOver: bigint;
  /** What has finished since `start` but for that, below the cursor and beyond it; what was replayed counts each time. */
  readonly totals: { readonly delivered: bigint; readonly filtered: bigint; readonly quarantined: bigint };
  /** The part of [first, end) that is not finished yet, in order. */
  openRanges(first: bigint, end: bigint): { first: bigint; end: bigint }[];
  /** Settles a range that was open. In memory at once; on disk soon, in one synced write with others of its time. */
  finish(first: bigint, end: bigint, counts: Counts): void;
  /**
   * Puts a record into quarantine and settles it, in one synced batch. Resolves when that is on disk; rejects with
   * CollectorError `quarantine_full`, with the record still open, when the route's quarantine is at its limit.
   */
  quarantine(entry: QuarantineEntry): Promise<void>;
  /** Resolves when all that was settled before is on disk. */
  flush(): Promise<void>;
}
