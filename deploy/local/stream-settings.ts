/**
 * What a delivery stream is set to, from the command line, from code, or from CreateDeliveryStream and
 * UpdateDestination. `completeStream` fills in the defaults and checks every bound; whoever holds a `StreamSettings`
 * holds a valid one.
 */
import { FirehoseError, invalidArgument, validationError } from "./errors.ts";
import { BUFFER_MIB_MAX, BUFFER_SECONDS_MAX } from "./limits.ts";
import { checkPrefix } from "./object-key.ts";
import type { Compression } from "./object-writer.ts";
import { nameProblems } from "./put-request.ts";
import type { QuotaGrowth, ThrottlePattern } from "./quota.ts";

export interface StreamSettings {
  readonly name: string;
  /** The quota; Infinity for none. */
  readonly mibPerSecond: number;
  /** 1,000 requests per second and MiB/s, or 400 as in the three big regions. */
  readonly region: "standard" | "big";
  readonly pattern: ThrottlePattern;
  readonly growth: QuotaGrowth | undefined;
  /** Accepts and counts, and keeps nothing: for measuring a client. */
  readonly discard: boolean;
  readonly bufferMib: number;
  readonly bufferSeconds: number;
  readonly compression: Compression;
  /** Appended to each record, as the processor AppendDelimiterToRecord does; empty for nothing. */
  readonly delimiter: string;
  /** Shown by DescribeDeliveryStream, and used for nothing. */
  readonly roleArn: string;
  /** The folder under the directory. */
  readonly bucket: string;
  readonly prefix: string;
  readonly errorPrefix: string;
  readonly timeZone: string;
  /** Empty for the compression's own. */
  readonly fileExtension: string;
}

export type StreamOptions = { readonly name: string } & Partial<Omit<StreamSettings, "name" | "growth">> & {
    readonly growth?: Partial<QuotaGrowth> | undefined;
  };

const GROWTH_DEFAULT: QuotaGrowth = { factor: 2, periods: 3, periodMs: 60_000, mibPerSecondMax: 10 };

