// Original file: proto/standpipe/admin/v1/admin.proto

import type { Long } from '@grpc/proto-loader';

export interface DiscardQuarantineResponse {
  'discarded'?: (number | string | Long);
}

export interface DiscardQuarantineResponse__Output {
  'discarded'?: (string);
}
