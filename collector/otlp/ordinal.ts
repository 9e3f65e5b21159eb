/**
 * A 64-bit number kept as its decimal digits, so that counting on and writing it take no BigInt: a carry is rare.
 */
const ZERO = 0x30;
const NINE = 0x39;

/** More than 2^64 has. */
const DIGITS_MAX = 24;

export class Ordinal {
  readonly #digits = new Uint8Array(DIGITS_MAX);
  #start = DIGITS_MAX;

  set(value: bigint): void {
    const text = value.toString();
    this.#start = DIGITS_MAX - text.length;
    for (let index = 0; index < text.length; index++) this.#digits[this.#start + index] = text.charCodeAt(index);
  }

  increment(): void {
    let index = DIGITS_MAX - 1;
    for (; index >= this.#start && this.#digits[index] === NINE; index--) this.#digits[index] = ZERO;
    if (index < this.#start) this.#digits[--this.#start] = ZERO + 1;
    else this.#digits[index] = (this.#digits[index] as number) + 1;
  }

  /** Writes the digits at `at` and returns the offset after them. */
  write(target: Uint8Array, at: number): number {
    for (let index = this.#start; index < DIGITS_MAX; index++) target[at++] = this.#digits[index] as number;
    return at;
  }
}
