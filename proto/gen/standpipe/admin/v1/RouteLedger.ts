// Original file: proto/standpipe/admin/v1/admin.proto

import type { Long } from '@grpc/proto-loader';

export interface RouteLedger {
  'route'?: (string);
  'start'?: (number | string | Long);
  'cursor'?: (number | string | Long);
  'accepted'?: (number | string | Long);
  'delivered'?: (number | string | Long);
  'filtered'?: (number | string | Long);
  'quarantined'?: (number | string | Long);
  'waiting'?: (number | string | Long);
  'replayed'?: (number | string | Long);
  'quarantineEntries'?: (number | string | Long);
  'quarantineBytes'?: (number | string | Long);
  'handedOver'?: (number | string | Long);
}

export interface RouteLedger__Output {
  'route'?: (string);
  'start'?: (string);
  'cursor'?: (string);
  'accepted'?: (string);
  'delivered'?: (string);
  'filtered'?: (string);
  'quarantined'?: (string);
  'waiting'?: (string);
  'replayed'?: (string);
  'quarantineEntries'?: (string);
  'quarantineBytes'?: (string);
  'handedOver'?: (string);
}
