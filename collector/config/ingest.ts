/** The keys of `ingest`: where logs are taken, and within which limits. Used by config.ts alone. */
import { z } from "zod";
import { FIREHOSE_RECORD_BYTES_MAX } from "../limits.ts";
import { connectionKeys } from "./identity.ts";
import { bytes, GIB, hostAndPort, integer, KIB, MIB, names } from "./values.ts";

export const ingest = z.strictObject({
  address: hostAndPort
    .default("127.0.0.1:4317")
    .describe(
      "Where OTLP/gRPC is taken. Beyond loopback with TLS (section identity), or where plaintext is asked for.",
    ),
  httpAddress: z
    .union([z.literal("off"), hostAndPort], "must be host:port, for example 0.0.0.0:4318, or off")
    .default("127.0.0.1:4318")
    .describe("Where OTLP/HTTP is taken (POST /v1/logs), under the same rules; off: nowhere."),
  httpCorsOrigins: names
    .default([])
    .describe("Origins whose web pages may send over HTTP, for example https://shop.example; `*`: all."),
  httpRequestsMax: integer(1, 100_000, 1_024).describe("Requests over HTTP at once."),
  httpHoldMsMax: integer(0, 600_000, 8_000).describe(
    "How long a request over HTTP waits for room: less than its client waits for an answer.",
  ),
  ...connectionKeys,
  requestBytesMax: bytes(64 * KIB, 16 * MIB, 4 * MIB).describe("Bytes of one request, unpacked."),
  recordsPerRequestMax: integer(1, 1_000_000, 100_000).describe("Log records of one request."),
  recordBytesMax: bytes(KIB, 16 * MIB, FIREHOSE_RECORD_BYTES_MAX).describe(
    "Bytes of one log record; a larger one is refused in partial_success, its neighbours are taken.",
  ),
  nestingMax: integer(1, 256, 64).describe("How deep a body or an attribute may be nested."),
  inFlightBytesMax: bytes(64 * KIB, GIB, 16 * MIB).describe("Bytes of requests being written at once."),
  heldCallsMax: integer(0, 100_000, 1_024).describe("Calls that wait for room instead of being refused."),
  heldBytesMax: bytes(64 * KIB, GIB, 24 * MIB).describe("Bytes of the calls that wait."),
  holdMsMax: integer(0, 600_000, 30_000).describe("How long a call without a deadline waits for room."),
  streamsMax: integer(1, 100_000, 4_096).describe("Streams of batches that are open at once."),
  streamBytesMax: bytes(64 * KIB, GIB, 16 * MIB).describe(
    "Bytes of the batches of all streams that are in memory; the windows of all streams together.",
  ),
  streamWindowBytesMax: bytes(KIB, GIB, MIB).describe(
    "Bytes that a stream may have under way without an acknowledgement; less where there are many.",
  ),
  connectionAgeMsMax: integer(1_000, 86_400_000, 300_000).describe(
    "Age at which a connection is closed, over HTTP with the next answer, so that clients rebalance.",
  ),
  connectionAgeGraceMs: integer(100, 600_000, 30_000).describe("Time for the calls of such a connection to finish."),
});
