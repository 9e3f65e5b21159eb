/**
 * Turns log records into lines, straight from the wire bytes: no objects, no strings, no BigInt per record.
 *
 *   walk (here)          finds resources, scopes and records, and the range that was asked for
 *   filter (filter.ts)   passes over the records that the route does not want; sees what was sent, before redaction
 *   redact (redact.ts)   takes out what must not leave
 *   shape (shapes.ts)    makes a line of each
 *
 * How a request is read:
 * - Fields may come in any order, a resource after its records. So each message around the records is walked twice:
 *   once for what it holds beside them, once for the records. The walks touch only tags and lengths.
 * - Within a record a walk notes where each field lies (the last one wins), then the fields are written in the order
 *   of the line (render.ts).
 * - What can't be read in one such pass (a singular message given in parts) throws IRREGULAR, and that one record,
 *   resource or scope is read again from the canonical form of it (canonical.ts).
 * - Text that is not UTF-8 is looked for once per call, in all that was written, natively; only lines that hold some
 *   are repaired (TextDecoder: each ill-formed sequence becomes U+FFFD).
 * - A call that goes on where the last one stopped starts at that ResourceLogs. The request is recognised by the object
 *   and its first ordinal, which names its content for ever.
 *
 * Room is reserved once per record and never asked about in between (line-shape.ts has the bound).
 */
import { isUtf8 } from "node:buffer";
import { CollectorError } from "../errors.ts";
import type { Filter } from "./filter.ts";
import { JsonWriter } from "./json-writer.ts";
import { type LineShape, RecordId } from "./line-shape.ts";
import { Ordinal } from "./ordinal.ts";
import type { Redactor } from "./redact.ts";
import { createShape, type ShapeOptions } from "./shapes.ts";
import {
  KNOWN_IN_REQUEST,
  KNOWN_IN_RESOURCE_LOGS,
  KNOWN_IN_SCOPE_LOGS,
  payloadEnd,
  payloadStart,
  type Span,
  skipField,
  skipPayload,
} from "./wire.ts";

/** Views of buffers that are used again: valid until the next call. */
export interface Lines {
  readonly bytes: Uint8Array;
  /** For each line the offset just past its "\n". */
  readonly ends: Uint32Array;
  readonly count: number;
  /** For each line the index of its log record in the request. */
  readonly indexes: Uint32Array;
  /** The log records that were looked at, by index: [from, to). Those without a line were filtered out. */
  readonly from: number;
  readonly to: number;
}

export interface TranscoderOptions {
  /** When given, every line carries `<collectorId>/<ordinal>`, as its shape has it. */
  readonly collectorId?: string;
  /**
   * A call stops after the line with which it reaches this many bytes, so that a large resource on many small records
   * can't fill the memory: then `to` is less than was asked for, and above `from`. By default it never does.
   */
  readonly bytesMax?: number;
  /** The records that get a line; all, when there is none. */
  readonly filter?: Filter;
  readonly redactor?: Redactor;
  /** What a line looks like; `json` unless told. */
  readonly shape?: ShapeOptions;
}

/** Room to start with, and what is kept after a larger call. */
const CAPACITY_BYTES = 256 * 1024;
const CAPACITY_KEPT_BYTES = 4 * 1024 * 1024;
const LINES_KEPT = 16 * 1024;

/** What a message holds beside the records: its resource or scope, and its schema URL. */
interface Surroundings {
  readonly message: Span | undefined;
  readonly schemaUrl: Span | undefined;
  readonly records: number;
}

