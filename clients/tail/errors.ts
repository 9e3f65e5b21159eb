/** What the agent tells its operator. A mistake of the user's has a code and a sentence; anything else is a fault of ours. */

export type TailErrorCode =
  /** The configuration can't be used; every problem is named and nothing was started. */
  | "config_invalid"
  /** Another agent has the positions open, or their folder can't be used. */
  | "positions_unusable"
  /** An address of ours can't be listened on. */
  | "address_in_use";

export class TailError extends Error {
  override readonly name = "TailError";
  readonly code: TailErrorCode;

  constructor(code: TailErrorCode, message: string, options: { cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
  }
}

/** The short name that the operating system gives a failure, such as ENOENT; else its words. */
export function systemCodeOf(reason: unknown): string {
  const { code } = (reason ?? {}) as { code?: unknown };
  if (typeof code === "string") return code;
  return reason instanceof Error ? reason.message : String(reason);
}
