/**
 * Bytes of a file to lines: ended by \n or \r\n (in UTF-16 by their two bytes), decoded where the file is not UTF-8, cut where
 * they are longer than the limit. What is left without an end is not consumed, and is read again with what follows: the file
 * is the buffer.
 */
import { isUtf8 } from "node:buffer";
import { TailError } from "../errors.ts";

export type LongLines = "split" | "truncate" | "skip";

/** What came before in the line at hand, where that was longer than the limit. */
export type Rest = "none" | "split" | "skip";

export interface LineOptions {
  /** A label of the Encoding Standard (https://encoding.spec.whatwg.org/#names-and-labels). */
  readonly charset: string;
  readonly lineBytesMax: number;
  readonly longLines: LongLines;
}

/** Gets each line; `at` is where it begins among the bytes that were given. */
export type OnLine = (
  bytes: Uint8Array,
  start: number,
  end: number,
  at: number,
  mark: "" | "split" | "truncated",
  isUtf8Known: boolean,
) => void;

const LF = 0x0a;
const CR = 0x0d;
const BOM = [0xef, 0xbb, 0xbf];

export class LineSplitter {
  /** Lines that were longer than the limit. */
  longLines = 0;
  readonly #options: LineOptions;
  readonly #decoder: TextDecoder | undefined;
  /** Bytes of a line break, and which of them is 0x0a. */
  readonly #unitBytes: number;
  readonly #isBigEndian: boolean;

  /** Throws TailError `config_invalid` for a character set that nobody knows. */
  constructor(options: LineOptions) {
    this.#options = options;
    let encoding: string;
    try {
      const decoder = new TextDecoder(options.charset as "utf-8");
      encoding = decoder.encoding;
      this.#decoder = encoding === "utf-8" ? undefined : decoder;
    } catch (cause) {
      const message = `the character set ${options.charset} is not known: use utf-8, utf-16le, shift_jis, euc-jp, windows-1252 and so on`;
      throw new TailError("config_invalid", message, { cause });
    }
    this.#unitBytes = encoding.startsWith("utf-16") ? 2 : 1;
    this.#isBigEndian = encoding === "utf-16be";
  }

  /**
   * Splits `bytes`, which lie at `offset` of the file; `isEnd`: nothing will follow. Returns how many were consumed, and
   * what the line that goes on is.
   */
  split(bytes: Buffer, offset: number, rest: Rest, isEnd: boolean, onLine: OnLine): { consumed: number; rest: Rest } {
    const { lineBytesMax } = this.#options;
    const isKnown = this.#decoder === undefined && isUtf8(bytes.subarray(0, this.#lastBreak(bytes) + 1));
    let at = offset === 0 && BOM.every((byte, index) => bytes[index] === byte) ? BOM.length : 0;
    let state = rest;
    for (;;) {
      const breakAt = this.#breakFrom(bytes, at);
      const isOpen = breakAt < 0;
      const lineEnd = isOpen ? bytes.length : breakAt;
      if (isOpen && lineEnd - at <= lineBytesMax && !(isEnd && lineEnd > at)) {
        // The end of a line that is passed over need not be seen twice.
        if (state === "skip") at = lineEnd;
        return { consumed: at, rest: state };
      }
      const next = isOpen ? lineEnd : breakAt + this.#unitBytes;
      if (state === "skip") {
        state = isOpen && !isEnd ? "skip" : "none";
        at = next;
      } else if (lineEnd - at > lineBytesMax) {
        if (state === "none") this.longLines++;
        if (this.#options.longLines === "split") {
          const cut = this.#characterEnd(bytes, at, at + lineBytesMax);
          this.#give(bytes, at, cut, "split", isKnown, onLine);
          at = cut;
          state = "split";
          continue;
        }
        if (this.#options.longLines === "truncate")
          this.#give(bytes, at, this.#characterEnd(bytes, at, at + lineBytesMax), "truncated", isKnown, onLine);
        state = isOpen && !isEnd ? "skip" : "none";
        at = next;
      } else {
        this.#give(bytes, at, lineEnd, state === "split" ? "split" : "", isKnown, onLine);
        state = "none";
        at = next;
      }
      if (at >= bytes.length) return { consumed: at, rest: state };
    }
  }

  #give(
    bytes: Buffer,
    start: number,
    lineEnd: number,
    mark: "" | "split" | "truncated",
    isKnown: boolean,
    onLine: OnLine,
  ) {
    const decoder = this.#decoder;
    if (decoder === undefined) {
      const end = lineEnd > start && bytes[lineEnd - 1] === CR ? lineEnd - 1 : lineEnd;
      onLine(bytes, start, end, start, mark, isKnown);
      return;
    }
    const text = Buffer.from(decoder.decode(bytes.subarray(start, lineEnd)).replace(/\r$/, ""));
    onLine(text, 0, text.length, start, mark, true);
  }

  /** The place of the next line break; -1 where there is none. */
  #breakFrom(bytes: Buffer, from: number): number {
    if (this.#unitBytes === 1) return bytes.indexOf(LF, from);
    const high = this.#isBigEndian ? 0 : 1;
    for (let at = from; at + 1 < bytes.length; at += 2)
      if (bytes[at + high] === 0 && bytes[at + 1 - high] === LF) return at;
    return -1;
  }

  #lastBreak(bytes: Buffer): number {
    return this.#unitBytes === 1 ? bytes.lastIndexOf(LF) : -1;
  }

  /** Not in the middle of a character, as far as that can be seen. */
  #characterEnd(bytes: Buffer, start: number, cut: number): number {
    if (this.#unitBytes === 2) return cut - ((cut - start) % 2);
    if (this.#decoder !== undefined) return cut;
    let at = cut;
    while (at > start + 1 && at > cut - 4 && ((bytes[at] as number) & 0xc0) === 0x80) at--;
    return at;
  }
}
