// Original file: proto/standpipe/admin/v1/admin.proto

import type { Long } from '@grpc/proto-loader';

export interface SeekRouteRequest {
  'route'?: (string);
  'to'?: (number | string | Long);
  'confirmed'?: (number | string | Long);
  'end'?: (number | string | Long);
}

export interface SeekRouteRequest__Output {
  'route'?: (string);
  'to'?: (string);
  'confirmed'?: (string);
  'end'?: (string);
}
