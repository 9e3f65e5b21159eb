// Original file: proto/standpipe/ingest/v1/ingest.proto

import type { Long } from '@grpc/proto-loader';

export interface Welcome {
  'collectorId'?: (string);
  'windowBytes'?: (number | string | Long);
  'batchBytesMax'?: (number | string | Long);
}

export interface Welcome__Output {
  'collectorId'?: (string);
  'windowBytes'?: (string);
  'batchBytesMax'?: (string);
}
