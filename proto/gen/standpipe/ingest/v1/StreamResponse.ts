// Original file: proto/standpipe/ingest/v1/ingest.proto

import type { Welcome as _standpipe_ingest_v1_Welcome, Welcome__Output as _standpipe_ingest_v1_Welcome__Output } from '../../../standpipe/ingest/v1/Welcome.ts';
import type { Progress as _standpipe_ingest_v1_Progress, Progress__Output as _standpipe_ingest_v1_Progress__Output } from '../../../standpipe/ingest/v1/Progress.ts';

export interface StreamResponse {
  'welcome'?: (_standpipe_ingest_v1_Welcome | null);
  'progress'?: (_standpipe_ingest_v1_Progress | null);
  'message'?: "welcome"|"progress";
}

export interface StreamResponse__Output {
  'welcome'?: (_standpipe_ingest_v1_Welcome__Output);
  'progress'?: (_standpipe_ingest_v1_Progress__Output);
  'message'?: "welcome"|"progress";
}
