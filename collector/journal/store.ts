/**
 * The little that the journal needs of a database: one ordered map on disk, written in synced batches.
 * LevelDB is the real one (level-store.ts); tests run the same suite on one in memory, and wrap either to make it fail.
 */

export interface StoreEntry {
  readonly key: Uint8Array;
  readonly value: Uint8Array;
}

/** A value of undefined deletes the key. */
export interface StoreWrite {
  readonly key: Uint8Array;
  readonly value: Uint8Array | undefined;
}

export interface Store {
  /**
   * Writes all or nothing, and resolves after the sync. Rejects with `StoreError`; after that the store may refuse every
   * further write (LevelDB does), while reads go on: close it and open it again.
   */
  write(batch: readonly StoreWrite[]): Promise<void>;
  /** Entries in key order within the range. At most `limit`, 1 unless told. */
  read(range: {
    readonly from?: Uint8Array;
    readonly to?: Uint8Array;
    readonly reverse?: boolean;
    readonly limit?: number;
  }): Promise<StoreEntry[]>;
  /** Waits for reads and writes under way. May be called twice. */
  close(): Promise<void>;
}

export interface StoreOptions {
  /** Make the folder when it is not there. Otherwise a folder that is no store is an error, and stays as it is. */
  readonly create: boolean;
  /** Bytes of memory for what is not in a table yet. Larger than all that is ever written: only the log is written. */
  readonly writeBufferBytes: number;
}

/** Opens stores and mends them: the port by which tests put faults in. */
export interface StoreDriver {
  open(directory: string, options: StoreOptions): Promise<Store>;
  /**
   * Opens a folder for reading only, without changing it. Undefined where it is not plainly readable so: then `open` it.
   * Rejects with StoreError `io`.
   */
  openLog(directory: string): Promise<Store | undefined>;
  /** Makes a damaged folder openable again, with what can still be read of it. */
  repair(directory: string): Promise<void>;
  /** What opening had to leave out, in the store's own words; undefined when nothing. */
  droppedOnOpen(directory: string): Promise<string | undefined>;
}

/** `damaged`: the bytes on disk are wrong. `full`: the disk is. `io`: the system refused otherwise; that may pass. */
export type StoreFailure = "damaged" | "full" | "io";

export class StoreError extends Error {
  override readonly name = "StoreError";
  readonly kind: StoreFailure;

  constructor(kind: StoreFailure, message: string, cause: unknown) {
    super(message, { cause });
    this.kind = kind;
  }
}
