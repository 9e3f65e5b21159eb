// Original file: proto/standpipe/admin/v1/admin.proto

import type { Long } from '@grpc/proto-loader';

export interface ReadQuarantineRequest {
  'route'?: (string);
  'ordinal'?: (number | string | Long);
}

export interface ReadQuarantineRequest__Output {
  'route'?: (string);
  'ordinal'?: (string);
}
