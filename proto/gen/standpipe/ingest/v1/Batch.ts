// Original file: proto/standpipe/ingest/v1/ingest.proto

import type { Compression as _standpipe_ingest_v1_Compression, Compression__Output as _standpipe_ingest_v1_Compression__Output } from '../../../standpipe/ingest/v1/Compression.ts';
import type { Long } from '@grpc/proto-loader';

export interface Batch {
  'number'?: (number | string | Long);
  'request'?: (Buffer | Uint8Array | string);
  'compression'?: (_standpipe_ingest_v1_Compression);
}

export interface Batch__Output {
  'number'?: (string);
  'request'?: (Buffer);
  'compression'?: (_standpipe_ingest_v1_Compression__Output);
}
