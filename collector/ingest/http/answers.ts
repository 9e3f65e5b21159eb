/**
 * What an HTTP client is told (OTLP specification, "OTLP/HTTP Response"): the same codes as over gRPC, as statuses that
 * its retries understand. Only 429, 502, 503 and 504 are sent again by OTLP clients, so trouble that passes is one of
 * those, with Retry-After; the body is a google.rpc.Status in the request's own encoding.
 */
import { status } from "@grpc/grpc-js";
import { type CollectorError, ERROR_CODES, type ErrorCode } from "../../errors.ts";
import { encodePartialSuccess, encodeStatus } from "../boundary.ts";
import type { Taken } from "../take.ts";

export type Encoding = "protobuf" | "json";

export const CONTENT_TYPES: Readonly<Record<Encoding, string>> = {
  protobuf: "application/x-protobuf",
  json: "application/json",
};

/** Where the status of the gRPC code is not what an OTLP client expects. */
const STATUSES: Readonly<Partial<Record<ErrorCode, number>>> = {
  request_too_large: 413,
  overloaded: 429,
  tenant_over_limit: 429,
};

const STATUSES_BY_GRPC: Readonly<Partial<Record<status, number>>> = {
  [status.INVALID_ARGUMENT]: 400,
  [status.UNAUTHENTICATED]: 401,
  [status.PERMISSION_DENIED]: 403,
  [status.UNAVAILABLE]: 503,
};

/** The HTTP status of a code: 503 for whatever passes and has no better one, 400 for whatever does not. */
export function httpStatusOf(code: ErrorCode): number {
  const { status: grpc, retryable } = ERROR_CODES[code];
  return STATUSES[code] ?? STATUSES_BY_GRPC[grpc] ?? (retryable ? 503 : 400);
}

/** Everything was taken, or all but the records that break a limit. */
export function taken({ refused, refusedReason = "refused" }: Taken, encoding: Encoding): Response {
  const headers = { "content-type": CONTENT_TYPES[encoding] };
  if (encoding === "protobuf") {
    return new Response(refused === 0 ? null : encodePartialSuccess(refused, refusedReason), { headers });
  }
  // 64-bit numbers are texts in protobuf's JSON.
  const partialSuccess = { rejectedLogRecords: String(refused), errorMessage: refusedReason };
  return new Response(JSON.stringify(refused === 0 ? {} : { partialSuccess }), { headers });
}

/** `retryDelayMs` is how long its sender is to wait before it sends again; undefined: never again. */
export function failed(error: CollectorError, retryDelayMs: number | undefined, encoding: Encoding): Response {
  const { status: code, message } = error;
  const headers: Record<string, string> = {
    "content-type": CONTENT_TYPES[encoding],
    "standpipe-code": error.code,
    ...(retryDelayMs === undefined ? {} : { "retry-after": String(Math.max(1, Math.ceil(retryDelayMs / 1_000))) }),
    ...(error.code === "unauthenticated" ? { "www-authenticate": "Bearer" } : {}),
  };
  const details =
    retryDelayMs === undefined
      ? []
      : [{ "@type": "type.googleapis.com/google.rpc.RetryInfo", retryDelay: `${retryDelayMs / 1_000}s` }];
  const body =
    encoding === "json" ? JSON.stringify({ code, message, details }) : encodeStatus(code, message, retryDelayMs);
  return new Response(body, { status: httpStatusOf(error.code), headers });
}

/** What is no OTLP export at all: a person reads it. */
export function plain(statusCode: number, words: string, headers: Record<string, string> = {}): Response {
  return new Response(`${words}\n`, { status: statusCode, headers: { "content-type": "text/plain", ...headers } });
}
