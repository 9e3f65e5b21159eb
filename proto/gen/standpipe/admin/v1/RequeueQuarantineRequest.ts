// Original file: proto/standpipe/admin/v1/admin.proto

import type { Long } from '@grpc/proto-loader';

export interface RequeueQuarantineRequest {
  'route'?: (string);
  'ordinals'?: (number | string | Long)[];
  'mended'?: (Buffer | Uint8Array | string);
}

export interface RequeueQuarantineRequest__Output {
  'route'?: (string);
  'ordinals'?: (string)[];
  'mended'?: (Buffer);
}
