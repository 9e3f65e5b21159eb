/** Reproducible chance: the same seed rolls the same dice in every run. */

export interface Chance {
  /** A whole number in [0, end). */
  upTo(end: number): number;
  pick<T>(list: readonly T[]): T;
  /** That many hexadecimal digits, letters, or bytes. */
  hex(length: number): string;
  letters(length: number): string;
  bytes(length: number): Buffer;
}

/** mulberry32: small, fast, and random enough to keep a compressor from guessing. */
export function createChance(seed: number): Chance {
  let state = seed | 0;
  const next = (): number => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return (mixed ^ (mixed >>> 14)) >>> 0;
  };
  const upTo = (end: number): number => Math.floor((next() / 4_294_967_296) * end);
  const hex = (length: number): string => {
    let text = "";
    while (text.length < length) text += next().toString(16).padStart(8, "0");
    return text.slice(0, length);
  };
  return {
    upTo,
    pick: <T>(list: readonly T[]): T => list[upTo(list.length)] as T,
    hex,
    letters: (length) => Array.from({ length }, () => String.fromCharCode(97 + upTo(26))).join(""),
    bytes: (length) => Buffer.from(hex(length * 2), "hex"),
  };
}
