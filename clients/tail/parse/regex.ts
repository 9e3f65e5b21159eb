/**
 * Regular expressions in linear time (RE2), so that no line can stall the agent, and what patterns of fluentd and Fluent
 * Bit need to become one: Ruby's (?<name>...) is taken, and \/ and \h are.
 *
 * A pattern without any operator is looked for as bytes, without decoding the line.
 */
import { RE2JS, RE2JSSyntaxException } from "re2js";
import { TailError } from "../errors.ts";
import type { Writer } from "../wire/writer.ts";
import { type FieldWatcher, type Parser, writeTextMember } from "./fields.ts";

/** Throws TailError `config_invalid` with the place in the pattern. */
export function compilePattern(pattern: string): RE2JS {
  try {
    return RE2JS.compile(fromRuby(pattern));
  } catch (cause) {
    const words = cause instanceof RE2JSSyntaxException ? cause.message : String(cause);
    const hint = /\(\?(<?[=!])/.test(pattern) ? "; look-ahead and look-behind do not exist here" : "";
    throw new TailError("config_invalid", `the pattern ${pattern} can't be used: ${words}${hint}`, { cause });
  }
}

/** What Ruby (Onigmo) writes differently from RE2. Groups named twice get numbers. */
export function fromRuby(pattern: string): string {
  const seen = new Map<string, number>();
  return pattern
    .replaceAll("\\h", "[0-9a-fA-F]")
    .replaceAll("\\Z", "\\z")
    .replaceAll("\\/", "/")
    .replace(/\(\?P?<([A-Za-z_][\w.-]*)>/g, (_, name: string) => {
      const times = (seen.get(name) ?? 0) + 1;
      seen.set(name, times);
      return `(?P<${name.replace(/[^\w]/g, "_")}${times > 1 ? `_${times}` : ""}>`;
    });
}

/** Whether a pattern is found in a text. */
export class Search {
  readonly #literal: Buffer | undefined;
  readonly #pattern: RE2JS;

  /** Throws TailError `config_invalid`. */
  constructor(pattern: string) {
    this.#pattern = compilePattern(pattern);
    this.#literal = /^[^\\^$.|?*+()[\]{}]+$/.test(pattern) ? Buffer.from(pattern) : undefined;
  }

  isIn(bytes: Uint8Array, start: number, end: number): boolean {
    const view = Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start);
    if (this.#literal !== undefined) return view.includes(this.#literal);
    return this.#pattern.matcher(view.toString("utf8")).find();
  }

  /** What the first group matched, or all of it where there is no group; undefined where it is not found. */
  firstGroup(bytes: Uint8Array, start: number, end: number): string | undefined {
    const matcher = this.#pattern.matcher(
      Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString("utf8"),
    );
    if (!matcher.find()) return undefined;
    return matcher.group(Math.min(1, this.#pattern.groupCount())) ?? undefined;
  }
}

/** Named groups are fields. A group that took no part is left out. */
export class RegexParser implements Parser {
  readonly #pattern: RE2JS;
  readonly #groups: readonly { readonly name: Uint8Array; readonly index: number }[];

  /** Throws TailError `config_invalid`, also for a pattern that names no group. */
  constructor(pattern: string) {
    this.#pattern = compilePattern(pattern);
    this.#groups = Object.entries(this.#pattern.namedGroups())
      .map(([name, index]) => ({ name: Buffer.from(name), index }))
      .sort((a, b) => a.index - b.index);
    if (this.#groups.length === 0)
      throw new TailError("config_invalid", `the pattern ${pattern} names no group, as in (?<level>\\w+)`);
  }

  parse(bytes: Uint8Array, start: number, end: number, writer: Writer, watcher: FieldWatcher): boolean {
    const matcher = this.#pattern.matcher(
      Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString("utf8"),
    );
    if (!matcher.find()) return false;
    for (const { name, index } of this.#groups) {
      const value = matcher.group(index);
      if (value === null || value === undefined) continue;
      const text = Buffer.from(value);
      writeTextMember(writer, watcher, name, text, 0, text.length);
    }
    return true;
  }
}
