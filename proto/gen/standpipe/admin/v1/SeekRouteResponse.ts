// Original file: proto/standpipe/admin/v1/admin.proto

import type { Long } from '@grpc/proto-loader';

export interface SeekRouteResponse {
  'cursor'?: (number | string | Long);
  'replayed'?: (number | string | Long);
}

export interface SeekRouteResponse__Output {
  'cursor'?: (string);
  'replayed'?: (string);
}
