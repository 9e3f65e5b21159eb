/**
 * From a line to a log record, as bytes: parsed, filtered, timed, marked.
 *
 *   body         the line as a text, or where it parses the map of its fields
 *   time         of the field that says it, else of the container runtime; none where neither does
 *   attributes   log.iostream; standpipe.unparsed = the format that it is not in; standpipe.line = "split" or "truncated"; and
 *                what the source adds
 *
 * What does not parse is sent as it is: a text, or where its bytes are no UTF-8 even after decoding, bytes. Filters by field
 * do not apply to it, since nobody knows what they would have said.
 */
import { isUtf8 } from "node:buffer";
import { STREAM_NAMES } from "./parse/container.ts";
import { type Fate, type FieldType, type FieldWatcher, NameIndex, type Parser } from "./parse/fields.ts";
import type { Search } from "./parse/regex.ts";
import { severityOf } from "./parse/severity.ts";
import { NO_TIME, type TimeParser } from "./parse/time.ts";
import {
  ANY_BYTES,
  ANY_MAP,
  ANY_STRING,
  ATTRIBUTE_TAG,
  BODY_TAG,
  encodeAttribute,
  OBSERVED_TIME_TAG,
  RECORD_TAG,
  SEVERITY_NUMBER_TAG,
  SEVERITY_TEXT_TAG,
  TIME_TAG,
  type Value,
  writeAttribute,
} from "./wire/request.ts";
import { lengthOfVarint, Writer } from "./wire/writer.ts";

export interface Rule {
  /** Undefined: the whole line. */
  readonly field: string | undefined;
  readonly search: Search;
  /** Whether only lines that match are kept, or those are left out. */
  readonly keeps: boolean;
}

export interface RecordOptions {
  readonly format: string;
  /** Undefined: the line is the body. */
  readonly parser: Parser | undefined;
  readonly time: { readonly key: string; readonly parser: TimeParser; readonly keep: boolean } | undefined;
  readonly severity:
    | {
        readonly key: string | undefined;
        readonly pattern: Search | undefined;
        readonly own: ReadonlyMap<string, string>;
      }
    | undefined;
  readonly types: ReadonlyMap<string, FieldType>;
  readonly rules: readonly Rule[];
  readonly attributes: Readonly<Record<string, Value>>;
}

/** Where a line came from and what is known of it without looking inside. */
export interface LineContext {
  stream: number;
  /** NO_TIME where nothing says. */
  seconds: number;
  nanos: number;
  mark: "" | "split" | "truncated";
  /** Why it stays as it is, before any parser saw it: a container format that it is not in. */
  unparsed: string;
}

export function blankContext(): LineContext {
  return { stream: 0, seconds: NO_TIME, nanos: 0, mark: "", unparsed: "" };
}

export interface RecordCounts {
  records: number;
  filtered: number;
  unparsed: number;
  withoutTime: number;
  notUtf8: number;
}

const KEPT_BYTES_MAX = 2 * 1024 * 1024;
const SEVERITY_TEXT_BYTES_MAX = 64;
const STREAM_ATTRIBUTES = STREAM_NAMES.map((name) => encodeAttribute(ATTRIBUTE_TAG, "log.iostream", name));

/** Collects the records of one part. One per source; what it holds is taken before another file is read. */
export class RecordBuilder implements FieldWatcher {
  readonly counts: RecordCounts = { records: 0, filtered: 0, unparsed: 0, withoutTime: 0, notUtf8: 0 };
  readonly #options: RecordOptions;
  readonly #writer = new Writer();
  readonly #names: NameIndex;
  readonly #fields: readonly string[];
  readonly #lineRules: readonly Rule[];
  readonly #fieldRules: readonly Rule[];
  readonly #added: Uint8Array;
  #observedSeconds = 0;
  #observedNanos = 0;
  #partRecords = 0;
  // Of the line at hand.
  #seconds = NO_TIME;
  #nanos = 0;
  #severity = 0;
  #severityText = "";
  #isLeftOut = false;
  #rulesMet = 0;

