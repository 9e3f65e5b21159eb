// Original file: proto/standpipe/admin/v1/admin.proto

import type { Long } from '@grpc/proto-loader';

export interface Segment {
  'first'?: (number | string | Long);
  'end'?: (number | string | Long);
  'bytes'?: (number | string | Long);
  'state'?: (string);
  'neededBy'?: (string)[];
}

export interface Segment__Output {
  'first'?: (string);
  'end'?: (string);
  'bytes'?: (string);
  'state'?: (string);
  'neededBy'?: (string)[];
}
