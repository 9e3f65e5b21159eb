/** Which lines go on with the one before: by the pattern of a first line, or by what Java writes under an exception. */
import { Search } from "./regex.ts";

export interface MultilineOptions {
  /** A line that matches begins an event. Exactly one of the two is given. */
  readonly firstLine?: string | undefined;
  readonly preset?: "java" | undefined;
}

export interface Multiline {
  /** Whether the line begins an event of its own. */
  isFirst(bytes: Uint8Array, start: number, end: number): boolean;
}

/** Throws TailError `config_invalid` for a pattern that can't be used. */
export function createMultiline({ firstLine, preset }: MultilineOptions): Multiline {
  if (preset === "java") return JAVA;
  const pattern = new Search(firstLine ?? "");
  return { isFirst: (bytes, start, end) => pattern.isIn(bytes, start, end) };
}

/** "Caused by: ...", "Suppressed: ...", or an exception's name at the beginning of the line. */
const JAVA_CONTINUATION = new Search(
  "^(?:Caused by:|Suppressed:|(?:[A-Za-z_$][\\w$]*\\.)+[\\w$]*(?:Exception|Error|Throwable)\\b)",
);

const JAVA: Multiline = {
  isFirst(bytes, start, end) {
    const first = start < end ? (bytes[start] as number) : 0;
    // "\tat ...", "\t... 12 more", and what an application indents.
    if (first === 0x20 || first === 0x09) return false;
    return !JAVA_CONTINUATION.isIn(bytes, start, Math.min(end, start + 512));
  },
};
