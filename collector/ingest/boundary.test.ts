import { expect, test } from "bun:test";
import { Metadata, status } from "@grpc/grpc-js";
import fc from "fast-check";
import { AssertionError, CollectorError } from "../errors.ts";
import { answerFailure, encodePartialSuccess, encodeRetryInfo, mendStatus, toStatus } from "./boundary.ts";
import { decode, retryDelayMsOf } from "./fixture.ts";

test("RetryInfo reads back as the delay that went in, and the status beside it too", () => {
  fc.assert(
    fc.property(fc.nat(2 ** 31 - 1), fc.string(), (delayMs, message) => {
      const bytes = encodeRetryInfo(status.UNAVAILABLE, message, delayMs);
      const metadata = new Metadata();
      metadata.set("grpc-status-details-bin", bytes);
      expect(retryDelayMsOf(metadata)).toBe(delayMs);
      expect(decode("google.rpc.Status", bytes)).toMatchObject({
        code: 14,
        ...(message === "" ? {} : { message: message.toWellFormed() }),
      });
    }),
  );
});

test("partial_success reads back as the count and the reason", () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 2 ** 40 }), (count) => {
      const bytes = encodePartialSuccess(count, "too long");
      expect(decode("opentelemetry.proto.collector.logs.v1.ExportLogsServiceResponse", bytes)).toEqual({
        partialSuccess: { rejectedLogRecords: count, errorMessage: "too long" },
      });
    }),
  );
});

test("the advice to retry is spread over half as long again", () => {
  const error = new CollectorError("overloaded", "busy");
  expect(retryDelayMsOf(toStatus(error, () => 0).metadata)).toBe(1_000);
  expect(retryDelayMsOf(toStatus(error, () => 0.999).metadata)).toBe(1_500);
});

test("what can never be taken carries no advice to retry", () => {
  expect(retryDelayMsOf(toStatus(new CollectorError("invalid_request", "no"), () => 0).metadata)).toBeUndefined();
});

test("an INTERNAL or UNKNOWN of grpc-js is the request's fault before it arrived whole, and passing trouble after", () => {
  for (const code of [status.INTERNAL, status.UNKNOWN]) {
    const before = mendStatus({ code, details: "Failed to decompress message" }, false, 10, () => 0);
    expect(before).toMatchObject({ code: status.INVALID_ARGUMENT, details: "Failed to decompress message" });
    const after = mendStatus({ code, details: "Error serializing response" }, true, 10, () => 0);
    expect(after.code).toBe(status.UNAVAILABLE);
    expect(retryDelayMsOf(after.metadata ?? new Metadata())).toBe(1_000);
  }
});

test("other statuses pass as they are", () => {
  for (const code of [status.OK, status.UNAVAILABLE, status.DEADLINE_EXCEEDED, status.UNIMPLEMENTED]) {
    const sent = { code, details: "as it was" };
    expect(mendStatus(sent, false, 10, () => 0)).toBe(sent);
  }
});

test("a bug is passed on even when its answer can't be sent", () => {
  const bugs: unknown[] = [];
  const bug = new AssertionError("broken");
  const answer = (): void => {
    throw new Error("the stream is gone");
  };
  expect(() =>
    answerFailure(
      bug,
      () => 0,
      answer,
      (found) => bugs.push(found),
    ),
  ).toThrow("the stream is gone");
  expect(bugs).toEqual([bug]);
});
