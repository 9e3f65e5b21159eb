/** What applications use. */
export { BatchingLogProcessor, type BatchingLogProcessorOptions } from "./batching-log-processor.ts";
export { Client, connect } from "./client.ts";
export type { Ack, ClientEvents, ClientStatus, FlushReport, Scope } from "./client-types.ts";
export type { ClientClock } from "./clock.ts";
export { ClientError, type ClientErrorCode } from "./errors.ts";
export type { BatchOptions, ClientOptions, Drop as ClientDrop, MemoryKeep, SpoolKeep, WhenFull } from "./options.ts";
export { exceptionAttributes, type LogRecord, type LogValue, SEVERITY_NUMBERS, type SeverityName } from "./record.ts";
export {
  type Drop,
  RetryingLogExporter,
  type RetryingLogExporterOptions,
  type RetryingLogExporterSnapshot,
} from "./retrying-log-exporter.ts";
export type { ReplicaStatus } from "./send/courier.ts";
export type { TlsOptions } from "./send/credentials.ts";
export type { Resolve } from "./send/endpoint.ts";
export type { Transport } from "./send/replica.ts";
export { type ConsoleCapture, captureConsole } from "./shapes/console.ts";
export { type ExitOptions, type ExitWatch, flushOnExit } from "./shapes/exit.ts";
export { StandpipeLogExporter, StandpipeLogProcessor } from "./shapes/opentelemetry.ts";
export type { Timers } from "./timers.ts";
