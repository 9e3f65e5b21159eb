/** What a journal is told, and what it tells of itself. */
import type { Clock, Random } from "../clock.ts";
import type { Log } from "../log.ts";
import type { Observer } from "../observer.ts";
import type { Compression } from "./entry.ts";
import type { StoreDriver } from "./store.ts";

export interface JournalOptions {
  readonly directory: string;
  /** A segment is closed before it grows beyond this. */
  readonly segmentBytesMax: number;
  /** Bytes of requests, uncompressed, that one synced write may hold together. */
  readonly commitBytesMax: number;
  /** Bytes on disk of all segments. Beyond it appends are refused until delivery has made room. */
  readonly bytesMax: number;
  readonly compression: Compression;
  /** zstd's own scale: negative is faster, 1 to 19 smaller. */
  readonly compressionLevel: number;
  /** Bytes that stay free on the disk. */
  readonly freeBytesMin: number;
  /** Bytes of the quarantine of each route: at the limit the route waits. */
  readonly quarantineBytesMax: number;
  /** The least time between two synced writes of cursors: what a crash may make a route send again. */
  readonly cursorIntervalMs: number;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** Is told of every commit. */
  readonly observer?: Observer;
  readonly driver?: StoreDriver;
  /** Bytes free on the disk of a folder; asks the system unless told. */
  readonly freeBytes?: (directory: string) => number;
}

export interface JournalStatus {
  readonly collectorId: string;
  readonly head: bigint;
  readonly tail: bigint;
  readonly segments: number;
  readonly bytes: number;
  readonly bytesMax: number;
  readonly diskFreeBytes: number;
  /** There is no room for an ordinary request. */
  readonly isFull: boolean;
  /** Since the start: synced writes, bytes of requests in them, bytes that went to the disk for them. */
  readonly commits: number;
  readonly committedBytes: number;
  readonly writtenBytes: number;
  /** How long the write that is under way has taken, in milliseconds; 0 where there is none. */
  readonly writingMs: number;
}
