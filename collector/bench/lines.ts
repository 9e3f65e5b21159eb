/**
 * `bun collector/bench/lines.ts`: what filters, shapes and redaction take per log record, next to the line that a route
 * makes when it says nothing. Each figure is the best of several rounds, all taken in turn; compare them only with each
 * other within one run.
 */
import { compileFilter } from "../otlp/filter.ts";
import { compileRedactor, type RedactOptions } from "../otlp/redact.ts";
import { Transcoder, type TranscoderOptions } from "../otlp/transcode.ts";
import { createRequests } from "./otlp.ts";

const REQUESTS = 32;
const RECORDS_PER_REQUEST = 200;
const ROUNDS = 60;

const BODY_PATTERN = "customer [0-9a-f]+ after [0-9]{3}";

const filtered =
  (filter: string): (() => TranscoderOptions) =>
  () => ({ filter: compileFilter(filter) });
const redacted =
  (redact: RedactOptions): (() => TranscoderOptions) =>
  () => ({ redactor: compileRedactor(redact) });

const WAYS: readonly (readonly [string, () => TranscoderOptions])[] = [
  ["json, all of them", () => ({})],
  ["shape otlp_json", () => ({ shape: "otlp_json" })],
  ["shape body", () => ({ shape: "body" })],
  [
    "shape fields: body, two attributes, time",
    () => ({
      shape: {
        fields: ["severityText", "body", "attributes.http.route", { name: "service", from: "resource.service.name" }],
        timeKey: "time",
      },
    }),
  ],
  ["filter: the resource says none", filtered('resource.service.name = "other"')],
  ["filter: the resource says all", filtered('resource.service.name = "checkout"')],
  ["filter: a severity, none match", filtered("severity >= FATAL")],
  ["filter: a severity, all match", filtered("severity >= TRACE")],
  ["filter: an attribute, none match", filtered("attributes.http.response.status_code = 418")],
  ["filter: a pattern on the body, none match", filtered("body =~ /time ?out|refused/")],
  ["filter: a pattern on the body, most match", filtered(`body =~ /${BODY_PATTERN}/`)],
  ["redact: drop an attribute that many have", redacted({ drop: ["attributes.order.id"] })],
  ["redact: hash an attribute that many have", redacted({ hash: ["attributes.order.id"] })],
  ["redact: mask what no text holds", redacted({ mask: [{ pattern: "[0-9]{16}" }] })],
  ["redact: the same by a pattern without a screen", redacted({ mask: [{ pattern: "\\pN{16}" }] })],
  ["redact: mask what each body holds", redacted({ mask: [{ pattern: "customer [0-9a-f]+" }] })],
];

if (import.meta.main) {
  const requests = createRequests(REQUESTS, RECORDS_PER_REQUEST);
  const ways = WAYS.map(([name, options]) => ({
    name,
    transcoder: new Transcoder(options()),
    best: Number.POSITIVE_INFINITY,
    lines: 0,
  }));
  for (let round = 0; round < ROUNDS; round++) {
    for (const way of ways) {
      const before = Bun.nanoseconds();
      way.lines = 0;
      for (const request of requests) way.lines += way.transcoder.transcode(request, 0n, 0, RECORDS_PER_REQUEST).count;
      way.best = Math.min(way.best, (Bun.nanoseconds() - before) / (REQUESTS * RECORDS_PER_REQUEST));
    }
  }
  const [plain = { best: 1 }] = ways;
  for (const { name, best, lines } of ways) {
    const share = `${((100 * lines) / (REQUESTS * RECORDS_PER_REQUEST)).toFixed(0)} %`;
    console.log(
      `${name.padEnd(46)} ${best.toFixed(0).padStart(6)} ns ${(best / plain.best).toFixed(2).padStart(6)} × ${share.padStart(6)} of the records`,
    );
  }
}
