/**
 * What to do after an export that failed: decided here, from values, without I/O.
 *
 * What @opentelemetry/exporter-logs-otlp-grpc 0.223.1 reports (tried under Node 20 and Bun 1.4; retrying-log-exporter.test.ts
 * keeps some of it): `error` is grpc-js's own, with a numeric `code` and `metadata`. Nobody listening, a refused
 * connection and a server that dies in mid-call: UNAVAILABLE, or CANCELLED when its sockets were closed in order. No
 * answer in time: DEADLINE_EXCEEDED. More exports at once than its `concurrencyLimit` (30): an Error without a code.
 * A partial success is reported as success.
 */

import { fields, payloads } from "./fields.ts";

/** Numbers of gRPC statuses, from its specification. */
const INVALID_ARGUMENT = 3;
const RESOURCE_EXHAUSTED = 8;

/** No server may ask for more than this, in milliseconds: a mistake of its must not silence a client for days. */
const RETRY_INFO_MS_MAX = 60_000;

/**
 * `refused` means: these logs, as they are, will never be taken. Anything else may pass, or be mended by an operator
 * (a wrong token, a route that leads nowhere), and says nothing about the logs, so they are kept and sent again; the
 * bound on records in memory is what limits that.
 */
export type Verdict =
  | { readonly kind: "refused" }
  /** `retryAfterMs`: what the server asked for in RetryInfo, where it did. */
  | { readonly kind: "retry"; readonly retryAfterMs: number | undefined };

/** `error` is what an exporter reported, of any kind. */
export function toVerdict(error: unknown): Verdict {
  const { code, metadata } = (typeof error === "object" && error !== null ? error : {}) as {
    code?: unknown;
    metadata?: unknown;
  };
  const retryAfterMs = retryAfterMsOf(metadata);
  // gRPC itself answers an oversized message with RESOURCE_EXHAUSTED; OTLP: retryable only with RetryInfo.
  if (code === INVALID_ARGUMENT || (code === RESOURCE_EXHAUSTED && retryAfterMs === undefined)) {
    return { kind: "refused" };
  }
  return { kind: "retry", retryAfterMs };
}

/**
 * How long to wait before the next attempt, in milliseconds: any time up to a limit that doubles with each failure
 * ("full jitter", so that many clients do not come back together), and never less than the server asked for.
 * `failures` counts from 1; `random` is in [0, 1).
 */
export function nextDelayMs(
  failures: number,
  retryAfterMs: number | undefined,
  limits: { readonly initialDelayMs: number; readonly delayMsMax: number },
  random: number,
): number {
  const limitMs = Math.min(limits.delayMsMax, limits.initialDelayMs * 2 ** Math.min(failures - 1, 30));
  return (retryAfterMs ?? 0) + random * limitMs;
}

/** RetryInfo from `grpc-status-details-bin`, in milliseconds, where an error carries it. */
function retryAfterMsOf(metadata: unknown): number | undefined {
  if (typeof metadata !== "object" || metadata === null || !("get" in metadata)) return undefined;
  if (typeof metadata.get !== "function") return undefined;
  const values: unknown = metadata.get("grpc-status-details-bin");
  const bytes: unknown = Array.isArray(values) ? values[0] : undefined;
  return bytes instanceof Uint8Array ? decodeRetryInfo(bytes) : undefined;
}

/**
 * The delay in a serialised `google.rpc.Status` that has `google.rpc.RetryInfo` among its details, in milliseconds;
 * undefined when it has none, or the bytes are something else.
 */
export function decodeRetryInfo(status: Uint8Array): number | undefined {
  for (const any of payloads(status, 3)) {
    const [url] = payloads(any, 1);
    if (url === undefined || !new TextDecoder().decode(url).endsWith("/google.rpc.RetryInfo")) continue;
    const [info] = payloads(any, 2);
    const [duration] = payloads(info ?? new Uint8Array(), 1);
    let delayMs = 0;
    for (const { field, value } of fields(duration ?? new Uint8Array())) {
      if (typeof value !== "number") continue;
      if (field === 1) delayMs += value * 1_000;
      if (field === 2) delayMs += value / 1_000_000;
    }
    return Math.min(delayMs, RETRY_INFO_MS_MAX);
  }
  return undefined;
}
