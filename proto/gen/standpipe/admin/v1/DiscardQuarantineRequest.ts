// Original file: proto/standpipe/admin/v1/admin.proto

import type { Long } from '@grpc/proto-loader';

export interface DiscardQuarantineRequest {
  'route'?: (string);
  'ordinals'?: (number | string | Long)[];
  'confirmed'?: (number | string | Long);
}

export interface DiscardQuarantineRequest__Output {
  'route'?: (string);
  'ordinals'?: (string)[];
  'confirmed'?: (string);
}
