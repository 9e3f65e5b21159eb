/** Unpacks what a sender has compressed, never to more than a limit: a few bytes can stand for gigabytes. */
import { gunzip, gunzipSync, inflate, zstdDecompress } from "node:zlib";
import { CollectorError } from "../errors.ts";
import { unpackedZstdBytes } from "./zstd-frames.ts";

export type Packing = "none" | "gzip" | "deflate" | "zstd";

/** Up to this size unpacking takes less than handing it to another thread does, and blocks for a few milliseconds at worst. */
const AT_ONCE_BYTES_MAX = 4 * 1024;

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
      return await later(gunzip, bytes, bytesMax);
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
  return await later(zstdDecompress, bytes, bytesMax);
}

type Unpacker = (
  bytes: Uint8Array,
  options: { maxOutputLength: number },
  done: (error: Error | null, result: Buffer) => void,
) => void;

function later(unpacker: Unpacker, bytes: Uint8Array, bytesMax: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    unpacker(bytes, { maxOutputLength: bytesMax }, (error, result) => {
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
