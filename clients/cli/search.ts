/**
 * Which log records are looked for, and the lines of those that are: decided on the wire bytes as far as can be (filter.ts
 * of the collector), then on the line as it would be delivered. A pattern's plain part is looked for in all lines of a
 * request at once, by the runtime's own search; the pattern itself is held against those lines alone (line-matcher.ts).
 */
import { compileFilter } from "../../collector/otlp/filter.ts";
import { Transcoder } from "../../collector/otlp/transcode.ts";
import { Failure } from "./failure.ts";
import { LineMatcher } from "./line-matcher.ts";

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

/** `"timestamp":"` and the digits up to milliseconds, as the shape json writes them first in a line. */
const TIMESTAMP_KEY = Buffer.from('"timestamp":"');
const TIMESTAMP_LENGTH = 23;

const SEVERITIES = ["TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"];

export class Search {
  readonly #transcoder: Transcoder;
  readonly #matcher: LineMatcher | undefined;
  readonly #query: Query;
  /** 0, 1, 2 and so on. */
  readonly #below: number[] = [];

  /** With `collectorId` each line begins with its record id. Throws Failure. */
  constructor(query: Query, collectorId: string | undefined) {
    this.#query = query;
    const { pattern, ignoresCase, isFixed } = query;
    const filter = filterOf(query);
    this.#transcoder = new Transcoder({
      ...(collectorId === undefined ? {} : { collectorId }),
      ...(filter === undefined ? {} : { filter: compileFilter(filter) }),
    });
    this.#matcher = pattern === undefined ? undefined : new LineMatcher({ pattern, ignoresCase, isFixed });
  }

  /** Lines, with their ordinals, of what is looked for among the log records of a request. Valid until the next call. */
  *lines(
    request: Uint8Array,
    first: bigint,
    [from, to]: readonly [number, number],
    committedAtMs: number,
  ): Generator<{ ordinal: bigint; line: Buffer }> {
    const { bytes, ends, indexes, count } = this.#transcoder.transcode(request, first, from, to);
    const all = Buffer.from(bytes.buffer, bytes.byteOffset, count === 0 ? 0 : (ends[count - 1] as number));
    const asked = this.#asked(all, ends, count, committedAtMs);
    const matcher = this.#matcher;
    // That they hold the plain part has been seen.
    const isSure = matcher === undefined || (matcher.isPlain && !this.#query.isInverted);
    const verdicts = isSure ? undefined : matcher.matching(all, ends, asked);
    for (let position = 0; position < asked.length; position++) {
      if (verdicts !== undefined && (verdicts[position] === 1) === this.#query.isInverted) continue;
      const line = asked[position] as number;
      const end = (ends[line] as number) - 1;
      yield {
        ordinal: first + BigInt(indexes[line] as number),
        line: all.subarray(line === 0 ? 0 : ends[line - 1], end),
      };
    }
  }

  /** The lines that may be looked for, by all but the pattern itself. */
  #asked(all: Buffer, ends: Uint32Array, count: number, committedAtMs: number): number[] {
    const parts = this.#query.isInverted ? [] : (this.#matcher?.plainParts ?? []);
    const { sinceMs, untilMs } = this.#query;
    if (parts.length === 0 && sinceMs === undefined && untilMs === undefined) return this.#allBelow(count);
    const hits = parts.map((part) => all.indexOf(part));
    const asked: number[] = [];
    let start = 0;
    for (let line = 0; line < count && !hits.includes(-1); line++) {
      const end = ends[line] as number;
      if (hits.every((hit) => hit < end) && this.#isInTime(all, start, end, committedAtMs)) asked.push(line);
      for (const [index, part] of parts.entries()) {
        if ((hits[index] as number) < end) hits[index] = all.indexOf(part, end);
      }
      start = end;
    }
    return asked;
  }

  #allBelow(count: number): number[] {
    if (this.#below.length !== count) {
      this.#below.length = Math.min(this.#below.length, count);
      while (this.#below.length < count) this.#below.push(this.#below.length);
    }
    return this.#below;
  }

  #isInTime(all: Buffer, start: number, end: number, committedAtMs: number): boolean {
    const { sinceMs, untilMs } = this.#query;
    if (sinceMs === undefined && untilMs === undefined) return true;
    const atMs = timeOf(all.subarray(start, end)) ?? committedAtMs;
    return atMs >= (sinceMs ?? Number.NEGATIVE_INFINITY) && atMs < (untilMs ?? Number.POSITIVE_INFINITY);
  }
}

function timeOf(line: Buffer): number | undefined {
  const at = line.subarray(0, 160).indexOf(TIMESTAMP_KEY);
  if (at < 0) return undefined;
  const start = at + TIMESTAMP_KEY.length;
  return Date.parse(`${line.toString("latin1", start, start + TIMESTAMP_LENGTH)}Z`);
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
