import { expect, test } from "bun:test";
import fc from "fast-check";
import { CollectorError } from "../errors.ts";
import { decode, encode } from "./fixture.ts";
import { decodeStreamRequest, encodeProgress, encodeWelcome } from "./stream-wire.ts";

const REQUEST = "standpipe.ingest.v1.StreamRequest";
const RESPONSE = "standpipe.ingest.v1.StreamResponse";

test("property: what protobufjs writes is read as it was meant", () => {
  const batch = fc.record({
    number: fc.maxSafeNat(),
    request: fc.uint8Array({ maxLength: 300 }),
    compression: fc.nat(2),
  });
  fc.assert(
    fc.property(batch, ({ number, request, compression }) => {
      const message = decodeStreamRequest(encode(REQUEST, { batch: { number, request, compression } }));
      expect(message).toEqual({
        kind: "batch",
        number,
        request: Buffer.from(request),
        packing: (["none", "gzip", "zstd"] as const)[compression] ?? "none",
      });
    }),
  );
  fc.assert(
    fc.property(fc.string({ maxLength: 60, unit: "grapheme" }), (client) => {
      fc.pre(Buffer.byteLength(client) <= 256);
      expect(decodeStreamRequest(encode(REQUEST, { open: { client } }))).toEqual({
        kind: "open",
        client: client.toWellFormed(),
      });
    }),
  );
});

test("property: what is written is read by protobufjs as it was meant", () => {
  const written = fc.record({
    number: fc.maxSafeNat(),
    firstOrdinal: fc.bigInt({ min: 0n, max: BigInt(Number.MAX_SAFE_INTEGER) }),
    records: fc.nat(2 ** 31 - 1),
  });
  const refused = fc.record({ number: fc.maxSafeNat(), code: fc.nat(16), reason: fc.string(), records: fc.nat(1_000) });
  const progress = fc.record({
    through: fc.maxSafeNat(),
    written: fc.array(written, { maxLength: 20 }),
    refused: fc.array(refused, { maxLength: 5 }),
    windowBytes: fc.nat(2 ** 30),
  });
  /** As protobufjs shows a message without its defaults. */
  const shown = (fields: Record<string, unknown>): Record<string, unknown> =>
    Object.fromEntries(
      Object.entries(fields).filter(([, value]) => value !== 0 && value !== "" && (value as unknown[]).length !== 0),
    );
  fc.assert(
    fc.property(progress, (each) => {
      const read = decode(RESPONSE, encodeProgress(each)) as { progress: Record<string, unknown> };
      expect(read.progress ?? {}).toEqual(
        shown({
          through: each.through,
          written: each.written.map((range) => shown({ ...range, firstOrdinal: Number(range.firstOrdinal) })),
          refused: each.refused.map((one) => shown({ ...one, reason: one.reason.toWellFormed() })),
          windowBytes: each.windowBytes,
        }),
      );
    }),
  );
  expect(decode(RESPONSE, encodeWelcome("c0ffee", 65_536, 4_194_240))).toEqual({
    welcome: { collectorId: "c0ffee", windowBytes: 65_536, batchBytesMax: 4_194_240 },
  });
});

test("ordinals beyond 2^53 keep all their digits", () => {
  const firstOrdinal = 2n ** 63n + 12_345n;
  const bytes = encodeProgress({
    through: 1,
    written: [{ number: 1, firstOrdinal, records: 1 }],
    refused: [],
    windowBytes: 0,
  });
  // number 1; then field 2, whose varint is read back by hand.
  const at = bytes.indexOf(Buffer.from([0x08, 1, 0x10])) + 3;
  let value = 0n;
  for (let index = 0; index < 10; index++) value |= BigInt((bytes[at + index] as number) & 0x7f) << BigInt(7 * index);
  expect(value).toBe(firstOrdinal);
});

test("unknown fields are passed over, as the format demands of a newer client's", () => {
  const known = encode(REQUEST, { batch: { number: 5, request: Buffer.from("abc") } });
  expect(decodeStreamRequest(Buffer.concat([Buffer.from([0x78, 1]), known]))).toMatchObject({ number: 5 });
});

test("property: bytes that are something else are refused in a sentence, never with anything but invalid_request", () => {
  const damaged = fc.tuple(fc.uint8Array({ maxLength: 60 }), fc.nat(), fc.nat(255)).map(([request, at, byte]) => {
    const bytes = encode(REQUEST, { batch: { number: 3, request, compression: 1 } });
    bytes[at % bytes.length] = byte;
    return bytes;
  });
  fc.assert(
    fc.property(fc.oneof(fc.uint8Array({ maxLength: 60 }), damaged), (bytes) => {
      try {
        decodeStreamRequest(bytes);
      } catch (reason) {
        expect(reason).toBeInstanceOf(CollectorError);
        expect((reason as CollectorError).code).toBe("invalid_request");
        expect((reason as CollectorError).message).toStartWith("not a StreamRequest: ");
      }
    }),
    { numRuns: 1_000 },
  );
});
