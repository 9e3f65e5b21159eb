/**
 * Turns log records into lines of JSON, straight from the wire bytes: no objects, no strings, no BigInt per record.
 *
 * The shape of a line is a promise to whoever reads the delivered objects; README.md beside this file is its table.
 * Keys come in a fixed order and are left out when they hold nothing:
 *
 *   recordId timestamp observedTimestamp severityNumber severityText eventName body attributes traceId spanId flags
 *   droppedAttributesCount resource{attributes droppedAttributesCount schemaUrl}
 *   scope{name version attributes droppedAttributesCount schemaUrl}
 *
 * How a request is read:
 * - Fields may come in any order, a resource after its records. So each message around the records is walked twice:
 *   once for what it holds beside them, once for the records. The walks touch only tags and lengths.
 * - Within a record the walk notes where each field lies (the last one wins), then the fields are written in the order
 *   of the line (render.ts).
 * - What can't be read in one such pass (a singular message given in parts) throws IRREGULAR, and that one record,
 *   resource or scope is read again from the canonical form of it (canonical.ts).
 * - Resource and scope are rendered once for all records of a ScopeLogs, and copied from line to line.
 * - Text that is not UTF-8 is looked for once per call, in all that was written, natively; only lines that hold some
 *   are repaired (TextDecoder: each ill-formed sequence becomes U+FFFD).
 * - A call that goes on where the last one stopped starts at that ResourceLogs. The request is recognised by the object
 *   and its first ordinal, which names its content for ever.
 *
 * Room is reserved once per record (`roomFor` has the bound) and never asked about in between.
 */
import { isUtf8 } from "node:buffer";
import { CollectorError } from "../errors.ts";
import { RECORD, RESOURCE, SCOPE, type Shape, toCanonical } from "./canonical.ts";
import { createFragment, type Fragment, JsonWriter } from "./json-writer.ts";
import { Ordinal } from "./ordinal.ts";
import { IRREGULAR, renderRecord, renderResource, renderSchemaUrl, renderScope } from "./render.ts";
import {
  KNOWN_IN_REQUEST,
  KNOWN_IN_RESOURCE_LOGS,
  KNOWN_IN_SCOPE_LOGS,
  payloadEnd,
  payloadStart,
  skipField,
  skipPayload,
} from "./wire.ts";

/** Views of buffers that are used again: valid until the next call. */
export interface Lines {
  readonly bytes: Uint8Array;
  /** For each line the offset just past its "\n". */
  readonly ends: Uint32Array;
  readonly count: number;
}

export interface TranscoderOptions {
  /** When given, every line begins with `"recordId":"<collectorId>/<ordinal>"`. */
  readonly collectorId?: string;
  /**
   * A call stops after the line with which it reaches this many bytes, so that a large resource on many small records
   * can't fill the memory: then `count` is less than was asked for, and at least 1. By default it never does.
   */
  readonly bytesMax?: number;
}

/** Room to start with, for lines and for what is rendered once per scope; and what is kept after a larger call. */
const CAPACITY_BYTES = 256 * 1024;
const CAPACITY_KEPT_BYTES = 4 * 1024 * 1024;
const LINES_KEPT = 16 * 1024;

/** Up to this size a record gets room for the worst that its bytes could be, without looking at them. */
const SMALL_RECORD_BYTES = 16 * 1024;
/** Names, quotes and numbers of one line, which are there whatever the record's length. */
const LINE_OVERHEAD_BYTES = 512;

const RESOURCE_MEMBER = createFragment(',"resource":');
const SCOPE_MEMBER = createFragment(',"scope":');
const LINE_END = createFragment("}\n");
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
const QUOTE = 0x22;

type Render = (writer: JsonWriter, position: number, end: number, at: number) => number;

/** What a message holds beside the records: the parts of its resource or scope, and its schema URL (-1: none). */
interface Surroundings {
  readonly parts: { start: number; end: number }[];
  readonly schemaUrl: number;
  readonly records: number;
}

