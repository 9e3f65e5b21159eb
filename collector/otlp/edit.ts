/**
 * Cuts log records out of a request, leaving everything around them byte for byte: what is kept keeps its order, its
 * unknown fields and its parts, and only the lengths of the messages around a cut are written anew.
 * All functions expect a request that `scan` took; a malformed one throws `invalid_request`.
 */
import { assert } from "../errors.ts";
import { toField } from "./canonical.ts";
import { isRecordTaken, type ScanLimits } from "./scan.ts";
import {
  KNOWN_IN_REQUEST,
  KNOWN_IN_RESOURCE_LOGS,
  KNOWN_IN_SCOPE_LOGS,
  payloadEnd,
  payloadStart,
  skipField,
} from "./wire.ts";

/** A copy without the log records that `scan` refuses under the same limits: a valid request, all of it taken. */
export function withoutRefused(request: Uint8Array, limits: ScanLimits): Uint8Array {
  return cut(request, (_index, start, end) => isRecordTaken(request, start, end, limits));
}

/**
 * One log record alone, as a valid request with its resource, scope and schema URLs. `index` counts log records in the
 * order in which they lie in the request, from 0. It is a broken invariant to ask for one that is not there.
 */
export function extractRecord(request: Uint8Array, index: number): Uint8Array {
  let found = false;
  const record = cut(request, (at) => {
    if (at !== index) return false;
    found = true;
    return true;
  });
  assert(found, `the request holds a log record ${index}`);
  return record;
}

/**
 * Log records [from, to) of a request, counted as above, as a valid request with their resources and scopes. It is a
 * broken invariant to ask for some that are not there.
 */
export function extractRecords(request: Uint8Array, from: number, to: number): Uint8Array {
  let found = 0;
  const records = cut(request, (at) => {
    if (at < from || at >= to) return false;
    found++;
    return true;
  });
  assert(found === to - from, `the request holds log records [${from}, ${to})`);
  return records;
}

/** Whether to keep log record `index`, whose payload is [start, end) of the request. */
type Keep = (index: number, start: number, end: number) => boolean;

/** The three messages around a log record, from the outside: the tag that leads on inwards, and the known fields. */
const LEVELS = [
  { inwards: 0x0a /* resource_logs */, known: KNOWN_IN_REQUEST },
  { inwards: 0x12 /* scope_logs */, known: KNOWN_IN_RESOURCE_LOGS },
  { inwards: 0x12 /* log_records */, known: KNOWN_IN_SCOPE_LOGS },
] as const;

function cut(request: Uint8Array, keep: Keep): Uint8Array {
  const counter = { seen: 0, kept: 0 };
  return Buffer.concat(cutLevel(request, 0, request.length, 0, keep, counter));
}

/** The pieces of the message [position, end), which is `level` levels inside the request. */
function cutLevel(
  request: Uint8Array,
  position: number,
  end: number,
  level: number,
  keep: Keep,
  counter: { seen: number; kept: number },
): Uint8Array[] {
  const shape = LEVELS[level];
  assert(shape !== undefined, "a log record has three messages around it");
  const pieces: Uint8Array[] = [];
  while (position < end) {
    const tag = request[position] as number;
    if (tag !== shape.inwards) {
      const stop = skipField(request, position, end, shape.known);
      pieces.push(request.subarray(position, stop));
      position = stop;
      continue;
    }
    const start = payloadStart(request, position + 1, end);
    const stop = payloadEnd(request, position + 1, start, end);
    if (level === 2) {
      if (keep(counter.seen++, start, stop)) {
        counter.kept++;
        pieces.push(request.subarray(position, stop));
      }
    } else {
      const keptBefore = counter.kept;
      const inner = cutLevel(request, start, stop, level + 1, keep, counter);
      // A message in which no record is left would only be carried along.
      if (counter.kept > keptBefore) pieces.push(...toField(tag, Buffer.concat(inner)));
    }
    position = stop;
  }
  return pieces;
}
