// Original file: proto/standpipe/admin/v1/admin.proto

import type { Entry as _standpipe_admin_v1_Entry, Entry__Output as _standpipe_admin_v1_Entry__Output } from '../../../standpipe/admin/v1/Entry.ts';
import type { Long } from '@grpc/proto-loader';

export interface FollowedEntry {
  'entry'?: (_standpipe_admin_v1_Entry | null);
  'skipped'?: (number | string | Long);
  'what'?: "entry"|"skipped";
}

export interface FollowedEntry__Output {
  'entry'?: (_standpipe_admin_v1_Entry__Output);
  'skipped'?: (string);
  'what'?: "entry"|"skipped";
}
