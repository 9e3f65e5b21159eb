/**
 * Reads a put's body and checks it, in the order in which the service does: shape, then counts and sizes (every
 * problem in one ValidationException), then the sum of bytes. Nothing of a call that fails here is stored.
 *
 * A body of 4 MiB of records is 5.6 MB of JSON. The AWS SDKs all write it in one canonical form, without white space,
 * so that form is walked as bytes; anything else goes through JSON.parse. Both read the same (there is a test).
 */

import { callTooLarge, constraintProblem, type FirehoseError, unreadableBody, validationError } from "./errors.ts";
import type { Guesses } from "./guesses.ts";
import { CALL_RECORDS_MAX, RECORD_BYTES_MAX, STREAM_NAME_LENGTH_MAX, STREAM_NAME_PATTERN } from "./limits.ts";

export type PutOperation = "PutRecord" | "PutRecordBatch";

export interface PutRequest {
  readonly operation: PutOperation;
  readonly streamName: string | null;
  /** Raw bytes of each record; null where the record or its data is missing. Null as a whole: no records at all. */
  readonly sizes: readonly (number | null)[] | null;
  /** The records' data, where it was asked for. As long as `sizes`, an empty buffer where there is none. */
  readonly data: readonly Buffer[];
}

/** A request that passed: every record has its data. */
export interface CheckedPut {
  readonly operation: PutOperation;
  readonly streamName: string;
  readonly sizes: readonly number[];
  readonly bytes: number;
  readonly data: readonly Buffer[];
}

const NAME_START = Buffer.from('{"DeliveryStreamName":"');
const RECORDS_START = Buffer.from('","Records":[');
const DATA_START = Buffer.from('{"Data":"');
const QUOTE = 0x22;
const COMMA = 0x2c;
const BRACKET_END = 0x5d;
const BRACE_END = 0x7d;
const EQUALS = 0x3d;

/**
 * Reads a body. `isKept` says of a stream's name whether the data is wanted: where it isn't, it is only counted.
 * Throws SerializationException for what is no JSON of the right types, or no base64.
 */
export function readPut(operation: PutOperation, body: Buffer, isKept: (streamName: string) => boolean): PutRequest {
  return (operation === "PutRecordBatch" ? walkBatch(body, isKept) : undefined) ?? parsePut(operation, body, isKept);
}

/** The canonical form only; undefined for anything else. */
function walkBatch(body: Buffer, isKept: (streamName: string) => boolean): PutRequest | undefined {
  if (!startsWith(body, NAME_START, 0)) return undefined;
  const nameEnd = body.indexOf(QUOTE, NAME_START.length);
  if (nameEnd < 0 || !startsWith(body, RECORDS_START, nameEnd)) return undefined;
  const streamName = body.toString("latin1", NAME_START.length, nameEnd);
  if (!/^[\w.-]*$/.test(streamName)) return undefined;
  const decode = isKept(streamName);
  const sizes: number[] = [];
  const data: Buffer[] = [];
  let position = nameEnd + RECORDS_START.length;
  for (;;) {
    if (!startsWith(body, DATA_START, position)) return undefined;
    const start = position + DATA_START.length;
    const end = body.indexOf(QUOTE, start);
    if (end < 0 || body[end + 1] !== BRACE_END) return undefined;
    const length = end - start;
    if (length % 4 !== 0) return undefined;
    const padding = length === 0 ? 0 : (body[end - 1] === EQUALS ? 1 : 0) + (body[end - 2] === EQUALS ? 1 : 0);
    const size = (length / 4) * 3 - padding;
    if (decode) {
      const text = body.toString("latin1", start, end);
      const bytes = Buffer.from(text, "base64");
      // The decoder leaves out what is no base64, and takes the alphabet made for addresses too: Firehose takes neither.
      if (bytes.length !== size || text.includes("-") || text.includes("_")) return undefined;
      data.push(bytes);
    }
    sizes.push(size);
    position = end + 3;
    if (body[end + 2] === COMMA) continue;
    const closed = body[end + 2] === BRACKET_END && body[position] === BRACE_END && position + 1 === body.length;
    return closed ? { operation: "PutRecordBatch", streamName, sizes, data } : undefined;
  }
}

function startsWith(body: Buffer, start: Buffer, position: number): boolean {
  return position + start.length <= body.length && start.compare(body, position, position + start.length) === 0;
}

