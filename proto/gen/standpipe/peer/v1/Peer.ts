// Original file: proto/standpipe/peer/v1/peer.proto

import type * as grpc from '@grpc/grpc-js'
import type { MethodDefinition } from '@grpc/proto-loader'
import type { Figures as _standpipe_peer_v1_Figures, Figures__Output as _standpipe_peer_v1_Figures__Output } from '../../../standpipe/peer/v1/Figures.ts';
import type { Taken as _standpipe_peer_v1_Taken, Taken__Output as _standpipe_peer_v1_Taken__Output } from '../../../standpipe/peer/v1/Taken.ts';
import type { Waiting as _standpipe_peer_v1_Waiting, Waiting__Output as _standpipe_peer_v1_Waiting__Output } from '../../../standpipe/peer/v1/Waiting.ts';

export interface PeerClient extends grpc.Client {
  Exchange(argument: _standpipe_peer_v1_Figures, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_standpipe_peer_v1_Figures__Output>): grpc.ClientUnaryCall;
  Exchange(argument: _standpipe_peer_v1_Figures, metadata: grpc.Metadata, callback: grpc.requestCallback<_standpipe_peer_v1_Figures__Output>): grpc.ClientUnaryCall;
  Exchange(argument: _standpipe_peer_v1_Figures, options: grpc.CallOptions, callback: grpc.requestCallback<_standpipe_peer_v1_Figures__Output>): grpc.ClientUnaryCall;
  Exchange(argument: _standpipe_peer_v1_Figures, callback: grpc.requestCallback<_standpipe_peer_v1_Figures__Output>): grpc.ClientUnaryCall;
  exchange(argument: _standpipe_peer_v1_Figures, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_standpipe_peer_v1_Figures__Output>): grpc.ClientUnaryCall;
  exchange(argument: _standpipe_peer_v1_Figures, metadata: grpc.Metadata, callback: grpc.requestCallback<_standpipe_peer_v1_Figures__Output>): grpc.ClientUnaryCall;
  exchange(argument: _standpipe_peer_v1_Figures, options: grpc.CallOptions, callback: grpc.requestCallback<_standpipe_peer_v1_Figures__Output>): grpc.ClientUnaryCall;
  exchange(argument: _standpipe_peer_v1_Figures, callback: grpc.requestCallback<_standpipe_peer_v1_Figures__Output>): grpc.ClientUnaryCall;
  
  HandOver(argument: _standpipe_peer_v1_Waiting, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_standpipe_peer_v1_Taken__Output>): grpc.ClientUnaryCall;
  HandOver(argument: _standpipe_peer_v1_Waiting, metadata: grpc.Metadata, callback: grpc.requestCallback<_standpipe_peer_v1_Taken__Output>): grpc.ClientUnaryCall;
  HandOver(argument: _standpipe_peer_v1_Waiting, options: grpc.CallOptions, callback: grpc.requestCallback<_standpipe_peer_v1_Taken__Output>): grpc.ClientUnaryCall;
  HandOver(argument: _standpipe_peer_v1_Waiting, callback: grpc.requestCallback<_standpipe_peer_v1_Taken__Output>): grpc.ClientUnaryCall;
  handOver(argument: _standpipe_peer_v1_Waiting, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_standpipe_peer_v1_Taken__Output>): grpc.ClientUnaryCall;
  handOver(argument: _standpipe_peer_v1_Waiting, metadata: grpc.Metadata, callback: grpc.requestCallback<_standpipe_peer_v1_Taken__Output>): grpc.ClientUnaryCall;
  handOver(argument: _standpipe_peer_v1_Waiting, options: grpc.CallOptions, callback: grpc.requestCallback<_standpipe_peer_v1_Taken__Output>): grpc.ClientUnaryCall;
  handOver(argument: _standpipe_peer_v1_Waiting, callback: grpc.requestCallback<_standpipe_peer_v1_Taken__Output>): grpc.ClientUnaryCall;
  
}

export interface PeerHandlers extends grpc.UntypedServiceImplementation {
  Exchange: grpc.handleUnaryCall<_standpipe_peer_v1_Figures__Output, _standpipe_peer_v1_Figures>;
  
  HandOver: grpc.handleUnaryCall<_standpipe_peer_v1_Waiting__Output, _standpipe_peer_v1_Taken>;
  
}

export interface PeerDefinition extends grpc.ServiceDefinition {
  Exchange: MethodDefinition<_standpipe_peer_v1_Figures, _standpipe_peer_v1_Figures, _standpipe_peer_v1_Figures__Output, _standpipe_peer_v1_Figures__Output>
  HandOver: MethodDefinition<_standpipe_peer_v1_Waiting, _standpipe_peer_v1_Taken, _standpipe_peer_v1_Waiting__Output, _standpipe_peer_v1_Taken__Output>
}
