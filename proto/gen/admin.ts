import type * as grpc from '@grpc/grpc-js';
import type { MessageTypeDefinition } from '@grpc/proto-loader';

import type { AdminClient as _standpipe_admin_v1_AdminClient, AdminDefinition as _standpipe_admin_v1_AdminDefinition } from './standpipe/admin/v1/Admin.ts';
import type { DiscardQuarantineRequest as _standpipe_admin_v1_DiscardQuarantineRequest, DiscardQuarantineRequest__Output as _standpipe_admin_v1_DiscardQuarantineRequest__Output } from './standpipe/admin/v1/DiscardQuarantineRequest.ts';
import type { DiscardQuarantineResponse as _standpipe_admin_v1_DiscardQuarantineResponse, DiscardQuarantineResponse__Output as _standpipe_admin_v1_DiscardQuarantineResponse__Output } from './standpipe/admin/v1/DiscardQuarantineResponse.ts';
import type { DrainProgress as _standpipe_admin_v1_DrainProgress, DrainProgress__Output as _standpipe_admin_v1_DrainProgress__Output } from './standpipe/admin/v1/DrainProgress.ts';
import type { DrainRequest as _standpipe_admin_v1_DrainRequest, DrainRequest__Output as _standpipe_admin_v1_DrainRequest__Output } from './standpipe/admin/v1/DrainRequest.ts';
import type { Entry as _standpipe_admin_v1_Entry, Entry__Output as _standpipe_admin_v1_Entry__Output } from './standpipe/admin/v1/Entry.ts';
import type { ExportQuarantineRequest as _standpipe_admin_v1_ExportQuarantineRequest, ExportQuarantineRequest__Output as _standpipe_admin_v1_ExportQuarantineRequest__Output } from './standpipe/admin/v1/ExportQuarantineRequest.ts';
import type { ExportedRecord as _standpipe_admin_v1_ExportedRecord, ExportedRecord__Output as _standpipe_admin_v1_ExportedRecord__Output } from './standpipe/admin/v1/ExportedRecord.ts';
import type { FollowEntriesRequest as _standpipe_admin_v1_FollowEntriesRequest, FollowEntriesRequest__Output as _standpipe_admin_v1_FollowEntriesRequest__Output } from './standpipe/admin/v1/FollowEntriesRequest.ts';
import type { FollowedEntry as _standpipe_admin_v1_FollowedEntry, FollowedEntry__Output as _standpipe_admin_v1_FollowedEntry__Output } from './standpipe/admin/v1/FollowedEntry.ts';
import type { GetConfigRequest as _standpipe_admin_v1_GetConfigRequest, GetConfigRequest__Output as _standpipe_admin_v1_GetConfigRequest__Output } from './standpipe/admin/v1/GetConfigRequest.ts';
import type { GetConfigResponse as _standpipe_admin_v1_GetConfigResponse, GetConfigResponse__Output as _standpipe_admin_v1_GetConfigResponse__Output } from './standpipe/admin/v1/GetConfigResponse.ts';
import type { GetLedgerRequest as _standpipe_admin_v1_GetLedgerRequest, GetLedgerRequest__Output as _standpipe_admin_v1_GetLedgerRequest__Output } from './standpipe/admin/v1/GetLedgerRequest.ts';
import type { GetLedgerResponse as _standpipe_admin_v1_GetLedgerResponse, GetLedgerResponse__Output as _standpipe_admin_v1_GetLedgerResponse__Output } from './standpipe/admin/v1/GetLedgerResponse.ts';
import type { GetStatusRequest as _standpipe_admin_v1_GetStatusRequest, GetStatusRequest__Output as _standpipe_admin_v1_GetStatusRequest__Output } from './standpipe/admin/v1/GetStatusRequest.ts';
import type { GetStatusResponse as _standpipe_admin_v1_GetStatusResponse, GetStatusResponse__Output as _standpipe_admin_v1_GetStatusResponse__Output } from './standpipe/admin/v1/GetStatusResponse.ts';
import type { ListEntriesRequest as _standpipe_admin_v1_ListEntriesRequest, ListEntriesRequest__Output as _standpipe_admin_v1_ListEntriesRequest__Output } from './standpipe/admin/v1/ListEntriesRequest.ts';
import type { ListQuarantineRequest as _standpipe_admin_v1_ListQuarantineRequest, ListQuarantineRequest__Output as _standpipe_admin_v1_ListQuarantineRequest__Output } from './standpipe/admin/v1/ListQuarantineRequest.ts';
import type { ListQuarantineResponse as _standpipe_admin_v1_ListQuarantineResponse, ListQuarantineResponse__Output as _standpipe_admin_v1_ListQuarantineResponse__Output } from './standpipe/admin/v1/ListQuarantineResponse.ts';
import type { ListSegmentsRequest as _standpipe_admin_v1_ListSegmentsRequest, ListSegmentsRequest__Output as _standpipe_admin_v1_ListSegmentsRequest__Output } from './standpipe/admin/v1/ListSegmentsRequest.ts';
import type { ListSegmentsResponse as _standpipe_admin_v1_ListSegmentsResponse, ListSegmentsResponse__Output as _standpipe_admin_v1_ListSegmentsResponse__Output } from './standpipe/admin/v1/ListSegmentsResponse.ts';
import type { ListStreamsRequest as _standpipe_admin_v1_ListStreamsRequest, ListStreamsRequest__Output as _standpipe_admin_v1_ListStreamsRequest__Output } from './standpipe/admin/v1/ListStreamsRequest.ts';
import type { ListStreamsResponse as _standpipe_admin_v1_ListStreamsResponse, ListStreamsResponse__Output as _standpipe_admin_v1_ListStreamsResponse__Output } from './standpipe/admin/v1/ListStreamsResponse.ts';
import type { PauseRouteRequest as _standpipe_admin_v1_PauseRouteRequest, PauseRouteRequest__Output as _standpipe_admin_v1_PauseRouteRequest__Output } from './standpipe/admin/v1/PauseRouteRequest.ts';
import type { QuarantinedRecord as _standpipe_admin_v1_QuarantinedRecord, QuarantinedRecord__Output as _standpipe_admin_v1_QuarantinedRecord__Output } from './standpipe/admin/v1/QuarantinedRecord.ts';
import type { ReadEntryRequest as _standpipe_admin_v1_ReadEntryRequest, ReadEntryRequest__Output as _standpipe_admin_v1_ReadEntryRequest__Output } from './standpipe/admin/v1/ReadEntryRequest.ts';
import type { ReadQuarantineRequest as _standpipe_admin_v1_ReadQuarantineRequest, ReadQuarantineRequest__Output as _standpipe_admin_v1_ReadQuarantineRequest__Output } from './standpipe/admin/v1/ReadQuarantineRequest.ts';
import type { RequeueQuarantineRequest as _standpipe_admin_v1_RequeueQuarantineRequest, RequeueQuarantineRequest__Output as _standpipe_admin_v1_RequeueQuarantineRequest__Output } from './standpipe/admin/v1/RequeueQuarantineRequest.ts';
import type { RequeueQuarantineResponse as _standpipe_admin_v1_RequeueQuarantineResponse, RequeueQuarantineResponse__Output as _standpipe_admin_v1_RequeueQuarantineResponse__Output } from './standpipe/admin/v1/RequeueQuarantineResponse.ts';
import type { Requeued as _standpipe_admin_v1_Requeued, Requeued__Output as _standpipe_admin_v1_Requeued__Output } from './standpipe/admin/v1/Requeued.ts';
import type { ResumeRouteRequest as _standpipe_admin_v1_ResumeRouteRequest, ResumeRouteRequest__Output as _standpipe_admin_v1_ResumeRouteRequest__Output } from './standpipe/admin/v1/ResumeRouteRequest.ts';
import type { RollSegmentRequest as _standpipe_admin_v1_RollSegmentRequest, RollSegmentRequest__Output as _standpipe_admin_v1_RollSegmentRequest__Output } from './standpipe/admin/v1/RollSegmentRequest.ts';
import type { RollSegmentResponse as _standpipe_admin_v1_RollSegmentResponse, RollSegmentResponse__Output as _standpipe_admin_v1_RollSegmentResponse__Output } from './standpipe/admin/v1/RollSegmentResponse.ts';
import type { RouteLedger as _standpipe_admin_v1_RouteLedger, RouteLedger__Output as _standpipe_admin_v1_RouteLedger__Output } from './standpipe/admin/v1/RouteLedger.ts';
import type { RouteState as _standpipe_admin_v1_RouteState, RouteState__Output as _standpipe_admin_v1_RouteState__Output } from './standpipe/admin/v1/RouteState.ts';
import type { SeekRouteRequest as _standpipe_admin_v1_SeekRouteRequest, SeekRouteRequest__Output as _standpipe_admin_v1_SeekRouteRequest__Output } from './standpipe/admin/v1/SeekRouteRequest.ts';
import type { SeekRouteResponse as _standpipe_admin_v1_SeekRouteResponse, SeekRouteResponse__Output as _standpipe_admin_v1_SeekRouteResponse__Output } from './standpipe/admin/v1/SeekRouteResponse.ts';
import type { Segment as _standpipe_admin_v1_Segment, Segment__Output as _standpipe_admin_v1_Segment__Output } from './standpipe/admin/v1/Segment.ts';
import type { SetLogLevelRequest as _standpipe_admin_v1_SetLogLevelRequest, SetLogLevelRequest__Output as _standpipe_admin_v1_SetLogLevelRequest__Output } from './standpipe/admin/v1/SetLogLevelRequest.ts';
import type { SetLogLevelResponse as _standpipe_admin_v1_SetLogLevelResponse, SetLogLevelResponse__Output as _standpipe_admin_v1_SetLogLevelResponse__Output } from './standpipe/admin/v1/SetLogLevelResponse.ts';
import type { Stream as _standpipe_admin_v1_Stream, Stream__Output as _standpipe_admin_v1_Stream__Output } from './standpipe/admin/v1/Stream.ts';