function parsePut(operation: PutOperation, body: Buffer, isKept: (streamName: string) => boolean): PutRequest {
  const fields = parseObject(body);
  const streamName = fields.DeliveryStreamName ?? null;
  if (streamName !== null && typeof streamName !== "string") throw unreadableBody();
  const entries = operation === "PutRecord" ? [fields.Record ?? null] : (fields.Records ?? null);
  if (entries === null) return { operation, streamName, sizes: null, data: [] };
  if (!Array.isArray(entries)) throw unreadableBody();
  const decode = isKept(streamName ?? "");
  const sizes: (number | null)[] = [];
  const data: Buffer[] = [];
  for (const entry of entries as unknown[]) {
    const bytes = dataOf(entry);
    sizes.push(bytes === null ? null : bytes.length);
    if (decode) data.push(bytes ?? Buffer.alloc(0));
  }
  return { operation, streamName, sizes, data };
}

function dataOf(entry: unknown): Buffer | null {
  if (entry === null) return null;
  if (typeof entry !== "object" || Array.isArray(entry)) throw unreadableBody();
  const text = (entry as Record<string, unknown>).Data ?? null;
  if (text === null) return null;
  if (typeof text !== "string" || !/^[A-Za-z0-9+/]*={0,2}$/.test(text) || text.length % 4 !== 0) throw unreadableBody();
  return Buffer.from(text, "base64");
}

/** The body of any operation. Throws SerializationException for what is no JSON object. */
export function parseObject(body: Buffer): Record<string, unknown> {
  let value: unknown;
  try {
    value = body.length === 0 ? {} : JSON.parse(body.toString("utf8"));
  } catch {
    throw unreadableBody();
  }
  if (value === null || typeof value !== "object" || Array.isArray(value)) throw unreadableBody();
  return value as Record<string, unknown>;
}

/** Checks counts and sizes. Throws ValidationException or, for the sum, InvalidArgumentException. */
export function checkPut(request: PutRequest, guesses: Guesses): CheckedPut {
  const problems = [...nameProblems(request.streamName), ...recordProblems(request)];
  if (problems.length > 0) throw validationError(problems);
  const sizes = (request.sizes ?? []).map((size) => size ?? 0);
  const bytes = sizes.reduce((sum, size) => sum + size, 0);
  if (bytes > guesses.callBytesMax) throw callTooLarge();
  return { operation: request.operation, streamName: request.streamName ?? "", sizes, bytes, data: request.data };
}

/** What is wrong with a stream's name, in the service's words. */
export function nameProblems(name: string | null): string[] {
  const path = "deliveryStreamName";
  if (name === null) return [constraintProblem(null, path, "not be null")];
  const problems: string[] = [];
  if (name.length > STREAM_NAME_LENGTH_MAX) {
    problems.push(constraintProblem(name, path, `have length less than or equal to ${STREAM_NAME_LENGTH_MAX}`));
  }
  if (name.length === 0) problems.push(constraintProblem(name, path, "have length greater than or equal to 1"));
  if (!new RegExp(`^${STREAM_NAME_PATTERN}$`).test(name)) {
    problems.push(constraintProblem(name, path, `satisfy regular expression pattern: ${STREAM_NAME_PATTERN}`));
  }
  return problems;
}

function recordProblems(request: PutRequest): string[] {
  if (request.sizes === null) return [constraintProblem(null, "records", "not be null")];
  const problems: string[] = [];
  if (request.sizes.length > CALL_RECORDS_MAX) {
    const shown = `[${request.sizes.map((size) => `Record(data=${shownBuffer(size ?? 0)})`).join(", ")}]`;
    problems.push(constraintProblem(shown, "records", `have length less than or equal to ${CALL_RECORDS_MAX}`));
  }
  if (request.sizes.length === 0) {
    problems.push(constraintProblem("[]", "records", "have length greater than or equal to 1"));
  }
  for (const [index, size] of request.sizes.entries()) {
    const path = request.operation === "PutRecord" ? "record.data" : `records.${index + 1}.member.data`;
    if (size === null) problems.push(constraintProblem(null, path, "not be null"));
    else if (size > RECORD_BYTES_MAX) {
      problems.push(
        constraintProblem(shownBuffer(size), path, `have length less than or equal to ${RECORD_BYTES_MAX}`),
      );
    }
  }
  return problems;
}

function shownBuffer(size: number): string {
  return `java.nio.HeapByteBuffer[pos=0 lim=${size} cap=${size}]`;
}

/** The refusal of a record that holds a marker (a fault): a ValidationException like any other. */
export function poisonError(index: number, size: number): FirehoseError {
  const path = `records.${index + 1}.member.data`;
  return validationError([constraintProblem(shownBuffer(size), path, "satisfy the constraint that a fault has set")]);
}
