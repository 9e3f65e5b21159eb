/**
 * From the lines of one file to events: container wrapping taken off, partial lines joined, stack traces and other events
 * of several lines put together. What it holds is a copy, so that the file can be read on; the position that may be
 * committed stays before the first line that is held.
 *
 * An event ends with the first line of the next one, with `timeoutMs` of silence, at `bytesMax`, or where the memory for
 * what is held (all files together) is used up: then it goes as far as it has come.
 */
import type { Unwrapped, Unwrapper } from "./parse/container.ts";
import type { Multiline } from "./parse/multiline.ts";
import { NO_TIME } from "./parse/time.ts";
import { blankContext, type LineContext, type RecordBuilder } from "./records.ts";

/** Shared by all files. */
export interface HeldBudget {
  bytes: number;
  readonly bytesMax: number;
}

export interface AssemblerOptions {
  readonly builder: RecordBuilder;
  readonly unwrapper: Unwrapper | undefined;
  /** What is said of a line that is not wrapped. */
  readonly container: string;
  readonly multiline: Multiline | undefined;
  readonly timeoutMs: number;
  /** Bytes of an event. */
  readonly bytesMax: number;
  readonly budget: HeldBudget;
}

interface Held {
  pieces: Uint8Array[];
  bytes: number;
  /** Offset in the file of its first line. */
  offset: number;
  atMs: number;
  isPartial: boolean;
  readonly context: LineContext;
}

const NEW_LINE = new Uint8Array([0x0a]);

export class Assembler {
  readonly #options: AssemblerOptions;
  readonly #held = new Map<number, Held>();
  readonly #unwrapped: Unwrapped = {
    bytes: new Uint8Array(0),
    start: 0,
    end: 0,
    stream: 0,
    seconds: NO_TIME,
    nanos: 0,
    isPartial: false,
  };
  readonly #context = blankContext();

  constructor(options: AssemblerOptions) {
    this.#options = options;
  }

  /** Whether each line is an event and nothing need be looked at: the fast way may be taken. */
  get isPlain(): boolean {
    return this.#options.unwrapper === undefined && this.#options.multiline === undefined;
  }

  /** Where the first line that is held begins; undefined when nothing is. */
  get heldFrom(): number | undefined {
    let from: number | undefined;
    for (const { offset } of this.#held.values()) if (from === undefined || offset < from) from = offset;
    return from;
  }

  /** When something held is due to go for the silence after it; undefined when nothing is. Monotonic. */
  get dueMs(): number | undefined {
    let due: number | undefined;
    for (const { atMs } of this.#held.values()) {
      const at = atMs + this.#options.timeoutMs;
      if (due === undefined || at < due) due = at;
    }
    return due;
  }

  /** Takes the line [start, end), which begins at `offset` of the file. */
  line(
    bytes: Uint8Array,
    start: number,
    end: number,
    offset: number,
    mark: LineContext["mark"],
    isUtf8Known: boolean,
    nowMs: number,
  ): void {
    const { builder, unwrapper, multiline, container } = this.#options;
    const context = this.#context;
    context.mark = mark;
    context.unparsed = "";
    context.stream = 0;
    context.seconds = NO_TIME;
    context.nanos = 0;
    if (unwrapper === undefined) {
      if (multiline === undefined) builder.add(bytes, start, end, context, isUtf8Known);
      else this.#join(bytes, start, end, offset, false, isUtf8Known, nowMs);
      return;
    }
    const inner = this.#unwrapped;
    if (mark !== "" || !unwrapper.unwrap(bytes, start, end, inner)) {
      context.unparsed = container;
      builder.add(bytes, start, end, context, isUtf8Known);
      return;
    }
    context.stream = inner.stream;
    context.seconds = inner.seconds;
    context.nanos = inner.nanos;
    if (multiline === undefined && !inner.isPartial && !this.#held.has(inner.stream))
      builder.add(inner.bytes, inner.start, inner.end, context, isUtf8Known);
    else this.#join(inner.bytes, inner.start, inner.end, offset, inner.isPartial, isUtf8Known, nowMs);
  }

  /** Lets go what has been silent for long enough; all of it where the file has come to its end. */
  flush(nowMs: number, isEnd: boolean): void {
    for (const [stream, held] of this.#held)
      if (isEnd || nowMs - held.atMs >= this.#options.timeoutMs) this.#emit(stream, held);
  }

  /** Forgets what is held, which is read again from where it began. */
  discard(): void {
    for (const held of this.#held.values()) this.#options.budget.bytes -= held.bytes;
    this.#held.clear();
  }

  #join(
    bytes: Uint8Array,
    start: number,
    end: number,
    offset: number,
    isPartial: boolean,
    isUtf8Known: boolean,
    nowMs: number,
  ): void {
    const { multiline, bytesMax, budget, builder } = this.#options;
    const { stream } = this.#context;
    let held = this.#held.get(stream);
    const isContinued = held?.isPartial === true;
    if (held !== undefined && !isContinued && (multiline === undefined || multiline.isFirst(bytes, start, end))) {
      this.#emit(stream, held);
      held = undefined;
    }
    const size = end - start;
    if (held !== undefined && held.bytes + size + 1 > bytesMax) {
      held.context.mark = "split";
      this.#emit(stream, held);
      held = undefined;
    }
    if (size > bytesMax || budget.bytes + size > budget.bytesMax) {
      if (held !== undefined) this.#emit(stream, held);
      builder.add(bytes, start, end, this.#context, isUtf8Known);
      return;
    }
    if (held === undefined) {
      held = { pieces: [], bytes: 0, offset, atMs: nowMs, isPartial, context: { ...this.#context } };
      this.#held.set(stream, held);
    } else if (!isContinued) {
      held.pieces.push(NEW_LINE);
      held.bytes++;
      budget.bytes++;
    }
    held.pieces.push(bytes.slice(start, end));
    held.bytes += size;
    budget.bytes += size;
    held.atMs = nowMs;
    held.isPartial = isPartial;
    if (!isPartial && multiline === undefined) this.#emit(stream, held);
  }

  #emit(stream: number, held: Held): void {
    this.#held.delete(stream);
    this.#options.budget.bytes -= held.bytes;
    const whole = held.pieces.length === 1 ? (held.pieces[0] as Uint8Array) : Buffer.concat(held.pieces);
    this.#options.builder.add(whole, 0, whole.length, held.context, false);
  }
}
