// Original file: proto/opentelemetry/proto/collector/logs/v1/logs_service.proto

import type { ExportLogsPartialSuccess as _opentelemetry_proto_collector_logs_v1_ExportLogsPartialSuccess, ExportLogsPartialSuccess__Output as _opentelemetry_proto_collector_logs_v1_ExportLogsPartialSuccess__Output } from '../../../../../opentelemetry/proto/collector/logs/v1/ExportLogsPartialSuccess.ts';

export interface ExportLogsServiceResponse {
  'partialSuccess'?: (_opentelemetry_proto_collector_logs_v1_ExportLogsPartialSuccess | null);
}

export interface ExportLogsServiceResponse__Output {
  'partialSuccess'?: (_opentelemetry_proto_collector_logs_v1_ExportLogsPartialSuccess__Output);
}
