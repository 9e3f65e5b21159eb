/** What a user can mend: shown as one sentence, without a stack trace. */
export class Problem extends Error {
  override readonly name = "Problem";
}

/** The system's short word for a failure, ENOENT for example, or its message. */
export function wordFor(reason: unknown): string {
  const { code, name, message } = reason as { code?: unknown; name?: string; message?: string };
  return String(code ?? (name === "Error" ? message : name) ?? reason);
}
