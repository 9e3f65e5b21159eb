/** What the agent needs of whoever sends: the SDK (sdk-sender.ts), or a test. */

export interface Verdict {
  /** Log records that the collector will never take. */
  readonly refused: number;
  /** Why; "" where none was refused. */
  readonly reason: string;
}

export interface Sender {
  /**
   * Sends a serialised ExportLogsServiceRequest of so many log records, again and again until it is acknowledged or refused.
   * Resolves when the collector has it on disk. Rejects only when the sender is closed before.
   */
  send(request: Uint8Array, records: number): Promise<Verdict>;
  /** Whether a collector answers at present. */
  readonly isConnected: boolean;
  /** Attempts that had no answer, since the start. */
  readonly retries: number;
  /** Gives up what is under way. */
  close(): Promise<void>;
}
