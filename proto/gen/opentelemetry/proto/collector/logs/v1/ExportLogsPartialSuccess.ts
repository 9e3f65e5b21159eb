// Original file: proto/opentelemetry/proto/collector/logs/v1/logs_service.proto

import type { Long } from '@grpc/proto-loader';

export interface ExportLogsPartialSuccess {
  'rejectedLogRecords'?: (number | string | Long);
  'errorMessage'?: (string);
}

export interface ExportLogsPartialSuccess__Output {
  'rejectedLogRecords'?: (string);
  'errorMessage'?: (string);
}
