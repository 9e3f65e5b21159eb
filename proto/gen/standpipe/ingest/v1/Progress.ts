// Original file: proto/standpipe/ingest/v1/ingest.proto

import type { Written as _standpipe_ingest_v1_Written, Written__Output as _standpipe_ingest_v1_Written__Output } from '../../../standpipe/ingest/v1/Written.ts';
import type { Refused as _standpipe_ingest_v1_Refused, Refused__Output as _standpipe_ingest_v1_Refused__Output } from '../../../standpipe/ingest/v1/Refused.ts';
import type { Long } from '@grpc/proto-loader';

export interface Progress {
  'through'?: (number | string | Long);
  'written'?: (_standpipe_ingest_v1_Written)[];
  'refused'?: (_standpipe_ingest_v1_Refused)[];
  'windowBytes'?: (number | string | Long);
}

export interface Progress__Output {
  'through'?: (string);
  'written'?: (_standpipe_ingest_v1_Written__Output)[];
  'refused'?: (_standpipe_ingest_v1_Refused__Output)[];
  'windowBytes'?: (string);
}
