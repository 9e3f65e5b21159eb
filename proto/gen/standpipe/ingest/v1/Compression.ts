// Original file: proto/standpipe/ingest/v1/ingest.proto

export const Compression = {
  COMPRESSION_NONE: 0,
  COMPRESSION_GZIP: 1,
  COMPRESSION_ZSTD: 2,
} as const;

export type Compression =
  | 'COMPRESSION_NONE'
  | 0
  | 'COMPRESSION_GZIP'
  | 1
  | 'COMPRESSION_ZSTD'
  | 2

export type Compression__Output = typeof Compression[keyof typeof Compression]
