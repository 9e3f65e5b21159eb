/**
 * For the tests beside this file: arbitrary requests, an encoder that takes every liberty the wire format gives, and
 * the lines that a request should become. The lines are made the slow and obvious way, from what protobufjs decodes.
 */
import { join } from "node:path";
import fc from "fast-check";
import protobuf from "protobufjs";

export type Value =
  | { kind: "unset" }
  | { kind: "string"; value: string }
  | { kind: "bool"; value: boolean }
  | { kind: "int"; value: bigint }
  | { kind: "double"; value: number }
  | { kind: "bytes"; value: Uint8Array }
  | { kind: "array"; value: Value[] }
  | { kind: "map"; value: Entry[] };
export type Entry = { key: string; value: Value };
export interface LogRecord {
  time: bigint;
  observedTime: bigint;
  severityNumber: number;
  severityText: string;
  eventName: string;
  body: Value | undefined;
  attributes: Entry[];
  dropped: number;
  flags: number;
  traceId: Uint8Array;
  spanId: Uint8Array;
}
export interface ScopeLogs {
  scope: { name: string; version: string; attributes: Entry[]; dropped: number } | undefined;
  records: LogRecord[];
  schemaUrl: string;
}
export interface ResourceLogs {
  resource: { attributes: Entry[]; dropped: number } | undefined;
  scopes: ScopeLogs[];
  schemaUrl: string;
}

const text = fc.oneof(
  fc.string({ unit: "grapheme", maxLength: 20 }),
  fc.string({ unit: fc.constantFrom('"', "\\", "\n", "\u0000", "\u001f", "\u007f", " ", "a", "é", "\u2028", "😀") }),
  fc.constantFrom("", "service.name", "a text of more than a few words", "\ufeffbom"),
);
const octets = fc.uint8Array({ maxLength: 20 });
const unsigned64 = fc.oneof(
  fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
  fc.constantFrom(0n, 1n, 999_999_999n, 1_763_800_000_123_456_789n, 2n ** 63n, 2n ** 64n - 1n),
);
const signed64 = fc.oneof(
  fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
  fc.constantFrom(0n, -1n, 9n, 10n, 127n, 128n, 2n ** 31n, 2n ** 53n - 1n, 2n ** 53n + 1n, -(2n ** 32n), -(2n ** 63n)),
  fc.nat().map(BigInt),
);
const unsigned32 = fc.oneof(fc.constantFrom(0, 1, 2 ** 31, 2 ** 32 - 1), fc.nat());

const { value } = fc.letrec<{ value: Value; entry: Entry }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    fc.record({ kind: fc.constant("string" as const), value: text }),
    fc.record({ kind: fc.constant("unset" as const) }),
    fc.record({ kind: fc.constant("bool" as const), value: fc.boolean() }),
    fc.record({ kind: fc.constant("int" as const), value: signed64 }),
    fc.record({ kind: fc.constant("double" as const), value: fc.oneof(fc.double(), fc.constant(-0)) }),
    fc.record({ kind: fc.constant("bytes" as const), value: octets }),
    fc.record({ kind: fc.constant("array" as const), value: fc.array(tie("value"), { maxLength: 3 }) }),
    fc.record({ kind: fc.constant("map" as const), value: fc.array(tie("entry"), { maxLength: 3 }) }),
  ),
  entry: fc.record({ key: text, value: tie("value") }),
}));
const attributes = fc.array(fc.record({ key: text, value }), { maxLength: 4 });

export const logRecord: fc.Arbitrary<LogRecord> = fc.record({
  time: unsigned64,
  observedTime: unsigned64,
  severityNumber: fc.oneof(fc.integer({ min: 0, max: 24 }), fc.integer()),
  severityText: text,
  eventName: text,
  body: fc.option(value, { nil: undefined }),
  attributes,
  dropped: unsigned32,
  flags: unsigned32,
  traceId: octets,
  spanId: octets,
});
const scopeLogs: fc.Arbitrary<ScopeLogs> = fc.record({
  scope: fc.option(fc.record({ name: text, version: text, attributes, dropped: unsigned32 }), { nil: undefined }),
  records: fc.array(logRecord, { maxLength: 4 }),
  schemaUrl: text,
});
export const request: fc.Arbitrary<ResourceLogs[]> = fc.array(
  fc.record({
    resource: fc.option(fc.record({ attributes, dropped: unsigned32 }), { nil: undefined }),
    scopes: fc.array(scopeLogs, { maxLength: 3 }),
    schemaUrl: text,
  }),
  { maxLength: 3 },
);

