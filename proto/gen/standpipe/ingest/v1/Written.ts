// Original file: proto/standpipe/ingest/v1/ingest.proto

import type { Long } from '@grpc/proto-loader';

export interface Written {
  'number'?: (number | string | Long);
  'firstOrdinal'?: (number | string | Long);
  'records'?: (number);
}

export interface Written__Output {
  'number'?: (string);
  'firstOrdinal'?: (string);
  'records'?: (number);
}
