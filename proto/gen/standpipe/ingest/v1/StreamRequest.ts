// Original file: proto/standpipe/ingest/v1/ingest.proto

import type { Open as _standpipe_ingest_v1_Open, Open__Output as _standpipe_ingest_v1_Open__Output } from '../../../standpipe/ingest/v1/Open.ts';
import type { Batch as _standpipe_ingest_v1_Batch, Batch__Output as _standpipe_ingest_v1_Batch__Output } from '../../../standpipe/ingest/v1/Batch.ts';

export interface StreamRequest {
  'open'?: (_standpipe_ingest_v1_Open | null);
  'batch'?: (_standpipe_ingest_v1_Batch | null);
  'message'?: "open"|"batch";
}

export interface StreamRequest__Output {
  'open'?: (_standpipe_ingest_v1_Open__Output);
  'batch'?: (_standpipe_ingest_v1_Batch__Output);
  'message'?: "open"|"batch";
}
