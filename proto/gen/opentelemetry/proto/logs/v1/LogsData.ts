// Original file: proto/opentelemetry/proto/logs/v1/logs.proto

import type { ResourceLogs as _opentelemetry_proto_logs_v1_ResourceLogs, ResourceLogs__Output as _opentelemetry_proto_logs_v1_ResourceLogs__Output } from '../../../../opentelemetry/proto/logs/v1/ResourceLogs.ts';

export interface LogsData {
  'resourceLogs'?: (_opentelemetry_proto_logs_v1_ResourceLogs)[];
}

export interface LogsData__Output {
  'resourceLogs'?: (_opentelemetry_proto_logs_v1_ResourceLogs__Output)[];
}
