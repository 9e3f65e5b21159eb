// Original file: proto/standpipe/peer/v1/peer.proto

import type { Long } from '@grpc/proto-loader';

export interface RouteFigures {
  'route'?: (string);
  'stream'?: (string);
  'wantsBytesPerSecond'?: (number | string);
  'hasBytesPerSecond'?: (number | string);
  'backlogBytes'?: (number | string | Long);
  'streamBytesPerSecond'?: (number | string);
  '_streamBytesPerSecond'?: "streamBytesPerSecond";
}

export interface RouteFigures__Output {
  'route'?: (string);
  'stream'?: (string);
  'wantsBytesPerSecond'?: (number);
  'hasBytesPerSecond'?: (number);
  'backlogBytes'?: (string);
  'streamBytesPerSecond'?: (number);
  '_streamBytesPerSecond'?: "streamBytesPerSecond";
}
