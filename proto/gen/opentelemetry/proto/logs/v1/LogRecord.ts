// Original file: proto/opentelemetry/proto/logs/v1/logs.proto

import type { SeverityNumber as _opentelemetry_proto_logs_v1_SeverityNumber, SeverityNumber__Output as _opentelemetry_proto_logs_v1_SeverityNumber__Output } from '../../../../opentelemetry/proto/logs/v1/SeverityNumber.ts';
import type { AnyValue as _opentelemetry_proto_common_v1_AnyValue, AnyValue__Output as _opentelemetry_proto_common_v1_AnyValue__Output } from '../../../../opentelemetry/proto/common/v1/AnyValue.ts';
import type { KeyValue as _opentelemetry_proto_common_v1_KeyValue, KeyValue__Output as _opentelemetry_proto_common_v1_KeyValue__Output } from '../../../../opentelemetry/proto/common/v1/KeyValue.ts';
import type { Long } from '@grpc/proto-loader';

export interface LogRecord {
  'timeUnixNano'?: (number | string | Long);
  'severityNumber'?: (_opentelemetry_proto_logs_v1_SeverityNumber);
  'severityText'?: (string);
  'body'?: (_opentelemetry_proto_common_v1_AnyValue | null);
  'attributes'?: (_opentelemetry_proto_common_v1_KeyValue)[];
  'droppedAttributesCount'?: (number);
  'flags'?: (number);
  'traceId'?: (Buffer | Uint8Array | string);
  'spanId'?: (Buffer | Uint8Array | string);
  'observedTimeUnixNano'?: (number | string | Long);
  'eventName'?: (string);
}

export interface LogRecord__Output {
  'timeUnixNano'?: (string);
  'severityNumber'?: (_opentelemetry_proto_logs_v1_SeverityNumber__Output);
  'severityText'?: (string);
  'body'?: (_opentelemetry_proto_common_v1_AnyValue__Output);
  'attributes'?: (_opentelemetry_proto_common_v1_KeyValue__Output)[];
  'droppedAttributesCount'?: (number);
  'flags'?: (number);
  'traceId'?: (Buffer);
  'spanId'?: (Buffer);
  'observedTimeUnixNano'?: (string);
  'eventName'?: (string);
}
