/** The command line of the local Firehose: words in, options out, or one sentence that says what is wrong. Pure. */
import { parseArgs } from "node:util";
import { FirehoseError } from "./errors.ts";
import { FAULT_SCHEMA, type Fault } from "./faults.ts";
import { parseGuesses } from "./guesses.ts";
import { type LocalFirehoseOptions, PORT_DEFAULT } from "./server.ts";
import { completeStream, type StreamOptions } from "./stream-settings.ts";

export const USAGE = `A local stand-in for Amazon Data Firehose: takes PutRecord and PutRecordBatch like the real one, with
its limits, errors and throttling, and writes S3-style objects into a folder.

Usage: bun run firehose [options]

  --port <number>            ${PORT_DEFAULT}; 0 for any that is free
  --host <address>           127.0.0.1
  --directory <path>         where the objects go, ./firehose-data: <directory>/<bucket>/<key>
  --stream <name>            a stream to start with, "logs"; may be given more than once
  --mib-per-second <number>  the quota of each, 1; or "unlimited"
  --region <kind>            requests/s for each MiB/s: "standard" (1,000) or "big" (400)
  --throttle-pattern <kind>  which records of a call over the quota fail: random, suffix, prefix or all
  --grow                     raise the quota by itself under throttling, as the real one does
  --mib-per-second-max <n>   how far it grows, 10
  --buffer-mib <number>      an object is cut at this size, 1
  --buffer-seconds <number>  or this age, 5
  --compression <kind>       none or gzip
  --delimiter <text>         appended to each record; \\n is a line feed
  --bucket <name>            the folder, the stream's name unless told
  --prefix <text>            of the key, with !{timestamp:yyyy/MM/dd} and !{firehose:random-string}
  --file-extension <text>    .jsonl for example
  --time-zone <name>         of the key, UTC
  --discard                  accept and count, keep nothing: for measuring a client
  --check-authorization      refuse calls without Authorization, or dated 5 minutes off (signatures aren't verified)
  --guess <name>=<value>     what nobody knows of the real one, see deploy/local/README.md; may be given more than once
  --fault <json>             trouble from the start, see there; may be given more than once
  --help                     this

Examples:
  bun run firehose --stream logs --mib-per-second 1
  bun run firehose --port 0 --compression gzip --prefix 'logs/!{timestamp:yyyy-MM-dd}/' --file-extension .jsonl.gz
  bun run firehose --fault '{"kind":"outage","afterMs":10000,"durationMs":30000}'
  bun run firehose --mib-per-second unlimited --discard
`;

/** What the words ask for. */
export type Command =
  | { readonly kind: "help" }
  | { readonly kind: "start"; readonly options: LocalFirehoseOptions; readonly faults: readonly Fault[] };

/** Reads the words after the program's name. Throws an Error of one sentence. */
export function parseCommand(words: readonly string[]): Command {
  const { values } = parseArgs({ args: [...words], options: SPEC, strict: true, allowPositionals: false });
  if (values.help) return { kind: "help" };
  const settings = given({
    mibPerSecond:
      values["mib-per-second"] === "unlimited" ? Number.POSITIVE_INFINITY : numberOf(values, "mib-per-second"),
    region: choiceOf(values, "region", ["standard", "big"]),
    pattern: choiceOf(values, "throttle-pattern", ["random", "suffix", "prefix", "all"]),
    bufferMib: numberOf(values, "buffer-mib"),
    bufferSeconds: numberOf(values, "buffer-seconds"),
    compression: COMPRESSIONS[choiceOf(values, "compression", ["none", "gzip"]) ?? "none"],
    delimiter: values.delimiter?.replaceAll("\\n", "\n"),
    bucket: values.bucket,
    prefix: values.prefix,
    fileExtension: values["file-extension"],
    timeZone: values["time-zone"],
    discard: values.discard,
    growth: values.grow ? given({ mibPerSecondMax: numberOf(values, "mib-per-second-max") }) : undefined,
  });
  const names = values.stream ?? ["logs"];
  const streams = names.map((name): StreamOptions => ({ ...settings, name }));
  for (const stream of streams) checkStream(stream);
  const options: LocalFirehoseOptions = {
    directory: values.directory ?? "firehose-data",
    port: portOf(values.port),
    host: values.host ?? "127.0.0.1",
    streams,
    streamDefaults: given({
      mibPerSecond: settings.mibPerSecond,
      region: settings.region,
      pattern: settings.pattern,
      growth: settings.growth,
      discard: settings.discard,
    }),
    guesses: parseGuesses(values.guess ?? []),
    checkAuthorization: values["check-authorization"] ?? false,
  };
  return { kind: "start", options, faults: (values.fault ?? []).map(parseFault) };
}

const SPEC = {
  port: { type: "string" },
  host: { type: "string" },
  directory: { type: "string" },
  stream: { type: "string", multiple: true },
  "mib-per-second": { type: "string" },
  region: { type: "string" },
  "throttle-pattern": { type: "string" },
  grow: { type: "boolean" },
  "mib-per-second-max": { type: "string" },
  "buffer-mib": { type: "string" },
  "buffer-seconds": { type: "string" },
  compression: { type: "string" },
  delimiter: { type: "string" },
  bucket: { type: "string" },
  prefix: { type: "string" },
  "file-extension": { type: "string" },
  "time-zone": { type: "string" },
  discard: { type: "boolean" },
  "check-authorization": { type: "boolean" },
  guess: { type: "string", multiple: true },
  fault: { type: "string", multiple: true },
  help: { type: "boolean", short: "h" },
} as const;

const COMPRESSIONS = { none: "UNCOMPRESSED", gzip: "GZIP" } as const;

type Values = { readonly [name: string]: string | boolean | string[] | undefined };
type Given<T> = { [K in keyof T]?: Exclude<T[K], undefined> };

/** Leaves out what was not given, so that defaults apply. */
function given<T extends object>(fields: T): Given<T> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as Given<T>;
}

function numberOf(values: Values, name: string): number | undefined {
  const text = values[name];
  if (typeof text !== "string") return undefined;
  const number = Number(text);
  if (text.trim() === "" || !Number.isFinite(number)) throw new Error(`--${name} is a number, and not "${text}"`);
  return number;
}

function portOf(text: string | undefined): number {
  const port = numberOf({ port: text }, "port") ?? PORT_DEFAULT;
  if (!Number.isInteger(port) || port < 0 || port > 65_535) throw new Error(`--port is 0 to 65535, and not "${text}"`);
  return port;
}

function choiceOf<const T extends string>(values: Values, name: string, choices: readonly T[]): T | undefined {
  const text = values[name];
  if (text === undefined) return undefined;
  const choice = choices.find((each) => each === text);
  if (choice === undefined) throw new Error(`--${name} is one of ${choices.join(", ")}, and not "${String(text)}"`);
  return choice;
}

function checkStream(options: StreamOptions): void {
  try {
    completeStream(options);
  } catch (reason) {
    throw new Error(
      `the stream "${options.name}": ${reason instanceof FirehoseError ? reason.message : String(reason)}`,
    );
  }
}

function parseFault(text: string): Fault {
  let fault: unknown;
  try {
    fault = JSON.parse(text);
  } catch {
    throw new Error(`--fault is JSON, and not ${text}`);
  }
  const parsed = FAULT_SCHEMA.safeParse(fault);
  if (!parsed.success) throw new Error(`--fault ${text} is no fault: ${parsed.error.issues[0]?.message ?? ""}`);
  return parsed.data;
}
