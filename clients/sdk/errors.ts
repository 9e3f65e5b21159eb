/**
 * What `send`, `connect` and the others reject with. Match `code`: it is stable, messages are free.
 *
 * A rejected promise never means "maybe later by itself": the records of it are no longer with the client.
 */
export type ClientErrorCode =
  /** An option that can't be: nothing was started. */
  | "invalid_options"
  /** The collector, or the client on its behalf, can never take these records. */
  | "refused"
  /** `keep.bytesMax` is used up, and `whenFull` says not to wait. */
  | "queue_full"
  /** The client was closed before the collector acknowledged, or before `send` was called. */
  | "closed"
  /** The spool's folder can't be used, or belongs to another process. */
  | "spool_unusable";

export class ClientError extends Error {
  override readonly name = "ClientError";
  readonly code: ClientErrorCode;

  constructor(code: ClientErrorCode, message: string, options: { readonly cause?: unknown } = {}) {
    super(message, options);
    this.code = code;
  }
}
