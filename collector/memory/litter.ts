/**
 * Has garbage collected after so many bytes of it. JavaScriptCore lets large buffers and strings pile up after use: without
 * this 80 compressed requests of 3.8 MB within a second took 500 MB.
 *
 * What can be used again leaves no garbage (recycled-memory.ts), and what has a last owner can be let go of (release.ts);
 * this is for the rest: messages that are unpacked. Nearly all of it is young, and a look at what is young takes a
 * millisecond or two. A look at everything takes some fifty and gives memory back to the system: one in five is such.
 * (Measured: all of them whole, after 40 MiB, cost 8 % more CPU for the same memory.)
 */
import { edenGC } from "bun:jsc";

/** What may be left behind between collections, by default. */
export const LITTER_BYTES_MAX = 8 * 1024 * 1024;

/** One collection in so many is of all that there is. */
const COLLECTIONS_PER_WHOLE = 5;

export interface Collector {
  /** What was made since the last collection. */
  young(): void;
  whole(): void;
}

const systemCollector: Collector = { young: () => void edenGC(), whole: () => void Bun.gc(true) };

export class Litter {
  readonly #bytesMax: number;
  readonly #collector: Collector;
  #bytes = 0;
  #collections = 0;

  constructor(bytesMax: number, collector: Collector = systemCollector) {
    this.#bytesMax = bytesMax;
    this.#collector = collector;
  }

  /** That much was left behind. */
  drop(bytes: number): void {
    this.#bytes += bytes;
    if (this.#bytes < this.#bytesMax) return;
    this.#bytes = 0;
    this.#collections++;
    if (this.#collections % COLLECTIONS_PER_WHOLE === 0) this.#collector.whole();
    else this.#collector.young();
  }
}