export class Transcoder {
  readonly #bytesMax: number;
  readonly #filter: Filter | undefined;
  readonly #redactor: Redactor | undefined;
  readonly #shape: LineShape;
  /** Undefined when the lines carry none. */
  readonly #ordinal: Ordinal | undefined;
  readonly #lines = new JsonWriter(CAPACITY_BYTES, CAPACITY_KEPT_BYTES);
  #ends = new Uint32Array(1024);
  #indexes = new Uint32Array(1024);
  /** Of the call under way. */
  #first = 0n;
  #index = 0;
  #from = 0;
  #to = 0;
  #count = 0;
  #at = 0;
  /** The ResourceLogs that the last call ended in: where it begins, and the index of its first record. */
  #resume: { request: Uint8Array; first: bigint; position: number; index: number } | undefined;

  /** Throws CollectorError `config_invalid` where the shape can't be made. */
  constructor(options: TranscoderOptions) {
    const { collectorId, shape } = options;
    this.#bytesMax = options.bytesMax ?? Number.POSITIVE_INFINITY;
    this.#filter = options.filter;
    this.#redactor = options.redactor;
    this.#ordinal = collectorId === undefined ? undefined : new Ordinal();
    const recordId =
      collectorId === undefined || this.#ordinal === undefined ? undefined : new RecordId(collectorId, this.#ordinal);
    this.#shape = createShape(shape ?? "json", recordId);
  }

  /**
   * Lines of the log records with index in [from, to) of a request whose first record has ordinal `first`. A request
   * that was scanned before can't fail; a malformed one, or one with fewer records, throws `invalid_request`.
   */
  transcode(request: Uint8Array, first: bigint, from: number, to: number): Lines {
    this.#lines.reset();
    this.#shape.reset();
    this.#lines.read(request);
    if (this.#ends.length > LINES_KEPT || this.#ends.length < to - from) {
      this.#ends = new Uint32Array(to - from);
      this.#indexes = new Uint32Array(to - from);
    }
    this.#ordinal?.set(first + BigInt(from));
    this.#first = first;
    this.#from = from;
    this.#to = to;
    this.#count = 0;
    this.#at = 0;
    this.#walkRequest(request, first);
    const count = this.#count;
    const bytes = this.#lines.target.subarray(0, this.#at);
    const lines = {
      bytes,
      ends: this.#ends.subarray(0, count),
      count,
      indexes: this.#indexes.subarray(0, count),
      from,
      to: Math.min(this.#index, to),
    };
    return isUtf8(bytes) ? lines : repaired(lines);
  }

  /** Whether the call has all its lines, or as many bytes as it may. */
  get #isDone(): boolean {
    return this.#index >= this.#to || (this.#count > 0 && this.#at >= this.#bytesMax);
  }

  #walkRequest(request: Uint8Array, first: bigint): void {
    const last = this.#resume;
    const goesOn = last?.request === request && last.first === first && last.index <= this.#from;
    let position = goesOn ? last.position : 0;
    this.#index = goesOn ? last.index : 0;
    let resume = { request, first, position, index: this.#index };
    const end = request.length;
    while (position < end && !this.#isDone) {
      if (request[position] === 0x0a /* resource_logs */) {
        resume = { request, first, position, index: this.#index };
        const start = payloadStart(request, position + 1, end);
        const stop = payloadEnd(request, position + 1, start, end);
        this.#walkResourceLogs(request, start, stop);
        position = stop;
      } else position = skipField(request, position, end, KNOWN_IN_REQUEST);
    }
    this.#resume = resume;
    if (!this.#isDone && this.#to > this.#from) {
      throw new CollectorError("invalid_request", `the request holds ${this.#index} log records, not ${this.#to}`);
    }
  }

  #walkResourceLogs(request: Uint8Array, position: number, end: number): void {
    const resource = readAround(request, position, end, KNOWN_IN_RESOURCE_LOGS);
    let isEntered = false;
    while (position < end && !this.#isDone) {
      if (request[position] === 0x12 /* scope_logs */) {
        const start = payloadStart(request, position + 1, end);
        const stop = payloadEnd(request, position + 1, start, end);
        const scope = readAround(request, start, stop, KNOWN_IN_SCOPE_LOGS);
        if (this.#index + scope.records <= this.#from) this.#index += scope.records;
        else if (scope.records > 0) {
          if (!isEntered) {
            this.#filter?.enterResource(resource.message);
            this.#shape.enterResource(
              this.#redactor?.resource(resource.message) ?? resource.message,
              resource.schemaUrl,
            );
            isEntered = true;
          }
          const verdict = this.#filter?.enterScope(scope.message) ?? "all";
          if (verdict === "none") this.#passOver(scope.records);
          else {
            this.#shape.enterScope(this.#redactor?.scope(scope.message) ?? scope.message, scope.schemaUrl);
            this.#walkScopeLogs(request, start, stop, verdict === "each" ? this.#filter : undefined);
          }
        }
        position = stop;
      } else position = skipField(request, position, end, KNOWN_IN_RESOURCE_LOGS);
    }
  }

