// Original file: proto/standpipe/admin/v1/admin.proto

import type { Long } from '@grpc/proto-loader';

export interface ListEntriesRequest {
  'first'?: (number | string | Long);
  'end'?: (number | string | Long);
  'sinceMs'?: (number | string);
  'untilMs'?: (number | string);
  'withoutRequest'?: (boolean);
  '_first'?: "first";
  '_end'?: "end";
  '_sinceMs'?: "sinceMs";
  '_untilMs'?: "untilMs";
}

export interface ListEntriesRequest__Output {
  'first'?: (string);
  'end'?: (string);
  'sinceMs'?: (number);
  'untilMs'?: (number);
  'withoutRequest'?: (boolean);
  '_first'?: "first";
  '_end'?: "end";
  '_sinceMs'?: "sinceMs";
  '_untilMs'?: "untilMs";
}
