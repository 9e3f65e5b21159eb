/**
 * Memory for messages on their way in, used again and again: fresh memory has to be found, cleared and, once it is
 * garbage, collected, which costs more than all else that is done with a message before it is compressed.
 *
 * Whoever lends memory is its only owner until it is given back, and must not look at it after.
 */
import { assert } from "../errors.ts";
import { release } from "../release.ts";

/** Below this a message is not worth keeping account of. */
const LENT_BYTES_MIN = 4_096;

export class MessageMemory {
  readonly #keptBytesMax: number;
  /** By size, a power of two: what was used last is used first, since it is nearest to the processor. */
  readonly #free = new Map<number, ArrayBuffer[]>();
  /** Weak: a call may end in ways in which nobody gives back. */
  readonly #lent = new WeakSet<ArrayBufferLike>();
  #keptBytes = 0;

  /** Of what is not in use, at most `keptBytesMax` are kept. */
  constructor(keptBytesMax: number) {
    assert(keptBytesMax >= 0, "memory kept is not less than nothing");
    this.#keptBytesMax = keptBytesMax;
  }

  /** Bytes that wait to be used again. */
  get keptBytes(): number {
    return this.#keptBytes;
  }

  /** `bytes` bytes, with whatever was in them before. */
  lend(bytes: number): Buffer {
    if (bytes < LENT_BYTES_MIN) return Buffer.allocUnsafe(bytes);
    const size = 2 ** Math.ceil(Math.log2(bytes));
    const kept = this.#free.get(size)?.pop();
    if (kept !== undefined) this.#keptBytes -= size;
    const memory = kept ?? new ArrayBuffer(size);
    this.#lent.add(memory);
    return Buffer.from(memory, 0, bytes);
  }

  /** Takes back what `bytes` is a view of. What was not lent here is let go of (release.ts). May be said once. */
  giveBack(bytes: Uint8Array): void {
    const memory = bytes.buffer;
    if (!(memory instanceof ArrayBuffer) || !this.#lent.delete(memory)) {
      release(bytes);
      return;
    }
    const size = memory.byteLength;
    if (this.#keptBytes + size > this.#keptBytesMax) {
      memory.transfer(0);
      return;
    }
    const free = this.#free.get(size);
    if (free === undefined) this.#free.set(size, [memory]);
    else free.push(memory);
    this.#keptBytes += size;
  }
}
