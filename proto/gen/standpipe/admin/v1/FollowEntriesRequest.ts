// Original file: proto/standpipe/admin/v1/admin.proto

import type { Long } from '@grpc/proto-loader';

export interface FollowEntriesRequest {
  'back'?: (number | string | Long);
}

export interface FollowEntriesRequest__Output {
  'back'?: (string);
}
