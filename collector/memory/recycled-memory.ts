/**
 * Memory for what passes through, used again and again: fresh memory has to be found, cleared and, once it is garbage,
 * collected, which costs more than most of what is done with the bytes in it.
 *
 * Whoever borrows memory is its only owner until it is given back, in one of two ways:
 *
 * - `giveBack` takes any view. After that every view of it is empty: the same memory is lent again under another
 *   ArrayBuffer. So who gives back twice, or looks too late, harms nobody who borrowed it since; when views stayed alive,
 *   one that was given back a second time took a request away from under the journal.
 * - `handBack` takes the very view that was lent, once, which harms nobody either; but views stay alive. It is for owners
 *   who have no other view, and look no more: JavaScriptCore counts each ArrayBuffer as memory of its own, and looks for
 *   garbage where there is none.
 */
import { assert } from "../errors.ts";
import { release } from "./release.ts";

/** Less is not worth keeping account of. */
const LENT_BYTES_MIN = 4_096;

export class RecycledMemory {
  readonly #keptBytesMax: number;
  /** By size (`sizeFor`): what was used last is used first, since it is nearest to the processor. */
  readonly #free = new Map<number, ArrayBuffer[]>();
  /** What is lent, and by which view. Weak: not every borrower gets to give back. */
  readonly #lent = new WeakMap<ArrayBufferLike, Uint8Array>();
  /** What comes from here, lent or not. */
  readonly #own = new WeakSet<ArrayBufferLike>();
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
    const size = sizeFor(bytes);
    const kept = this.#free.get(size)?.pop();
    if (kept !== undefined) this.#keptBytes -= size;
    const memory = kept ?? new ArrayBuffer(size);
    const view = Buffer.from(memory, 0, bytes);
    this.#lent.set(memory, view);
    this.#own.add(memory);
    return view;
  }

  /** The first `bytes` bytes of what was lent: they are handed back from now on, and it is not. */
  shorten(lent: Buffer, bytes: number): Buffer {
    const view = lent.subarray(0, bytes);
    if (this.#lent.get(lent.buffer) === lent) this.#lent.set(lent.buffer, view);
    return view;
  }

  /**
   * Takes back what `lent` or `shorten` has returned; said again it changes nothing. What is not from here is let go of
   * (release.ts).
   */
  handBack(lent: Uint8Array): void {
    const memory = lent.buffer;
    if (this.#lent.get(memory) === lent) {
      this.#lent.delete(memory);
      this.#keep(memory as ArrayBuffer);
    } else if (!this.#own.has(memory)) release(lent);
  }

  /** Takes back what `bytes` is a view of; said again it changes nothing. What is not from here is let go of (release.ts). */
  giveBack(bytes: Uint8Array): void {
    const memory = bytes.buffer;
    if (!this.#lent.has(memory) || !(memory instanceof ArrayBuffer)) {
      release(bytes);
      return;
    }
    this.#lent.delete(memory);
    this.#keep(this.#keptBytes + memory.byteLength > this.#keptBytesMax ? memory : memory.transfer());
  }

  #keep(memory: ArrayBuffer): void {
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

/** The sizes there are: four between a power of two and the next, so that at most a fifth of one is not used. */
function sizeFor(bytes: number): number {
  const step = 2 ** (Math.floor(Math.log2(bytes)) - 2);
  return Math.ceil(bytes / step) * step;
}
