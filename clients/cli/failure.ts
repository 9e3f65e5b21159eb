/** What went wrong, in one sentence that says what to do, and the exit code that goes with it. */
import { type ServiceError, status } from "@grpc/grpc-js";
import { CollectorError } from "../../collector/errors.ts";

/** 1: what was asked for was refused, or something is wrong with what was looked at. */
export const EXIT_FOUND = 1;
/** 2: it could not be asked: a mistake in the words, no answer, no right. */
export const EXIT_UNASKED = 2;

/** Ctrl-C, as shells say it. */
export const EXIT_STOPPED = 130;

export class Failure extends Error {
  override readonly name = "Failure";
  readonly exitCode: number;

  constructor(message: string, exitCode = EXIT_UNASKED, cause?: unknown) {
    super(message, { cause });
    this.exitCode = exitCode;
  }
}

/**
 * What an admin call rejected with, as a Failure; what is none of ours is given back as it is. `hasShown`: a certificate was
 * shown.
 */
export function callFailure(reason: unknown, address: string, hasShown: boolean): unknown {
  const { code, details } = reason as Partial<ServiceError>;
  if (typeof code !== "number" || details === undefined) return reason;
  const at = `the collector at ${address}`;
  switch (code) {
    case status.UNAVAILABLE:
      return new Failure(unreachable(details, address, hasShown), EXIT_UNASKED, reason);
    case status.DEADLINE_EXCEEDED:
      return new Failure(`${at} did not answer in time: see whether it is alive, or allow more with --timeout`);
    case status.UNIMPLEMENTED:
      return new Failure(
        `${at} does not know this call: it is older than this program, or ${address} is not its admin.grpcAddress (port 4320 unless configured)`,
      );
    case status.UNAUTHENTICATED:
      return new Failure(`${at} does not know you: ${details}. Show a token of admin.tokens with --token-file`);
    case status.PERMISSION_DENIED:
      return new Failure(`${at} does not let you: ${details}`);
    case status.NOT_FOUND:
    case status.FAILED_PRECONDITION:
    case status.INVALID_ARGUMENT:
    case status.RESOURCE_EXHAUSTED:
      return new Failure(details, EXIT_FOUND, reason);
    case status.CANCELLED:
      return new Failure(`the connection to ${address} ended`, EXIT_FOUND, reason);
    default:
      return new Failure(`${at} failed: ${details}`, EXIT_FOUND, reason);
  }
}

const SHORT_CHARACTERS_MAX = 160;

function unreachable(details: string, address: string, hasShown: boolean): string {
  const known = /\bE[A-Z]{4,}\b/.exec(details)?.[0];
  const [line = ""] = details.split("\n");
  // grpc-js wraps it: "No connection established. Last error: Error: … (when). Resolution note: …".
  const [, inner = line] =
    /Last error: (?:Error: )?(.*?)(?: \(\d{4}-[^)]*\))?(?:\. Resolution note.*)?$/.exec(line) ?? [];
  const short = known ?? inner.slice(0, SHORT_CHARACTERS_MAX);
  if (/ALERT_CERTIFICATE_REQUIRED/.test(details)) {
    return `the collector at ${address} wants an administrator's certificate: show one with --certificate and --key`;
  }
  // With TLS 1.3 a server that does not believe a client's certificate just ends the connection.
  if (hasShown && /ALERT_|Failed to connect|closed|ECONNRESET/i.test(details)) {
    return `the collector at ${address} ended the connection (${short}): your certificate is not signed by one of its admin.authorities, or this is another service`;
  }
  if (/certificate|self.signed|ALTNAME/i.test(details)) {
    return `the certificate at ${address} is not believed (${short}): name its authorities with --authorities, and its name with --server-name`;
  }
  const hint = /protocol error|closed|ECONNRESET|Failed to connect|TLS|SSL/i.test(details)
    ? ": is it another service, or one that wants TLS (--authorities)?"
    : ": is it running, and is that its admin.grpcAddress? Name another with --address";
  return `no collector answers at ${address} (${short})${hint}`;
}

/** The Failure that a user is shown for anything a user can mend; undefined for a fault of the program itself. */
export function toFailure(reason: unknown): Failure | undefined {
  if (reason instanceof Failure) return reason;
  if (reason instanceof CollectorError) return new Failure(reason.message, EXIT_UNASKED, reason);
  const { code, path } = reason as { code?: unknown; path?: unknown };
  if (typeof code === "string" && /^E[A-Z]+$/.test(code)) {
    return new Failure(`${typeof path === "string" ? `can't use ${path}` : "the system refused"} (${code})`);
  }
  return undefined;
}
