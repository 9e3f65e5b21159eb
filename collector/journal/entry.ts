/**
 * What one synced write holds: a header, then an ExportLogsServiceRequest, compressed where that made it smaller.
 *
 *    byte  0      version of this layout: 1, or 2 where an origin lies between header and payload
 *          1      codec of the payload: 0 none, 1 zstd
 *          2      bytes of the origin's collector id, 0 without an origin
 *          3      0
 *          4..7   log records            (uint32, little endian like all here)
 *          8..11  bytes of the request   (uint32, before compression)
 *         12..15  0, or the tag of the one route that it is for (uint32)
 *         16..23  wall time of the write (float64, milliseconds since 1970)
 *         24..31  XXH3 of payload, header (0..23) and key
 *
 *         32..    with an origin: its collector id (ASCII), then its first ordinal (uint64); the payload comes after it
 *
 * The sum is ours because LevelDB does not verify its own when it reads tables, and does not know the key's meaning.
 */
import { promisify } from "node:util";
import { constants, zstdCompress } from "node:zlib";
import { assert } from "../errors.ts";
import type { Origin } from "./port.ts";

const VERSION = 1;
const VERSION_WITH_ORIGIN = 2;
const ORDINAL_BYTES = 8;
const CODEC_NONE = 0;
const CODEC_ZSTD = 1;
export const ENTRY_HEADER_BYTES = 32;

/** Below this a request does not get smaller worth the call. */
const COMPRESS_BYTES_MIN = 512;

/** Up to this many bytes a request is decompressed at once: 0.8 ms at most. */
const DECOMPRESS_NOW_BYTES_MAX = 1_048_576;

const compressFast = promisify(zstdCompress);

/** The header has a byte for its length. */
export const ORIGIN_ID_LENGTH_MAX = 128;

export type Compression = "none" | "zstd";

export interface EntryFacts {
  readonly records: number;
  readonly committedAtMs: number;
  /** 0, or the tag (`routeTag`) of the one route that it is for. */
  readonly onlyRoute: number;
  /** Where its log records were accepted first, if not here. */
  readonly origin?: Origin | undefined;
}

/** Tells routes apart in an entry; never 0. */
export function routeTag(route: string): number {
  return Bun.hash.crc32(route) || 1;
}

/** What `sealEntry` puts behind the header. */
export interface EncodedPayload {
  readonly codec: number;
  readonly payload: Uint8Array;
}

/** The payload is compressed off the main thread; put the two parts together with `sealEntry` once the key is known. */
export async function encodePayload(
  request: Uint8Array,
  compression: Compression,
  level: number,
): Promise<EncodedPayload> {
  if (compression === "zstd" && request.byteLength >= COMPRESS_BYTES_MIN) {
    const payload = await compress(request, level);
    if (payload.byteLength < request.byteLength) return { codec: CODEC_ZSTD, payload };
  }
  return { codec: CODEC_NONE, payload: request };
}

/** Bun's own calls take a buffer whole: 0.6 of the CPU that node:zlib's streams take, and a quarter to decompress. */
function compress(request: Uint8Array, level: number): Promise<Uint8Array> {
  if (level >= 1) return Bun.zstdCompress(request, { level });
  return compressFast(request, { params: { [constants.ZSTD_c_compressionLevel]: level } });
}

/** Header and payload as the value to write under `key`. */
export function sealEntry(
  key: Uint8Array,
  { codec, payload }: EncodedPayload,
  facts: EntryFacts & { readonly requestBytes: number },
): Uint8Array {
  const origin = encodeOrigin(facts.origin);
  const entry = new Uint8Array(ENTRY_HEADER_BYTES + origin.byteLength + payload.byteLength);
  const view = new DataView(entry.buffer);
  view.setUint8(0, facts.origin === undefined ? VERSION : VERSION_WITH_ORIGIN);
  view.setUint8(2, facts.origin?.collectorId.length ?? 0);
  view.setUint8(1, codec);
  view.setUint32(4, facts.records, true);
  view.setUint32(8, facts.requestBytes, true);
  view.setUint32(12, facts.onlyRoute, true);
  view.setFloat64(16, facts.committedAtMs, true);
  entry.set(origin, ENTRY_HEADER_BYTES);
  entry.set(payload, ENTRY_HEADER_BYTES + origin.byteLength);
  view.setBigUint64(24, checksum(key, entry), true);
  return entry;
}

