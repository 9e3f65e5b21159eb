// Original file: proto/standpipe/admin/v1/admin.proto

import type { Long } from '@grpc/proto-loader';

export interface ReadEntryRequest {
  'ordinal'?: (number | string | Long);
}

export interface ReadEntryRequest__Output {
  'ordinal'?: (string);
}
