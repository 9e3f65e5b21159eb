// Original file: proto/standpipe/admin/v1/admin.proto

import type { QuarantinedRecord as _standpipe_admin_v1_QuarantinedRecord, QuarantinedRecord__Output as _standpipe_admin_v1_QuarantinedRecord__Output } from '../../../standpipe/admin/v1/QuarantinedRecord.ts';
import type { Long } from '@grpc/proto-loader';

export interface ListQuarantineResponse {
  'records'?: (_standpipe_admin_v1_QuarantinedRecord)[];
  'entries'?: (number | string | Long);
  'bytes'?: (number | string | Long);
}

export interface ListQuarantineResponse__Output {
  'records'?: (_standpipe_admin_v1_QuarantinedRecord__Output)[];
  'entries'?: (string);
  'bytes'?: (string);
}
