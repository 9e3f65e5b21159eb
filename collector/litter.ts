/**
 * Has garbage collected after so many bytes of it. JavaScriptCore lets large buffers and strings pile up after use: without
 * this 80 compressed requests of 3.8 MB within a second took 500 MB. A collection takes some ten milliseconds.
 *
 * What can be used again leaves no garbage (recycled-memory.ts), and what has a last owner can be let go of (release.ts);
 * this is for the rest: messages that are unpacked, and base64, which is made as strings.
 */
export class Litter {
  readonly #bytesMax: number;
  readonly #collect: () => void;
  #bytes = 0;

  constructor(bytesMax: number, collect: () => void = () => Bun.gc(true)) {
    this.#bytesMax = bytesMax;
    this.#collect = collect;
  }

  /** That much was left behind. */
  drop(bytes: number): void {
    this.#bytes += bytes;
    if (this.#bytes < this.#bytesMax) return;
    this.#bytes = 0;
    this.#collect();
  }
}

/** What a process may leave behind between collections. */
export const LITTER_BYTES_MAX = 64 * 1024 * 1024;
