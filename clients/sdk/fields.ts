/** Reads protobuf fields without a schema: enough for the few small messages that come back from a collector. */

export interface Field {
  readonly field: number;
  /** A varint's value (beyond 2^53 only nearly), or a payload's bytes; fixed-size values are left out. */
  readonly value: number | Uint8Array | undefined;
}

/** The payloads of one field, in order. */
export function payloads(message: Uint8Array, field: number): Uint8Array[] {
  const found: Uint8Array[] = [];
  for (const one of fields(message)) {
    if (one.field === field && one.value instanceof Uint8Array) found.push(one.value);
  }
  return found;
}

/** The fields of a protobuf message, up to the first thing that is none. */
export function* fields(message: Uint8Array): Generator<Field> {
  let position = 0;
  const varint = (): number => {
    let value = 0;
    for (let factor = 1; ; factor *= 0x80) {
      const byte = message[position++];
      if (byte === undefined) return Number.NaN;
      value += (byte & 0x7f) * factor;
      if (byte < 0x80) return value;
    }
  };
  while (position < message.length) {
    const tag = varint();
    const field = Math.floor(tag / 8);
    const wireType = tag % 8;
    if (wireType === 0) yield { field, value: varint() };
    else if (wireType === 2) {
      const length = varint();
      const end = position + length;
      if (!(end <= message.length)) return;
      yield { field, value: message.subarray(position, end) };
      position = end;
    } else if (wireType === 1 || wireType === 5) position += wireType === 1 ? 8 : 4;
    else return;
  }
}
