// Original file: proto/standpipe/admin/v1/admin.proto

import type * as grpc from '@grpc/grpc-js'
import type { MethodDefinition } from '@grpc/proto-loader'
import type { DiscardQuarantineRequest as _standpipe_admin_v1_DiscardQuarantineRequest, DiscardQuarantineRequest__Output as _standpipe_admin_v1_DiscardQuarantineRequest__Output } from '../../../standpipe/admin/v1/DiscardQuarantineRequest.ts';
import type { DiscardQuarantineResponse as _standpipe_admin_v1_DiscardQuarantineResponse, DiscardQuarantineResponse__Output as _standpipe_admin_v1_DiscardQuarantineResponse__Output } from '../../../standpipe/admin/v1/DiscardQuarantineResponse.ts';
import type { DrainProgress as _standpipe_admin_v1_DrainProgress, DrainProgress__Output as _standpipe_admin_v1_DrainProgress__Output } from '../../../standpipe/admin/v1/DrainProgress.ts';
import type { DrainRequest as _standpipe_admin_v1_DrainRequest, DrainRequest__Output as _standpipe_admin_v1_DrainRequest__Output } from '../../../standpipe/admin/v1/DrainRequest.ts';
import type { Entry as _standpipe_admin_v1_Entry, Entry__Output as _standpipe_admin_v1_Entry__Output } from '../../../standpipe/admin/v1/Entry.ts';
import type { ExportQuarantineRequest as _standpipe_admin_v1_ExportQuarantineRequest, ExportQuarantineRequest__Output as _standpipe_admin_v1_ExportQuarantineRequest__Output } from '../../../standpipe/admin/v1/ExportQuarantineRequest.ts';
import type { ExportedRecord as _standpipe_admin_v1_ExportedRecord, ExportedRecord__Output as _standpipe_admin_v1_ExportedRecord__Output } from '../../../standpipe/admin/v1/ExportedRecord.ts';
import type { FollowEntriesRequest as _standpipe_admin_v1_FollowEntriesRequest, FollowEntriesRequest__Output as _standpipe_admin_v1_FollowEntriesRequest__Output } from '../../../standpipe/admin/v1/FollowEntriesRequest.ts';
import type { FollowedEntry as _standpipe_admin_v1_FollowedEntry, FollowedEntry__Output as _standpipe_admin_v1_FollowedEntry__Output } from '../../../standpipe/admin/v1/FollowedEntry.ts';
import type { GetConfigRequest as _standpipe_admin_v1_GetConfigRequest, GetConfigRequest__Output as _standpipe_admin_v1_GetConfigRequest__Output } from '../../../standpipe/admin/v1/GetConfigRequest.ts';
import type { GetConfigResponse as _standpipe_admin_v1_GetConfigResponse, GetConfigResponse__Output as _standpipe_admin_v1_GetConfigResponse__Output } from '../../../standpipe/admin/v1/GetConfigResponse.ts';
import type { GetLedgerRequest as _standpipe_admin_v1_GetLedgerRequest, GetLedgerRequest__Output as _standpipe_admin_v1_GetLedgerRequest__Output } from '../../../standpipe/admin/v1/GetLedgerRequest.ts';
import type { GetLedgerResponse as _standpipe_admin_v1_GetLedgerResponse, GetLedgerResponse__Output as _standpipe_admin_v1_GetLedgerResponse__Output } from '../../../standpipe/admin/v1/GetLedgerResponse.ts';
import type { GetStatusRequest as _standpipe_admin_v1_GetStatusRequest, GetStatusRequest__Output as _standpipe_admin_v1_GetStatusRequest__Output } from '../../../standpipe/admin/v1/GetStatusRequest.ts';
import type { GetStatusResponse as _standpipe_admin_v1_GetStatusResponse, GetStatusResponse__Output as _standpipe_admin_v1_GetStatusResponse__Output } from '../../../standpipe/admin/v1/GetStatusResponse.ts';
import type { ListEntriesRequest as _standpipe_admin_v1_ListEntriesRequest, ListEntriesRequest__Output as _standpipe_admin_v1_ListEntriesRequest__Output } from '../../../standpipe/admin/v1/ListEntriesRequest.ts';
import type { ListQuarantineRequest as _standpipe_admin_v1_ListQuarantineRequest, ListQuarantineRequest__Output as _standpipe_admin_v1_ListQuarantineRequest__Output } from '../../../standpipe/admin/v1/ListQuarantineRequest.ts';
import type { ListQuarantineResponse as _standpipe_admin_v1_ListQuarantineResponse, ListQuarantineResponse__Output as _standpipe_admin_v1_ListQuarantineResponse__Output } from '../../../standpipe/admin/v1/ListQuarantineResponse.ts';
import type { ListSegmentsRequest as _standpipe_admin_v1_ListSegmentsRequest, ListSegmentsRequest__Output as _standpipe_admin_v1_ListSegmentsRequest__Output } from '../../../standpipe/admin/v1/ListSegmentsRequest.ts';
import type { ListSegmentsResponse as _standpipe_admin_v1_ListSegmentsResponse, ListSegmentsResponse__Output as _standpipe_admin_v1_ListSegmentsResponse__Output } from '../../../standpipe/admin/v1/ListSegmentsResponse.ts';
import type { ListStreamsRequest as _standpipe_admin_v1_ListStreamsRequest, ListStreamsRequest__Output as _standpipe_admin_v1_ListStreamsRequest__Output } from '../../../standpipe/admin/v1/ListStreamsRequest.ts';
import type { ListStreamsResponse as _standpipe_admin_v1_ListStreamsResponse, ListStreamsResponse__Output as _standpipe_admin_v1_ListStreamsResponse__Output } from '../../../standpipe/admin/v1/ListStreamsResponse.ts';
import type { PauseRouteRequest as _standpipe_admin_v1_PauseRouteRequest, PauseRouteRequest__Output as _standpipe_admin_v1_PauseRouteRequest__Output } from '../../../standpipe/admin/v1/PauseRouteRequest.ts';
import type { QuarantinedRecord as _standpipe_admin_v1_QuarantinedRecord, QuarantinedRecord__Output as _standpipe_admin_v1_QuarantinedRecord__Output } from '../../../standpipe/admin/v1/QuarantinedRecord.ts';
import type { ReadEntryRequest as _standpipe_admin_v1_ReadEntryRequest, ReadEntryRequest__Output as _standpipe_admin_v1_ReadEntryRequest__Output } from '../../../standpipe/admin/v1/ReadEntryRequest.ts';
import type { ReadQuarantineRequest as _standpipe_admin_v1_ReadQuarantineRequest, ReadQuarantineRequest__Output as _standpipe_admin_v1_ReadQuarantineRequest__Output } from '../../../standpipe/admin/v1/ReadQuarantineRequest.ts';
import type { RequeueQuarantineRequest as _standpipe_admin_v1_RequeueQuarantineRequest, RequeueQuarantineRequest__Output as _standpipe_admin_v1_RequeueQuarantineRequest__Output } from '../../../standpipe/admin/v1/RequeueQuarantineRequest.ts';
import type { RequeueQuarantineResponse as _standpipe_admin_v1_RequeueQuarantineResponse, RequeueQuarantineResponse__Output as _standpipe_admin_v1_RequeueQuarantineResponse__Output } from '../../../standpipe/admin/v1/RequeueQuarantineResponse.ts';
import type { ResumeRouteRequest as _standpipe_admin_v1_ResumeRouteRequest, ResumeRouteRequest__Output as _standpipe_admin_v1_ResumeRouteRequest__Output } from '../../../standpipe/admin/v1/ResumeRouteRequest.ts';
import type { RollSegmentRequest as _standpipe_admin_v1_RollSegmentRequest, RollSegmentRequest__Output as _standpipe_admin_v1_RollSegmentRequest__Output } from '../../../standpipe/admin/v1/RollSegmentRequest.ts';
import type { RollSegmentResponse as _standpipe_admin_v1_RollSegmentResponse, RollSegmentResponse__Output as _standpipe_admin_v1_RollSegmentResponse__Output } from '../../../standpipe/admin/v1/RollSegmentResponse.ts';
import type { RouteState as _standpipe_admin_v1_RouteState, RouteState__Output as _standpipe_admin_v1_RouteState__Output } from '../../../standpipe/admin/v1/RouteState.ts';
import type { SeekRouteRequest as _standpipe_admin_v1_SeekRouteRequest, SeekRouteRequest__Output as _standpipe_admin_v1_SeekRouteRequest__Output } from '../../../standpipe/admin/v1/SeekRouteRequest.ts';
import type { SeekRouteResponse as _standpipe_admin_v1_SeekRouteResponse, SeekRouteResponse__Output as _standpipe_admin_v1_SeekRouteResponse__Output } from '../../../standpipe/admin/v1/SeekRouteResponse.ts';
import type { SetLogLevelRequest as _standpipe_admin_v1_SetLogLevelRequest, SetLogLevelRequest__Output as _standpipe_admin_v1_SetLogLevelRequest__Output } from '../../../standpipe/admin/v1/SetLogLevelRequest.ts';
import type { SetLogLevelResponse as _standpipe_admin_v1_SetLogLevelResponse, SetLogLevelResponse__Output as _standpipe_admin_v1_SetLogLevelResponse__Output } from '../../../standpipe/admin/v1/SetLogLevelResponse.ts';

