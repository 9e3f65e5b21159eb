/**
 * What fluentd and Fluent Bit wrote into a bucket, byte for byte: the four set-ups of someone who moves here from them,
 * as DaemonSet (Docker's JSON lines) and as sidecar (the application's own), each with the shape that matches it.
 * The expected lines follow from their sources:
 *
 * - fluentd, `kinesis_firehose` by its defaults, `parse` of type json: the parser takes `time` out of the record
 *   (parser_json.rb, keep_time_key false); the formatter writes the rest in its order (formatter_json.rb, Oj in compat
 *   mode): no spaces, UTF-8 as it is, whole doubles as 3.0; one line break (append_new_line).
 * - Fluent Bit, `kinesis_firehose`: a parser without a valid time format leaves the record as it is; characters beyond
 *   ASCII and DEL become \uXXXX (flb_utils_write_str, json.escape_unicode on); with `time_key` one more member comes
 *   last, in UTC, as %Y-%m-%dT%H:%M:%S unless told, even if the record has that key already (firehose_api.c).
 *
 * The log records come as OpenTelemetry's file readers send them after parsing: a map in the body, its keys in order.
 */
import { expect, test } from "bun:test";
import { compileFilter } from "./filter.ts";
import { compileRedactor } from "./redact.ts";
import { requestType } from "./request-samples.ts";
import { Transcoder, type TranscoderOptions } from "./transcode.ts";

const LOG = '172.17.0.1 - - [22/Nov/2025:08:26:40 +0000] "GET /日本 HTTP/1.1" 200 612 "-" "curl/8.5"\n';

/** One line of a container's log as Docker's json-file driver writes it. */
const DOCKER = { log: LOG, stream: "stdout", time: "2025-11-22T08:26:40.012345678Z" };

/** One line of an application's own log file. */
const APPLICATION = {
  time: "2025-11-22T08:26:40.012345678Z",
  level: "INFO",
  message: "pay\t\u0007\u007f/ é😀",
  took: { ms: 3, s: 0.003, whole: { doubleValue: 2 } },
  tags: ["a", null, true],
};

/** A value as an AnyValue; numbers are integers where they can be. */
function anyValue(value: unknown): object {
  if (value === null) return {};
  if (typeof value === "string") return { stringValue: value };
  if (typeof value === "boolean") return { boolValue: value };
  if (typeof value === "number") return Number.isInteger(value) ? { intValue: value } : { doubleValue: value };
  if (Array.isArray(value)) return { arrayValue: { values: value.map(anyValue) } };
  if ("doubleValue" in (value as object)) return value as object;
  const values = Object.entries(value as object).map(([key, inner]) => ({ key, value: anyValue(inner) }));
  return { kvlistValue: { values } };
}

function linesOf(records: readonly object[], options: TranscoderOptions): string {
  const logRecords = records.map((body) => ({ timeUnixNano: "1763800000012345678", body: anyValue(body) }));
  const bytes = requestType
    .encode(requestType.fromObject({ resourceLogs: [{ scopeLogs: [{ logRecords }] }] }))
    .finish();
  const { bytes: lines } = new Transcoder(options).transcode(bytes, 0n, 0, records.length);
  return Buffer.from(lines).toString();
}

/** What fluentd's parser takes out of each record. */
const WITHOUT_TIME = { drop: ['body["time"]'] };

test("fluentd as DaemonSet", () => {
  const shape = { fields: ["body.*"], doublesWithPoint: true };
  expect(linesOf([DOCKER], { shape, redactor: compileRedactor(WITHOUT_TIME) })).toBe(
    '{"log":"172.17.0.1 - - [22/Nov/2025:08:26:40 +0000] \\"GET /日本 HTTP/1.1\\" 200 612 \\"-\\" \\"curl/8.5\\"\\n","stream":"stdout"}\n',
  );
});

test("fluentd as sidecar", () => {
  const shape = { fields: ["body.*"], doublesWithPoint: true };
  expect(linesOf([APPLICATION, DOCKER], { shape, redactor: compileRedactor(WITHOUT_TIME) })).toStartWith(
    '{"level":"INFO","message":"pay\\t\\u0007\u007f/ é😀","took":{"ms":3,"s":0.003,"whole":2.0},"tags":["a",null,true]}\n' +
      '{"log":"172.17.0.1',
  );
});

test("fluentd with an inject section", () => {
  // <inject> time_key @timestamp </inject>, in the format that the plugin sets for it.
  const shape = { fields: ['body["level"]'], timeKey: "@timestamp", timeFormat: "%Y-%m-%dT%H:%M:%S.%N%z" };
  expect(linesOf([APPLICATION], { shape })).toBe(
    '{"level":"INFO","@timestamp":"2025-11-22T08:26:40.012345678+0000"}\n',
  );
});

test("Fluent Bit as DaemonSet, with its grep filter", () => {
  const shape = { fields: ["body.*"], escapeUnicode: true, doublesWithPoint: true };
  const filter = compileFilter('body["log"] =~ /curl/');
  expect(linesOf([{ ...DOCKER, log: "other\n" }, DOCKER], { shape, filter })).toBe(
    '{"log":"172.17.0.1 - - [22/Nov/2025:08:26:40 +0000] \\"GET /\\u65e5\\u672c HTTP/1.1\\" 200 612 \\"-\\" \\"curl/8.5\\"\\n","stream":"stdout","time":"2025-11-22T08:26:40.012345678Z"}\n',
  );
});

test("Fluent Bit as sidecar", () => {
  const shape = { fields: ["body.*"], escapeUnicode: true, doublesWithPoint: true };
  expect(linesOf([APPLICATION], { shape })).toBe(
    '{"time":"2025-11-22T08:26:40.012345678Z","level":"INFO","message":"pay\\t\\u0007\\u007f/ \\u00e9\\ud83d\\ude00","took":{"ms":3,"s":0.003,"whole":2.0},"tags":["a",null,true]}\n',
  );
});

test("Fluent Bit with a time key", () => {
  const fields = ['body["stream"]', { name: "log", from: 'body["time"]' }];
  const shape = { fields, escapeUnicode: true, timeKey: "time", timeFormat: "%Y-%m-%dT%H:%M:%S" };
  expect(linesOf([DOCKER], { shape })).toBe(
    '{"stream":"stdout","log":"2025-11-22T08:26:40.012345678Z","time":"2025-11-22T08:26:40"}\n',
  );
  // The record has the key already: both are there, as Fluent Bit writes them.
  const all = { fields: ["body.*"], timeKey: "time", timeFormat: "%Y-%m-%dT%H:%M:%S.%3N" };
  expect(linesOf([DOCKER], { shape: all })).toEndWith(
    '"stream":"stdout","time":"2025-11-22T08:26:40.012345678Z","time":"2025-11-22T08:26:40.012"}\n',
  );
});
