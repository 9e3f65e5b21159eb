// Original file: proto/standpipe/admin/v1/admin.proto

import type { Segment as _standpipe_admin_v1_Segment, Segment__Output as _standpipe_admin_v1_Segment__Output } from '../../../standpipe/admin/v1/Segment.ts';

export interface ListSegmentsResponse {
  'segments'?: (_standpipe_admin_v1_Segment)[];
}

export interface ListSegmentsResponse__Output {
  'segments'?: (_standpipe_admin_v1_Segment__Output)[];
}
