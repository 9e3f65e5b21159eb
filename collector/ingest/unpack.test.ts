import { expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import { constants, createZstdCompress, deflateSync, gzipSync, zstdCompressSync } from "node:zlib";
import fc from "fast-check";
import { CollectorError } from "../errors.ts";
import { type Packing, unpack } from "./unpack.ts";
import { unpackedZstdBytes } from "./zstd-frames.ts";

const KIB = 1024;
const PACKERS = { gzip: gzipSync, deflate: deflateSync, zstd: zstdCompressSync } as const;

async function codeOf(bytes: Uint8Array, packing: Packing, bytesMax: number): Promise<string | undefined> {
  try {
    await unpack(bytes, packing, bytesMax);
  } catch (reason) {
    if (reason instanceof CollectorError) return reason.code;
    throw reason;
  }
  return undefined;
}

/** Small and large, easy and hard to compress. */
const contents = fc
  .tuple(fc.uint8Array({ minLength: 2, maxLength: 400 }), fc.constantFrom(1, 1, 7, 900))
  .map(([piece, times]) => Buffer.concat(Array.from({ length: times }, () => piece)));

test("property: what was packed comes back, up to exactly the limit", async () => {
  await fc.assert(
    fc.asyncProperty(contents, fc.constantFrom("gzip", "deflate", "zstd"), async (content, packing) => {
      const packed = PACKERS[packing](content);
      expect(Buffer.from(await unpack(packed, packing, content.length)).equals(content)).toBe(true);
      expect(await codeOf(packed, packing, content.length - 1)).toBe("request_too_large");
    }),
    { numRuns: 100 },
  );
});

test("property: what ends too early is never taken for whole", async () => {
  await fc.assert(
    fc.asyncProperty(contents, fc.constantFrom("gzip", "deflate", "zstd"), fc.nat(), async (content, packing, at) => {
      const packed = PACKERS[packing](content);
      expect(await codeOf(packed.subarray(0, at % packed.length), packing, 1024 * KIB)).toBe("invalid_request");
    }),
    { numRuns: 200 },
  );
});

test("zstd: frames in a row, skippable frames, and frames that say nothing of their size are unpacked whole", async () => {
  const one = Buffer.from("one ".repeat(5_000));
  const frame = zstdCompressSync(one);
  const skippable = Buffer.from([0x51, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 9, 9, 9]);
  const both = Buffer.concat([skippable, frame, frame]);
  expect(unpackedZstdBytes(both)).toBe(2 * one.length);
  expect(Buffer.from(await unpack(both, "zstd", KIB * KIB)).equals(Buffer.concat([one, one]))).toBe(true);
  const pieces: Buffer[] = [];
  const stream = createZstdCompress({ params: { [constants.ZSTD_c_checksumFlag]: 1 } });
  stream.on("data", (piece: Buffer) => pieces.push(piece));
  const large = Buffer.from(Array.from({ length: 400_000 }, (_, index) => (index * index) >> 7));
  await new Promise<void>((resolve) => {
    stream.on("end", resolve);
    stream.write(large.subarray(0, 100_000));
    stream.end(large.subarray(100_000));
  });
  const unsized = Buffer.concat(pieces);
  expect(unpackedZstdBytes(unsized)).toBeUndefined();
  expect(Buffer.from(await unpack(unsized, "zstd", large.length)).equals(large)).toBe(true);
  expect(await codeOf(unsized, "zstd", large.length - 1)).toBe("request_too_large");
  expect(await codeOf(unsized.subarray(0, -1), "zstd", large.length)).toBe("invalid_request");
});

test("zstd: a frame that asks for a huge window, garbage behind a frame, and a size that is not true are refused", async () => {
  const frame = zstdCompressSync(Buffer.from("some text, some text"));
  expect(await codeOf(Buffer.concat([frame, Buffer.from("garbage")]), "zstd", KIB)).toBe("invalid_request");
  // Window_Descriptor 0x88: 2^27 bytes; then one raw block of one byte, which is the last.
  const greedy = Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x88, 0x09, 0, 0, 0x61]);
  expect(await codeOf(greedy, "zstd", KIB)).toBe("invalid_request");
  // The same with a window of 1 KiB is good.
  greedy[5] = 0;
  expect(Buffer.from(await unpack(greedy, "zstd", KIB)).toString()).toBe("a");
  // Single_Segment_flag and a Frame_Content_Size of 200 over one byte.
  const lying = Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0x20, 200, 0x09, 0, 0, 0x61]);
  expect(await codeOf(lying, "zstd", KIB)).toBe("invalid_request");
});

test("gzip: the size that is promised at the end is a hint, and held against what is there", async () => {
  const [one, two] = [randomBytes(300_000), randomBytes(40_000)];
  const packed = gzipSync(one);
  const unpacked = await unpack(packed, "gzip", one.length);
  expect(Buffer.from(unpacked).equals(one)).toBe(true);
  // In one piece, which can be given back.
  expect(unpacked.buffer.byteLength).toBe(one.length);
  for (const members of [
    [one, two],
    [two, one],
  ]) {
    const all = Buffer.concat(members);
    const both = Buffer.concat(members.map((each) => gzipSync(each)));
    expect(Buffer.from(await unpack(both, "gzip", all.length)).equals(all)).toBe(true);
    expect(await codeOf(both, "gzip", all.length - 1)).toBe("request_too_large");
  }
  for (const promised of [0, 1, 299_999, 300_001, 1024 * KIB, 2 ** 32 - 1]) {
    const lying = Buffer.from(packed);
    lying.writeUInt32LE(promised, lying.length - 4);
    expect(await codeOf(lying, "gzip", 1024 * KIB)).toBe("invalid_request");
  }
  for (const end of [5_000, 200_000, packed.length - 8, packed.length - 4, packed.length - 1]) {
    expect(await codeOf(packed.subarray(0, end), "gzip", 1024 * KIB)).toBe("invalid_request");
  }
});

test("a bomb is stopped at the limit, whatever it is packed with", async () => {
  const zeros = Buffer.alloc(64 * KIB * KIB);
  for (const packing of ["gzip", "deflate", "zstd"] as const) {
    expect(await codeOf(PACKERS[packing](zeros), packing, 4 * KIB * KIB)).toBe("request_too_large");
  }
});

test("property: any bytes end in a result or one of two codes", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.uint8Array({ maxLength: 80 }),
      fc.constantFrom("gzip", "deflate", "zstd"),
      fc.boolean(),
      async (bytes, packing, isFrame) => {
        const magic = isFrame ? Buffer.from([0x28, 0xb5, 0x2f, 0xfd]) : Buffer.alloc(0);
        const code = await codeOf(Buffer.concat([magic, bytes]), packing, KIB);
        expect([undefined, "invalid_request", "request_too_large"]).toContain(code as undefined);
      },
    ),
    { numRuns: 500 },
  );
});
