// Original file: proto/standpipe/admin/v1/admin.proto

import type { Long } from '@grpc/proto-loader';

export interface ExportedRecord {
  'ordinal'?: (number | string | Long);
  'line'?: (string);
}

export interface ExportedRecord__Output {
  'ordinal'?: (string);
  'line'?: (string);
}
