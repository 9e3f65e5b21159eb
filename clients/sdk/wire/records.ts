/**
 * Log records as OTLP bytes, and requests out of them.
 *
 * A send becomes a run of framed LogRecords (`ScopeLogs.log_records`) and a head: the resource and the scope that they
 * belong to. Only when a batch leaves are runs under the same head put together, so that a hundred sends of one record
 * cost one resource. Requests that were serialised by somebody else are laid end to end with the rest: repeated fields of
 * protobuf merge, so that is one valid request.
 *
 *   ExportLogsServiceRequest { ResourceLogs { Resource, ScopeLogs { InstrumentationScope, LogRecord... } } ... }
 */
import { type ClientClock, systemClock } from "../clock.ts";
import { ClientError } from "../errors.ts";
import { exceptionAttributes, type LogRecord, type LogValue, SEVERITY_NUMBERS } from "../record.ts";
import { BackwardWriter, varintBytes } from "./backward-writer.ts";
import { TooLarge, ValueWriter } from "./values.ts";

/** Where records come from: the same object for all records of one resource and scope. */
export interface Head {
  /** `ResourceLogs.resource` with its tag, and the schema's. */
  readonly resource: Buffer;
  readonly resourceSchema: Buffer;
  /** `ScopeLogs.scope` with its tag, and the schema's. */
  readonly scope: Buffer;
  readonly scopeSchema: Buffer;
}

export interface HeadOptions {
  readonly resource: Readonly<Record<string, LogValue>>;
  readonly resourceSchemaUrl?: string | undefined;
  readonly scopeName?: string | undefined;
  readonly scopeVersion?: string | undefined;
  readonly scopeAttributes?: Readonly<Record<string, LogValue>> | undefined;
  readonly scopeSchemaUrl?: string | undefined;
}

/** Records of one head, framed; or, without a head, a whole serialised request. */
export interface Run {
  readonly head: Head | undefined;
  readonly bytes: Buffer;
  readonly records: number;
}

export interface SpanContextLike {
  readonly traceId: string;
  readonly spanId: string;
  readonly traceFlags: number;
}

export interface RecordEncoderOptions {
  readonly clock?: ClientClock | undefined;
  readonly nextUid: (wallMs: number) => string;
  /** The span that is active now. */
  readonly activeSpan?: (() => SpanContextLike | undefined) | undefined;
  /** Bytes of one record. */
  readonly recordBytesMax: number;
  /** Bytes of one run; more records make another. */
  readonly runBytesMax: number;
  readonly runRecordsMax: number;
}

const UID = "log.record.uid";
const RESOURCE_LOGS = 1;

export class RecordEncoder {
  readonly #writer = new BackwardWriter();
  readonly #values = new ValueWriter(this.#writer);
  readonly #options: RecordEncoderOptions;
  readonly #clock: ClientClock;

  constructor(options: RecordEncoderOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
  }

