/** What goes to the page, as JSON. Alone in its file, since the page is compiled for a browser and the collector is not. */

export interface RouteSample {
  readonly route: string;
  /** Since the start of the process, or of the route. */
  readonly settled: number;
  readonly deliveredBytes: number;
  readonly throttledBytes: number;
  /** Now. */
  readonly waiting: number;
  readonly rate: number;
  readonly ceiling: number;
}

export interface Sample {
  /** Wall time in milliseconds since 1970. */
  readonly atMs: number;
  /** Log records: where the number line ends. */
  readonly head: number;
  readonly journalBytes: number;
  readonly diskFreeBytes: number;
  readonly routes: readonly RouteSample[];
}

/** A route on the number line, in log records. */
export interface LineSnapshot {
  readonly start: number;
  /** Below it the journal has been deleted. */
  readonly tail: number;
  readonly cursor: number;
  readonly head: number;
  /** Finished beyond the cursor. */
  readonly finishedBeyond: number;
  /** About: calls under way, by what a log record has had in bytes so far. */
  readonly inFlight: number;
  readonly waiting: number;
  readonly quarantined: number;
}

export interface RouteSnapshot {
  readonly route: string;
  readonly stream: string;
  readonly state: string;
  readonly line: LineSnapshot;
  readonly delivered: number;
  readonly filtered: number;
  readonly quarantineEntries: number;
  readonly ageMs: number;
  readonly drainSeconds: number | null;
  readonly share: number;
  readonly source: string;
  readonly lastError: { readonly code: string; readonly message: string; readonly atMs: number } | null;
}

/** One segment, or several that follow each other, where there are too many to be drawn. */
export interface SegmentSnapshot {
  readonly first: number;
  readonly end: number;
  readonly bytes: number;
  readonly segments: number;
  /** The last one of it is written to. */
  readonly isActive: boolean;
}

export interface Snapshot {
  readonly atMs: number;
  readonly collectorId: string;
  readonly uptimeSeconds: number;
  readonly residentBytes: number;
  readonly imbalance: number;
  readonly isAlive: boolean;
  readonly journal: {
    readonly bytes: number;
    readonly bytesMax: number;
    readonly diskFreeBytes: number;
    readonly segments: number;
    readonly isFull: boolean;
    /** Oldest first. */
    readonly drawn: readonly SegmentSnapshot[];
  };
  /** Null where it does not grow. */
  readonly fullSeconds: number | null;
  readonly heldCalls: number;
  readonly commits: { readonly bounds: readonly number[]; readonly counts: readonly number[] };
  readonly routes: readonly RouteSnapshot[];
}

/** A row of the table on the page. */
export interface QuarantineRow {
  readonly ordinal: string;
  readonly reason: string;
  readonly message: string;
  readonly at: string;
  /** The log record as it would have been delivered; the beginning of its text where it is long. */
  readonly log: unknown;
  /** How many characters that text has. */
  readonly characters: number;
}
