import { expect, test } from "bun:test";
import { awsError } from "../../testing/fake-sink.ts";
import { classify, classifyRecord, type VerdictKind, wantsFreshCredentials } from "./outcome.ts";

/** What Firehose and the way to it were seen to answer, in the words they used. */
const rows: readonly (readonly [VerdictKind, string, unknown])[] = [
  ["throttle", "ServiceUnavailableException", awsError("ServiceUnavailableException", "Slow down.", 500)],
  ["throttle", "ServiceUnavailableException", awsError("ServiceUnavailableException", "Slow down.", 503)],
  ["throttle", "ThrottlingException", awsError("ThrottlingException", "Rate exceeded")],
  ["throttle", "LimitExceededException", awsError("LimitExceededException", "You have exceeded a limit")],
  ["throttle", "SomethingNew", awsError("SomethingNew", "too many", 429)],
  [
    "split",
    "ValidationException",
    awsError(
      "ValidationException",
      "1 validation error detected: Value '[Record(data=java.nio.HeapByteBuffer[pos=0 lim=15 cap=15])]' at 'records' failed to satisfy constraint: Member must have length less than or equal to 500",
    ),
  ],
  [
    "split",
    "ValidationException",
    awsError(
      "ValidationException",
      "1 validation error detected: Value 'java.nio.HeapByteBuffer[pos=0 lim=2757283 cap=2757283]' at 'records.97.member.data' failed to satisfy constraint: Member must have length less than or equal to 1024000",
    ),
  ],
  [
    "hold",
    "ValidationException",
    awsError(
      "ValidationException",
      "1 validation error detected: Value 'my records' at 'deliveryStreamName' failed to satisfy constraint: Member must satisfy regular expression pattern: [a-zA-Z0-9_.-]+",
    ),
  ],
  ["split", "InvalidArgumentException", awsError("InvalidArgumentException", "Records size exceeds 4 MB limit")],
  [
    "hold",
    "InvalidArgumentException",
    awsError(
      "InvalidArgumentException",
      "This operation is not permitted on KinesisStreamAsSource delivery stream type.",
    ),
  ],
  ["split", "RequestEntityTooLarge", awsError("RequestEntityTooLarge", "too large", 413)],
  ["split", "Unknown", awsError("Unknown", "UnknownError", 413)],
  [
    "hold",
    "ResourceNotFoundException",
    awsError("ResourceNotFoundException", "Firehose NAME not found under account 123."),
  ],
  ["hold", "InvalidKMSResourceException", awsError("InvalidKMSResourceException", "KMS access denied")],
  ["hold", "InvalidSourceException", awsError("InvalidSourceException", "Only requests from CloudWatch Logs")],
  [
    "hold",
    "AccessDeniedException",
    awsError("AccessDeniedException", "User: arn:aws:iam::1:user/x is not authorized to perform: firehose:Put"),
  ],
  ["hold", "UnrecognizedClientException", awsError("UnrecognizedClientException", "The security token is invalid.")],
  ["hold", "CredentialsProviderError", awsError("CredentialsProviderError", "Could not load credentials")],
  ["hold", "Error", new Error("Region is missing")],
  ["hold", "SomethingNew", awsError("SomethingNew", "no", 403)],
  ["hold", "Error", new Error('Region not accepted: region="a b" is not a valid hostname component.')],
  ["passing", "ExpiredTokenException", awsError("ExpiredTokenException", "The security token is expired")],
  [
    "passing",
    "InvalidSignatureException",
    awsError(
      "InvalidSignatureException",
      "Signature expired: 20190609T232013Z is now earlier than 20190609T232031Z (20190609T232531Z - 5 min.)",
    ),
  ],
  [
    "hold",
    "InvalidSignatureException",
    awsError("InvalidSignatureException", "The request signature we calculated does not match"),
  ],
  ["passing", "InternalFailure", awsError("InternalFailure", "internal", 500)],
  ["passing", "ServiceUnavailable", awsError("ServiceUnavailable", "unavailable", 503)],
  ["passing", "RequestTimeout", awsError("RequestTimeout", "timed out", 408)],
  ["passing", "SyntaxError", awsError("SyntaxError", "Unexpected token '<'", 502)],
  ["passing", "TimeoutError", Object.assign(new Error("no answer"), { name: "TimeoutError" })],
  ["passing", "AbortError", Object.assign(new Error("aborted"), { name: "AbortError" })],
  ["passing", "ECONNRESET", Object.assign(new Error("socket closed"), { code: "ECONNRESET" })],
  ["passing", "ConnectionRefused", Object.assign(new TypeError("connect"), { code: "ConnectionRefused" })],
  ["passing", "SomethingNew", awsError("SomethingNew", "nobody foresaw this")],
  ["passing", "Error", new Error("nobody foresaw this")],
  ["passing", "constructor", awsError("constructor", "a name that every object has")],
  ["passing", "Unknown", undefined],
  ["passing", "Unknown", "a string"],
];

for (const [kind, code, error] of rows) {
  const words = error instanceof Error ? error.message.slice(0, 100) : String(error);
  test(`${code} is "${kind}": ${words}`, () => {
    expect(classify(error)).toMatchObject({ kind, code });
  });
}

test("whoever must act is told how, in AWS's words and ours", () => {
  for (const [, , error] of rows) {
    const verdict = classify(error);
    expect(verdict.advice === undefined).toBe(verdict.kind !== "hold");
    if (error instanceof Error) expect(verdict.message).toBe(error.message);
    expect(verdict.message).not.toBe("");
  }
});

test("names are understood in each way in which the protocol writes them, and messages with a capital M", () => {
  const error = {
    name: "com.amazonaws.firehose#AccessDeniedException:http://x/",
    Message: "User: x is not authorized",
  };
  expect(classify(error)).toMatchObject({
    kind: "hold",
    code: "AccessDeniedException",
    message: "User: x is not authorized",
  });
});

test("a record within a good answer is throttled, or fails for now; an unknown code is never final", () => {
  const kindOf = (code: string): VerdictKind => classifyRecord({ code, message: "" }).kind;
  expect(kindOf("ServiceUnavailableException")).toBe("throttle");
  expect(kindOf("ThrottlingException")).toBe("throttle");
  expect(kindOf("InternalFailure")).toBe("passing");
  expect(kindOf("AccessDeniedException")).toBe("passing");
  expect(kindOf("ValidationException")).toBe("passing");
  expect(kindOf("toString")).toBe("passing");
});

test("fresh credentials are asked for where they may help", () => {
  expect(wantsFreshCredentials(awsError("ExpiredTokenException", ""))).toBe(true);
  expect(wantsFreshCredentials(awsError("UnrecognizedClientException", ""))).toBe(true);
  expect(wantsFreshCredentials(awsError("AccessDeniedException", ""))).toBe(false);
});