  constructor(options: RecordOptions) {
    this.#options = options;
    const { time, severity, rules, types, attributes } = options;
    this.#lineRules = rules.filter(({ field }) => field === undefined);
    this.#fieldRules = rules.filter(({ field }) => field !== undefined);
    const names = [time?.key, severity?.key, ...this.#fieldRules.map(({ field }) => field), ...types.keys()];
    this.#fields = [...new Set(names.filter((name) => name !== undefined))];
    this.#names = new NameIndex(this.#fields);
    const added = new Writer();
    for (const [key, value] of Object.entries(attributes)) writeAttribute(added, ATTRIBUTE_TAG, key, value);
    this.#added = added.bytes.slice(0, added.at);
  }

  /** Records and bytes since the last `take`. */
  get partRecords(): number {
    return this.#partRecords;
  }

  get partBytes(): number {
    return this.#writer.at;
  }

  observedAt(nowMs: number): void {
    this.#observedSeconds = Math.floor(nowMs / 1000);
    this.#observedNanos = (Math.floor(nowMs) % 1000) * 1_000_000;
  }

  /** The records of the part, valid until the next `add`; the part after begins empty. */
  takePart(): { readonly records: Uint8Array; readonly count: number } {
    const part = { records: this.#writer.bytes.subarray(0, this.#writer.at), count: this.#partRecords };
    this.#writer.reset(KEPT_BYTES_MAX);
    this.#partRecords = 0;
    return part;
  }

  /** Adds the text [start, end). `isUtf8Known`: somebody has looked already. */
  add(bytes: Uint8Array, start: number, end: number, context: LineContext, isUtf8Known: boolean): void {
    const { parser, severity, format } = this.#options;
    const isText = isUtf8Known || isUtf8(bytes.subarray(start, end));
    for (const { search, keeps } of this.#lineRules) {
      if (search.isIn(bytes, start, end) !== keeps) {
        this.counts.filtered++;
        return;
      }
    }
    const writer = this.#writer;
    const recordAt = writer.at;
    this.#seconds = context.seconds;
    this.#nanos = context.nanos;
    this.#severity = 0;
    this.#severityText = "";
    this.#isLeftOut = false;
    this.#rulesMet = 0;
    writer.reserve(64);
    writer.byte(RECORD_TAG);
    const record = writer.open(2);
    writer.byte(TIME_TAG);
    const timeAt = writer.at;
    writer.nanos(0, 0);
    writer.byte(OBSERVED_TIME_TAG);
    writer.nanos(this.#observedSeconds, this.#observedNanos);
    writer.byte(SEVERITY_NUMBER_TAG);
    const severityAt = writer.at;
    writer.byte(0);

    let unparsed = context.unparsed;
    const isTried = unparsed === "" && parser !== undefined && context.mark === "";
    if (!isText) this.counts.notUtf8++;
    if (isTried && isText && this.#writeFields(parser, bytes, start, end)) {
      if (this.#isLeftOut || this.#rulesMet < this.#keepRules) {
        writer.at = recordAt;
        this.counts.filtered++;
        return;
      }
    } else {
      if (unparsed === "" && parser !== undefined) unparsed = format;
      else if (!isText && unparsed === "") unparsed = "utf-8";
      // What a parser found before it gave up counts for nothing.
      this.#seconds = context.seconds;
      this.#nanos = context.nanos;
      this.#severity = 0;
      this.#severityText = "";
      this.#writeLine(bytes, start, end, isText);
    }
    if (severity?.pattern !== undefined && this.#severity === 0 && isText) {
      const word = severity.pattern.firstGroup(bytes, start, end);
      if (word !== undefined) this.#setSeverity(word);
    }
    if (this.#seconds !== NO_TIME) writer.setNanos(timeAt, this.#seconds, this.#nanos);
    writer.bytes[severityAt] = this.#severity;
    if (this.#severityText !== "") {
      writer.reserve(SEVERITY_TEXT_BYTES_MAX * 4);
      writer.byte(SEVERITY_TEXT_TAG);
      writer.text(this.#severityText);
    }
    if (context.stream > 0) this.#append(STREAM_ATTRIBUTES[context.stream] as Uint8Array);
    if (unparsed !== "") {
      writeAttribute(writer, ATTRIBUTE_TAG, "standpipe.unparsed", unparsed);
      this.counts.unparsed++;
    }
    if (context.mark !== "") writeAttribute(writer, ATTRIBUTE_TAG, "standpipe.line", context.mark);
    this.#append(this.#added);
    writer.close(record, 2);
    this.counts.records++;
    this.#partRecords++;
  }

  indexOf(bytes: Uint8Array, start: number, end: number): number {
    return this.#fields.length === 0 ? -1 : this.#names.indexOf(bytes, start, end);
  }

  take(index: number, bytes: Uint8Array, start: number, end: number): Fate {
    const { time, severity, types } = this.#options;
    const name = this.#fields[index] as string;
    for (const rule of this.#fieldRules) {
      if (rule.field !== name) continue;
      const isFound = rule.search.isIn(bytes, start, end);
      if (isFound && rule.keeps) this.#rulesMet++;
      if (isFound && !rule.keeps) this.#isLeftOut = true;
    }
    if (severity?.key === name && end - start <= SEVERITY_TEXT_BYTES_MAX)
      this.#setSeverity(Buffer.from(bytes.subarray(start, end)).toString("utf8"));
    if (time?.key === name) {
      const seconds = time.parser.parse(bytes, start, end);
      if (seconds === NO_TIME) this.counts.withoutTime++;
      else {
        this.#seconds = seconds;
        this.#nanos = time.parser.nanos;
        if (!time.keep) return "leave_out";
      }
    }
    return types.get(name) ?? "keep";
  }

  get #keepRules(): number {
    let count = 0;
    for (const rule of this.#fieldRules) if (rule.keeps) count++;
    return count;
  }

  #setSeverity(word: string): void {
    const { severity } = this.#options;
    if (severity === undefined) return;
    this.#severity = severityOf(word, severity.own);
    this.#severityText = word;
  }

  #append(bytes: Uint8Array): void {
    if (bytes.length > 0) this.#writer.copy(bytes, 0, bytes.length);
    this.#writer.reserve(64);
  }

  #writeFields(parser: Parser, bytes: Uint8Array, start: number, end: number): boolean {
    const writer = this.#writer;
    const bodyAt = writer.at;
    writer.reserve(32);
    writer.byte(BODY_TAG);
    const any = writer.open(2);
    writer.byte(ANY_MAP);
    const map = writer.open(2);
    if (!parser.parse(bytes, start, end, writer, this)) {
      writer.at = bodyAt;
      return false;
    }
    writer.close(map, 2);
    writer.close(any, 2);
    return true;
  }

  #writeLine(bytes: Uint8Array, start: number, end: number, isText: boolean): void {
    const writer = this.#writer;
    const textBytes = end - start;
    writer.reserve(textBytes + 128);
    writer.byte(BODY_TAG);
    writer.varint(1 + lengthOfVarint(textBytes) + textBytes);
    writer.byte(isText ? ANY_STRING : ANY_BYTES);
    writer.varint(textBytes);
    writer.copy(bytes, start, end);
    writer.reserve(64);
  }
}
