/**
 * The slow path behind transcode.ts: rewrites a message so that no singular message in it is given twice.
 *
 * Protobuf lets a writer give a singular message in parts, which the reader merges; and a oneof several times, where
 * the last wins, or is merged with the one before if it is the same message. Hardly any writer does, so transcode.ts
 * reads in one pass as if none did, and comes here with the one record, resource or scope that shows it.
 * What makes this short: the parts of a message, laid end to end, are the merged message.
 */
import { NESTING_MAX } from "./scan.ts";
import {
  KNOWN_IN_ANY,
  KNOWN_IN_KEY_VALUE,
  KNOWN_IN_LIST,
  KNOWN_IN_RECORD,
  KNOWN_IN_RESOURCE,
  KNOWN_IN_SCOPE,
  malformed,
  payloadStart,
  skipField,
} from "./wire.ts";

/** One kind of message: which of its tags hold messages. Tags that are in neither list hold no message. */
export interface Shape {
  readonly known: number;
  readonly repeated: Readonly<Record<number, () => Shape>>;
  readonly singular: Readonly<Record<number, () => Shape>>;
  /** Its fields are one oneof. */
  readonly oneof: boolean;
}

const ANY: Shape = {
  known: KNOWN_IN_ANY,
  repeated: {},
  singular: { 42: () => ARRAY, 50: () => KEY_VALUES },
  oneof: true,
};
const KEY_VALUE: Shape = { known: KNOWN_IN_KEY_VALUE, repeated: {}, singular: { 18: () => ANY }, oneof: false };
const ARRAY: Shape = { known: KNOWN_IN_LIST, repeated: { 10: () => ANY }, singular: {}, oneof: false };
const KEY_VALUES: Shape = { known: KNOWN_IN_LIST, repeated: { 10: () => KEY_VALUE }, singular: {}, oneof: false };

export const RECORD: Shape = {
  known: KNOWN_IN_RECORD,
  repeated: { 50: () => KEY_VALUE },
  singular: { 42: () => ANY },
  oneof: false,
};
export const RESOURCE: Shape = {
  known: KNOWN_IN_RESOURCE,
  repeated: { 10: () => KEY_VALUE },
  singular: {},
  oneof: false,
};
export const SCOPE: Shape = { known: KNOWN_IN_SCOPE, repeated: { 26: () => KEY_VALUE }, singular: {}, oneof: false };

/** Each level of values is three messages deep at most (AnyValue, KeyValueList, KeyValue), with some around them. */
const MESSAGES_DEEP_MAX = NESTING_MAX * 3 + 4;

/** The same message in one part all through. Throws `invalid_request` when it is not well formed or nested too deep. */
export function toCanonical(message: Uint8Array, shape: Shape, depthLeft = MESSAGES_DEEP_MAX): Uint8Array {
  if (depthLeft === 0) malformed("values nested too deep", 0);
  const parts: Uint8Array[] = [];
  const singulars = new Map<number, Uint8Array[]>();
  for (let position = 0; position < message.length; ) {
    const tag = message[position] as number;
    const stop = skipField(message, position, message.length, shape.known);
    const field = message.subarray(position, stop);
    const payload = (): Uint8Array => message.subarray(payloadStart(message, position + 1, stop), stop);
    const repeated = shape.repeated[tag];
    const singular = shape.singular[tag];
    const before = singulars.get(tag);
    if (repeated !== undefined) parts.push(...toField(tag, toCanonical(payload(), repeated(), depthLeft - 1)));
    else if (singular !== undefined && before !== undefined) before.push(payload());
    else if (singular !== undefined || (shape.oneof && isKnown(tag, shape))) {
      // Of a oneof only the last member counts.
      if (shape.oneof) singulars.clear();
      singulars.set(tag, singular === undefined ? [field] : [payload()]);
    } else parts.push(field);
    position = stop;
  }
  for (const [tag, payloads] of singulars) {
    const child = shape.singular[tag];
    if (child === undefined) parts.push(...payloads);
    else parts.push(...toField(tag, toCanonical(Buffer.concat(payloads), child(), depthLeft - 1)));
  }
  return Buffer.concat(parts);
}

function isKnown(tag: number, shape: Shape): boolean {
  return tag < 0x80 && (shape.known & (1 << (tag >>> 3))) !== 0;
}

/** A length-delimited field: its tag and length, then its payload. */
export function toField(tag: number, payload: Uint8Array): [Uint8Array, Uint8Array] {
  const header = [tag];
  let length = payload.length;
  for (; length > 0x7f; length >>>= 7) header.push((length & 0x7f) | 0x80);
  header.push(length);
  return [Uint8Array.from(header), payload];
}
