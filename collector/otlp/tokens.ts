/**
 * The words that expressions of the configuration are made of (filter-parse.ts, field.ts), and how a mistake in one is
 * told: one sentence, the line that it is in, and a caret under the place.
 */
import { editDistance } from "../edit-distance.ts";
import { CollectorError } from "../errors.ts";

export type TokenKind = "word" | "text" | "number" | "sign" | "end";

export interface Token {
  readonly kind: TokenKind;
  /** As it is written; of a text, what stands between the quotes, unescaped. */
  readonly value: string;
  readonly start: number;
  readonly end: number;
}

const WORD = /[A-Za-z_][A-Za-z0-9_-]*(?:\.[A-Za-z0-9_-]+)*(?:\.\*)?/y;
const NUMBER = /-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
const SIGN = /=~|!~|!=|<=|>=|==|&&|\|\||[=<>()[\],!*]/y;
const ESCAPES: Readonly<Record<string, string>> = { n: "\n", r: "\r", t: "\t", "\\": "\\", '"': '"', "'": "'" };

/** Reads `source` token by token. Throws CollectorError `config_invalid` where there is none. */
export class Tokens {
  readonly source: string;
  #next: Token;

  constructor(source: string) {
    this.source = source;
    this.#next = this.#read(0);
  }

  get next(): Token {
    return this.#next;
  }

  take(): Token {
    const token = this.#next;
    this.#next = this.#read(token.end);
    return token;
  }

  /** Takes the next token if it is this sign or word. */
  accept(value: string): boolean {
    const { kind } = this.#next;
    if ((kind !== "sign" && kind !== "word") || this.#next.value !== value) return false;
    this.take();
    return true;
  }

  /** Takes the pattern between slashes that must come next: what stands between them, a slash in it written `\/`. */
  takePattern(): { readonly pattern: string; readonly flags: string; readonly start: number; readonly end: number } {
    const { start } = this.#next;
    if (this.source[start] !== "/")
      this.fail("a pattern stands between slashes, for example /time(d)? ?out/", this.#next);
    let at = start + 1;
    while (at < this.source.length && this.source[at] !== "/") at += this.source[at] === "\\" ? 2 : 1;
    if (at >= this.source.length) this.#failAt("the pattern has no slash at its end", start, this.source.length);
    const pattern = this.source.slice(start + 1, at).replaceAll("\\/", "/");
    const flags = /[a-z]*/y;
    flags.lastIndex = at + 1;
    const given = flags.exec(this.source)?.[0] ?? "";
    const end = at + 1 + given.length;
    this.#next = this.#read(end);
    return { pattern, flags: given, start, end };
  }

  /** Says what is wrong, and where. */
  fail(what: string, { start, end }: { readonly start: number; readonly end: number }): never {
    return this.#failAt(what, start, end);
  }

  #read(from: number): Token {
    let start = from;
    while (start < this.source.length && /\s/.test(this.source[start] ?? "")) start++;
    const first = this.source[start];
    if (first === undefined) return { kind: "end", value: "", start, end: start };
    if (first === '"' || first === "'") return this.#readText(first, start);
    for (const [kind, shape] of [
      ["word", WORD],
      ["number", NUMBER],
      ["sign", SIGN],
    ] as const) {
      shape.lastIndex = start;
      const value = shape.exec(this.source)?.[0];
      if (value !== undefined) return { kind, value, start, end: start + value.length };
    }
    // A pattern is read by whoever expects one.
    if (first === "/") return { kind: "sign", value: "/", start, end: start + 1 };
    return this.#failAt(`${JSON.stringify(first)} means nothing here`, start, start + 1);
  }

  #readText(quote: string, start: number): Token {
    let value = "";
    for (let at = start + 1; at < this.source.length; at++) {
      const letter = this.source[at] as string;
      if (letter === quote) return { kind: "text", value, start, end: at + 1 };
      if (letter !== "\\") {
        value += letter;
        continue;
      }
      const escaped = ESCAPES[this.source[++at] ?? ""];
      if (escaped === undefined) this.#failAt("after a backslash comes one of n r t \\ \" '", at - 1, at + 1);
      value += escaped;
    }
    return this.#failAt("the text has no quote at its end", start, this.source.length);
  }

  #failAt(what: string, start: number, end: number): never {
    const lineStart = this.source.lastIndexOf("\n", start - 1) + 1;
    const lineStop = this.source.indexOf("\n", start);
    const line = this.source.slice(lineStart, lineStop < 0 ? undefined : lineStop);
    const width = Math.max(1, Math.min(end, lineStart + line.length) - start);
    // Tabs stay tabs, so that the caret stands where it should whatever their width.
    const indent = line.slice(0, start - lineStart).replace(/[^\t]/g, " ");
    throw new CollectorError("config_invalid", `${what}\n${line}\n${indent}${"^".repeat(width)}`);
  }
}

/** The candidate that a misspelt word is nearest to; undefined where none is near. */
export function nearest(word: string, candidates: readonly string[]): string | undefined {
  const best = candidates
    .map((candidate) => ({ candidate, distance: editDistance(word.toLowerCase(), candidate.toLowerCase()) }))
    .sort((a, b) => a.distance - b.distance)[0];
  return best !== undefined && best.distance <= Math.max(1, word.length / 3) ? best.candidate : undefined;
}