export class Transcoder {
  readonly #bytesMax: number;
  readonly #recordId: Fragment | undefined;
  readonly #ordinal = new Ordinal();
  readonly #lines = new JsonWriter(CAPACITY_BYTES, CAPACITY_KEPT_BYTES);
  #ends = new Uint32Array(1024);
  /** What every line of the ScopeLogs at hand ends with: its resource, up to `#resourceEnd`, its scope, brace, newline. */
  readonly #context = new JsonWriter(CAPACITY_BYTES, CAPACITY_KEPT_BYTES);
  #resourceEnd = 0;
  #contextEnd = 0;
  /** Where in the lines the context was last copied to; -1: nowhere yet. */
  #contextCopy = -1;
  /** Of the call under way. */
  #index = 0;
  #from = 0;
  #to = 0;
  #count = 0;
  #at = 0;
  /** The ResourceLogs that the last call ended in: where it begins, and the index of its first record. */
  #resume: { request: Uint8Array; first: bigint; position: number; index: number } | undefined;

  constructor(options: TranscoderOptions) {
    this.#bytesMax = options.bytesMax ?? Number.POSITIVE_INFINITY;
    if (options.collectorId !== undefined) {
      const name = JSON.stringify(options.collectorId).slice(0, -1);
      this.#recordId = createFragment(`,"recordId":${name}/`);
    }
  }

