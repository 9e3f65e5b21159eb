// Original file: proto/opentelemetry/proto/collector/logs/v1/logs_service.proto

import type { ResourceLogs as _opentelemetry_proto_logs_v1_ResourceLogs, ResourceLogs__Output as _opentelemetry_proto_logs_v1_ResourceLogs__Output } from '../../../../../opentelemetry/proto/logs/v1/ResourceLogs.ts';

export interface ExportLogsServiceRequest {
  'resourceLogs'?: (_opentelemetry_proto_logs_v1_ResourceLogs)[];
}

export interface ExportLogsServiceRequest__Output {
  'resourceLogs'?: (_opentelemetry_proto_logs_v1_ResourceLogs__Output)[];
}
