/**
 * Which log records are looked for, and the lines of those that are: decided on the wire bytes as far as can be (filter.ts
 * of the collector), then on the line as it would be delivered. A pattern's plain part is looked for in all lines of a
 * request at once, by the runtime's own search; the pattern itself is held against those lines alone.
 */
import { RE2JS, RE2JSSyntaxException } from "re2js";
import { compileFilter } from "../../collector/otlp/filter.ts";
import { Transcoder } from "../../collector/otlp/transcode.ts";
import { Failure } from "./failure.ts";
import { literalOf } from "./literal.ts";

export interface Query {
  readonly pattern: string | undefined;
  readonly ignoresCase: boolean;
  /** The pattern is plain text. */
  readonly isFixed: boolean;
  /** Lines that do not match. */
  readonly isInverted: boolean;
  /** A name such as WARN, for that and worse. */
  readonly severity: string | undefined;
  /** `key=value` of the log record's own attributes, or of the resource's. */
  readonly attributes: readonly string[];
  /** The language of routes' filters. */
  readonly filter: string | undefined;
  /** By the record's own time, in milliseconds since 1970; one without is taken by the time of its write. */
  readonly sinceMs: number | undefined;
  readonly untilMs: number | undefined;
}

const NEWLINE = 0x0a;

/** `"timestamp":"` and the digits up to milliseconds, as the shape json writes them first in a line. */
const TIMESTAMP_KEY = Buffer.from('"timestamp":"');
const TIMESTAMP_LENGTH = 23;

const SEVERITIES = ["TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"];

export class Search {
  readonly #transcoder: Transcoder;
  readonly #pattern: RE2JS | undefined;
  readonly #literal: Buffer | undefined;
  /** Every line with the plain part matches. */
  readonly #isLiteralAll: boolean;
  readonly #query: Query;

  /** With `collectorId` each line begins with its record id. Throws Failure. */
  constructor(query: Query, collectorId: string | undefined) {
    this.#query = query;
    const { pattern, ignoresCase, isFixed } = query;
    const filter = filterOf(query);
    this.#transcoder = new Transcoder({
      ...(collectorId === undefined ? {} : { collectorId }),
      ...(filter === undefined ? {} : { filter: compileFilter(filter) }),
    });
    this.#pattern = pattern === undefined ? undefined : compile(isFixed ? RE2JS.quote(pattern) : pattern, ignoresCase);
    const literal = pattern === undefined || ignoresCase ? undefined : isFixed ? pattern : literalOf(pattern);
    this.#literal = literal === undefined || literal === "" ? undefined : Buffer.from(literal);
    this.#isLiteralAll =
      literal !== undefined && literal === pattern && (isFixed || !/[\\^$.|?*+()[\]{}]/.test(literal));
  }

  /** Lines, with their ordinals, of what is looked for among the log records of a request. Valid until the next call. */
  *lines(
    request: Uint8Array,
    first: bigint,
    [from, to]: readonly [number, number],
    committedAtMs: number,
  ): Generator<{ ordinal: bigint; line: Buffer }> {
    const { bytes, ends, indexes, count } = this.#transcoder.transcode(request, first, from, to);
    const all = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const literal = this.#query.isInverted ? undefined : this.#literal;
    let start = 0;
    let hit = literal === undefined ? 0 : all.indexOf(literal);
    for (let line = 0; line < count && hit >= 0; line++) {
      const end = ends[line] as number;
      if (hit < end) {
        const text = all.subarray(start, end - (all[end - 1] === NEWLINE ? 1 : 0));
        if (this.#isIn(text, committedAtMs)) yield { ordinal: first + BigInt(indexes[line] as number), line: text };
        if (literal !== undefined) hit = all.indexOf(literal, end);
        else hit = end;
      }
      start = end;
    }
  }

  #isIn(line: Buffer, committedAtMs: number): boolean {
    const { sinceMs, untilMs, isInverted } = this.#query;
    if (sinceMs !== undefined || untilMs !== undefined) {
      const atMs = timeOf(line) ?? committedAtMs;
      if (atMs < (sinceMs ?? Number.NEGATIVE_INFINITY) || atMs >= (untilMs ?? Number.POSITIVE_INFINITY)) return false;
    }
    if (this.#pattern === undefined) return true;
    if (this.#isLiteralAll && !isInverted) return true;
    return this.#pattern.matcher(line.toString("utf8")).find() !== isInverted;
  }
}

function timeOf(line: Buffer): number | undefined {
  const at = line.subarray(0, 160).indexOf(TIMESTAMP_KEY);
  if (at < 0) return undefined;
  const start = at + TIMESTAMP_KEY.length;
  return Date.parse(`${line.toString("latin1", start, start + TIMESTAMP_LENGTH)}Z`);
}

function compile(pattern: string, ignoresCase: boolean): RE2JS {
  try {
    return RE2JS.compile(pattern, ignoresCase ? RE2JS.CASE_INSENSITIVE : 0);
  } catch (reason) {
    if (!(reason instanceof RE2JSSyntaxException)) throw reason;
    const words = reason.message.replace(/^error parsing regexp: /, "");
    throw new Failure(`the pattern can't be read: ${words} (the syntax is RE2's; --fixed takes it as plain text)`);
  }
}

function filterOf({ severity, attributes, filter }: Query): string | undefined {
  const parts: string[] = [];
  if (severity !== undefined) {
    const name = severity.toUpperCase();
    if (!SEVERITIES.includes(name)) throw new Failure(`${severity} is no severity: ${SEVERITIES.join(", ")}`);
    parts.push(`severity >= ${name}`);
  }
  for (const each of attributes) {
    const at = each.indexOf("=");
    if (at <= 0) throw new Failure(`${each} is no attribute: say key=value`);
    const key = JSON.stringify(each.slice(0, at));
    const value = each.slice(at + 1);
    const values = [JSON.stringify(value)];
    if (/^-?\d{1,15}(\.\d{1,15})?$|^true$|^false$/.test(value)) values.push(value);
    const tests = values.flatMap((one) => [`attributes[${key}] = ${one}`, `resource[${key}] = ${one}`]);
    parts.push(`(${tests.join(" or ")})`);
  }
  if (filter !== undefined) parts.push(`(${filter})`);
  return parts.length === 0 ? undefined : parts.join(" and ");
}