export interface AdminClient extends grpc.Client {
  DiscardQuarantine(argument: _standpipe_admin_v1_DiscardQuarantineRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_standpipe_admin_v1_DiscardQuarantineResponse__Output>): grpc.ClientUnaryCall;
  DiscardQuarantine(argument: _standpipe_admin_v1_DiscardQuarantineRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_standpipe_admin_v1_DiscardQuarantineResponse__Output>): grpc.ClientUnaryCall;
  DiscardQuarantine(argument: _standpipe_admin_v1_DiscardQuarantineRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_standpipe_admin_v1_DiscardQuarantineResponse__Output>): grpc.ClientUnaryCall;
  DiscardQuarantine(argument: _standpipe_admin_v1_DiscardQuarantineRequest, callback: grpc.requestCallback<_standpipe_admin_v1_DiscardQuarantineResponse__Output>): grpc.ClientUnaryCall;
  discardQuarantine(argument: _standpipe_admin_v1_DiscardQuarantineRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_standpipe_admin_v1_DiscardQuarantineResponse__Output>): grpc.ClientUnaryCall;
  discardQuarantine(argument: _standpipe_admin_v1_DiscardQuarantineRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_standpipe_admin_v1_DiscardQuarantineResponse__Output>): grpc.ClientUnaryCall;
  discardQuarantine(argument: _standpipe_admin_v1_DiscardQuarantineRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_standpipe_admin_v1_DiscardQuarantineResponse__Output>): grpc.ClientUnaryCall;
  discardQuarantine(argument: _standpipe_admin_v1_DiscardQuarantineRequest, callback: grpc.requestCallback<_standpipe_admin_v1_DiscardQuarantineResponse__Output>): grpc.ClientUnaryCall;
  
