// Original file: proto/standpipe/admin/v1/admin.proto

import type { Long } from '@grpc/proto-loader';

export interface QuarantinedRecord {
  'ordinal'?: (number | string | Long);
  'reason'?: (string);
  'message'?: (string);
  'atMs'?: (number | string);
  'requestBytes'?: (number | string | Long);
  'request'?: (Buffer | Uint8Array | string);
}

export interface QuarantinedRecord__Output {
  'ordinal'?: (string);
  'reason'?: (string);
  'message'?: (string);
  'atMs'?: (number);
  'requestBytes'?: (string);
  'request'?: (Buffer);
}
