/**
 * Has memory collected by the bytes that were made, not by the clock: requests pass by the hundred megabytes a second, and
 * JavaScriptCore lets the arrays that held them pile up until much later. A collection of so small a heap takes a few
 * milliseconds, so that often is a quarter of the speed, and what keeps the agent within 100 MiB.
 */
const BYTES_MAX = 896 * 1024;

export class Litter {
  readonly #collect: () => void;
  #bytes = 0;

  constructor(collect: () => void = () => Bun.gc(true)) {
    this.#collect = collect;
  }

  /** So many bytes are garbage now. */
  add(bytes: number): void {
    this.#bytes += bytes;
    if (this.#bytes < BYTES_MAX) return;
    this.#bytes = 0;
    this.#collect();
  }
}

/** Gives the memory of bytes back at once. Only for their last owner; bytes that are part of something larger are left. */
export function release(bytes: Uint8Array): void {
  const { buffer } = bytes;
  if (buffer instanceof ArrayBuffer && !buffer.detached && bytes.byteLength === buffer.byteLength) buffer.transfer(0);
}
