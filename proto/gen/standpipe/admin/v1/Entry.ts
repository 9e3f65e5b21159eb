// Original file: proto/standpipe/admin/v1/admin.proto

import type { Long } from '@grpc/proto-loader';

export interface Entry {
  'first'?: (number | string | Long);
  'end'?: (number | string | Long);
  'committedAtMs'?: (number | string);
  'request'?: (Buffer | Uint8Array | string);
  'requestBytes'?: (number | string | Long);
  'missing'?: (string);
  'routes'?: (string)[];
}

export interface Entry__Output {
  'first'?: (string);
  'end'?: (string);
  'committedAtMs'?: (number);
  'request'?: (Buffer);
  'requestBytes'?: (string);
  'missing'?: (string);
  'routes'?: (string)[];
}
