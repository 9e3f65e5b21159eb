// Original file: proto/opentelemetry/proto/logs/v1/logs.proto

import type { InstrumentationScope as _opentelemetry_proto_common_v1_InstrumentationScope, InstrumentationScope__Output as _opentelemetry_proto_common_v1_InstrumentationScope__Output } from '../../../../opentelemetry/proto/common/v1/InstrumentationScope.ts';
import type { LogRecord as _opentelemetry_proto_logs_v1_LogRecord, LogRecord__Output as _opentelemetry_proto_logs_v1_LogRecord__Output } from '../../../../opentelemetry/proto/logs/v1/LogRecord.ts';

export interface ScopeLogs {
  'scope'?: (_opentelemetry_proto_common_v1_InstrumentationScope | null);
  'logRecords'?: (_opentelemetry_proto_logs_v1_LogRecord)[];
  'schemaUrl'?: (string);
}

export interface ScopeLogs__Output {
  'scope'?: (_opentelemetry_proto_common_v1_InstrumentationScope__Output);
  'logRecords'?: (_opentelemetry_proto_logs_v1_LogRecord__Output)[];
  'schemaUrl'?: (string);
}
