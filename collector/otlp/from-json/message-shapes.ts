/**
 * The messages of an OTLP logs request as JSON names their fields (OTLP specification, "JSON Protobuf Encoding"; field
 * numbers: proto/opentelemetry). Trace and span ids are hex there, other bytes base64.
 */
export type FieldKind =
  | "string"
  | "base64"
  | "hex"
  | "bool"
  | "double"
  | "int64"
  | "uint32"
  | "severity"
  | "fixed32"
  | "fixed64";

export interface Field {
  /** As it stands before the value on the wire: number and wire type. */
  readonly tag: number;
  /** A message, or what else it is. */
  readonly type: FieldKind | (() => Shape);
  readonly isRepeated: boolean;
}

export type Shape = ReadonlyMap<string, Field>;

const WIRE_TYPES: Readonly<Record<FieldKind, number>> = {
  string: 2,
  base64: 2,
  hex: 2,
  bool: 0,
  double: 1,
  int64: 0,
  uint32: 0,
  severity: 0,
  fixed32: 5,
  fixed64: 1,
};

type FieldList = readonly (readonly [name: string, number: number, type: Field["type"], repeated?: "repeated"])[];

function shape(fields: FieldList): Shape {
  return new Map(
    fields.map(([name, number, type, repeated]) => {
      const wireType = typeof type === "string" ? WIRE_TYPES[type] : 2;
      return [name, { tag: number * 8 + wireType, type, isRepeated: repeated !== undefined }];
    }),
  );
}

const ANY_VALUE: Shape = shape([
  ["stringValue", 1, "string"],
  ["boolValue", 2, "bool"],
  ["intValue", 3, "int64"],
  ["doubleValue", 4, "double"],
  ["arrayValue", 5, () => ARRAY_VALUE],
  ["kvlistValue", 6, () => KEY_VALUE_LIST],
  ["bytesValue", 7, "base64"],
]);

const ARRAY_VALUE: Shape = shape([["values", 1, () => ANY_VALUE, "repeated"]]);

const KEY_VALUE: Shape = shape([
  ["key", 1, "string"],
  ["value", 2, () => ANY_VALUE],
]);

const KEY_VALUE_LIST: Shape = shape([["values", 1, () => KEY_VALUE, "repeated"]]);

const ENTITY_REF: Shape = shape([
  ["schemaUrl", 1, "string"],
  ["type", 2, "string"],
  ["idKeys", 3, "string", "repeated"],
  ["descriptionKeys", 4, "string", "repeated"],
]);

const RESOURCE: Shape = shape([
  ["attributes", 1, () => KEY_VALUE, "repeated"],
  ["droppedAttributesCount", 2, "uint32"],
  ["entityRefs", 3, () => ENTITY_REF, "repeated"],
]);

const SCOPE: Shape = shape([
  ["name", 1, "string"],
  ["version", 2, "string"],
  ["attributes", 3, () => KEY_VALUE, "repeated"],
  ["droppedAttributesCount", 4, "uint32"],
]);

const LOG_RECORD: Shape = shape([
  ["timeUnixNano", 1, "fixed64"],
  ["severityNumber", 2, "severity"],
  ["severityText", 3, "string"],
  ["body", 5, () => ANY_VALUE],
  ["attributes", 6, () => KEY_VALUE, "repeated"],
  ["droppedAttributesCount", 7, "uint32"],
  ["flags", 8, "fixed32"],
  ["traceId", 9, "hex"],
  ["spanId", 10, "hex"],
  ["observedTimeUnixNano", 11, "fixed64"],
  ["eventName", 12, "string"],
]);

const SCOPE_LOGS: Shape = shape([
  ["scope", 1, () => SCOPE],
  ["logRecords", 2, () => LOG_RECORD, "repeated"],
  ["schemaUrl", 3, "string"],
]);

const RESOURCE_LOGS: Shape = shape([
  ["resource", 1, () => RESOURCE],
  ["scopeLogs", 2, () => SCOPE_LOGS, "repeated"],
  ["schemaUrl", 3, "string"],
]);

/** ExportLogsServiceRequest. */
export const REQUEST: Shape = shape([["resourceLogs", 1, () => RESOURCE_LOGS, "repeated"]]);