/** Records and time, without looking at the payload. Undefined when it is no entry. */
export function peekEntry(entry: Uint8Array): EntryFacts | undefined {
  if (entry.byteLength < ENTRY_HEADER_BYTES) return undefined;
  const view = new DataView(entry.buffer, entry.byteOffset, entry.byteLength);
  const records = view.getUint32(4, true);
  const version = view.getUint8(0);
  if ((version !== VERSION && version !== VERSION_WITH_ORIGIN) || records === 0) return undefined;
  const facts = { records, committedAtMs: view.getFloat64(16, true), onlyRoute: view.getUint32(12, true) };
  return version === VERSION ? facts : { ...facts, origin: decodeOrigin(view) };
}

function encodeOrigin(origin: Origin | undefined): Uint8Array {
  if (origin === undefined) return new Uint8Array(0);
  const { length } = origin.collectorId;
  assert(length > 0 && length <= ORIGIN_ID_LENGTH_MAX, "the id of another collector has a length that fits");
  const bytes = new Uint8Array(length + ORDINAL_BYTES);
  bytes.set(Buffer.from(origin.collectorId, "ascii"));
  new DataView(bytes.buffer).setBigUint64(length, origin.first, true);
  return bytes;
}

/** Undefined where it is cut short; then the sum does not hold either. */
function decodeOrigin(view: DataView): Origin | undefined {
  const length = view.getUint8(2);
  if (length === 0 || view.byteLength < ENTRY_HEADER_BYTES + length + ORDINAL_BYTES) return undefined;
  const id = Buffer.from(view.buffer, view.byteOffset + ENTRY_HEADER_BYTES, length);
  return { collectorId: id.toString("ascii"), first: view.getBigUint64(ENTRY_HEADER_BYTES + length, true) };
}

/** Records and time of an entry that is what was written, by its sum; undefined when it is not. */
export function checkEntry(key: Uint8Array, entry: Uint8Array): EntryFacts | undefined {
  const facts = peekEntry(entry);
  if (facts === undefined) return undefined;
  const view = new DataView(entry.buffer, entry.byteOffset, entry.byteLength);
  return view.getBigUint64(24, true) === checksum(key, entry) ? facts : undefined;
}

/** The request as it was written. Undefined when the bytes are not what was written. */
export async function openEntry(
  key: Uint8Array,
  entry: Uint8Array,
): Promise<(EntryFacts & { request: Uint8Array }) | undefined> {
  const facts = checkEntry(key, entry);
  if (facts === undefined) return undefined;
  const view = new DataView(entry.buffer, entry.byteOffset, entry.byteLength);
  const originBytes = facts.origin === undefined ? 0 : facts.origin.collectorId.length + ORDINAL_BYTES;
  const payload = entry.subarray(ENTRY_HEADER_BYTES + originBytes);
  const requestBytes = view.getUint32(8, true);
  const request = view.getUint8(1) === CODEC_ZSTD ? await decompress(payload, requestBytes) : payload;
  return request.byteLength === requestBytes ? { ...facts, request } : undefined;
}

/** Handing a small one to another thread and back costs a third more than it takes, and the memory is warm there. */
function decompress(payload: Uint8Array, requestBytes: number): Uint8Array | Promise<Uint8Array> {
  const bytes = payload as Uint8Array<ArrayBuffer>;
  return requestBytes <= DECOMPRESS_NOW_BYTES_MAX ? Bun.zstdDecompressSync(bytes) : Bun.zstdDecompress(bytes);
}

function checksum(key: Uint8Array, entry: Uint8Array): bigint {
  const header = Bun.hash.xxHash3(entry.subarray(0, 24), Bun.hash.xxHash3(key));
  return Bun.hash.xxHash3(entry.subarray(ENTRY_HEADER_BYTES), header);
}
