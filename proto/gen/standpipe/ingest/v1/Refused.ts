// Original file: proto/standpipe/ingest/v1/ingest.proto

import type { Long } from '@grpc/proto-loader';

export interface Refused {
  'number'?: (number | string | Long);
  'code'?: (number);
  'reason'?: (string);
  'records'?: (number);
}

export interface Refused__Output {
  'number'?: (string);
  'code'?: (number);
  'reason'?: (string);
  'records'?: (number);
}
