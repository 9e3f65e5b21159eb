// Original file: proto/standpipe/ingest/v1/ingest.proto

import type * as grpc from '@grpc/grpc-js'
import type { MethodDefinition } from '@grpc/proto-loader'
import type { StreamRequest as _standpipe_ingest_v1_StreamRequest, StreamRequest__Output as _standpipe_ingest_v1_StreamRequest__Output } from '../../../standpipe/ingest/v1/StreamRequest.ts';
import type { StreamResponse as _standpipe_ingest_v1_StreamResponse, StreamResponse__Output as _standpipe_ingest_v1_StreamResponse__Output } from '../../../standpipe/ingest/v1/StreamResponse.ts';

export interface IngestClient extends grpc.Client {
  Stream(metadata: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientDuplexStream<_standpipe_ingest_v1_StreamRequest, _standpipe_ingest_v1_StreamResponse__Output>;
  Stream(options?: grpc.CallOptions): grpc.ClientDuplexStream<_standpipe_ingest_v1_StreamRequest, _standpipe_ingest_v1_StreamResponse__Output>;
  stream(metadata: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientDuplexStream<_standpipe_ingest_v1_StreamRequest, _standpipe_ingest_v1_StreamResponse__Output>;
  stream(options?: grpc.CallOptions): grpc.ClientDuplexStream<_standpipe_ingest_v1_StreamRequest, _standpipe_ingest_v1_StreamResponse__Output>;
  
}

export interface IngestHandlers extends grpc.UntypedServiceImplementation {
  Stream: grpc.handleBidiStreamingCall<_standpipe_ingest_v1_StreamRequest__Output, _standpipe_ingest_v1_StreamResponse>;
  
}

export interface IngestDefinition extends grpc.ServiceDefinition {
  Stream: MethodDefinition<_standpipe_ingest_v1_StreamRequest, _standpipe_ingest_v1_StreamResponse, _standpipe_ingest_v1_StreamRequest__Output, _standpipe_ingest_v1_StreamResponse__Output>
}
