/**
 * The shape `otlp_json`: a line is an ExportLogsServiceRequest with one log record, in OTLP's own JSON
 * (https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding): identifiers in hex, 64-bit integers as strings,
 * enums as numbers, keys in lowerCamelCase, what holds the default left out. Any OTLP/HTTP receiver takes it back.
 *
 * `recordId` is one more attribute of the log record, `standpipe.record.id`.
 */
import { RECORD, RESOURCE, SCOPE, type Shape } from "./canonical.ts";
import { createFragment, type Fragment, JsonWriter } from "./json-writer.ts";
import { type LineShape, type RecordId, type Render, renderWhole, roomFor } from "./line-shape.ts";
import { asObject, renderOtlpRecord, renderOtlpResource, renderOtlpScope } from "./otlp-json-render.ts";
import type { Span } from "./wire.ts";

const CAPACITY_BYTES = 16 * 1024;
const CAPACITY_KEPT_BYTES = 4 * 1024 * 1024;

const REQUEST_OPEN = createFragment('{"resourceLogs":[{');
const RESOURCE_MEMBER = createFragment('"resource":');
const SCOPE_LOGS_OPEN = createFragment('"scopeLogs":[{');
const SCOPE_MEMBER = createFragment('"scope":');
const RECORDS_OPEN = createFragment('"logRecords":[');
const RECORDS_CLOSE = createFragment("]");
const SCHEMA_URL = createFragment(',"schemaUrl":');
const LIST_CLOSE = createFragment("}]");
const REQUEST_CLOSE = createFragment("}]}\n");

const COMMA = 0x2c;

/** The names around the record's own name. */
const RECORD_ID_BYTES = 128;

export class OtlpJsonLine implements LineShape {
  readonly #recordId: RecordId | undefined;
  /** What stands before the log record, up to `#before`, and behind it. */
  readonly #context = new JsonWriter(CAPACITY_BYTES, CAPACITY_KEPT_BYTES);
  #resourceEnd = 0;
  #resourceUrl: Span | undefined;
  #before = 0;
  #end = 0;
  readonly #render: Render = (writer, position, end, at) => renderOtlpRecord(writer, position, end, at, this.#recordId);

  constructor(recordId: RecordId | undefined) {
    this.#recordId = recordId;
  }

  reset(): void {
    this.#context.reset();
  }

  enterResource(resource: Span | undefined, schemaUrl: Span | undefined): void {
    this.#resourceUrl = schemaUrl;
    const at = this.#fragment(REQUEST_OPEN, 0);
    this.#resourceEnd = this.#fragment(
      SCOPE_LOGS_OPEN,
      this.#message(RESOURCE_MEMBER, resource, RESOURCE, renderOtlpResource, at),
    );
  }

  enterScope(scope: Span | undefined, schemaUrl: Span | undefined): void {
    const at = this.#message(SCOPE_MEMBER, scope, SCOPE, renderOtlpScope, this.#resourceEnd);
    this.#before = this.#fragment(RECORDS_OPEN, at);
    let to = this.#fragment(RECORDS_CLOSE, this.#before);
    to = this.#fragment(LIST_CLOSE, this.#schemaUrl(schemaUrl, to));
    this.#end = this.#fragment(REQUEST_CLOSE, this.#schemaUrl(this.#resourceUrl, to));
  }

  write(lines: JsonWriter, start: number, end: number, at: number): number {
    const context = this.#context.target;
    const recordIdBytes = this.#recordId === undefined ? 0 : this.#recordId.bytesMax + RECORD_ID_BYTES;
    lines.reserve(at, roomForOtlp(lines.source, start, end) + this.#end + recordIdBytes);
    lines.target.set(context.subarray(0, this.#before), at);
    const open = at + this.#before;
    const to = renderWhole(lines, start, end, RECORD, this.#render, open);
    const after = asObject(lines, open, to);
    lines.assertWithin(after + this.#end - this.#before);
    lines.target.set(context.subarray(this.#before, this.#end), after);
    return after + this.#end - this.#before;
  }

  #message(name: Fragment, message: Span | undefined, shape: Shape, render: Render, at: number): number {
    if (message === undefined) return at;
    const { bytes, start, end } = message;
    const context = this.#context;
    const open = this.#fragment(name, at);
    context.reserve(open, roomForOtlp(bytes, start, end));
    context.read(bytes);
    const after = asObject(context, open, renderWhole(context, start, end, shape, render, open));
    context.assertWithin(after);
    return context.byte(COMMA, after);
  }

  #schemaUrl(url: Span | undefined, at: number): number {
    if (url === undefined || url.start === url.end) return at;
    const context = this.#context;
    const text = this.#fragment(SCHEMA_URL, at);
    context.reserve(text, roomFor(url.bytes, url.start, url.end));
    context.read(url.bytes);
    return context.string(url.start, url.end, text);
  }

  #fragment(fragment: Fragment, at: number): number {
    this.#context.reserve(at, fragment.length + 2);
    return this.#context.fragment(fragment, at);
  }
}

/** As roomFor: structure grows most where an array within an array, four bytes, becomes twenty-eight. */
function roomForOtlp(bytes: Uint8Array, start: number, end: number): number {
  return Math.ceil(roomFor(bytes, start, end) * 1.5);
}
