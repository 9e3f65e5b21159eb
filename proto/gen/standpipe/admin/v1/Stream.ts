// Original file: proto/standpipe/admin/v1/admin.proto

import type { Long } from '@grpc/proto-loader';

export interface Stream {
  'route'?: (string);
  'stream'?: (string);
  'cursor'?: (number | string | Long);
  'state'?: (string);
  'bytesPerSecond'?: (number | string);
  'ceilingBytesPerSecond'?: (number | string);
  'ceilingRecordsPerSecond'?: (number | string);
  'ceilingRequestsPerSecond'?: (number | string);
  'ceilingSource'?: (string);
  'share'?: (number | string);
  'replicas'?: (number);
  'failedFraction'?: (number | string);
  'lastErrorCode'?: (string);
  'lastError'?: (string);
  'lastErrorAtMs'?: (number | string);
  'pausedBy'?: (string);
  'pausedAtMs'?: (number | string);
}

export interface Stream__Output {
  'route'?: (string);
  'stream'?: (string);
  'cursor'?: (string);
  'state'?: (string);
  'bytesPerSecond'?: (number);
  'ceilingBytesPerSecond'?: (number);
  'ceilingRecordsPerSecond'?: (number);
  'ceilingRequestsPerSecond'?: (number);
  'ceilingSource'?: (string);
  'share'?: (number);
  'replicas'?: (number);
  'failedFraction'?: (number);
  'lastErrorCode'?: (string);
  'lastError'?: (string);
  'lastErrorAtMs'?: (number);
  'pausedBy'?: (string);
  'pausedAtMs'?: (number);
}
