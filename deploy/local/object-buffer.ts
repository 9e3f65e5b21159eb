/**
 * What a stream holds back until there is enough of it, or it has waited long enough: whichever comes first. Pure.
 *
 * Records lie in the order in which they were accepted, with nothing between them unless the stream appends a
 * delimiter to each. The size counts what will be in the object, before compression.
 */

/** The content of one object to be. */
export interface ObjectDraft {
  readonly parts: readonly Buffer[];
  readonly records: number;
  /** Before compression, delimiters included. */
  readonly bytes: number;
  /** When its oldest record arrived. */
  readonly arrivedMs: number;
}

export interface BufferHints {
  readonly bytesMax: number;
  readonly intervalMs: number;
  /** Appended to each record; undefined for nothing. */
  readonly delimiter: Buffer | undefined;
}

export class ObjectBuffer {
  readonly #hints: BufferHints;
  #parts: Buffer[] = [];
  #records = 0;
  #bytes = 0;
  #arrivedMs = 0;

  constructor(hints: BufferHints) {
    this.#hints = hints;
  }

  /** When the buffer must be cut even if nothing more comes; undefined while it is empty. */
  get dueMs(): number | undefined {
    return this.#records === 0 ? undefined : this.#arrivedMs + this.#hints.intervalMs;
  }

  /** Takes a record, and gives back the object it filled, if it did. */
  add(record: Buffer, nowMs: number): ObjectDraft | undefined {
    if (this.#records === 0) this.#arrivedMs = nowMs;
    this.#records++;
    this.#push(record);
    if (this.#hints.delimiter !== undefined) this.#push(this.#hints.delimiter);
    return this.#bytes >= this.#hints.bytesMax ? this.cut() : undefined;
  }

  #push(part: Buffer): void {
    this.#parts.push(part);
    this.#bytes += part.length;
  }

  /** Takes everything out; undefined when there is nothing. */
  cut(): ObjectDraft | undefined {
    if (this.#records === 0) return undefined;
    const draft = { parts: this.#parts, records: this.#records, bytes: this.#bytes, arrivedMs: this.#arrivedMs };
    this.#parts = [];
    this.#records = 0;
    this.#bytes = 0;
    return draft;
  }
}
