// Original file: proto/opentelemetry/proto/logs/v1/logs.proto

export const LogRecordFlags = {
  LOG_RECORD_FLAGS_DO_NOT_USE: 0,
  LOG_RECORD_FLAGS_TRACE_FLAGS_MASK: 255,
} as const;

export type LogRecordFlags =
  | 'LOG_RECORD_FLAGS_DO_NOT_USE'
  | 0
  | 'LOG_RECORD_FLAGS_TRACE_FLAGS_MASK'
  | 255

export type LogRecordFlags__Output = typeof LogRecordFlags[keyof typeof LogRecordFlags]
