/**
 * Looks over zstd frames before they are unpacked (RFC 8878, section 3): is it all there, and how large does it get?
 *
 * Needed because node:zlib in Bun 1.4 takes a frame that ends too early for one that ends, and passes over what lies
 * behind the last one: both in silence, so what is missing would be acknowledged. And because a frame names the memory
 * that its decoder sets aside: four bytes could ask for gigabytes.
 */

const MAGIC = 0xfd2fb528;
const SKIPPABLE = 0x184d2a50;
const SKIPPABLE_MASK = 0xfffffff0;

/** What decoders must support at least, and what encoders are told to stay within (RFC 8878, section 3.1.1.1.2). */
const WINDOW_BYTES_MAX = 8 * 1024 * 1024;

/** By the two bits of Dictionary_ID_flag, and those of Frame_Content_Size_flag. */
const DICTIONARY_BYTES = [0, 1, 2, 4] as const;
const CONTENT_SIZE_BYTES = [0, 2, 4, 8] as const;

/**
 * How many bytes whole frames unpack to; undefined where one does not say. Throws an Error of one sentence when the
 * bytes are anything but whole frames, or one needs too much memory.
 */
export function unpackedZstdBytes(bytes: Uint8Array): number | undefined {
  if (bytes.length === 0) throw new Error("no zstd frame");
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  let total: number | undefined = 0;
  try {
    for (let position = 0; position < bytes.length; ) {
      const magic = view.getUint32(position, true);
      if ((magic & SKIPPABLE_MASK) >>> 0 === SKIPPABLE) {
        position += 8 + view.getUint32(position + 4, true);
        if (position > bytes.length) throw new RangeError();
        continue;
      }
      if (magic !== MAGIC) throw new Error("no zstd frame");
      const frame = readFrame(view, position + 4);
      total = total === undefined || frame.contentBytes === undefined ? undefined : total + frame.contentBytes;
      position = frame.end;
    }
  } catch (reason) {
    if (reason instanceof RangeError) throw new Error("a zstd frame that ends too early");
    throw reason;
  }
  return total;
}

/** The frame whose header begins at `position`, behind the magic number. Reads beyond the end throw RangeError. */
function readFrame(view: DataView, position: number): { end: number; contentBytes: number | undefined } {
  const descriptor = view.getUint8(position++);
  const isSingleSegment = (descriptor & 0x20) !== 0;
  const hasChecksum = (descriptor & 0x04) !== 0;
  let windowBytes = 0;
  if (!isSingleSegment) {
    const window = view.getUint8(position++);
    const base = 2 ** (10 + (window >> 3));
    windowBytes = base + (base / 8) * (window & 7);
  }
  position += DICTIONARY_BYTES[(descriptor & 3) as 0 | 1 | 2 | 3];
  const contentBytes = readContentSize(view, position, descriptor, isSingleSegment);
  position += contentSizeBytes(descriptor, isSingleSegment);
  if (windowBytes > WINDOW_BYTES_MAX) throw new Error(`a zstd window of more than ${WINDOW_BYTES_MAX} bytes`);
  for (let isLast = false; !isLast; ) {
    const header = view.getUint16(position, true) | (view.getUint8(position + 2) << 16);
    isLast = (header & 1) !== 0;
    const type = (header >> 1) & 3;
    if (type === 3) throw new Error("a zstd block of a reserved type");
    position += 3 + (type === 1 /* run-length: one byte, repeated */ ? 1 : header >> 3);
  }
  if (hasChecksum) position += 4;
  if (position > view.byteLength) throw new RangeError();
  return { end: position, contentBytes };
}

function contentSizeBytes(descriptor: number, isSingleSegment: boolean): number {
  const bytes = CONTENT_SIZE_BYTES[(descriptor >> 6) as 0 | 1 | 2 | 3];
  return bytes === 0 && isSingleSegment ? 1 : bytes;
}

function readContentSize(
  view: DataView,
  position: number,
  descriptor: number,
  isSingleSegment: boolean,
): number | undefined {
  switch (contentSizeBytes(descriptor, isSingleSegment)) {
    case 0:
      return undefined;
    case 1:
      return view.getUint8(position);
    case 2:
      return view.getUint16(position, true) + 256;
    case 4:
      return view.getUint32(position, true);
    default:
      return Number(view.getBigUint64(position, true));
  }
}
