import { expect, test } from "bun:test";
import fc from "fast-check";
import { encodePayload, openEntry, peekEntry, sealEntry } from "./entry.ts";
import { toKey } from "./ordinal.ts";
import type { Origin } from "./port.ts";

async function seal(
  key: Uint8Array,
  request: Uint8Array,
  compression: "none" | "zstd",
  records = 3,
  origin?: Origin,
): Promise<Uint8Array> {
  const requestBytes = request.byteLength;
  const facts = { records, committedAtMs: 1_700_000_000_123, onlyRoute: 77, origin, requestBytes };
  return sealEntry(key, await encodePayload(request, compression, 1), facts);
}

test("what is opened is what was sealed, compressed or not, whatever the bytes", async () => {
  const requests = fc.oneof(
    fc.uint8Array({ maxLength: 5_000 }),
    fc.nat(50_000).map((length) => new Uint8Array(length)),
  );
  await fc.assert(
    fc.asyncProperty(requests, fc.constantFrom("none" as const, "zstd" as const), async (request, compression) => {
      const key = toKey(77n);
      const entry = await openEntry(key, await seal(key, request, compression));
      expect(Buffer.from(entry?.request ?? [1]).equals(request)).toBe(true);
      expect(entry).toMatchObject({ records: 3, committedAtMs: 1_700_000_000_123, onlyRoute: 77 });
    }),
    { numRuns: 100 },
  );
});

test("bytes that repeat get smaller, bytes that do not are kept as they are", async () => {
  const key = toKey(0n);
  expect((await seal(key, new Uint8Array(100_000), "zstd")).byteLength).toBeLessThan(1_000);
  const noise = crypto.getRandomValues(new Uint8Array(10_000));
  expect((await seal(key, noise, "zstd")).byteLength).toBe(10_032);
});

test("any flipped bit, a cut, and the wrong key are found out", async () => {
  const key = toKey(5n);
  const request = Buffer.from("a request that is long enough to be worth compressing ".repeat(20));
  const sealed = await seal(key, request, "zstd");
  for (let bit = 0; bit < sealed.byteLength * 8; bit++) {
    const flipped = sealed.slice();
    flipped[bit >> 3] = (flipped[bit >> 3] as number) ^ (1 << (bit & 7));
    expect(await openEntry(key, flipped)).toBeUndefined();
  }
  for (let length = 0; length < sealed.byteLength; length++) {
    expect(await openEntry(key, sealed.subarray(0, length))).toBeUndefined();
  }
  expect(await openEntry(toKey(6n), sealed)).toBeUndefined();
});

test("the number of records is read without the payload, and never from something that is no entry", async () => {
  const sealed = await seal(toKey(0n), new Uint8Array(100), "none", 41);
  expect(peekEntry(sealed)?.records).toBe(41);
  expect(peekEntry(sealed.subarray(0, 31))).toBeUndefined();
  expect(peekEntry(new Uint8Array(40))).toBeUndefined();
});

test("an origin is read with the entry and without its payload, and any flipped bit of it is found out", async () => {
  const key = toKey(5n);
  const origin = { collectorId: "k3v0x9ab", first: 2n ** 63n + 7n };
  for (const compression of ["none", "zstd"] as const) {
    const request = Buffer.from("a request that is long enough to be worth compressing ".repeat(20));
    const sealed = await seal(key, request, compression, 3, origin);
    const entry = await openEntry(key, sealed);
    expect(entry?.origin).toEqual(origin);
    expect(Buffer.from(entry?.request ?? [1]).equals(request)).toBe(true);
    expect(peekEntry(sealed)).toMatchObject({ records: 3, origin });
    for (let bit = 0; bit < 60 * 8; bit++) {
      const flipped = sealed.slice();
      flipped[bit >> 3] = (flipped[bit >> 3] as number) ^ (1 << (bit & 7));
      expect(await openEntry(key, flipped).catch(() => undefined)).toBeUndefined();
    }
  }
  expect((await openEntry(key, await seal(key, new Uint8Array(9), "none")))?.origin).toBeUndefined();
});
