// Original file: proto/standpipe/admin/v1/admin.proto

import type { Long } from '@grpc/proto-loader';

export interface Requeued {
  'ordinal'?: (number | string | Long);
  'newOrdinal'?: (number | string | Long);
}

export interface Requeued__Output {
  'ordinal'?: (string);
  'newOrdinal'?: (string);
}
