import type * as grpc from '@grpc/grpc-js';
import type { EnumTypeDefinition, MessageTypeDefinition } from '@grpc/proto-loader';

import type { Batch as _standpipe_ingest_v1_Batch, Batch__Output as _standpipe_ingest_v1_Batch__Output } from './standpipe/ingest/v1/Batch.ts';
import type { IngestClient as _standpipe_ingest_v1_IngestClient, IngestDefinition as _standpipe_ingest_v1_IngestDefinition } from './standpipe/ingest/v1/Ingest.ts';
import type { Open as _standpipe_ingest_v1_Open, Open__Output as _standpipe_ingest_v1_Open__Output } from './standpipe/ingest/v1/Open.ts';
import type { Progress as _standpipe_ingest_v1_Progress, Progress__Output as _standpipe_ingest_v1_Progress__Output } from './standpipe/ingest/v1/Progress.ts';
import type { Refused as _standpipe_ingest_v1_Refused, Refused__Output as _standpipe_ingest_v1_Refused__Output } from './standpipe/ingest/v1/Refused.ts';
import type { StreamRequest as _standpipe_ingest_v1_StreamRequest, StreamRequest__Output as _standpipe_ingest_v1_StreamRequest__Output } from './standpipe/ingest/v1/StreamRequest.ts';
import type { StreamResponse as _standpipe_ingest_v1_StreamResponse, StreamResponse__Output as _standpipe_ingest_v1_StreamResponse__Output } from './standpipe/ingest/v1/StreamResponse.ts';
import type { Welcome as _standpipe_ingest_v1_Welcome, Welcome__Output as _standpipe_ingest_v1_Welcome__Output } from './standpipe/ingest/v1/Welcome.ts';
import type { Written as _standpipe_ingest_v1_Written, Written__Output as _standpipe_ingest_v1_Written__Output } from './standpipe/ingest/v1/Written.ts';

type SubtypeConstructor<Constructor extends new (...args: any) => any, Subtype> = {
  new(...args: ConstructorParameters<Constructor>): Subtype;
};

export interface ProtoGrpcType {
  standpipe: {
    ingest: {
      v1: {
        Batch: MessageTypeDefinition<_standpipe_ingest_v1_Batch, _standpipe_ingest_v1_Batch__Output>
        Compression: EnumTypeDefinition
        Ingest: SubtypeConstructor<typeof grpc.Client, _standpipe_ingest_v1_IngestClient> & { service: _standpipe_ingest_v1_IngestDefinition }
        Open: MessageTypeDefinition<_standpipe_ingest_v1_Open, _standpipe_ingest_v1_Open__Output>
        Progress: MessageTypeDefinition<_standpipe_ingest_v1_Progress, _standpipe_ingest_v1_Progress__Output>
        Refused: MessageTypeDefinition<_standpipe_ingest_v1_Refused, _standpipe_ingest_v1_Refused__Output>
        StreamRequest: MessageTypeDefinition<_standpipe_ingest_v1_StreamRequest, _standpipe_ingest_v1_StreamRequest__Output>
        StreamResponse: MessageTypeDefinition<_standpipe_ingest_v1_StreamResponse, _standpipe_ingest_v1_StreamResponse__Output>
        Welcome: MessageTypeDefinition<_standpipe_ingest_v1_Welcome, _standpipe_ingest_v1_Welcome__Output>
        Written: MessageTypeDefinition<_standpipe_ingest_v1_Written, _standpipe_ingest_v1_Written__Output>
      }
    }
  }
}

