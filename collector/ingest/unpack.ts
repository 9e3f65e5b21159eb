/**
 * Unpacks what a sender has compressed, never to more than a limit: a few bytes can stand for gigabytes.
 *
 * node:zlib unpacks into pieces of 16 KB, each by a turn of its thread, and puts them together at the end: twice the memory,
 * and half as much CPU again. So it is told to make one piece of the size that the packed bytes promise. That is a hint: what
 * comes out is held against the limit, and by zlib against the promise.
 */
import { gunzip, gunzipSync, inflate, zstdDecompress } from "node:zlib";
import { CollectorError } from "../errors.ts";
import { unpackedZstdBytes } from "./zstd-frames.ts";

export type Packing = "none" | "gzip" | "deflate" | "zstd";

/** Up to this size unpacking takes less than handing it to another thread does, and blocks for a few milliseconds at worst. */
const AT_ONCE_BYTES_MAX = 4 * 1024;

/** What node:zlib takes by itself. */
const PIECE_BYTES_MIN = 16 * 1024;

/** Deflate makes no more of one byte (https://zlib.net/zlib_tech.html). */
const DEFLATE_RATIO_MAX = 1_032;

/**
 * Resolves with the unpacked bytes, which are `bytesMax` at most; with `bytes` itself where they are not packed.
 * Rejects with CollectorError `request_too_large` where they are more, and `invalid_request` where they can't be
 * unpacked or are not whole.
 */
export async function unpack(bytes: Uint8Array, packing: Packing, bytesMax: number): Promise<Uint8Array> {
  try {
    if (packing === "zstd") return await unpackZstd(bytes, bytesMax);
    if (packing === "deflate") return await later(inflate, bytes, bytesMax);
    if (packing === "gzip") {
      if (bytes.length <= AT_ONCE_BYTES_MAX) return gunzipSync(bytes, { maxOutputLength: bytesMax });
      return await later(gunzip, bytes, bytesMax, promisedGzipBytes(bytes));
    }
  } catch (cause) {
    if (cause instanceof CollectorError) throw cause;
    if ((cause as { code?: string }).code === "ERR_BUFFER_TOO_LARGE") throw tooLarge(bytesMax);
    const words = cause instanceof Error ? cause.message : String(cause);
    throw new CollectorError("invalid_request", `the bytes can't be unpacked as ${packing}: ${words}`, { cause });
  }
  if (bytes.length > bytesMax) throw tooLarge(bytesMax);
  return bytes;
}

async function unpackZstd(bytes: Uint8Array, bytesMax: number): Promise<Uint8Array> {
  const unpackedBytes = unpackedZstdBytes(bytes);
  if (unpackedBytes !== undefined && unpackedBytes > bytesMax) throw tooLarge(bytesMax);
  // What a frame says of its size is held against what is in it.
  if (unpackedBytes !== undefined && bytes.length <= AT_ONCE_BYTES_MAX) return Bun.zstdDecompressSync(bytes);
  return await later(zstdDecompress, bytes, bytesMax, unpackedBytes);
}

/** ISIZE, the last four bytes (RFC 1952, section 2.3.1): of the last member alone, where there are more. */
function promisedGzipBytes(bytes: Uint8Array): number | undefined {
  const promised = new DataView(bytes.buffer, bytes.byteOffset, bytes.length).getUint32(bytes.length - 4, true);
  return promised <= bytes.length * DEFLATE_RATIO_MAX ? promised : undefined;
}

type Unpacker = (
  bytes: Uint8Array,
  options: { maxOutputLength: number; chunkSize: number },
  done: (error: Error | null, result: Buffer) => void,
) => void;

function later(unpacker: Unpacker, bytes: Uint8Array, bytesMax: number, promisedBytes = 0): Promise<Buffer> {
  const chunkSize = promisedBytes > bytesMax ? PIECE_BYTES_MIN : Math.max(promisedBytes, PIECE_BYTES_MIN);
  return new Promise((resolve, reject) => {
    unpacker(bytes, { maxOutputLength: bytesMax, chunkSize }, (error, result) => {
      if (error === null) resolve(result);
      else reject(error);
    });
  });
}

function tooLarge(bytesMax: number): CollectorError {
  return new CollectorError(
    "request_too_large",
    `the request unpacks to more than ${bytesMax} bytes: send smaller ones`,
  );
}