/** What an encoder may do beyond the plain form. */
export interface Liberties {
  readonly random: () => number;
  /** Gives a oneof another member first, which the right one replaces. protobufjs does not read those back right. */
  readonly oneofs: boolean;
}

/** A small reproducible generator (mulberry32). */
export function createRandom(seed: number): () => number {
  return () => {
    seed = (seed + 0x6d2b79f5) | 0;
    let mixed = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** Without liberties, the plain form: every field once, in the order of its number, unset ones left out. */
export function encodeRequest(parts: readonly ResourceLogs[], liberties?: Liberties): Uint8Array {
  const chance = (share: number): boolean => liberties !== undefined && liberties.random() < share;
  const pick = (count: number): number => Math.floor((liberties?.random() ?? 0) * count);

  const varint = (number: bigint, padTo = 10): Uint8Array => {
    const bytes: number[] = [];
    let rest = BigInt.asUintN(64, number);
    for (; rest > 0x7fn; rest >>= 7n) bytes.push(Number(rest & 0x7fn) | 0x80);
    bytes.push(Number(rest));
    if (chance(0.1)) {
      while (bytes.length < padTo) {
        bytes[bytes.length - 1] = (bytes.at(-1) as number) | 0x80;
        bytes.push(0);
      }
    }
    return Uint8Array.from(bytes);
  };
  const tag = (number: number, wireType: number): Uint8Array => {
    const value = number * 8 + wireType;
    return Uint8Array.from(value < 0x80 ? [value] : [(value & 0x7f) | 0x80, value >>> 7]);
  };
  const field = {
    varint: (number: number, value: bigint) => Buffer.concat([tag(number, 0), varint(value)]),
    fixed64: (number: number, value: bigint) => {
      const bytes = Buffer.alloc(8);
      bytes.writeBigUInt64LE(value);
      return Buffer.concat([tag(number, 1), bytes]);
    },
    double: (number: number, value: number) => {
      const bytes = Buffer.alloc(8);
      bytes.writeDoubleLE(value);
      return Buffer.concat([tag(number, 1), bytes]);
    },
    fixed32: (number: number, value: number) => {
      const bytes = Buffer.alloc(4);
      bytes.writeUInt32LE(value);
      return Buffer.concat([tag(number, 5), bytes]);
    },
    bytes: (number: number, value: Uint8Array) =>
      Buffer.concat([tag(number, 2), varint(BigInt(value.length), 5), value]),
    text: (number: number, value: string) => field.bytes(number, Buffer.from(value)),
  };
  /** A singular field that may be left out, may come after one with another value, and may come alone. */
  const scalar = (encode: (value: number) => Uint8Array, isEmpty: boolean, decoy: () => Uint8Array): Uint8Array[] => {
    if (isEmpty && !chance(0.2)) return chance(0.1) ? [decoy(), encode(0)] : [];
    return chance(0.2) ? [decoy(), encode(0)] : [encode(0)];
  };
  const scalarText = (number: number, value: string): Uint8Array[] =>
    scalar(
      () => field.text(number, value),
      value === "",
      () => field.text(number, "decoy"),
    );
  /** A singular message: its fields in one part, or in several that a reader merges. */
  const singular = (number: number, fields: Uint8Array[]): Uint8Array[] => {
    const cuts = [0, ...fields.keys(), fields.length].filter((at) => at > 0 && at < fields.length && chance(0.2));
    return [0, ...cuts].map((from, index) =>
      field.bytes(number, Buffer.concat(fields.slice(from, cuts[index] ?? fields.length))),
    );
  };
  const unknown = (): Uint8Array => {
    const kinds = [
      () => field.varint(19, 2n ** 64n - 1n),
      () => field.bytes(99, Uint8Array.of(0xff, 0x0b, 0x0c)),
      () => field.fixed64(15, 7n),
      () => field.fixed32(2000, 7),
    ];
    return (kinds[pick(kinds.length)] as () => Uint8Array)();
  };
  /** The fields of a message: in turn, or in any order that keeps that of equal numbers, with unknown ones between. */
  const mixed = (groups: Uint8Array[][]): Uint8Array[] => {
    if (liberties === undefined || chance(0.3)) return groups.flat();
    const left = groups.filter((group) => group.length > 0).map((group) => [...group]);
    const fields: Uint8Array[] = [];
    while (left.length > 0) {
      if (chance(0.05)) fields.push(unknown());
      const at = pick(left.length);
      fields.push((left[at] as Uint8Array[]).shift() as Uint8Array);
      if (left[at]?.length === 0) left.splice(at, 1);
    }
    return fields;
  };
  const member = (value: Value): Uint8Array[] => {
    switch (value.kind) {
      case "unset":
        return [];
      case "string":
        return [field.text(1, value.value)];
      case "bool":
        return [field.varint(2, value.value ? (chance(0.2) ? 2n ** 40n : 1n) : 0n)];
      case "int":
        return [field.varint(3, value.value)];
      case "double":
        return [field.double(4, value.value)];
      case "array":
        return singular(5, mixed([value.value.flatMap((element) => field.bytes(1, Buffer.concat(anyValue(element))))]));
      case "map":
        return singular(6, mixed([value.value.map((entry) => field.bytes(1, Buffer.concat(keyValue(entry))))]));
      case "bytes":
        return [field.bytes(7, value.value)];
    }
  };
  const anyValue = (value: Value): Uint8Array[] => {
    const decoys: Value[] = [];
    if (value.kind !== "unset" && liberties?.oneofs === true && chance(0.2)) {
      const same: Value = { kind: "array", value: [{ kind: "int", value: 5n }] };
      if (chance(0.5)) decoys.push(same, { kind: "map", value: [{ key: "k", value: same }] });
      decoys.push(value.kind === "string" ? { kind: "bool", value: true } : { kind: "string", value: "decoy" });
    }
    return [...decoys, value].flatMap(member);
  };
  const keyValue = (entry: Entry): Uint8Array[] =>
    mixed([
      scalarText(1, entry.key),
      entry.value.kind === "unset" && chance(0.5) ? [] : singular(2, anyValue(entry.value)),
    ]);
  const entries = (number: number, list: readonly Entry[]): Uint8Array[] =>
    list.map((entry) => field.bytes(number, Buffer.concat(keyValue(entry))));
  const count = (number: number, value: number): Uint8Array[] =>
    scalar(
      () => field.varint(number, BigInt(value)),
      value === 0,
      () => field.varint(number, 77n),
    );
  const octetsField = (number: number, value: Uint8Array): Uint8Array[] =>
    scalar(
      () => field.bytes(number, value),
      value.length === 0,
      () => field.bytes(number, Uint8Array.of(1, 2)),
    );
  const time = (number: number, value: bigint): Uint8Array[] =>
    scalar(
      () => field.fixed64(number, value),
      value === 0n,
      () => field.fixed64(number, 5n),
    );
  const record = (log: LogRecord): Uint8Array =>
    Buffer.concat(
      mixed([
        time(1, log.time),
        count(2, log.severityNumber),
        scalarText(3, log.severityText),
        log.body === undefined ? [] : singular(5, anyValue(log.body)),
        entries(6, log.attributes),
        count(7, log.dropped),
        scalar(
          () => field.fixed32(8, log.flags),
          log.flags === 0,
          () => field.fixed32(8, 3),
        ),
        octetsField(9, log.traceId),
        octetsField(10, log.spanId),
        time(11, log.observedTime),
        scalarText(12, log.eventName),
      ]),
    );
  const scope = (logs: ScopeLogs): Uint8Array => {
    const { scope } = logs;
    const groups =
      scope === undefined
        ? []
        : singular(
            1,
            mixed([
              scalarText(1, scope.name),
              scalarText(2, scope.version),
              entries(3, scope.attributes),
              count(4, scope.dropped),
            ]),
          );
    return Buffer.concat(
      mixed([groups, logs.records.map((log) => field.bytes(2, record(log))), scalarText(3, logs.schemaUrl)]),
    );
  };
  const resource = (logs: ResourceLogs): Uint8Array => {
    const { resource } = logs;
    const groups =
      resource === undefined
        ? []
        : singular(
            1,
            mixed([
              entries(1, resource.attributes),
              count(2, resource.dropped),
              chance(0.3) ? [field.bytes(3, field.text(3, "service.name"))] : [],
            ]),
          );
    return Buffer.concat(
      mixed([groups, logs.scopes.map((logs) => field.bytes(2, scope(logs))), scalarText(3, logs.schemaUrl)]),
    );
  };
  return Buffer.concat(mixed([parts.map((logs) => field.bytes(1, resource(logs)))]));
}

/** The message type of a request, as protobufjs reads it from proto/. */
export const requestType = loadRequestType();

function loadRequestType(): protobuf.Type {
  const root = new protobuf.Root();
  root.resolvePath = (_origin, target) => join(import.meta.dir, "../../proto", target);
  root.loadSync("opentelemetry/proto/collector/logs/v1/logs_service.proto");
  return root.lookupType("opentelemetry.proto.collector.logs.v1.ExportLogsServiceRequest");
}
