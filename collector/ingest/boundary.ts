/**
 * The one place where a failure becomes a gRPC status. What is sent is decided by the table in ../errors.ts; here it is
 * put on the wire.
 *
 * - Trouble that passes is UNAVAILABLE with `google.rpc.RetryInfo` in `grpc-status-details-bin`. (OTLP specification,
 *   "OTLP/gRPC Throttling": clients should wait at least that long.)
 * - INTERNAL and UNKNOWN never leave ingest: OTLP clients drop what was answered so. grpc-js makes some itself (corrupt
 *   gzip, a malformed grpc-timeout, a handler that throws); `mendStatus` rewrites them.
 * - grpc-js answers an oversized message, also one that unpacks to too much, with RESOURCE_EXHAUSTED and no RetryInfo,
 *   which OTLP defines as "don't send this again": right, and left so; only the words are made helpful.
 * - A broken invariant (`AssertionError`) is not swallowed: the client is told UNAVAILABLE, and the process stops.
 */
import { Metadata, type ServerInterceptingCallInterface, type StatusObject, status } from "@grpc/grpc-js";
import type { Random } from "../clock.ts";
import { AssertionError, CollectorError } from "../errors.ts";

/** A status as an interceptor sees it; grpc-js does not export this type. */
export type PartialStatusObject = Parameters<ServerInterceptingCallInterface["sendStatus"]>[0];

/** What a client is told to wait where nothing better is known, in milliseconds. */
const RETRY_DELAY_MS_DEFAULT = 1_000;

const RETRY_INFO_URL = Buffer.from("type.googleapis.com/google.rpc.RetryInfo");

/** The status of a failure, as grpc-js takes it. `random` spreads the retries of many clients over half as long again. */
export function toStatus(error: CollectorError, random: Random): StatusObject {
  const metadata = new Metadata();
  metadata.set("standpipe-code", error.code);
  const delayMs = retryDelayMs(error, random);
  if (delayMs !== undefined) {
    metadata.set("grpc-status-details-bin", encodeRetryInfo(error.status, error.message, delayMs));
  }
  return { code: error.status, details: error.message, metadata };
}

/** How long whoever met `error` is to wait before it sends again, in milliseconds; undefined: never again. */
export function retryDelayMs(error: CollectorError, random: Random): number | undefined {
  if (!error.retryable) return undefined;
  return Math.ceil((error.retryAfterMs ?? RETRY_DELAY_MS_DEFAULT) * (1 + random() / 2));
}

/** Tells bugs from failures: for an `AssertionError`, what stops the process is called after the answer is sent. */
export function answerFailure(
  reason: unknown,
  random: Random,
  answer: (failure: StatusObject, error: CollectorError) => void,
  onBug: (bug: AssertionError) => void,
): void {
  const error = CollectorError.from(reason);
  try {
    answer(toStatus(error, random), error);
  } finally {
    if (reason instanceof AssertionError) onBug(reason);
  }
}

/**
 * Mends a status that grpc-js made by itself. `isReceived` says whether the whole request had arrived: before that,
 * only the request can be at fault.
 */
export function mendStatus(
  sent: PartialStatusObject,
  isReceived: boolean,
  requestBytesMax: number,
  random: Random,
): PartialStatusObject {
  // One of our own is as it should be.
  if (sent.metadata?.get("standpipe-code")[0] !== undefined) return sent;
  if (sent.code === status.RESOURCE_EXHAUSTED) {
    const words = `${sent.details}; this collector takes up to ${requestBytesMax} bytes a request, unpacked: send smaller batches`;
    return { ...sent, details: words };
  }
  if (sent.code !== status.INTERNAL && sent.code !== status.UNKNOWN) return sent;
  const mended = isReceived
    ? CollectorError.from(new Error(sent.details))
    : new CollectorError("invalid_request", sent.details);
  return toStatus(mended, random);
}

/** A `google.rpc.Status` that says when to come again. */
export function encodeRetryInfo(code: status, message: string, delayMs: number): Buffer {
  return encodeStatus(code, message, delayMs);
}

/**
 * A `google.rpc.Status`, serialised (field numbers: proto/google/rpc/status.proto), with one detail, `google.rpc.RetryInfo`,
 * where there is a delay: a whole number of milliseconds.
 */
export function encodeStatus(code: status, message: string, delayMs?: number): Buffer {
  const head = Buffer.concat([varintField(1, code), bytesField(2, Buffer.from(message))]);
  if (delayMs === undefined) return head;
  const seconds = Math.floor(delayMs / 1_000);
  const duration = Buffer.concat([varintField(1, seconds), varintField(2, (delayMs % 1_000) * 1_000_000)]);
  const any = Buffer.concat([bytesField(1, RETRY_INFO_URL), bytesField(2, bytesField(1, duration))]);
  return Buffer.concat([head, bytesField(3, any)]);
}

/** `ExportLogsServiceResponse` with a partial_success (field numbers: logs_service.proto), serialised. */
export function encodePartialSuccess(refusedRecords: number, reason: string): Buffer {
  return bytesField(1, Buffer.concat([varintField(1, refusedRecords), bytesField(2, Buffer.from(reason))]));
}

/** A field of wire type 0. Zero is proto3's default and is left out. */
function varintField(field: number, value: number): Buffer {
  if (value === 0) return Buffer.alloc(0);
  return Buffer.from([field << 3, ...varint(value)]);
}

/** A field of wire type 2. */
function bytesField(field: number, value: Buffer): Buffer {
  return Buffer.concat([Buffer.from([(field << 3) | 2, ...varint(value.length)]), value]);
}

/** Up to 53 bits, so divisions rather than shifts. */
function varint(value: number): number[] {
  const bytes: number[] = [];
  let rest = value;
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) bytes.push((rest % 0x80) | 0x80);
  bytes.push(rest);
  return bytes;
}
