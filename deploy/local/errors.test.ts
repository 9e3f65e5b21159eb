import { expect, test } from "bun:test";
import { FirehoseError, signatureOutOfTime, streamNotFound } from "./errors.ts";
import { CLOCK_SKEW_MS_MAX } from "./limits.ts";
import { MemoryObjectStore } from "./object-store.ts";
import { FirehoseService, type ServiceCall } from "./service.ts";

const NOW_MS = Date.UTC(2019, 5, 9, 23, 25, 31);

test("an error's body has its type and words; only a denied access spells Message with a capital", () => {
  expect(streamNotFound("logs", "123456789012").toJson()).toBe(
    '{"__type":"ResourceNotFoundException","message":"Firehose logs not found under account 123456789012."}',
  );
  expect(new FirehoseError("AccessDeniedException", "no").toJson()).toBe(
    '{"__type":"AccessDeniedException","Message":"no"}',
  );
  expect(new FirehoseError("InvalidKMSResourceException", "off", { code: "KMS.DisabledException" }).toJson()).toBe(
    '{"__type":"InvalidKMSResourceException","code":"KMS.DisabledException","message":"off"}',
  );
});

test("a date out of time is told in the words that were seen", () => {
  const late = signatureOutOfTime(Date.UTC(2019, 5, 9, 23, 20, 13), NOW_MS, CLOCK_SKEW_MS_MAX);
  expect(late.message).toBe(
    "Signature expired: 20190609T232013Z is now earlier than 20190609T232031Z (20190609T232531Z - 5 min.)",
  );
  const early = signatureOutOfTime(Date.UTC(2019, 5, 9, 23, 31, 0), NOW_MS, CLOCK_SKEW_MS_MAX);
  expect(early.message).toBe(
    "Signature not yet current: 20190609T233100Z is still later than 20190609T233031Z (20190609T232531Z + 5 min.)",
  );
});

test("where authorization is asked for, a call without it or 5 minutes off is refused, and no other", () => {
  const service = new FirehoseService({
    clock: { nowMs: () => NOW_MS, sleep: () => Promise.resolve() },
    random: () => 0.5,
    store: new MemoryObjectStore(),
    checkAuthorization: true,
  });
  const refusalOf = (call: Partial<ServiceCall>) => {
    const target = "Firehose_20150804.ListDeliveryStreams";
    const { status, errorType } = service.handle({
      target,
      body: Buffer.from("{}"),
      authorization: null,
      date: null,
      ...call,
    });
    return [status, errorType];
  };
  const authorization = "AWS4-HMAC-SHA256 Credential=key/20190609/us-east-1/firehose/aws4_request";
  expect(refusalOf({})).toEqual([403, "MissingAuthenticationTokenException"]);
  expect(refusalOf({ authorization: "Basic abc", date: "20190609T232531Z" })).toEqual([
    400,
    "IncompleteSignatureException",
  ]);
  expect(refusalOf({ authorization, date: "yesterday" })).toEqual([400, "IncompleteSignatureException"]);
  expect(refusalOf({ authorization, date: "20190609T232030Z" })).toEqual([400, "InvalidSignatureException"]);
  expect(refusalOf({ authorization, date: "20190609T233032Z" })).toEqual([400, "InvalidSignatureException"]);
  expect(refusalOf({ authorization, date: "20190609T232031Z" })).toEqual([200, undefined]);
});
