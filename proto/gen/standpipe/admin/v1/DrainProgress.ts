// Original file: proto/standpipe/admin/v1/admin.proto

import type { Long } from '@grpc/proto-loader';

export interface DrainProgress {
  'waiting'?: (number | string | Long);
  'stuck'?: (number | string | Long);
}

export interface DrainProgress__Output {
  'waiting'?: (string);
  'stuck'?: (string);
}
