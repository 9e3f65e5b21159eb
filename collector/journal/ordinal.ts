/** Ordinals as keys and as folder names: both sort as the numbers do. */

const NAME_DIGITS = 20;

/** Eight bytes, most significant first. */
export function toKey(ordinal: bigint): Uint8Array {
  const key = new Uint8Array(8);
  new DataView(key.buffer).setBigUint64(0, ordinal);
  return key;
}

export function fromKey(key: Uint8Array): bigint {
  return new DataView(key.buffer, key.byteOffset, key.byteLength).getBigUint64(0);
}

/** The folder's name of a segment: its first ordinal, in 20 digits. */
export function toName(ordinal: bigint): string {
  return ordinal.toString().padStart(NAME_DIGITS, "0");
}

/** Undefined when the name is not one of ours. */
export function fromName(name: string): bigint | undefined {
  return /^\d{20}$/.test(name) ? BigInt(name) : undefined;
}

/** The lowest of at least one ordinal. (`Math.min` takes no 64-bit numbers.) */
export function lowest(ordinals: readonly bigint[]): bigint {
  return ordinals.reduce((a, b) => (b < a ? b : a));
}

/** The highest of at least one ordinal. */
export function highest(ordinals: readonly bigint[]): bigint {
  return ordinals.reduce((a, b) => (b > a ? b : a));
}
