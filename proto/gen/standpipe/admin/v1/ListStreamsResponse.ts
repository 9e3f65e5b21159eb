// Original file: proto/standpipe/admin/v1/admin.proto

import type { Stream as _standpipe_admin_v1_Stream, Stream__Output as _standpipe_admin_v1_Stream__Output } from '../../../standpipe/admin/v1/Stream.ts';

export interface ListStreamsResponse {
  'streams'?: (_standpipe_admin_v1_Stream)[];
}

export interface ListStreamsResponse__Output {
  'streams'?: (_standpipe_admin_v1_Stream__Output)[];
}
