/**
 * What the stages tell of their work while they do it, for histograms, traces and the live tail. Everything that can be
 * read from a status is read there instead: nothing here is called per log record, and all of it must return at once.
 */
import type { ErrorCode } from "./errors.ts";

/** An export was answered. */
export interface ExportEvent {
  /** From the whole request's arrival to its answer, in milliseconds. */
  readonly ms: number;
  readonly records: number;
  readonly bytes: number;
  /** The ordinal of its first log record; undefined where nothing was written. */
  readonly first: bigint | undefined;
  /** Why it was refused; undefined where it was answered OK. */
  readonly refused: ErrorCode | undefined;
  /** The caller's own trace, in the words of W3C Trace Context; undefined where it sent none. */
  readonly traceparent: string | undefined;
}

/** A synced write is on disk. */
export interface CommitEvent {
  readonly first: bigint;
  readonly records: number;
  /** Of the group's requests. */
  readonly bytes: number;
  /** The write alone, in milliseconds: the group may have been prepared while another was written. */
  readonly ms: number;
}

/** A call to Firehose was answered, or failed. */
export interface CallEvent {
  readonly route: string;
  readonly stream: string;
  /** From sending to the answer, in milliseconds. */
  readonly ms: number;
  readonly acceptedBytes: number;
  readonly throttledBytes: number;
  /** What the call was about: ranges of ordinals, [first, end). */
  readonly records: readonly { readonly first: bigint; readonly end: bigint }[];
}

export interface Observer {
  exported(event: ExportEvent): void;
  /** Comes before `exported` of the requests that are in it. */
  committed(event: CommitEvent): void;
  called(event: CallEvent): void;
}

/** Looks away: for tests and tools. */
export const noObserver: Observer = { exported: () => {}, committed: () => {}, called: () => {} };