  /**
   * Lines of the log records with index in [from, to) of a request whose first record has ordinal `first`. A request
   * that was scanned before can't fail; a malformed one, or one with fewer records, throws `invalid_request`.
   */
  transcode(request: Uint8Array, first: bigint, from: number, to: number): Lines {
    this.#lines.reset();
    this.#context.reset();
    this.#lines.read(request);
    this.#context.read(request);
    if (this.#ends.length > LINES_KEPT || this.#ends.length < to - from) this.#ends = new Uint32Array(to - from);
    if (this.#recordId !== undefined) this.#ordinal.set(first + BigInt(from));
    this.#from = from;
    this.#to = to;
    this.#count = 0;
    this.#at = 0;
    this.#contextCopy = -1;
    this.#walkRequest(request, first);
    const count = this.#count;
    const bytes = this.#lines.target.subarray(0, this.#at);
    const lines = { bytes, ends: this.#ends.subarray(0, count), count };
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
    const around = readAround(request, position, end, KNOWN_IN_RESOURCE_LOGS);
    let isRendered = false;
    while (position < end && !this.#isDone) {
      if (request[position] === 0x12 /* scope_logs */) {
        const start = payloadStart(request, position + 1, end);
        const stop = payloadEnd(request, position + 1, start, end);
        const scope = readAround(request, start, stop, KNOWN_IN_SCOPE_LOGS);
        if (this.#index + scope.records <= this.#from) this.#index += scope.records;
        else if (scope.records > 0) {
          if (!isRendered) {
            this.#resourceEnd = this.#renderContext(request, RESOURCE_MEMBER, around, end, RESOURCE, renderResource, 0);
            isRendered = true;
          }
          const at = this.#renderContext(request, SCOPE_MEMBER, scope, stop, SCOPE, renderScope, this.#resourceEnd);
          this.#context.reserve(at, 2);
          this.#contextEnd = this.#context.fragment(LINE_END, at);
          this.#contextCopy = -1;
          this.#walkScopeLogs(request, start, stop);
        }
        position = stop;
      } else position = skipField(request, position, end, KNOWN_IN_RESOURCE_LOGS);
    }
  }

  #walkScopeLogs(request: Uint8Array, position: number, end: number): void {
    while (position < end && !this.#isDone) {
      if (request[position] === 0x12 /* log_records */) {
        const start = payloadStart(request, position + 1, end);
        const stop = payloadEnd(request, position + 1, start, end);
        if (this.#index >= this.#from) this.#writeLine(request, start, stop);
        this.#index++;
        position = stop;
      } else position = skipField(request, position, end, KNOWN_IN_SCOPE_LOGS);
    }
  }

  #writeLine(request: Uint8Array, start: number, end: number): void {
    const lines = this.#lines;
    const open = this.#at;
    const contextBytes = this.#contextEnd;
    const recordId = this.#recordId;
    lines.reserve(open, roomFor(request, start, end) + contextBytes + (recordId === undefined ? 0 : recordId.length));
    let at = open;
    if (recordId !== undefined) {
      at = this.#ordinal.write(lines.target, lines.fragment(recordId, at));
      at = lines.byte(QUOTE, at);
      this.#ordinal.increment();
    }
    at = renderWhole(lines, request, start, end, RECORD, renderRecord, at);
    lines.assertWithin(at + contextBytes);
    // Every member begins with a comma. The first one's becomes the brace that opens the line, so a line that begins
    // with the context spoils that copy of it for the next line.
    if (this.#contextCopy >= 0) {
      lines.target.copyWithin(at, this.#contextCopy, this.#contextCopy + contextBytes);
    } else lines.target.set(this.#context.target.subarray(0, contextBytes), at);
    this.#contextCopy = at > open ? at : -1;
    if (at === open && contextBytes === LINE_END.length) at = lines.fragment(LINE_END, open + 1) - contextBytes;
    lines.target[open] = OPEN_BRACE;
    this.#at = at + contextBytes;
    this.#ends[this.#count++] = this.#at;
  }

  /** Renders a resource or scope as a member into the context at `at`; nothing if it holds nothing. */
  #renderContext(
    request: Uint8Array,
    name: Fragment,
    around: Surroundings,
    end: number,
    shape: Shape,
    render: Render,
    at: number,
  ): number {
    const context = this.#context;
    const [only] = around.parts;
    context.reserve(at, name.length);
    const open = context.fragment(name, at);
    let to = open;
    if (around.parts.length === 1 && only !== undefined) {
      context.reserve(to, roomFor(request, only.start, only.end));
      to = renderWhole(context, request, only.start, only.end, shape, render, to);
    } else if (around.parts.length > 1) {
      const whole = Buffer.concat(around.parts.map((part) => request.subarray(part.start, part.end)));
      context.reserve(to, roomFor(whole, 0, whole.length));
      context.read(whole);
      to = renderWhole(context, whole, 0, whole.length, shape, render, to);
      context.read(request);
    }
    if (around.schemaUrl >= 0) {
      context.reserve(to, roomFor(request, around.schemaUrl, skipPayload(request, around.schemaUrl, end)));
      to = renderSchemaUrl(context, around.schemaUrl, end, to);
    }
    if (to === open) return at;
    context.reserve(to, 1);
    context.target[open] = OPEN_BRACE;
    const after = context.byte(CLOSE_BRACE, to);
    context.assertWithin(after);
    return after;
  }
}

/** Renders [position, end) of the writer's source, `bytes`; from its canonical form if it is given in parts. */
function renderWhole(
  writer: JsonWriter,
  bytes: Uint8Array,
  position: number,
  end: number,
  shape: Shape,
  render: Render,
  at: number,
): number {
  try {
    return render(writer, position, end, at);
  } catch (reason) {
    if (reason !== IRREGULAR) throw reason;
  }
  // The canonical form is never longer, so the room that was reserved is enough for it.
  const canonical = toCanonical(bytes.subarray(position, end), shape);
  writer.read(canonical);
  const after = render(writer, 0, canonical.length, at);
  writer.read(bytes);
  return after;
}

/** Walks ResourceLogs or ScopeLogs, whose tags are alike: 1 is what describes all below, 2 what is below, 3 the URL. */
function readAround(bytes: Uint8Array, position: number, end: number, known: number): Surroundings {
  const parts: { start: number; end: number }[] = [];
  let schemaUrl = -1;
  let records = 0;
  while (position < end) {
    const tag = bytes[position];
    if (tag === 0x12) {
      records++;
      position = skipPayload(bytes, position + 1, end);
    } else if (tag === 0x0a) {
      const start = payloadStart(bytes, position + 1, end);
      position = payloadEnd(bytes, position + 1, start, end);
      parts.push({ start, end: position });
    } else if (tag === 0x1a) {
      schemaUrl = position + 1;
      position = skipPayload(bytes, schemaUrl, end);
    } else position = skipField(bytes, position, end, known);
  }
  return { parts, schemaUrl, records };
}

/**
 * At least as many bytes as [position, end) can become. Text grows most where a control character becomes six bytes;
 * structure most where an empty KeyValue's two bytes become `,"":null`: six for one bounds both. A large record is
 * looked through instead, so that it does not take six times its size: what grows more than twofold (hex) holds bytes
 * below 0x20, quotes or backslashes, be they text or tags and lengths.
 */
function roomFor(bytes: Uint8Array, position: number, end: number): number {
  const length = end - position;
  if (length <= SMALL_RECORD_BYTES) return length * 6 + LINE_OVERHEAD_BYTES;
  let growing = 0;
  for (; position < end; position++) {
    const byte = bytes[position] as number;
    if (byte < 0x20 || byte === 0x22 || byte === 0x5c) growing++;
  }
  return length * 2 + growing * 8 + LINE_OVERHEAD_BYTES;
}

/** The same lines with U+FFFD for every ill-formed sequence.. */
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
  return { bytes: Buffer.concat(parts), ends, count: lines.count };
}
