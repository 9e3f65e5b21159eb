// Original file: proto/standpipe/admin/v1/admin.proto

import type { Requeued as _standpipe_admin_v1_Requeued, Requeued__Output as _standpipe_admin_v1_Requeued__Output } from '../../../standpipe/admin/v1/Requeued.ts';

export interface RequeueQuarantineResponse {
  'requeued'?: (_standpipe_admin_v1_Requeued)[];
}

export interface RequeueQuarantineResponse__Output {
  'requeued'?: (_standpipe_admin_v1_Requeued__Output)[];
}
