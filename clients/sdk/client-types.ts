/** What the client says of itself and of what it was given. */
import type { Drop } from "./options.ts";
import type { LogValue } from "./record.ts";
import type { ReplicaStatus } from "./send/courier.ts";
import type { Transport } from "./send/replica.ts";

/** What became of one `send`. */
export interface Ack {
  /** On whose disk the records are. */
  readonly kept: "collector" | "spool";
  /** Log records that are on that disk. */
  readonly records: number;
  /** Log records that the collector will never take; `reason` says why. */
  readonly refused: number;
  /** Log records that had no room, with `whenFull: "drop"`. */
  readonly dropped: number;
  readonly reason: string | undefined;
  /** Names the journal, where the collector streams; with `ordinal` it names the first record of the send for ever. */
  readonly collectorId: string | undefined;
  readonly ordinal: bigint | undefined;
}

export interface FlushReport {
  /** Whether everything that was sent before is settled. */
  readonly isComplete: boolean;
  /** Log records that are not, in memory: by `close` these are given up. */
  readonly recordsLeft: number;
  /** Log records that lie in the spool, for this process or the next. */
  readonly recordsSpooled: number;
}

/** The instrumentation scope that records belong to. Give the same object again: it is encoded once. */
export interface Scope {
  readonly name: string;
  readonly version?: string;
  readonly attributes?: Readonly<Record<string, LogValue>>;
  readonly schemaUrl?: string;
  /** In place of the client's own. */
  readonly resource?: Readonly<Record<string, LogValue>>;
  readonly resourceSchemaUrl?: string;
}

export interface ClientStatus {
  readonly state: "open" | "closing" | "closed";
  /** Log records; accepted = acknowledged + refused + abandoned + waiting. */
  readonly accepted: number;
  readonly acknowledged: number;
  /** The collector will never take them. */
  readonly refused: number;
  /** Not acknowledged when the client was closed. */
  readonly abandoned: number;
  readonly waiting: number;
  /** Never accepted: there was no room. */
  readonly dropped: number;
  /** Bytes of what waits, and of the sends that wait for room. */
  readonly waitingBytes: number;
  readonly blockedBytes: number;
  /** Batches that were sent and came back without an answer. */
  readonly retries: number;
  /** The part of `waiting` that is on disk, and bytes of the folder; undefined without a spool. */
  readonly spool: { readonly records: number; readonly bytes: number } | undefined;
  readonly replicas: readonly ReplicaStatus[];
}

export interface ClientEvents {
  /** `ip:port` of the replica, and how it is spoken to. */
  connected: [{ readonly replica: string; readonly transport: Transport }];
  /** `reason` is undefined where nothing is wrong: the collector asked to go elsewhere. */
  disconnected: [{ readonly replica: string; readonly reason: string | undefined }];
  /** No endpoint's name could be resolved. */
  unresolved: [{ readonly reason: string }];
  /** The spool's disk made trouble: what could not be done is tried again. */
  trouble: [{ readonly reason: string }];
  drop: [Drop];
  /** The client is closed, and this is what was left. */
  closed: [FlushReport];
}
