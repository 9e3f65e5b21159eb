/**
 * What of one file is under way. Parts are acknowledged in any order; the position goes on only over those before which
 * nothing is open.
 */
import { type Fingerprint, NO_FINGERPRINT } from "./identity.ts";
import type { Rest } from "./lines.ts";

/** A piece of a file within a request. */
export interface LedgerPart {
  /** Where the position may go once this and all before it are acknowledged. */
  readonly end: number;
  /** Of the bytes before `end`. */
  readonly tail: Fingerprint;
  /** Whether `end` lies within a line that was longer than the limit. */
  readonly rest: Rest;
  isDone: boolean;
}

export class Ledger {
  /** All before is acknowledged. */
  offset: number;
  tail: Fingerprint;
  head: Fingerprint;
  rest: Rest;
  /** Whose file it is. A copy that was found takes over what is under way of the original. */
  id: string;
  path: string;
  /** The name that it was written under and that a pattern matched; `path` is that with links resolved. */
  name: string;
  readonly #open: LedgerPart[] = [];

  constructor(start: {
    readonly id: string;
    readonly path: string;
    readonly name: string;
    readonly offset: number;
    readonly head?: Fingerprint;
    readonly tail?: Fingerprint;
    readonly rest?: Rest;
  }) {
    this.id = start.id;
    this.path = start.path;
    this.name = start.name;
    this.offset = start.offset;
    this.head = start.head ?? NO_FINGERPRINT;
    this.tail = start.tail ?? NO_FINGERPRINT;
    this.rest = start.rest ?? "none";
  }

  /** Whether nothing is under way. */
  get isIdle(): boolean {
    return this.#open.length === 0;
  }

  add(end: number, tail: Fingerprint, rest: Rest): LedgerPart {
    const part: LedgerPart = { end, tail, rest, isDone: false };
    this.#open.push(part);
    return part;
  }

  /** Marks it acknowledged. Returns whether the position has moved. */
  finish(part: LedgerPart): boolean {
    part.isDone = true;
    let hasMoved = false;
    while (this.#open[0]?.isDone === true) {
      const { end, tail, rest } = this.#open.shift() as LedgerPart;
      // Something held back from before may keep it where it was.
      if (end <= this.offset) continue;
      this.offset = end;
      this.tail = tail;
      this.rest = rest;
      hasMoved = true;
    }
    return hasMoved;
  }
}
