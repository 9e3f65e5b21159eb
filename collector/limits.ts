/**
 * Facts that others set: what Amazon Data Firehose and gRPC allow. What an operator may choose is in config/.
 * Sources: the Firehose quota page, and the API reference of PutRecordBatch and Record.
 */

/** Bytes of one record, raw, before base64. 1,000 KiB; also a multiple of the 5,120 bytes that are billed. */
export const FIREHOSE_RECORD_BYTES_MAX = 1_024_000;

/** Records of one PutRecordBatch call. */
export const FIREHOSE_CALL_RECORDS_MAX = 500;

/** Raw bytes of one call. The page says 4 MiB; a little less, since nobody documents what is counted at the edge. */
export const FIREHOSE_CALL_BYTES_MAX = 4_194_000;

/** Every record is billed as a multiple of this many bytes. */
export const FIREHOSE_BILLING_UNIT_BYTES = 5_120;

/** Lines that Firehose takes out of one record where it takes records apart; one with more it leaves as it is. */
export const FIREHOSE_DEAGGREGATED_LINES_MAX = 500;

/** What a Direct PUT stream takes in most regions, per second. */
export const FIREHOSE_QUOTA_DEFAULT = {
  bytesPerSecond: 1_048_576,
  recordsPerSecond: 100_000,
  requestsPerSecond: 1_000,
};

/** What it takes in the regions below. The three limits move together, so a raised stream keeps these proportions. */
export const FIREHOSE_QUOTA_LARGE = {
  bytesPerSecond: 5_242_880,
  recordsPerSecond: 500_000,
  requestsPerSecond: 2_000,
};

export const FIREHOSE_LARGE_REGIONS: readonly string[] = ["us-east-1", "us-west-2", "eu-west-1"];

/** What may name a tenant. */
export const TENANT_NAME = /^[A-Za-z0-9][A-Za-z0-9._:@/-]{0,252}$/;
