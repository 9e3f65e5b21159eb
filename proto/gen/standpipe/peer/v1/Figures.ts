// Original file: proto/standpipe/peer/v1/peer.proto

import type { RouteFigures as _standpipe_peer_v1_RouteFigures, RouteFigures__Output as _standpipe_peer_v1_RouteFigures__Output } from '../../../standpipe/peer/v1/RouteFigures.ts';
import type { Long } from '@grpc/proto-loader';

export interface Figures {
  'collectorId'?: (string);
  'sequence'?: (number | string | Long);
  'leaseMs'?: (number);
  'routes'?: (_standpipe_peer_v1_RouteFigures)[];
}

export interface Figures__Output {
  'collectorId'?: (string);
  'sequence'?: (string);
  'leaseMs'?: (number);
  'routes'?: (_standpipe_peer_v1_RouteFigures__Output)[];
}
