// Original file: proto/standpipe/admin/v1/admin.proto

import type { Long } from '@grpc/proto-loader';

export interface ListQuarantineRequest {
  'route'?: (string);
  'limit'?: (number);
  'after'?: (number | string | Long);
  '_after'?: "after";
}

export interface ListQuarantineRequest__Output {
  'route'?: (string);
  'limit'?: (number);
  'after'?: (string);
  '_after'?: "after";
}
