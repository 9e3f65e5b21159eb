import { expect, test } from "bun:test";
import { type CollectorStatus, toJson, toLedger } from "./status.ts";

test("what is neither delivered, filtered nor quarantined waits", () => {
  const totals = { delivered: 60n, filtered: 5n, quarantined: 1n };
  expect(toLedger(110n, { start: 10n, totals, replayed: 0n, handedOver: 0n })).toEqual({
    accepted: 100n,
    ...totals,
    waiting: 34n,
    replayed: 0n,
    handedOver: 0n,
  });
});

test("what is replayed is accepted once more", () => {
  const totals = { delivered: 100n, filtered: 0n, quarantined: 0n };
  const { accepted, waiting } = toLedger(100n, { start: 0n, totals, replayed: 40n, handedOver: 0n });
  expect({ accepted, waiting }).toEqual({ accepted: 140n, waiting: 40n });
});

test("64-bit numbers keep all their digits in JSON", () => {
  const text = toJson({ journal: { head: 2n ** 63n } } as unknown as CollectorStatus);
  expect(text.replace(/\s/g, "")).toBe('{"journal":{"head":9223372036854775808}}');
});
