/**
 * Compression of Firehose records: each becomes one gzip member or one zstd frame that stands for itself. Firehose lays
 * records end to end, and members (RFC 1952, 2.2) and frames (RFC 8878, 3) end to end are a valid .gz or .zst.
 *
 * Measured on 2 MB of lines such as an application writes (508 bytes each, with trace ids), Bun 1.4.5:
 *
 *   | codec                      | ratio | MB/s of lines | held up the event loop |
 *   |----------------------------|-------|---------------|------------------------|
 *   | libdeflate 1, Bun.gzipSync | 7.9   | 590           | all the time           |
 *   | zlib 2, asynchronous       | 7.6   | 540           | 0.1 ms                 |
 *   | zlib 6, asynchronous       | 9.0   | 235           | 0.1 ms                 |
 *   | zstd 1, asynchronous       | 9.1   | 1,250         | 0.1 ms                 |
 *   | zstd 3, asynchronous       | 8.3   | 710           | 0.1 ms                 |
 *
 * The stream's quota is what is scarce, so gzip has level 6: a fifth more logs through the same quota, for 4 ns a byte on
 * a thread of the pool. zstd gains nothing from a higher level.
 */
import { promisify } from "node:util";
import { gunzipSync, gzip, gzipSync } from "node:zlib";
import { assert } from "../../errors.ts";
import { FIREHOSE_BILLING_UNIT_BYTES } from "../../limits.ts";

export type Codec = "gzip" | "zstd";
export type Compression = "none" | Codec;

const GZIP_OPTIONS = { level: 6, chunkSize: 128 * 1024 };
const ZSTD_OPTIONS = { level: 1 };

const gzipBeside = promisify<Uint8Array, typeof GZIP_OPTIONS, Buffer>(gzip);

/** Makes one member or frame. */
export type Compress = (codec: Codec, bytes: Uint8Array) => Promise<Uint8Array>;

/** One member or frame, made on another thread. The bytes must not change meanwhile. */
export async function compress(codec: Codec, bytes: Uint8Array): Promise<Uint8Array> {
  return codec === "gzip" ? gzipBeside(bytes, GZIP_OPTIONS) : Bun.zstdCompress(toOwned(bytes), ZSTD_OPTIONS);
}

/** The same at once, holding up the event loop: for what is rare. */
export function compressNow(codec: Codec, bytes: Uint8Array): Uint8Array {
  return codec === "gzip" ? gzipSync(bytes, GZIP_OPTIONS) : Bun.zstdCompressSync(toOwned(bytes), ZSTD_OPTIONS);
}

/** What one member or frame holds. */
export function decompressNow(codec: Codec, bytes: Uint8Array): Uint8Array {
  return codec === "gzip" ? gunzipSync(bytes) : Bun.zstdDecompressSync(toOwned(bytes));
}

function toOwned(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  return bytes as Uint8Array<ArrayBuffer>;
}

/**
 * The most that so many bytes can become, whatever they are: what can't be compressed is stored in blocks with a few
 * bytes of header each (deflate: 5 for 16 KiB at most in zlib; zstd: 3 for 128 KiB), between a header and a trailer.
 */
export function compressedBytesMax(bytes: number): number {
  return bytes + 5 * Math.ceil(bytes / 16_000) + 64;
}

/** The most bytes of lines of which `compressedBytesMax` is within `bytesMax`. */
export function compressibleBytesMax(bytesMax: number): number {
  return Math.floor((bytesMax - 72) / (1 + 5 / 16_000));
}

/** What is assumed before anything was compressed. Too low wastes some of the first records, too high some CPU. */
const RATIO_START = 4;
/** How much the latest record counts against all before it. */
const RATIO_WEIGHT = 0.3;

/** How many bytes of lines come to a record of a given size, by what the latest records came to. */
export class CompressionForecast {
  #ratio = RATIO_START;
  /** How far records stray from the forecast, as a share of it. */
  #deviation = 0;
  #isNew = true;

  get ratio(): number {
    return this.#ratio;
  }

  /** A full record, or one that grew too large: others tell nothing, for a few lines compress badly. */
  note(lineBytes: number, bytes: number): void {
    assert(lineBytes > 0 && bytes > 0, "a record without bytes was compressed");
    const ratio = lineBytes / bytes;
    if (this.#isNew) {
      this.#ratio = ratio;
      this.#isNew = false;
      return;
    }
    this.#deviation += RATIO_WEIGHT * (Math.abs(ratio / this.#ratio - 1) - this.#deviation);
    this.#ratio += RATIO_WEIGHT * (ratio - this.#ratio);
  }

  /**
   * Bytes of lines for a record that should have `target` bytes, a multiple of the billing unit. A byte beyond it costs
   * a whole unit, a byte below it nothing but itself: so it aims below, by twice as far as records stray, and by half a
   * unit where they stray further than a unit is long anyway.
   */
  lineBytesFor(target: number): number {
    const margin = Math.min(2 * this.#deviation * target, FIREHOSE_BILLING_UNIT_BYTES / 2);
    return Math.max(1, Math.floor((target - margin) * this.#ratio));
  }
}