  head(options: HeadOptions): Head {
    const { resource, resourceSchemaUrl, scopeName = "", scopeVersion = "", scopeAttributes = {} } = options;
    return {
      resource: this.#part(() => this.#attributes(1, resource), 1),
      resourceSchema: this.#text(3, resourceSchemaUrl),
      scope: this.#part(() => {
        this.#attributes(3, scopeAttributes);
        if (scopeVersion !== "") this.#writer.text(2, scopeVersion);
        if (scopeName !== "") this.#writer.text(1, scopeName);
      }, 1),
      scopeSchema: this.#text(3, options.scopeSchemaUrl),
    };
  }

  /** Throws ClientError `refused` for a record that is larger than `recordBytesMax`; then none of them is encoded. */
  encode(head: Head, records: readonly LogRecord[]): Run[] {
    const { runBytesMax, runRecordsMax } = this.#options;
    const writer = this.#writer;
    const runs: Run[] = [];
    let count = 0;
    // Backwards, as the writer goes; a run is cut before the record that it has no more room for.
    for (let index = records.length - 1; index >= 0; index--) {
      const before = writer.length;
      this.#record(records[index] as LogRecord, before);
      if (count > 0 && (writer.length > runBytesMax || count === runRecordsMax)) {
        runs.push({ head, bytes: writer.copyFirst(before), records: count });
        writer.keepLast(writer.length - before);
        count = 0;
      }
      count++;
    }
    if (count > 0) runs.push({ head, bytes: writer.finish(), records: count });
    return runs.reverse();
  }

  #record(record: LogRecord, before: number): void {
    const { recordBytesMax } = this.#options;
    this.#values.lengthMax = before + recordBytesMax;
    try {
      this.#fields(record);
      if (this.#writer.length > this.#values.lengthMax) throw new TooLarge();
    } catch (error) {
      this.#writer.reset();
      if (!(error instanceof TooLarge)) throw error;
      throw new ClientError(
        "refused",
        `a log record is larger than ${recordBytesMax} bytes, which is more than a collector takes: nothing of this send was kept. Shorten it, or send it in parts.`,
      );
    }
    this.#writer.message(2, before);
  }

  #fields(record: LogRecord): void {
    const writer = this.#writer;
    const nowMs = this.#clock.nowMs();
    const { attributes, error, severity } = record;
    const span = record.traceId === undefined ? this.#options.activeSpan?.() : undefined;
    if (record.eventName !== undefined) writer.text(12, record.eventName);
    this.#time(11, record.observedTime ?? nowMs, nowMs);
    this.#hex(10, record.spanId ?? span?.spanId, 16);
    this.#hex(9, record.traceId ?? span?.traceId, 32);
    const flags = record.traceFlags ?? span?.traceFlags;
    if (flags !== undefined) writer.fixed32(8, flags);
    if (record.droppedAttributesCount !== undefined && record.droppedAttributesCount > 0) {
      writer.integer(7, record.droppedAttributesCount);
    }
    if (attributes?.[UID] === undefined) this.#values.pair(6, UID, record.uid ?? this.#options.nextUid(nowMs));
    if (error !== undefined) this.#attributes(6, exceptionAttributes(error));
    if (attributes !== undefined) this.#attributes(6, attributes);
    if (record.body !== undefined) this.#values.value(5, record.body);
    const text = record.severityText ?? severity?.toUpperCase();
    if (text !== undefined && text !== "") writer.text(3, text);
    const number = record.severityNumber ?? (severity === undefined ? 0 : SEVERITY_NUMBERS[severity]);
    if (number > 0 && number <= 24) writer.integer(2, Math.floor(number));
    this.#time(1, record.time ?? nowMs, nowMs);
  }

  #attributes(field: number, attributes: Readonly<Record<string, LogValue>>): void {
    const keys = Object.keys(attributes);
    for (let index = keys.length - 1; index >= 0; index--) {
      const key = keys[index] as string;
      const value = attributes[key];
      if (value !== undefined) this.#values.pair(field, key, value);
    }
  }

  #time(field: number, time: number | Date | bigint, nowMs: number): void {
    if (typeof time === "bigint") {
      const nanos = BigInt.asUintN(64, time);
      this.#writer.fixed64(field, Number(nanos >> 32n), Number(nanos & 0xffffffffn));
      return;
    }
    const given = typeof time === "number" ? time : time.getTime();
    // A time that is none must not cost the log.
    const ms = given >= 0 && given < MS_MAX ? given : nowMs;
    const whole = Math.floor(ms);
    const nanos = Math.round((ms - whole) * 1e6);
    // whole * 1e6 + nanos in 64 bits, out of two halves that doubles hold exactly.
    const upper = Math.floor(whole / 2 ** 24) * 1e6;
    const low = (upper % 256) * 2 ** 24 + (whole % 2 ** 24) * 1e6 + nanos;
    this.#writer.fixed64(field, Math.floor(upper / 256) + Math.floor(low / 2 ** 32), low % 2 ** 32);
  }

  /** An identifier of that many hexadecimal digits; another one is left out, as OTLP has none. */
  #hex(field: number, id: string | undefined, digits: number): void {
    if (id === undefined || id.length !== digits) return;
    const bytes = Buffer.from(id, "hex");
    if (bytes.length === digits / 2) this.#writer.bytes(field, bytes);
  }

  #part(write: () => void, field: number): Buffer {
    this.#values.lengthMax = Number.POSITIVE_INFINITY;
    write();
    this.#writer.message(field, 0);
    return this.#writer.finish();
  }

  #text(field: number, text: string | undefined): Buffer {
    if (text !== undefined && text !== "") this.#writer.text(field, text);
    return this.#writer.finish();
  }
}

/** Nanoseconds of it fit 64 bits. */
const MS_MAX = 2 ** 64 / 1e6;

/** Bytes that a run adds to a request at most, its head included. */
export function runBytes({ head, bytes }: Run): number {
  return head === undefined ? bytes.length : bytes.length + headBytes(head);
}

function headBytes(head: Head): number {
  return head.resource.length + head.resourceSchema.length + head.scope.length + head.scopeSchema.length + 12;
}

/** One request out of runs, in their order. */
export function joinRuns(runs: readonly Run[]): Buffer {
  const parts: Uint8Array[] = [];
  for (let index = 0; index < runs.length; ) {
    const { head } = runs[index] as Run;
    let end = index + 1;
    while (head !== undefined && runs[end]?.head === head) end++;
    const content = runs.slice(index, end).map((run) => run.bytes);
    if (head === undefined) parts.push(...content);
    else parts.push(...framed(head, content));
    index = end;
  }
  return parts.length === 1 ? (parts[0] as Buffer) : Buffer.concat(parts);
}

function framed(head: Head, content: readonly Buffer[]): Uint8Array[] {
  const records = content.reduce((sum, bytes) => sum + bytes.length, 0);
  const scopeLogs = head.scope.length + records + head.scopeSchema.length;
  const resourceLogs = head.resource.length + 1 + varintBytes(scopeLogs) + scopeLogs + head.resourceSchema.length;
  return [
    tagged(RESOURCE_LOGS, resourceLogs),
    head.resource,
    tagged(2, scopeLogs),
    head.scope,
    ...content,
    head.scopeSchema,
    head.resourceSchema,
  ];
}

function tagged(field: number, length: number): Uint8Array {
  const bytes = new Uint8Array(1 + varintBytes(length));
  bytes[0] = field * 8 + 2;
  let rest = length;
  let at = 1;
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) bytes[at++] = (rest % 0x80) | 0x80;
  bytes[at] = rest;
  return bytes;
}

/** Two halves of a run by records, so that a bad one does not take the others with it; undefined where it can't be cut. */
export function halves(run: Run): [Run, Run] | undefined {
  if (run.head === undefined || run.records < 2) return undefined;
  const middle = Math.ceil(run.records / 2);
  let at = 0;
  for (let count = 0; count < middle; count++) {
    let length = 0;
    let position = at + 1;
    for (let factor = 1; ; factor *= 0x80) {
      const byte = run.bytes[position++] as number;
      length += (byte & 0x7f) * factor;
      if (byte < 0x80) break;
    }
    at = position + length;
  }
  return [
    { head: run.head, bytes: run.bytes.subarray(0, at), records: middle },
    { head: run.head, bytes: run.bytes.subarray(at), records: run.records - middle },
  ];
}
