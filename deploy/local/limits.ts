/**
 * Facts of Amazon Data Firehose that the local one keeps. Sources: the API reference of PutRecordBatch, Record and
 * BufferingHints, and the quota page of the developer guide. What nobody has confirmed is in guesses.ts instead.
 */

const MIB = 1024 * 1024;

/** Records of one PutRecordBatch call. */
export const CALL_RECORDS_MAX = 500;

/** Raw bytes of one record, before base64. */
export const RECORD_BYTES_MAX = 1_024_000;

/** Direct PUT's three limits move together. Per MiB/s: in us-east-1, us-west-2, eu-west-1 ("big"), and elsewhere. */
export const QUOTA_PER_MIB = {
  standard: { bytesPerSecond: MIB, recordsPerSecond: 100_000, requestsPerSecond: 1_000 },
  big: { bytesPerSecond: MIB, recordsPerSecond: 100_000, requestsPerSecond: 400 },
} as const;

/** Every record is billed as a multiple of this many bytes. */
export const BILLING_UNIT_BYTES = 5_120;

/** Calls per second of each control-plane operation. */
export const CONTROL_CALLS_PER_SECOND = 5;

/** How long Firehose keeps what it can't write to S3; after that it is lost. */
export const RETENTION_MS = 24 * 60 * 60 * 1000;

/** How far a request's date may lie from the server's. */
export const CLOCK_SKEW_MS_MAX = 5 * 60 * 1000;

/** RecordId is that many characters of base64 in every answer seen. */
export const RECORD_ID_LENGTH = 224;

export const STREAM_NAME_LENGTH_MAX = 64;
export const STREAM_NAME_PATTERN = "[a-zA-Z0-9_.-]+";

/** Evaluated prefix of an object's key, in characters. */
export const PREFIX_LENGTH_MAX = 512;

export const BUFFER_MIB_MAX = 128;
export const BUFFER_SECONDS_MAX = 900;
