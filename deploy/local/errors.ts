/**
 * The errors of the API, word for word where the words are known (collected from public issue threads), and how one
 * becomes an answer: status 400 unless said, `{"__type": ..., "message": ...}`.
 */

/** An error that goes to the client. */
export class FirehoseError extends Error {
  override readonly name = "FirehoseError";
  /** The `__type`, for example `ResourceNotFoundException`. */
  readonly type: string;
  readonly status: number;
  /** The `code` member that InvalidKMSResourceException and InvalidSourceException carry. */
  readonly code: string | undefined;

  constructor(type: string, message: string, options: { status?: number; code?: string } = {}) {
    super(message);
    this.type = type;
    this.status = options.status ?? 400;
    this.code = options.code;
  }

  /** The answer's body. AccessDeniedException spells its message with a capital: that is how it was seen. */
  toJson(): string {
    const key = this.type === "AccessDeniedException" ? "Message" : "message";
    return JSON.stringify({
      __type: this.type,
      ...(this.code === undefined ? {} : { code: this.code }),
      [key]: this.message,
    });
  }
}

/** What was wrong with a request, all of it in one error: `2 validation errors detected: ...; ...`. */
export function validationError(problems: readonly string[]): FirehoseError {
  const noun = problems.length === 1 ? "validation error" : "validation errors";
  return new FirehoseError("ValidationException", `${problems.length} ${noun} detected: ${problems.join("; ")}`);
}

/** `path` as the service names it (`records.97.member.data`), `value` as it prints it (quoted, or null). */
export function constraintProblem(value: string | null, path: string, constraint: string): string {
  const shown = value === null ? "null" : `'${value}'`;
  return `Value ${shown} at '${path}' failed to satisfy constraint: Member must ${constraint}`;
}

export const invalidArgument = (message: string): FirehoseError =>
  new FirehoseError("InvalidArgumentException", message);

export const callTooLarge = (): FirehoseError => invalidArgument("Records size exceeds 4 MB limit");

export const slowDown = (): FirehoseError =>
  new FirehoseError("ServiceUnavailableException", "Slow down.", { status: 500 });

export const internalFailure = (): FirehoseError =>
  new FirehoseError("InternalFailure", "The request processing has failed because of an unknown error.", {
    status: 500,
  });

export const streamNotFound = (name: string, accountId: string): FirehoseError =>
  new FirehoseError("ResourceNotFoundException", `Firehose ${name} not found under account ${accountId}.`);

export const controlThrottled = (operation: string): FirehoseError =>
  new FirehoseError("ThrottlingException", `Please slow down. Max limit of 5 RPS has breached for ${operation}`);

export const unreadableBody = (): FirehoseError => new FirehoseError("SerializationException", "");

/** `20190609T232013Z`, as SigV4 writes a time. */
function amazonDate(ms: number): string {
  return new Date(ms).toISOString().replace(/[-:]|\.\d{3}/g, "");
}

/** A request whose date lies `skewMsMax` or more from the server's, in either direction. */
export function signatureOutOfTime(sentMs: number, nowMs: number, skewMsMax: number): FirehoseError {
  const late = sentMs < nowMs;
  const edgeMs = late ? nowMs - skewMsMax : nowMs + skewMsMax;
  const [start, relation, sign] = late
    ? ["Signature expired", "is now earlier than", "-"]
    : ["Signature not yet current", "is still later than", "+"];
  return new FirehoseError(
    "InvalidSignatureException",
    `${start}: ${amazonDate(sentMs)} ${relation} ${amazonDate(edgeMs)} (${amazonDate(nowMs)} ${sign} 5 min.)`,
  );
}
