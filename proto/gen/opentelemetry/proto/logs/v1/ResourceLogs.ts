// Original file: proto/opentelemetry/proto/logs/v1/logs.proto

import type { Resource as _opentelemetry_proto_resource_v1_Resource, Resource__Output as _opentelemetry_proto_resource_v1_Resource__Output } from '../../../../opentelemetry/proto/resource/v1/Resource.ts';
import type { ScopeLogs as _opentelemetry_proto_logs_v1_ScopeLogs, ScopeLogs__Output as _opentelemetry_proto_logs_v1_ScopeLogs__Output } from '../../../../opentelemetry/proto/logs/v1/ScopeLogs.ts';

export interface ResourceLogs {
  'resource'?: (_opentelemetry_proto_resource_v1_Resource | null);
  'scopeLogs'?: (_opentelemetry_proto_logs_v1_ScopeLogs)[];
  'schemaUrl'?: (string);
}

export interface ResourceLogs__Output {
  'resource'?: (_opentelemetry_proto_resource_v1_Resource__Output);
  'scopeLogs'?: (_opentelemetry_proto_logs_v1_ScopeLogs__Output)[];
  'schemaUrl'?: (string);
}
