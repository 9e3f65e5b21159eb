/** Finds what a line says of itself: the record id, and whether it is one part of a log record that was sent in parts. */

/** One line of an object. */
export interface LineIdentity {
  readonly collectorId: string;
  readonly ordinal: bigint;
  /** 1 to `parts`; both 1 where the line is whole. */
  readonly part: number;
  readonly parts: number;
}

/** The attribute under which the shape `otlp_json` has it. */
const OTLP_ATTRIBUTE = "standpipe.record.id";

const RECORD_ID = /^([0-9a-z]{1,64})\/(\d{1,20})$/;

/** More parts than a log record of 16 MiB can have. */
const PARTS_MAX = 10_000;

/**
 * `key` is the member that holds the id, `recordId` unless a shape of one's own names it otherwise. Undefined where the line
 * has none, or is no JSON.
 */
export function identify(line: string, key = "recordId"): LineIdentity | undefined {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return undefined;
  }
  if (!isObject(value)) return undefined;
  const found = RECORD_ID.exec(String(value[key] ?? value.recordId ?? inOtlp(value) ?? ""));
  if (found === null) return undefined;
  const [, collectorId = "", digits = "0"] = found;
  const { part, parts, fragment } = value;
  const isPart = typeof fragment === "string" && isPositive(part) && isPositive(parts) && part <= parts;
  return { collectorId, ordinal: BigInt(digits), part: isPart ? part : 1, parts: isPart ? parts : 1 };
}

/** The one log record of an ExportLogsServiceRequest in JSON. */
function inOtlp(value: Record<string, unknown>): unknown {
  const record = first(first(first(value.resourceLogs)?.scopeLogs)?.logRecords);
  const attributes = record?.attributes;
  if (!Array.isArray(attributes)) return undefined;
  const attribute: unknown = attributes.findLast((each: unknown) => isObject(each) && each.key === OTLP_ATTRIBUTE);
  return isObject(attribute) && isObject(attribute.value) ? attribute.value.stringValue : undefined;
}

function first(list: unknown): Record<string, unknown> | undefined {
  const found: unknown = Array.isArray(list) ? list[0] : undefined;
  return isObject(found) ? found : undefined;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}

function isPositive(value: unknown): value is number {
  return Number.isInteger(value) && (value as number) >= 1 && (value as number) <= PARTS_MAX;
}
