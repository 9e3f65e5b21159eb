/**
 * Puts the pieces of a message together, in the place of grpc-js's StreamDecoder: into memory that is used again, and
 * letting go of each piece once it is copied, which is cheaper than to leave both to the garbage collector.
 *
 * Length-prefixed messages of gRPC over HTTP/2: one byte says whether it is compressed, four how long it is
 * (https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md).
 */

import type { RecycledMemory } from "../memory/recycled-memory.ts";
import { release } from "../memory/release.ts";

/** What stands before each message. */
export const PREFIX_BYTES = 5;

export interface MessageDecoderOptions {
  readonly memory: RecycledMemory;
  readonly messageBytesMax: number;
  /** Told as soon as the length of a message is known, which is before all of it is here; both without the prefix. */
  readonly onLength: (messageBytes: number, hereBytes: number) => void;
}

export class MessageDecoder {
  readonly #options: MessageDecoderOptions;
  /** The first piece of a message of which more is to come: nobody gets memory for what he only announces. */
  #first: Buffer | undefined;
  /** A message with its prefix, of which `#length` bytes are here. */
  #framed: Buffer | undefined;
  #length = 0;

  constructor(options: MessageDecoderOptions) {
    this.#options = options;
  }

  /**
   * Takes a piece, which is the decoder's own from then on. Gives the messages that are whole with it, prefix included,
   * in memory of `RecycledMemory`. Throws when a message is larger than it may be; its words reach the client.
   */
  write(piece: Buffer): Buffer[] {
    const whole: Buffer[] = [];
    const first = this.#first;
    this.#first = undefined;
    if (first === undefined) {
      this.#take(piece, whole);
    } else if (first.length < PREFIX_BYTES) {
      this.#take(Buffer.concat([first, piece]), whole);
      release(piece);
    } else {
      this.#framed = this.#options.memory.lend(PREFIX_BYTES + first.readUInt32BE(1));
      this.#framed.set(first);
      this.#length = first.length;
      release(first);
      this.#take(piece, whole);
    }
    return whole;
  }

  /** The call has ended: what is here of a message will never be whole. */
  abandon(): void {
    if (this.#framed !== undefined) this.#options.memory.giveBack(this.#framed);
    if (this.#first !== undefined) release(this.#first);
    this.#framed = undefined;
    this.#first = undefined;
  }

  #take(piece: Buffer, whole: Buffer[]): void {
    let at = 0;
    while (at < piece.length) {
      const here = piece.length - at;
      if (this.#framed === undefined) {
        if (here < PREFIX_BYTES) {
          this.#first = Buffer.from(piece.subarray(at));
          break;
        }
        const framedBytes = PREFIX_BYTES + this.#lengthOf(piece, at);
        if (here < framedBytes && at === 0) {
          this.#first = piece;
          return;
        }
        this.#framed = this.#options.memory.lend(framedBytes);
        this.#length = 0;
      }
      const framed = this.#framed;
      const taken = Math.min(here, framed.length - this.#length);
      framed.set(taken === piece.length ? piece : piece.subarray(at, at + taken), this.#length);
      this.#length += taken;
      at += taken;
      if (this.#length < framed.length) break;
      whole.push(framed);
      this.#framed = undefined;
    }
    release(piece);
  }

  #lengthOf(piece: Buffer, at: number): number {
    const { messageBytesMax, onLength } = this.#options;
    const bytes = piece.readUInt32BE(at + 1);
    if (bytes > messageBytesMax) throw new Error(`Received message larger than max (${bytes} vs ${messageBytesMax})`);
    onLength(bytes, piece.length - at - PREFIX_BYTES);
    return bytes;
  }
}