  Drain(argument: _standpipe_admin_v1_DrainRequest, metadata: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientReadableStream<_standpipe_admin_v1_DrainProgress__Output>;
  Drain(argument: _standpipe_admin_v1_DrainRequest, options?: grpc.CallOptions): grpc.ClientReadableStream<_standpipe_admin_v1_DrainProgress__Output>;
  drain(argument: _standpipe_admin_v1_DrainRequest, metadata: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientReadableStream<_standpipe_admin_v1_DrainProgress__Output>;
  drain(argument: _standpipe_admin_v1_DrainRequest, options?: grpc.CallOptions): grpc.ClientReadableStream<_standpipe_admin_v1_DrainProgress__Output>;
  
  ExportQuarantine(argument: _standpipe_admin_v1_ExportQuarantineRequest, metadata: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientReadableStream<_standpipe_admin_v1_ExportedRecord__Output>;
  ExportQuarantine(argument: _standpipe_admin_v1_ExportQuarantineRequest, options?: grpc.CallOptions): grpc.ClientReadableStream<_standpipe_admin_v1_ExportedRecord__Output>;
  exportQuarantine(argument: _standpipe_admin_v1_ExportQuarantineRequest, metadata: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientReadableStream<_standpipe_admin_v1_ExportedRecord__Output>;
  exportQuarantine(argument: _standpipe_admin_v1_ExportQuarantineRequest, options?: grpc.CallOptions): grpc.ClientReadableStream<_standpipe_admin_v1_ExportedRecord__Output>;
  
  FollowEntries(argument: _standpipe_admin_v1_FollowEntriesRequest, metadata: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientReadableStream<_standpipe_admin_v1_FollowedEntry__Output>;
  FollowEntries(argument: _standpipe_admin_v1_FollowEntriesRequest, options?: grpc.CallOptions): grpc.ClientReadableStream<_standpipe_admin_v1_FollowedEntry__Output>;
  followEntries(argument: _standpipe_admin_v1_FollowEntriesRequest, metadata: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientReadableStream<_standpipe_admin_v1_FollowedEntry__Output>;
  followEntries(argument: _standpipe_admin_v1_FollowEntriesRequest, options?: grpc.CallOptions): grpc.ClientReadableStream<_standpipe_admin_v1_FollowedEntry__Output>;
  
  GetConfig(argument: _standpipe_admin_v1_GetConfigRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_standpipe_admin_v1_GetConfigResponse__Output>): grpc.ClientUnaryCall;
  GetConfig(argument: _standpipe_admin_v1_GetConfigRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_standpipe_admin_v1_GetConfigResponse__Output>): grpc.ClientUnaryCall;
  GetConfig(argument: _standpipe_admin_v1_GetConfigRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_standpipe_admin_v1_GetConfigResponse__Output>): grpc.ClientUnaryCall;
  GetConfig(argument: _standpipe_admin_v1_GetConfigRequest, callback: grpc.requestCallback<_standpipe_admin_v1_GetConfigResponse__Output>): grpc.ClientUnaryCall;
  getConfig(argument: _standpipe_admin_v1_GetConfigRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_standpipe_admin_v1_GetConfigResponse__Output>): grpc.ClientUnaryCall;
  getConfig(argument: _standpipe_admin_v1_GetConfigRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_standpipe_admin_v1_GetConfigResponse__Output>): grpc.ClientUnaryCall;
  getConfig(argument: _standpipe_admin_v1_GetConfigRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_standpipe_admin_v1_GetConfigResponse__Output>): grpc.ClientUnaryCall;
  getConfig(argument: _standpipe_admin_v1_GetConfigRequest, callback: grpc.requestCallback<_standpipe_admin_v1_GetConfigResponse__Output>): grpc.ClientUnaryCall;
  
  GetLedger(argument: _standpipe_admin_v1_GetLedgerRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_standpipe_admin_v1_GetLedgerResponse__Output>): grpc.ClientUnaryCall;
  GetLedger(argument: _standpipe_admin_v1_GetLedgerRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_standpipe_admin_v1_GetLedgerResponse__Output>): grpc.ClientUnaryCall;
  GetLedger(argument: _standpipe_admin_v1_GetLedgerRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_standpipe_admin_v1_GetLedgerResponse__Output>): grpc.ClientUnaryCall;
  GetLedger(argument: _standpipe_admin_v1_GetLedgerRequest, callback: grpc.requestCallback<_standpipe_admin_v1_GetLedgerResponse__Output>): grpc.ClientUnaryCall;
  getLedger(argument: _standpipe_admin_v1_GetLedgerRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_standpipe_admin_v1_GetLedgerResponse__Output>): grpc.ClientUnaryCall;
  getLedger(argument: _standpipe_admin_v1_GetLedgerRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_standpipe_admin_v1_GetLedgerResponse__Output>): grpc.ClientUnaryCall;
  getLedger(argument: _standpipe_admin_v1_GetLedgerRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_standpipe_admin_v1_GetLedgerResponse__Output>): grpc.ClientUnaryCall;
  getLedger(argument: _standpipe_admin_v1_GetLedgerRequest, callback: grpc.requestCallback<_standpipe_admin_v1_GetLedgerResponse__Output>): grpc.ClientUnaryCall;
  
  GetStatus(argument: _standpipe_admin_v1_GetStatusRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_standpipe_admin_v1_GetStatusResponse__Output>): grpc.ClientUnaryCall;
  GetStatus(argument: _standpipe_admin_v1_GetStatusRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_standpipe_admin_v1_GetStatusResponse__Output>): grpc.ClientUnaryCall;
  GetStatus(argument: _standpipe_admin_v1_GetStatusRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_standpipe_admin_v1_GetStatusResponse__Output>): grpc.ClientUnaryCall;
  GetStatus(argument: _standpipe_admin_v1_GetStatusRequest, callback: grpc.requestCallback<_standpipe_admin_v1_GetStatusResponse__Output>): grpc.ClientUnaryCall;
  getStatus(argument: _standpipe_admin_v1_GetStatusRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_standpipe_admin_v1_GetStatusResponse__Output>): grpc.ClientUnaryCall;
  getStatus(argument: _standpipe_admin_v1_GetStatusRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_standpipe_admin_v1_GetStatusResponse__Output>): grpc.ClientUnaryCall;
  getStatus(argument: _standpipe_admin_v1_GetStatusRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_standpipe_admin_v1_GetStatusResponse__Output>): grpc.ClientUnaryCall;
  getStatus(argument: _standpipe_admin_v1_GetStatusRequest, callback: grpc.requestCallback<_standpipe_admin_v1_GetStatusResponse__Output>): grpc.ClientUnaryCall;
  
  ListEntries(argument: _standpipe_admin_v1_ListEntriesRequest, metadata: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientReadableStream<_standpipe_admin_v1_Entry__Output>;
  ListEntries(argument: _standpipe_admin_v1_ListEntriesRequest, options?: grpc.CallOptions): grpc.ClientReadableStream<_standpipe_admin_v1_Entry__Output>;
  listEntries(argument: _standpipe_admin_v1_ListEntriesRequest, metadata: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientReadableStream<_standpipe_admin_v1_Entry__Output>;
  listEntries(argument: _standpipe_admin_v1_ListEntriesRequest, options?: grpc.CallOptions): grpc.ClientReadableStream<_standpipe_admin_v1_Entry__Output>;
  
  ListQuarantine(argument: _standpipe_admin_v1_ListQuarantineRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_standpipe_admin_v1_ListQuarantineResponse__Output>): grpc.ClientUnaryCall;
  ListQuarantine(argument: _standpipe_admin_v1_ListQuarantineRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_standpipe_admin_v1_ListQuarantineResponse__Output>): grpc.ClientUnaryCall;
  ListQuarantine(argument: _standpipe_admin_v1_ListQuarantineRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_standpipe_admin_v1_ListQuarantineResponse__Output>): grpc.ClientUnaryCall;
  ListQuarantine(argument: _standpipe_admin_v1_ListQuarantineRequest, callback: grpc.requestCallback<_standpipe_admin_v1_ListQuarantineResponse__Output>): grpc.ClientUnaryCall;
  listQuarantine(argument: _standpipe_admin_v1_ListQuarantineRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_standpipe_admin_v1_ListQuarantineResponse__Output>): grpc.ClientUnaryCall;
  listQuarantine(argument: _standpipe_admin_v1_ListQuarantineRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_standpipe_admin_v1_ListQuarantineResponse__Output>): grpc.ClientUnaryCall;
  listQuarantine(argument: _standpipe_admin_v1_ListQuarantineRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_standpipe_admin_v1_ListQuarantineResponse__Output>): grpc.ClientUnaryCall;
  listQuarantine(argument: _standpipe_admin_v1_ListQuarantineRequest, callback: grpc.requestCallback<_standpipe_admin_v1_ListQuarantineResponse__Output>): grpc.ClientUnaryCall;
  
  ListSegments(argument: _standpipe_admin_v1_ListSegmentsRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_standpipe_admin_v1_ListSegmentsResponse__Output>): grpc.ClientUnaryCall;
  ListSegments(argument: _standpipe_admin_v1_ListSegmentsRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_standpipe_admin_v1_ListSegmentsResponse__Output>): grpc.ClientUnaryCall;
  ListSegments(argument: _standpipe_admin_v1_ListSegmentsRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_standpipe_admin_v1_ListSegmentsResponse__Output>): grpc.ClientUnaryCall;
  ListSegments(argument: _standpipe_admin_v1_ListSegmentsRequest, callback: grpc.requestCallback<_standpipe_admin_v1_ListSegmentsResponse__Output>): grpc.ClientUnaryCall;
  listSegments(argument: _standpipe_admin_v1_ListSegmentsRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_standpipe_admin_v1_ListSegmentsResponse__Output>): grpc.ClientUnaryCall;
  listSegments(argument: _standpipe_admin_v1_ListSegmentsRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_standpipe_admin_v1_ListSegmentsResponse__Output>): grpc.ClientUnaryCall;
  listSegments(argument: _standpipe_admin_v1_ListSegmentsRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_standpipe_admin_v1_ListSegmentsResponse__Output>): grpc.ClientUnaryCall;
  listSegments(argument: _standpipe_admin_v1_ListSegmentsRequest, callback: grpc.requestCallback<_standpipe_admin_v1_ListSegmentsResponse__Output>): grpc.ClientUnaryCall;
  
  ListStreams(argument: _standpipe_admin_v1_ListStreamsRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_standpipe_admin_v1_ListStreamsResponse__Output>): grpc.ClientUnaryCall;
  ListStreams(argument: _standpipe_admin_v1_ListStreamsRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_standpipe_admin_v1_ListStreamsResponse__Output>): grpc.ClientUnaryCall;
  ListStreams(argument: _standpipe_admin_v1_ListStreamsRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_standpipe_admin_v1_ListStreamsResponse__Output>): grpc.ClientUnaryCall;
  ListStreams(argument: _standpipe_admin_v1_ListStreamsRequest, callback: grpc.requestCallback<_standpipe_admin_v1_ListStreamsResponse__Output>): grpc.ClientUnaryCall;
  listStreams(argument: _standpipe_admin_v1_ListStreamsRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_standpipe_admin_v1_ListStreamsResponse__Output>): grpc.ClientUnaryCall;
  listStreams(argument: _standpipe_admin_v1_ListStreamsRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_standpipe_admin_v1_ListStreamsResponse__Output>): grpc.ClientUnaryCall;
  listStreams(argument: _standpipe_admin_v1_ListStreamsRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_standpipe_admin_v1_ListStreamsResponse__Output>): grpc.ClientUnaryCall;
  listStreams(argument: _standpipe_admin_v1_ListStreamsRequest, callback: grpc.requestCallback<_standpipe_admin_v1_ListStreamsResponse__Output>): grpc.ClientUnaryCall;
  
  PauseRoute(argument: _standpipe_admin_v1_PauseRouteRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_standpipe_admin_v1_RouteState__Output>): grpc.ClientUnaryCall;
  PauseRoute(argument: _standpipe_admin_v1_PauseRouteRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_standpipe_admin_v1_RouteState__Output>): grpc.ClientUnaryCall;
  PauseRoute(argument: _standpipe_admin_v1_PauseRouteRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_standpipe_admin_v1_RouteState__Output>): grpc.ClientUnaryCall;
  PauseRoute(argument: _standpipe_admin_v1_PauseRouteRequest, callback: grpc.requestCallback<_standpipe_admin_v1_RouteState__Output>): grpc.ClientUnaryCall;
  pauseRoute(argument: _standpipe_admin_v1_PauseRouteRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_standpipe_admin_v1_RouteState__Output>): grpc.ClientUnaryCall;
  pauseRoute(argument: _standpipe_admin_v1_PauseRouteRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_standpipe_admin_v1_RouteState__Output>): grpc.ClientUnaryCall;
  pauseRoute(argument: _standpipe_admin_v1_PauseRouteRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_standpipe_admin_v1_RouteState__Output>): grpc.ClientUnaryCall;
  pauseRoute(argument: _standpipe_admin_v1_PauseRouteRequest, callback: grpc.requestCallback<_standpipe_admin_v1_RouteState__Output>): grpc.ClientUnaryCall;
  
  ReadEntry(argument: _standpipe_admin_v1_ReadEntryRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_standpipe_admin_v1_Entry__Output>): grpc.ClientUnaryCall;
  ReadEntry(argument: _standpipe_admin_v1_ReadEntryRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_standpipe_admin_v1_Entry__Output>): grpc.ClientUnaryCall;
  ReadEntry(argument: _standpipe_admin_v1_ReadEntryRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_standpipe_admin_v1_Entry__Output>): grpc.ClientUnaryCall;
  ReadEntry(argument: _standpipe_admin_v1_ReadEntryRequest, callback: grpc.requestCallback<_standpipe_admin_v1_Entry__Output>): grpc.ClientUnaryCall;
  readEntry(argument: _standpipe_admin_v1_ReadEntryRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_standpipe_admin_v1_Entry__Output>): grpc.ClientUnaryCall;
  readEntry(argument: _standpipe_admin_v1_ReadEntryRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_standpipe_admin_v1_Entry__Output>): grpc.ClientUnaryCall;
  readEntry(argument: _standpipe_admin_v1_ReadEntryRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_standpipe_admin_v1_Entry__Output>): grpc.ClientUnaryCall;
  readEntry(argument: _standpipe_admin_v1_ReadEntryRequest, callback: grpc.requestCallback<_standpipe_admin_v1_Entry__Output>): grpc.ClientUnaryCall;
  
  ReadQuarantine(argument: _standpipe_admin_v1_ReadQuarantineRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_standpipe_admin_v1_QuarantinedRecord__Output>): grpc.ClientUnaryCall;
  ReadQuarantine(argument: _standpipe_admin_v1_ReadQuarantineRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_standpipe_admin_v1_QuarantinedRecord__Output>): grpc.ClientUnaryCall;
  ReadQuarantine(argument: _standpipe_admin_v1_ReadQuarantineRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_standpipe_admin_v1_QuarantinedRecord__Output>): grpc.ClientUnaryCall;
  ReadQuarantine(argument: _standpipe_admin_v1_ReadQuarantineRequest, callback: grpc.requestCallback<_standpipe_admin_v1_QuarantinedRecord__Output>): grpc.ClientUnaryCall;
  readQuarantine(argument: _standpipe_admin_v1_ReadQuarantineRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_standpipe_admin_v1_QuarantinedRecord__Output>): grpc.ClientUnaryCall;
  readQuarantine(argument: _standpipe_admin_v1_ReadQuarantineRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_standpipe_admin_v1_QuarantinedRecord__Output>): grpc.ClientUnaryCall;
  readQuarantine(argument: _standpipe_admin_v1_ReadQuarantineRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_standpipe_admin_v1_QuarantinedRecord__Output>): grpc.ClientUnaryCall;
  readQuarantine(argument: _standpipe_admin_v1_ReadQuarantineRequest, callback: grpc.requestCallback<_standpipe_admin_v1_QuarantinedRecord__Output>): grpc.ClientUnaryCall;
  
  RequeueQuarantine(argument: _standpipe_admin_v1_RequeueQuarantineRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_standpipe_admin_v1_RequeueQuarantineResponse__Output>): grpc.ClientUnaryCall;
  RequeueQuarantine(argument: _standpipe_admin_v1_RequeueQuarantineRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_standpipe_admin_v1_RequeueQuarantineResponse__Output>): grpc.ClientUnaryCall;
  RequeueQuarantine(argument: _standpipe_admin_v1_RequeueQuarantineRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_standpipe_admin_v1_RequeueQuarantineResponse__Output>): grpc.ClientUnaryCall;
  RequeueQuarantine(argument: _standpipe_admin_v1_RequeueQuarantineRequest, callback: grpc.requestCallback<_standpipe_admin_v1_RequeueQuarantineResponse__Output>): grpc.ClientUnaryCall;
  requeueQuarantine(argument: _standpipe_admin_v1_RequeueQuarantineRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_standpipe_admin_v1_RequeueQuarantineResponse__Output>): grpc.ClientUnaryCall;
  requeueQuarantine(argument: _standpipe_admin_v1_RequeueQuarantineRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_standpipe_admin_v1_RequeueQuarantineResponse__Output>): grpc.ClientUnaryCall;
  requeueQuarantine(argument: _standpipe_admin_v1_RequeueQuarantineRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_standpipe_admin_v1_RequeueQuarantineResponse__Output>): grpc.ClientUnaryCall;
  requeueQuarantine(argument: _standpipe_admin_v1_RequeueQuarantineRequest, callback: grpc.requestCallback<_standpipe_admin_v1_RequeueQuarantineResponse__Output>): grpc.ClientUnaryCall;
  
  ResumeRoute(argument: _standpipe_admin_v1_ResumeRouteRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_standpipe_admin_v1_RouteState__Output>): grpc.ClientUnaryCall;
  ResumeRoute(argument: _standpipe_admin_v1_ResumeRouteRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_standpipe_admin_v1_RouteState__Output>): grpc.ClientUnaryCall;
  ResumeRoute(argument: _standpipe_admin_v1_ResumeRouteRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_standpipe_admin_v1_RouteState__Output>): grpc.ClientUnaryCall;
  ResumeRoute(argument: _standpipe_admin_v1_ResumeRouteRequest, callback: grpc.requestCallback<_standpipe_admin_v1_RouteState__Output>): grpc.ClientUnaryCall;
  resumeRoute(argument: _standpipe_admin_v1_ResumeRouteRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_standpipe_admin_v1_RouteState__Output>): grpc.ClientUnaryCall;
  resumeRoute(argument: _standpipe_admin_v1_ResumeRouteRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_standpipe_admin_v1_RouteState__Output>): grpc.ClientUnaryCall;
  resumeRoute(argument: _standpipe_admin_v1_ResumeRouteRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_standpipe_admin_v1_RouteState__Output>): grpc.ClientUnaryCall;
  resumeRoute(argument: _standpipe_admin_v1_ResumeRouteRequest, callback: grpc.requestCallback<_standpipe_admin_v1_RouteState__Output>): grpc.ClientUnaryCall;
  
  RollSegment(argument: _standpipe_admin_v1_RollSegmentRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_standpipe_admin_v1_RollSegmentResponse__Output>): grpc.ClientUnaryCall;
  RollSegment(argument: _standpipe_admin_v1_RollSegmentRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_standpipe_admin_v1_RollSegmentResponse__Output>): grpc.ClientUnaryCall;
  RollSegment(argument: _standpipe_admin_v1_RollSegmentRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_standpipe_admin_v1_RollSegmentResponse__Output>): grpc.ClientUnaryCall;
  RollSegment(argument: _standpipe_admin_v1_RollSegmentRequest, callback: grpc.requestCallback<_standpipe_admin_v1_RollSegmentResponse__Output>): grpc.ClientUnaryCall;
  rollSegment(argument: _standpipe_admin_v1_RollSegmentRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_standpipe_admin_v1_RollSegmentResponse__Output>): grpc.ClientUnaryCall;
  rollSegment(argument: _standpipe_admin_v1_RollSegmentRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_standpipe_admin_v1_RollSegmentResponse__Output>): grpc.ClientUnaryCall;
  rollSegment(argument: _standpipe_admin_v1_RollSegmentRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_standpipe_admin_v1_RollSegmentResponse__Output>): grpc.ClientUnaryCall;
  rollSegment(argument: _standpipe_admin_v1_RollSegmentRequest, callback: grpc.requestCallback<_standpipe_admin_v1_RollSegmentResponse__Output>): grpc.ClientUnaryCall;
  
  SeekRoute(argument: _standpipe_admin_v1_SeekRouteRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_standpipe_admin_v1_SeekRouteResponse__Output>): grpc.ClientUnaryCall;
  SeekRoute(argument: _standpipe_admin_v1_SeekRouteRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_standpipe_admin_v1_SeekRouteResponse__Output>): grpc.ClientUnaryCall;
  SeekRoute(argument: _standpipe_admin_v1_SeekRouteRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_standpipe_admin_v1_SeekRouteResponse__Output>): grpc.ClientUnaryCall;
  SeekRoute(argument: _standpipe_admin_v1_SeekRouteRequest, callback: grpc.requestCallback<_standpipe_admin_v1_SeekRouteResponse__Output>): grpc.ClientUnaryCall;
  seekRoute(argument: _standpipe_admin_v1_SeekRouteRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_standpipe_admin_v1_SeekRouteResponse__Output>): grpc.ClientUnaryCall;
  seekRoute(argument: _standpipe_admin_v1_SeekRouteRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_standpipe_admin_v1_SeekRouteResponse__Output>): grpc.ClientUnaryCall;
  seekRoute(argument: _standpipe_admin_v1_SeekRouteRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_standpipe_admin_v1_SeekRouteResponse__Output>): grpc.ClientUnaryCall;
  seekRoute(argument: _standpipe_admin_v1_SeekRouteRequest, callback: grpc.requestCallback<_standpipe_admin_v1_SeekRouteResponse__Output>): grpc.ClientUnaryCall;
  
  SetLogLevel(argument: _standpipe_admin_v1_SetLogLevelRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_standpipe_admin_v1_SetLogLevelResponse__Output>): grpc.ClientUnaryCall;
  SetLogLevel(argument: _standpipe_admin_v1_SetLogLevelRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_standpipe_admin_v1_SetLogLevelResponse__Output>): grpc.ClientUnaryCall;
  SetLogLevel(argument: _standpipe_admin_v1_SetLogLevelRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_standpipe_admin_v1_SetLogLevelResponse__Output>): grpc.ClientUnaryCall;
  SetLogLevel(argument: _standpipe_admin_v1_SetLogLevelRequest, callback: grpc.requestCallback<_standpipe_admin_v1_SetLogLevelResponse__Output>): grpc.ClientUnaryCall;
  setLogLevel(argument: _standpipe_admin_v1_SetLogLevelRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_standpipe_admin_v1_SetLogLevelResponse__Output>): grpc.ClientUnaryCall;
  setLogLevel(argument: _standpipe_admin_v1_SetLogLevelRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_standpipe_admin_v1_SetLogLevelResponse__Output>): grpc.ClientUnaryCall;
  setLogLevel(argument: _standpipe_admin_v1_SetLogLevelRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_standpipe_admin_v1_SetLogLevelResponse__Output>): grpc.ClientUnaryCall;
  setLogLevel(argument: _standpipe_admin_v1_SetLogLevelRequest, callback: grpc.requestCallback<_standpipe_admin_v1_SetLogLevelResponse__Output>): grpc.ClientUnaryCall;
  
}

export interface AdminHandlers extends grpc.UntypedServiceImplementation {
  DiscardQuarantine: grpc.handleUnaryCall<_standpipe_admin_v1_DiscardQuarantineRequest__Output, _standpipe_admin_v1_DiscardQuarantineResponse>;
  
  Drain: grpc.handleServerStreamingCall<_standpipe_admin_v1_DrainRequest__Output, _standpipe_admin_v1_DrainProgress>;
  
  ExportQuarantine: grpc.handleServerStreamingCall<_standpipe_admin_v1_ExportQuarantineRequest__Output, _standpipe_admin_v1_ExportedRecord>;
  
  FollowEntries: grpc.handleServerStreamingCall<_standpipe_admin_v1_FollowEntriesRequest__Output, _standpipe_admin_v1_FollowedEntry>;
  
  GetConfig: grpc.handleUnaryCall<_standpipe_admin_v1_GetConfigRequest__Output, _standpipe_admin_v1_GetConfigResponse>;
  
  GetLedger: grpc.handleUnaryCall<_standpipe_admin_v1_GetLedgerRequest__Output, _standpipe_admin_v1_GetLedgerResponse>;
  
  GetStatus: grpc.handleUnaryCall<_standpipe_admin_v1_GetStatusRequest__Output, _standpipe_admin_v1_GetStatusResponse>;
  
  ListEntries: grpc.handleServerStreamingCall<_standpipe_admin_v1_ListEntriesRequest__Output, _standpipe_admin_v1_Entry>;
  
  ListQuarantine: grpc.handleUnaryCall<_standpipe_admin_v1_ListQuarantineRequest__Output, _standpipe_admin_v1_ListQuarantineResponse>;
  
  ListSegments: grpc.handleUnaryCall<_standpipe_admin_v1_ListSegmentsRequest__Output, _standpipe_admin_v1_ListSegmentsResponse>;
  
  ListStreams: grpc.handleUnaryCall<_standpipe_admin_v1_ListStreamsRequest__Output, _standpipe_admin_v1_ListStreamsResponse>;
  
  PauseRoute: grpc.handleUnaryCall<_standpipe_admin_v1_PauseRouteRequest__Output, _standpipe_admin_v1_RouteState>;
  
  ReadEntry: grpc.handleUnaryCall<_standpipe_admin_v1_ReadEntryRequest__Output, _standpipe_admin_v1_Entry>;
  
  ReadQuarantine: grpc.handleUnaryCall<_standpipe_admin_v1_ReadQuarantineRequest__Output, _standpipe_admin_v1_QuarantinedRecord>;
  
  RequeueQuarantine: grpc.handleUnaryCall<_standpipe_admin_v1_RequeueQuarantineRequest__Output, _standpipe_admin_v1_RequeueQuarantineResponse>;
  
  ResumeRoute: grpc.handleUnaryCall<_standpipe_admin_v1_ResumeRouteRequest__Output, _standpipe_admin_v1_RouteState>;
  
  RollSegment: grpc.handleUnaryCall<_standpipe_admin_v1_RollSegmentRequest__Output, _standpipe_admin_v1_RollSegmentResponse>;
  
  SeekRoute: grpc.handleUnaryCall<_standpipe_admin_v1_SeekRouteRequest__Output, _standpipe_admin_v1_SeekRouteResponse>;
  
  SetLogLevel: grpc.handleUnaryCall<_standpipe_admin_v1_SetLogLevelRequest__Output, _standpipe_admin_v1_SetLogLevelResponse>;
  
}

export interface AdminDefinition extends grpc.ServiceDefinition {
  DiscardQuarantine: MethodDefinition<_standpipe_admin_v1_DiscardQuarantineRequest, _standpipe_admin_v1_DiscardQuarantineResponse, _standpipe_admin_v1_DiscardQuarantineRequest__Output, _standpipe_admin_v1_DiscardQuarantineResponse__Output>
  Drain: MethodDefinition<_standpipe_admin_v1_DrainRequest, _standpipe_admin_v1_DrainProgress, _standpipe_admin_v1_DrainRequest__Output, _standpipe_admin_v1_DrainProgress__Output>
  ExportQuarantine: MethodDefinition<_standpipe_admin_v1_ExportQuarantineRequest, _standpipe_admin_v1_ExportedRecord, _standpipe_admin_v1_ExportQuarantineRequest__Output, _standpipe_admin_v1_ExportedRecord__Output>
  FollowEntries: MethodDefinition<_standpipe_admin_v1_FollowEntriesRequest, _standpipe_admin_v1_FollowedEntry, _standpipe_admin_v1_FollowEntriesRequest__Output, _standpipe_admin_v1_FollowedEntry__Output>
  GetConfig: MethodDefinition<_standpipe_admin_v1_GetConfigRequest, _standpipe_admin_v1_GetConfigResponse, _standpipe_admin_v1_GetConfigRequest__Output, _standpipe_admin_v1_GetConfigResponse__Output>
  GetLedger: MethodDefinition<_standpipe_admin_v1_GetLedgerRequest, _standpipe_admin_v1_GetLedgerResponse, _standpipe_admin_v1_GetLedgerRequest__Output, _standpipe_admin_v1_GetLedgerResponse__Output>
  GetStatus: MethodDefinition<_standpipe_admin_v1_GetStatusRequest, _standpipe_admin_v1_GetStatusResponse, _standpipe_admin_v1_GetStatusRequest__Output, _standpipe_admin_v1_GetStatusResponse__Output>
  ListEntries: MethodDefinition<_standpipe_admin_v1_ListEntriesRequest, _standpipe_admin_v1_Entry, _standpipe_admin_v1_ListEntriesRequest__Output, _standpipe_admin_v1_Entry__Output>
  ListQuarantine: MethodDefinition<_standpipe_admin_v1_ListQuarantineRequest, _standpipe_admin_v1_ListQuarantineResponse, _standpipe_admin_v1_ListQuarantineRequest__Output, _standpipe_admin_v1_ListQuarantineResponse__Output>
  ListSegments: MethodDefinition<_standpipe_admin_v1_ListSegmentsRequest, _standpipe_admin_v1_ListSegmentsResponse, _standpipe_admin_v1_ListSegmentsRequest__Output, _standpipe_admin_v1_ListSegmentsResponse__Output>
  ListStreams: MethodDefinition<_standpipe_admin_v1_ListStreamsRequest, _standpipe_admin_v1_ListStreamsResponse, _standpipe_admin_v1_ListStreamsRequest__Output, _standpipe_admin_v1_ListStreamsResponse__Output>
  PauseRoute: MethodDefinition<_standpipe_admin_v1_PauseRouteRequest, _standpipe_admin_v1_RouteState, _standpipe_admin_v1_PauseRouteRequest__Output, _standpipe_admin_v1_RouteState__Output>
  ReadEntry: MethodDefinition<_standpipe_admin_v1_ReadEntryRequest, _standpipe_admin_v1_Entry, _standpipe_admin_v1_ReadEntryRequest__Output, _standpipe_admin_v1_Entry__Output>
  ReadQuarantine: MethodDefinition<_standpipe_admin_v1_ReadQuarantineRequest, _standpipe_admin_v1_QuarantinedRecord, _standpipe_admin_v1_ReadQuarantineRequest__Output, _standpipe_admin_v1_QuarantinedRecord__Output>
  RequeueQuarantine: MethodDefinition<_standpipe_admin_v1_RequeueQuarantineRequest, _standpipe_admin_v1_RequeueQuarantineResponse, _standpipe_admin_v1_RequeueQuarantineRequest__Output, _standpipe_admin_v1_RequeueQuarantineResponse__Output>
  ResumeRoute: MethodDefinition<_standpipe_admin_v1_ResumeRouteRequest, _standpipe_admin_v1_RouteState, _standpipe_admin_v1_ResumeRouteRequest__Output, _standpipe_admin_v1_RouteState__Output>
  RollSegment: MethodDefinition<_standpipe_admin_v1_RollSegmentRequest, _standpipe_admin_v1_RollSegmentResponse, _standpipe_admin_v1_RollSegmentRequest__Output, _standpipe_admin_v1_RollSegmentResponse__Output>
  SeekRoute: MethodDefinition<_standpipe_admin_v1_SeekRouteRequest, _standpipe_admin_v1_SeekRouteResponse, _standpipe_admin_v1_SeekRouteRequest__Output, _standpipe_admin_v1_SeekRouteResponse__Output>
  SetLogLevel: MethodDefinition<_standpipe_admin_v1_SetLogLevelRequest, _standpipe_admin_v1_SetLogLevelResponse, _standpipe_admin_v1_SetLogLevelRequest__Output, _standpipe_admin_v1_SetLogLevelResponse__Output>
}
