/**
 * The default shape: a line of JSON that says all that the log record, its resource and its scope hold. README.md is the
 * table of it, and a promise to whoever reads the delivered objects.
 *
 * Resource and scope are rendered once for all records of a ScopeLogs, and copied from line to line.
 */
import { RECORD, RESOURCE, SCOPE, type Shape } from "./canonical.ts";
import { createFragment, type Fragment, JsonWriter } from "./json-writer.ts";
import { type LineShape, type RecordId, type Render, renderWhole, roomFor } from "./line-shape.ts";
import { renderRecord, renderResource, renderSchemaUrl, renderScope } from "./render.ts";
import type { Span } from "./wire.ts";

/** Room to start with for what is rendered once per scope, and what is kept after a larger one. */
const CAPACITY_BYTES = 256 * 1024;
const CAPACITY_KEPT_BYTES = 4 * 1024 * 1024;

const RECORD_ID_MEMBER = createFragment(',"recordId":');
const RESOURCE_MEMBER = createFragment(',"resource":');
const SCOPE_MEMBER = createFragment(',"scope":');
const LINE_END = createFragment("}\n");
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;

export class JsonLine implements LineShape {
  readonly #recordId: RecordId | undefined;
  /** What every line of the ScopeLogs at hand ends with: its resource, up to `#resourceEnd`, its scope, brace, newline. */
  readonly #context = new JsonWriter(CAPACITY_BYTES, CAPACITY_KEPT_BYTES);
  #resourceEnd = 0;
  #contextEnd = 0;
  /** Where in the lines the context was last copied to; -1: nowhere yet. */
  #contextCopy = -1;

  constructor(recordId: RecordId | undefined) {
    this.#recordId = recordId;
  }

  reset(): void {
    this.#context.reset();
    this.#contextCopy = -1;
  }

  enterResource(resource: Span | undefined, schemaUrl: Span | undefined): void {
    this.#resourceEnd = this.#render(RESOURCE_MEMBER, resource, schemaUrl, RESOURCE, renderResource, 0);
  }

  enterScope(scope: Span | undefined, schemaUrl: Span | undefined): void {
    const at = this.#render(SCOPE_MEMBER, scope, schemaUrl, SCOPE, renderScope, this.#resourceEnd);
    this.#context.reserve(at, LINE_END.length);
    this.#contextEnd = this.#context.fragment(LINE_END, at);
    this.#contextCopy = -1;
  }

  write(lines: JsonWriter, start: number, end: number, open: number): number {
    const contextBytes = this.#contextEnd;
    const recordId = this.#recordId;
    lines.reserve(open, roomFor(lines.source, start, end) + contextBytes + (recordId?.bytesMax ?? 0));
    let at = open;
    if (recordId !== undefined) at = recordId.write(lines, lines.fragment(RECORD_ID_MEMBER, at));
    at = renderWhole(lines, start, end, RECORD, renderRecord, at);
    lines.assertWithin(at + contextBytes);
    // Every member begins with a comma. The first one's becomes the brace that opens the line, so a line that begins
    // with the context spoils that copy of it for the next line.
    if (this.#contextCopy >= 0) {
      lines.target.copyWithin(at, this.#contextCopy, this.#contextCopy + contextBytes);
    } else lines.target.set(this.#context.target.subarray(0, contextBytes), at);
    this.#contextCopy = at > open ? at : -1;
    if (at === open && contextBytes === LINE_END.length) at = lines.fragment(LINE_END, open + 1) - contextBytes;
    lines.target[open] = OPEN_BRACE;
    return at + contextBytes;
  }

  /** Renders a resource or scope as a member into the context at `at`; nothing if it holds nothing. */
  #render(
    name: Fragment,
    message: Span | undefined,
    schemaUrl: Span | undefined,
    shape: Shape,
    render: Render,
    at: number,
  ): number {
    const context = this.#context;
    context.reserve(at, name.length);
    const open = context.fragment(name, at);
    let to = open;
    if (message !== undefined) {
      const { bytes, start, end } = message;
      if (context.source !== bytes) context.read(bytes);
      context.reserve(to, roomFor(bytes, start, end));
      to = renderWhole(context, start, end, shape, render, to);
    }
    if (schemaUrl !== undefined) {
      const { bytes, start, end } = schemaUrl;
      if (context.source !== bytes) context.read(bytes);
      context.reserve(to, roomFor(bytes, start, end));
      to = renderSchemaUrl(context, start, end, to);
    }
    if (to === open) return at;
    context.reserve(to, 1);
    context.target[open] = OPEN_BRACE;
    const after = context.byte(CLOSE_BRACE, to);
    context.assertWithin(after);
    return after;
  }
}
