// Original file: proto/standpipe/admin/v1/admin.proto

import type { Long } from '@grpc/proto-loader';

export interface RouteState {
  'route'?: (string);
  'isPaused'?: (boolean);
  'waiting'?: (number | string | Long);
}

export interface RouteState__Output {
  'route'?: (string);
  'isPaused'?: (boolean);
  'waiting'?: (string);
}
