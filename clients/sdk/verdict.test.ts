import { expect, test } from "bun:test";
import { Metadata, status } from "@grpc/grpc-js";
import fc from "fast-check";
import { encodeRetryInfo } from "../../collector/ingest/boundary.ts";
import { decodeRetryInfo, nextDelayMs, toVerdict } from "./verdict.ts";

test("only what says that these very logs can't be taken is refused; everything else is sent again", () => {
  const refused = [status.INVALID_ARGUMENT, status.RESOURCE_EXHAUSTED];
  for (const code of Object.values(status).filter((one) => typeof one === "number")) {
    expect([code, toVerdict({ code }).kind]).toEqual([code, refused.includes(code) ? "refused" : "retry"]);
  }
  for (const odd of [undefined, null, "text", new Error("Concurrent export limit reached"), { code: "14" }]) {
    expect(toVerdict(odd)).toEqual({ kind: "retry", retryAfterMs: undefined });
  }
});

test("RetryInfo is honoured, and makes RESOURCE_EXHAUSTED passing trouble", () => {
  const metadata = new Metadata();
  metadata.set("grpc-status-details-bin", encodeRetryInfo(status.UNAVAILABLE, "busy", 2_500));
  expect(toVerdict({ code: status.UNAVAILABLE, metadata })).toEqual({ kind: "retry", retryAfterMs: 2_500 });
  expect(toVerdict({ code: status.RESOURCE_EXHAUSTED, metadata })).toEqual({ kind: "retry", retryAfterMs: 2_500 });
});

test("property: what the collector writes into RetryInfo is read back, up to a minute", () => {
  fc.assert(
    fc.property(fc.nat(10_000_000), fc.string(), (delayMs, message) => {
      const read = decodeRetryInfo(encodeRetryInfo(status.UNAVAILABLE, message, delayMs));
      expect(read).toBeCloseTo(Math.min(delayMs, 60_000), 6);
    }),
  );
});

test("property: bytes of any other kind are no RetryInfo, and harm nobody", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
      expect(decodeRetryInfo(bytes)).toBeUndefined();
    }),
  );
  const whole = encodeRetryInfo(status.UNAVAILABLE, "busy", 1_500);
  for (let length = 0; length < whole.length; length++) {
    expect([undefined, 0, 1_000, 1_500]).toContain(decodeRetryInfo(whole.subarray(0, length)));
  }
});

test("property: a delay is never less than asked for, and never more than that and the limit", () => {
  const limits = { initialDelayMs: 100, delayMsMax: 5_000 };
  const chance = fc.double({ min: 0, max: 0.999_999, noNaN: true });
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 10_000 }),
      fc.option(fc.nat(60_000), { nil: undefined }),
      chance,
      (failures, asked, random) => {
        const delayMs = nextDelayMs(failures, asked, limits, random);
        const limitMs = Math.min(5_000, 100 * 2 ** (failures - 1));
        expect(delayMs).toBeGreaterThanOrEqual(asked ?? 0);
        expect(delayMs).toBeLessThanOrEqual((asked ?? 0) + limitMs);
      },
    ),
  );
});
