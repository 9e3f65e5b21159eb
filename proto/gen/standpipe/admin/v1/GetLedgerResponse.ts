// Original file: proto/standpipe/admin/v1/admin.proto

import type { RouteLedger as _standpipe_admin_v1_RouteLedger, RouteLedger__Output as _standpipe_admin_v1_RouteLedger__Output } from '../../../standpipe/admin/v1/RouteLedger.ts';
import type { Long } from '@grpc/proto-loader';

export interface GetLedgerResponse {
  'collectorId'?: (string);
  'head'?: (number | string | Long);
  'tail'?: (number | string | Long);
  'routes'?: (_standpipe_admin_v1_RouteLedger)[];
}

export interface GetLedgerResponse__Output {
  'collectorId'?: (string);
  'head'?: (string);
  'tail'?: (string);
  'routes'?: (_standpipe_admin_v1_RouteLedger__Output)[];
}