/** As long as the file extension pattern of the API reference. */
const EXTENSION_PATTERN = /^$|^\.[0-9a-z!\-_.*'()]{1,127}$/;

/** Fills in the defaults. Throws a FirehoseError (ValidationException or InvalidArgumentException) for what can't be. */
export function completeStream(options: StreamOptions): StreamSettings {
  const problems = nameProblems(options.name);
  if (problems.length > 0) throw validationError(problems);
  const settings: StreamSettings = {
    mibPerSecond: 1,
    region: "standard",
    pattern: "random",
    discard: false,
    bufferMib: 1,
    bufferSeconds: 5,
    compression: "UNCOMPRESSED",
    delimiter: "",
    roleArn: "arn:aws:iam::123456789012:role/local",
    bucket: options.name,
    prefix: "",
    errorPrefix: "",
    timeZone: "UTC",
    fileExtension: "",
    ...options,
    growth: options.growth === undefined ? undefined : { ...GROWTH_DEFAULT, ...options.growth },
  };
  check(settings.mibPerSecond > 0, "the quota must be more than 0 MiB/s");
  checkBetween("SizeInMBs", settings.bufferMib, 1, BUFFER_MIB_MAX);
  checkBetween("IntervalInSeconds", settings.bufferSeconds, 0, BUFFER_SECONDS_MAX);
  check(EXTENSION_PATTERN.test(settings.fileExtension), `FileExtension ${settings.fileExtension} is not valid`);
  check(
    /^[\w.-]{1,255}$/.test(settings.bucket) && !/^\.+/.test(settings.bucket),
    `bucket ${settings.bucket} is not valid`,
  );
  checkPrefix(settings.prefix, settings.timeZone);
  const growth = settings.growth;
  if (growth !== undefined) {
    check(growth.factor > 1 && growth.periods >= 1 && growth.periodMs > 0, "growth needs a factor over 1 and periods");
  }
  return settings;
}

/** What an object's name ends with. */
export function extensionOf(settings: StreamSettings): string {
  if (settings.fileExtension !== "") return settings.fileExtension;
  return settings.compression === "GZIP" ? ".gz" : "";
}

function check(condition: boolean, message: string): void {
  if (!condition) throw invalidArgument(message);
}

function checkBetween(name: string, value: number, least: number, most: number): void {
  check(value >= least && value <= most, `BufferingHints.${name} must be between ${least} and ${most}, not ${value}`);
}

type Fields = Record<string, unknown>;

/** The settings that an S3 destination of the API gives; those it doesn't name are left out. */
export function fromDestination(destination: Fields): Partial<StreamSettings> {
  const hints = object(destination.BufferingHints);
  const compression = text(destination.CompressionFormat);
  if (compression !== undefined && compression !== "UNCOMPRESSED" && compression !== "GZIP") {
    throw invalidArgument(`CompressionFormat ${compression} is not supported here; UNCOMPRESSED and GZIP are`);
  }
  const bucketArn = text(destination.BucketARN);
  if (bucketArn !== undefined && !/^arn:[^:]+:s3:::[\w.-]{1,255}$/.test(bucketArn)) {
    throw validationError([
      `Value '${bucketArn}' at 'bucketARN' failed to satisfy constraint: Member must be an ARN of S3`,
    ]);
  }
  const given = {
    roleArn: text(destination.RoleARN),
    bucket: bucketArn?.split(":::")[1],
    prefix: text(destination.Prefix),
    errorPrefix: text(destination.ErrorOutputPrefix),
    timeZone: text(destination.CustomTimeZone),
    fileExtension: text(destination.FileExtension),
    compression,
    bufferMib: number(hints?.SizeInMBs),
    bufferSeconds: number(hints?.IntervalInSeconds),
    delimiter: delimiterOf(destination.ProcessingConfiguration),
  };
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
}

/** AppendDelimiterToRecord's delimiter; the API takes the two characters `\n` for a line feed. */
function delimiterOf(processing: unknown): string | undefined {
  const fields = object(processing);
  if (fields === undefined) return undefined;
  const processors = fields.Enabled === true && Array.isArray(fields.Processors) ? fields.Processors : [];
  let delimiter = "";
  for (const processor of processors.map(object)) {
    if (processor?.Type !== "AppendDelimiterToRecord") {
      throw invalidArgument(
        `The processor ${String(processor?.Type)} is not supported here; AppendDelimiterToRecord is`,
      );
    }
    const parameters = Array.isArray(processor.Parameters) ? processor.Parameters.map(object) : [];
    const given = text(parameters.find((parameter) => parameter?.ParameterName === "Delimiter")?.ParameterValue);
    delimiter = given?.replaceAll("\\n", "\n") ?? "\n";
  }
  return delimiter;
}

/** An S3 destination as DescribeDeliveryStream shows it. */
export function toDestination(settings: StreamSettings): Fields {
  const processors =
    settings.delimiter === ""
      ? []
      : [
          {
            Type: "AppendDelimiterToRecord",
            Parameters: [{ ParameterName: "Delimiter", ParameterValue: settings.delimiter.replaceAll("\n", "\\n") }],
          },
        ];
  return {
    RoleARN: settings.roleArn,
    BucketARN: `arn:aws:s3:::${settings.bucket}`,
    Prefix: settings.prefix,
    ...(settings.errorPrefix === "" ? {} : { ErrorOutputPrefix: settings.errorPrefix }),
    BufferingHints: { SizeInMBs: settings.bufferMib, IntervalInSeconds: settings.bufferSeconds },
    CompressionFormat: settings.compression,
    EncryptionConfiguration: { NoEncryptionConfig: "NoEncryption" },
    CloudWatchLoggingOptions: { Enabled: false },
    ProcessingConfiguration: { Enabled: processors.length > 0, Processors: processors },
    S3BackupMode: "Disabled",
    ...(settings.fileExtension === "" ? {} : { FileExtension: settings.fileExtension }),
    CustomTimeZone: settings.timeZone,
  };
}

function object(value: unknown): Fields | undefined {
  if (value === undefined || value === null) return undefined;
  if (typeof value !== "object" || Array.isArray(value)) throw wrongType();
  return value as Fields;
}

function text(value: unknown): string | undefined {
  if (value === undefined || value === null) return undefined;
  if (typeof value !== "string") throw wrongType();
  return value;
}

function number(value: unknown): number | undefined {
  if (value === undefined || value === null) return undefined;
  if (typeof value !== "number") throw wrongType();
  return value;
}

const wrongType = (): FirehoseError => new FirehoseError("SerializationException", "A member has the wrong type");
