import type * as grpc from '@grpc/grpc-js';
import type { MessageTypeDefinition } from '@grpc/proto-loader';

import type { Figures as _standpipe_peer_v1_Figures, Figures__Output as _standpipe_peer_v1_Figures__Output } from './standpipe/peer/v1/Figures.ts';
import type { PeerClient as _standpipe_peer_v1_PeerClient, PeerDefinition as _standpipe_peer_v1_PeerDefinition } from './standpipe/peer/v1/Peer.ts';
import type { RouteFigures as _standpipe_peer_v1_RouteFigures, RouteFigures__Output as _standpipe_peer_v1_RouteFigures__Output } from './standpipe/peer/v1/RouteFigures.ts';
import type { Taken as _standpipe_peer_v1_Taken, Taken__Output as _standpipe_peer_v1_Taken__Output } from './standpipe/peer/v1/Taken.ts';
import type { Waiting as _standpipe_peer_v1_Waiting, Waiting__Output as _standpipe_peer_v1_Waiting__Output } from './standpipe/peer/v1/Waiting.ts';

type SubtypeConstructor<Constructor extends new (...args: any) => any, Subtype> = {
  new(...args: ConstructorParameters<Constructor>): Subtype;
};

export interface ProtoGrpcType {
  standpipe: {
    peer: {
      v1: {
        Figures: MessageTypeDefinition<_standpipe_peer_v1_Figures, _standpipe_peer_v1_Figures__Output>
        Peer: SubtypeConstructor<typeof grpc.Client, _standpipe_peer_v1_PeerClient> & { service: _standpipe_peer_v1_PeerDefinition }
        RouteFigures: MessageTypeDefinition<_standpipe_peer_v1_RouteFigures, _standpipe_peer_v1_RouteFigures__Output>
        Taken: MessageTypeDefinition<_standpipe_peer_v1_Taken, _standpipe_peer_v1_Taken__Output>
        Waiting: MessageTypeDefinition<_standpipe_peer_v1_Waiting, _standpipe_peer_v1_Waiting__Output>
      }
    }
  }
}