  #passOver(records: number): void {
    this.#index += records;
    this.#ordinal?.set(this.#first + BigInt(this.#index));
  }

  #walkScopeLogs(request: Uint8Array, position: number, end: number, filter: Filter | undefined): void {
    while (position < end && !this.#isDone) {
      if (request[position] === 0x12 /* log_records */) {
        const start = payloadStart(request, position + 1, end);
        const stop = payloadEnd(request, position + 1, start, end);
        if (this.#index >= this.#from) {
          if (filter === undefined || filter.matches(request, start, stop)) this.#writeLine(request, start, stop);
          this.#ordinal?.increment();
        }
        this.#index++;
        position = stop;
      } else position = skipField(request, position, end, KNOWN_IN_SCOPE_LOGS);
    }
  }

  #writeLine(request: Uint8Array, start: number, end: number): void {
    const redacted = this.#redactor?.record(request, start, end);
    if (redacted === undefined) this.#at = this.#shape.write(this.#lines, start, end, this.#at);
    else {
      this.#lines.read(redacted);
      this.#at = this.#shape.write(this.#lines, 0, redacted.length, this.#at);
      this.#lines.read(request);
    }
    this.#indexes[this.#count] = this.#index;
    this.#ends[this.#count++] = this.#at;
  }
}

/** Walks ResourceLogs or ScopeLogs, whose tags are alike: 1 is what describes all below, 2 what is below, 3 the URL. */
function readAround(bytes: Uint8Array, position: number, end: number, known: number): Surroundings {
  let message: Span | undefined;
  let schemaUrl: Span | undefined;
  let records = 0;
  while (position < end) {
    const tag = bytes[position];
    if (tag === 0x12) {
      records++;
      position = skipPayload(bytes, position + 1, end);
    } else if (tag === 0x0a || tag === 0x1a) {
      const start = payloadStart(bytes, position + 1, end);
      position = payloadEnd(bytes, position + 1, start, end);
      const payload = { bytes, start, end: position };
      if (tag === 0x1a) schemaUrl = payload;
      else message = message === undefined ? payload : joined(message, payload);
    } else position = skipField(bytes, position, end, known);
  }
  return { message, schemaUrl, records };
}

/** A message that comes in two parts: laid end to end they are the whole of it. */
function joined(one: Span, other: Span): Span {
  const bytes = Buffer.concat([one, other].map((part) => part.bytes.subarray(part.start, part.end)));
  return { bytes, start: 0, end: bytes.length };
}

/** The same lines with U+FFFD for every ill-formed sequence. */
function repaired(lines: Lines): Lines {
  const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  const parts: Uint8Array[] = [];
  const ends = new Uint32Array(lines.count);
  let start = 0;
  let at = 0;
  for (let index = 0; index < lines.count; index++) {
    const end = lines.ends[index] as number;
    const line = lines.bytes.subarray(start, end);
    const part = isUtf8(line) ? line : Buffer.from(decoder.decode(line));
    parts.push(part);
    at += part.length;
    ends[index] = at;
    start = end;
  }
  return { ...lines, bytes: Buffer.concat(parts), ends };
}