type SubtypeConstructor<Constructor extends new (...args: any) => any, Subtype> = {
  new(...args: ConstructorParameters<Constructor>): Subtype;
};

export interface ProtoGrpcType {
  standpipe: {
    admin: {
      v1: {
        Admin: SubtypeConstructor<typeof grpc.Client, _standpipe_admin_v1_AdminClient> & { service: _standpipe_admin_v1_AdminDefinition }
        DiscardQuarantineRequest: MessageTypeDefinition<_standpipe_admin_v1_DiscardQuarantineRequest, _standpipe_admin_v1_DiscardQuarantineRequest__Output>
        DiscardQuarantineResponse: MessageTypeDefinition<_standpipe_admin_v1_DiscardQuarantineResponse, _standpipe_admin_v1_DiscardQuarantineResponse__Output>
        DrainProgress: MessageTypeDefinition<_standpipe_admin_v1_DrainProgress, _standpipe_admin_v1_DrainProgress__Output>
        DrainRequest: MessageTypeDefinition<_standpipe_admin_v1_DrainRequest, _standpipe_admin_v1_DrainRequest__Output>
        Entry: MessageTypeDefinition<_standpipe_admin_v1_Entry, _standpipe_admin_v1_Entry__Output>
        ExportQuarantineRequest: MessageTypeDefinition<_standpipe_admin_v1_ExportQuarantineRequest, _standpipe_admin_v1_ExportQuarantineRequest__Output>
        ExportedRecord: MessageTypeDefinition<_standpipe_admin_v1_ExportedRecord, _standpipe_admin_v1_ExportedRecord__Output>
        FollowEntriesRequest: MessageTypeDefinition<_standpipe_admin_v1_FollowEntriesRequest, _standpipe_admin_v1_FollowEntriesRequest__Output>
        FollowedEntry: MessageTypeDefinition<_standpipe_admin_v1_FollowedEntry, _standpipe_admin_v1_FollowedEntry__Output>
        GetConfigRequest: MessageTypeDefinition<_standpipe_admin_v1_GetConfigRequest, _standpipe_admin_v1_GetConfigRequest__Output>
        GetConfigResponse: MessageTypeDefinition<_standpipe_admin_v1_GetConfigResponse, _standpipe_admin_v1_GetConfigResponse__Output>
        GetLedgerRequest: MessageTypeDefinition<_standpipe_admin_v1_GetLedgerRequest, _standpipe_admin_v1_GetLedgerRequest__Output>
        GetLedgerResponse: MessageTypeDefinition<_standpipe_admin_v1_GetLedgerResponse, _standpipe_admin_v1_GetLedgerResponse__Output>
        GetStatusRequest: MessageTypeDefinition<_standpipe_admin_v1_GetStatusRequest, _standpipe_admin_v1_GetStatusRequest__Output>
        GetStatusResponse: MessageTypeDefinition<_standpipe_admin_v1_GetStatusResponse, _standpipe_admin_v1_GetStatusResponse__Output>
        ListEntriesRequest: MessageTypeDefinition<_standpipe_admin_v1_ListEntriesRequest, _standpipe_admin_v1_ListEntriesRequest__Output>
        ListQuarantineRequest: MessageTypeDefinition<_standpipe_admin_v1_ListQuarantineRequest, _standpipe_admin_v1_ListQuarantineRequest__Output>
        ListQuarantineResponse: MessageTypeDefinition<_standpipe_admin_v1_ListQuarantineResponse, _standpipe_admin_v1_ListQuarantineResponse__Output>
        ListSegmentsRequest: MessageTypeDefinition<_standpipe_admin_v1_ListSegmentsRequest, _standpipe_admin_v1_ListSegmentsRequest__Output>
        ListSegmentsResponse: MessageTypeDefinition<_standpipe_admin_v1_ListSegmentsResponse, _standpipe_admin_v1_ListSegmentsResponse__Output>
        ListStreamsRequest: MessageTypeDefinition<_standpipe_admin_v1_ListStreamsRequest, _standpipe_admin_v1_ListStreamsRequest__Output>
        ListStreamsResponse: MessageTypeDefinition<_standpipe_admin_v1_ListStreamsResponse, _standpipe_admin_v1_ListStreamsResponse__Output>
        PauseRouteRequest: MessageTypeDefinition<_standpipe_admin_v1_PauseRouteRequest, _standpipe_admin_v1_PauseRouteRequest__Output>
        QuarantinedRecord: MessageTypeDefinition<_standpipe_admin_v1_QuarantinedRecord, _standpipe_admin_v1_QuarantinedRecord__Output>
        ReadEntryRequest: MessageTypeDefinition<_standpipe_admin_v1_ReadEntryRequest, _standpipe_admin_v1_ReadEntryRequest__Output>
        ReadQuarantineRequest: MessageTypeDefinition<_standpipe_admin_v1_ReadQuarantineRequest, _standpipe_admin_v1_ReadQuarantineRequest__Output>
        RequeueQuarantineRequest: MessageTypeDefinition<_standpipe_admin_v1_RequeueQuarantineRequest, _standpipe_admin_v1_RequeueQuarantineRequest__Output>
        RequeueQuarantineResponse: MessageTypeDefinition<_standpipe_admin_v1_RequeueQuarantineResponse, _standpipe_admin_v1_RequeueQuarantineResponse__Output>
        Requeued: MessageTypeDefinition<_standpipe_admin_v1_Requeued, _standpipe_admin_v1_Requeued__Output>
        ResumeRouteRequest: MessageTypeDefinition<_standpipe_admin_v1_ResumeRouteRequest, _standpipe_admin_v1_ResumeRouteRequest__Output>
        RollSegmentRequest: MessageTypeDefinition<_standpipe_admin_v1_RollSegmentRequest, _standpipe_admin_v1_RollSegmentRequest__Output>
        RollSegmentResponse: MessageTypeDefinition<_standpipe_admin_v1_RollSegmentResponse, _standpipe_admin_v1_RollSegmentResponse__Output>
        RouteLedger: MessageTypeDefinition<_standpipe_admin_v1_RouteLedger, _standpipe_admin_v1_RouteLedger__Output>
        RouteState: MessageTypeDefinition<_standpipe_admin_v1_RouteState, _standpipe_admin_v1_RouteState__Output>
        SeekRouteRequest: MessageTypeDefinition<_standpipe_admin_v1_SeekRouteRequest, _standpipe_admin_v1_SeekRouteRequest__Output>
        SeekRouteResponse: MessageTypeDefinition<_standpipe_admin_v1_SeekRouteResponse, _standpipe_admin_v1_SeekRouteResponse__Output>
        Segment: MessageTypeDefinition<_standpipe_admin_v1_Segment, _standpipe_admin_v1_Segment__Output>
        SetLogLevelRequest: MessageTypeDefinition<_standpipe_admin_v1_SetLogLevelRequest, _standpipe_admin_v1_SetLogLevelRequest__Output>
        SetLogLevelResponse: MessageTypeDefinition<_standpipe_admin_v1_SetLogLevelResponse, _standpipe_admin_v1_SetLogLevelResponse__Output>
        Stream: MessageTypeDefinition<_standpipe_admin_v1_Stream, _standpipe_admin_v1_Stream__Output>
      }
    }
  }
}

