/**
 * The lines of a stored object, unpacked: gzip members and zstd frames laid end to end, or plain, told by the first bytes and not
 * by the name, which a stream's settings choose. Streams throughout: memory holds a piece and one line.
 */
import type { Readable } from "node:stream";
import { createGunzip, createZstdDecompress } from "node:zlib";

const LINE_BREAK = 10;

/** A line is at most as long as a Firehose record, except in objects that are none of ours. */
const LINE_BYTES_MAX = 4_194_304;

/** How an object ended before its end, if it did. */
export class CutShort extends Error {
  override readonly name = "CutShort";
}

/** Throws `CutShort` after its last whole line where the object ends within a line, or can't be unpacked to its end. */
export async function* linesOf(stored: Readable): AsyncGenerator<string> {
  let rest: Buffer[] = [];
  let restBytes = 0;
  try {
    for await (const piece of await unpacked(stored)) {
      let from = 0;
      for (let at = piece.indexOf(LINE_BREAK); at !== -1; at = piece.indexOf(LINE_BREAK, from)) {
        const end = piece.subarray(from, at);
        from = at + 1;
        const line = restBytes === 0 ? end : Buffer.concat([...rest, end]);
        rest = [];
        restBytes = 0;
        yield line.toString();
      }
      rest.push(piece.subarray(from));
      restBytes += piece.length - from;
      if (restBytes > LINE_BYTES_MAX) throw new CutShort(`a line is longer than ${LINE_BYTES_MAX} bytes`);
    }
  } catch (reason) {
    if (reason instanceof CutShort) throw reason;
    throw new CutShort((reason as Error).message, { cause: reason });
  }
  if (restBytes > 0) throw new CutShort("it does not end with a line break");
}

async function unpacked(stored: Readable): Promise<AsyncIterable<Buffer>> {
  const pieces = stored[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
  // A piece of one byte is possible, if unlikely: what decides is the first four.
  let head: Buffer = Buffer.alloc(0);
  while (head.length < 4) {
    const next = await pieces.next();
    if (next.done === true) break;
    head = Buffer.concat([head, next.value]);
  }
  const whole: AsyncIterable<Buffer> = {
    async *[Symbol.asyncIterator]() {
      yield head;
      for (let next = await pieces.next(); next.done !== true; next = await pieces.next()) yield next.value;
    },
  };
  const isGzip = head[0] === 0x1f && head[1] === 0x8b;
  const isZstd = head.length >= 4 && head.readUInt32LE(0) === 0xfd2fb528;
  if (!isGzip && !isZstd) return whole;
  const { Readable: Source } = await import("node:stream");
  const unpacker = isGzip ? createGunzip() : createZstdDecompress();
  const source = Source.from(whole);
  source.on("error", (reason) => unpacker.destroy(reason));
  return source.pipe(unpacker);
}
