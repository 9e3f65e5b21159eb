// Original file: proto/standpipe/peer/v1/peer.proto

import type { Long } from '@grpc/proto-loader';

export interface Waiting {
  'collectorId'?: (string);
  'first'?: (number | string | Long);
  'records'?: (number);
  'route'?: (string);
  'stream'?: (string);
  'request'?: (Buffer | Uint8Array | string);
}

export interface Waiting__Output {
  'collectorId'?: (string);
  'first'?: (string);
  'records'?: (number);
  'route'?: (string);
  'stream'?: (string);
  'request'?: (Buffer);
}
