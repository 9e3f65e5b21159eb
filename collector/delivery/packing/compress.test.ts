import { expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gunzipSync, zstdDecompressSync } from "node:zlib";
import fc from "fast-check";
import {
  type Codec,
  CompressionForecast,
  compress,
  compressedBytesMax,
  compressibleBytesMax,
  compressNow,
  decompressNow,
} from "./compress.ts";

const CODECS: readonly Codec[] = ["gzip", "zstd"];
const PIECES = ["a\n", "b".repeat(70_000), "", `{"body":"é\u{1f6b0}"}\n`].map((text) => Buffer.from(text));

/** Bytes that nothing can compress; the same for the same seed. */
function noise(bytes: number, seed: number): Uint8Array {
  const made = new Uint8Array(bytes);
  let state = seed | 1;
  for (let index = 0; index < bytes; index++) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    made[index] = state >>> 11;
  }
  return made;
}

test("members and frames laid end to end read as what they hold, end to end", async () => {
  const whole = Buffer.concat(PIECES);
  for (const codec of CODECS) {
    const object = Buffer.concat(await Promise.all(PIECES.map((piece) => compress(codec, piece))));
    expect((codec === "gzip" ? gunzipSync : zstdDecompressSync)(object).equals(whole)).toBe(true);
  }
});

test("the usual programs read them as well: gzip -dc, zstd -dc", async () => {
  const folder = mkdtempSync(join(tmpdir(), "standpipe-compress-"));
  try {
    for (const codec of CODECS) {
      // zstd is not on every machine; gzip is.
      if (codec === "zstd" && Bun.which("zstd") === null) continue;
      const path = join(folder, codec === "gzip" ? "object.gz" : "object.zst");
      writeFileSync(path, Buffer.concat(PIECES.map((piece) => compressNow(codec, piece))));
      const run = Bun.spawnSync([codec, "-dc", path], { maxBuffer: 1024 * 1024 });
      expect(run.exitCode).toBe(0);
      expect(run.stdout.equals(Buffer.concat(PIECES))).toBe(true);
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("what was compressed comes back, beside the event loop or at once", async () => {
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ maxLength: 5_000 }), fc.constantFrom(...CODECS), async (bytes, codec) => {
      expect(Buffer.from(decompressNow(codec, await compress(codec, bytes)))).toEqual(Buffer.from(bytes));
      expect(Buffer.from(decompressNow(codec, compressNow(codec, bytes)))).toEqual(Buffer.from(bytes));
    }),
    { numRuns: 100 },
  );
});

test("what can't be compressed grows no further than told, up to a whole record and beyond", () => {
  for (const codec of CODECS) {
    for (const bytes of [0, 1, 100, 16_384, 65_536, 131_072, 500_001, compressibleBytesMax(1_024_000), 3_000_000]) {
      const made = compressNow(codec, noise(bytes, bytes + 7));
      expect(made.length).toBeLessThanOrEqual(compressedBytesMax(bytes));
    }
  }
  for (const bytesMax of [200, 5_120, 1_024_000]) {
    const fitting = compressibleBytesMax(bytesMax);
    expect(compressedBytesMax(fitting)).toBeLessThanOrEqual(bytesMax);
    expect(compressedBytesMax(fitting * 1.01 + 9)).toBeGreaterThan(bytesMax);
  }
});

test("the forecast follows the lines: from any ratio to any other within a dozen records", () => {
  const ratio = fc.double({ min: 1, max: 40, noNaN: true });
  fc.assert(
    fc.property(ratio, ratio, (before, after) => {
      const forecast = new CompressionForecast();
      for (let record = 0; record < 20; record++) forecast.note(100_000 * before, 100_000);
      for (let record = 0; record < 12; record++) forecast.note(100_000 * after, 100_000);
      expect(Math.abs(forecast.ratio - after)).toBeLessThanOrEqual(0.02 * Math.abs(before - after) + 1e-9);
    }),
    { numRuns: 100 },
  );
});

test("it aims below a unit's edge by as far as records stray, and by no more than half a unit", () => {
  const steady = new CompressionForecast();
  for (let record = 0; record < 20; record++) steady.note(50_000, 10_000);
  expect(steady.lineBytesFor(5_120)).toBe(5_120 * 5);
  const straying = new CompressionForecast();
  for (let record = 0; record < 60; record++) straying.note(record % 2 === 0 ? 55_000 : 45_000, 10_000);
  const { ratio } = straying;
  expect(straying.lineBytesFor(5_120)).toBeLessThan(5_120 * ratio * 0.9);
  expect(straying.lineBytesFor(1_024_000)).toBe(Math.floor((1_024_000 - 2_560) * ratio));
});
